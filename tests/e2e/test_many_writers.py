"""A day whose models are tasks of their own, four at once under a real scheduler; one is killed while it works."""

from __future__ import annotations

import os
import signal
import time
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.store import open_store
from gamelake.marts.dbt_project import published_models
from gamelake.marts.generation import current, open_generation
from gamelake.registry import load_entities
from tests.dbt.conftest import Dbt
from tests.e2e.running import airflow_environment, running_airflow
from tests.loading import Source

if TYPE_CHECKING:
    from tests.e2e.running import Airflow

pytestmark = pytest.mark.cluster

DAY = date(2026, 11, 20)
NOBODY = {
    "AIRFLOW_CONN_IGDB_DEFAULT": '{"conn_type": "igdb", "host": "http://127.0.0.1:9", "login": "x", "password": "x"}'
}


def test_a_day_of_many_writers_of_whom_one_is_killed(tmp_path):
    source = Source(tmp_path / "lake", DAY)
    source.load(DAY)
    store = source.store
    expected = open_generation(store, load_entities(), day=DAY, run_id="one-process")
    (tmp_path / "dbt").mkdir()
    assert Dbt(tmp_path / "dbt")("run", generation=store.url(expected)).success
    days = source.history()

    environment = airflow_environment(tmp_path, lake=store.uri, igdb=NOBODY)
    environment |= {"GAMELAKE_TRANSFORM": "many_writers", "AIRFLOW__CORE__PARALLELISM": "4"}
    with running_airflow(tmp_path, environment) as airflow:
        airflow.unpause("transform")
        airflow.trigger("transform", str(DAY))
        airflow.wait(lambda: airflow.runs("transform", str(DAY)) != [], 60, "the run is there")
        kill(airflow, "dbt.staging.base_game_rows.run")
        airflow.wait(lambda: airflow.state("transform", str(DAY)) in {"success", "failed"}, 1500, "the run has ended")
        tasks = tasks_of(airflow)
    assert len(tasks) > 100
    assert {name: task["state"] for name, task in tasks.items() if task["state"] != "success"} == {}
    assert {name: task["try_number"] for name, task in tasks.items() if task["try_number"] > 1} == {
        "dbt.staging.base_game_rows.run": 2
    }
    pointer = current(open_store(store.uri))
    assert pointer is not None
    assert len(source.hashes(expected)) == len(published_models())
    assert source.hashes(pointer["generation"]) == source.hashes(expected)
    assert source.history() == days


def tasks_of(airflow: Airflow) -> dict[str, dict[str, Any]]:
    [run] = airflow.runs("transform", str(DAY))
    tasks: dict[str, dict[str, Any]] = {}
    path = f"/dags/transform/dagRuns/{run['dag_run_id']}/taskInstances?limit=100"
    while True:
        page = airflow.call("GET", f"{path}&offset={len(tasks)}")
        tasks |= {task["task_id"]: task for task in page["task_instances"]}
        if len(tasks) >= page["total_entries"]:
            return tasks


def kill(airflow: Airflow, task_id: str) -> None:
    """End a task's process as the kernel does when memory runs out, while it works."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        task = tasks_of(airflow).get(task_id, {})
        if task.get("state") == "running" and task.get("pid"):
            time.sleep(1)  # into dbt
            os.kill(task["pid"], signal.SIGKILL)
            return
        time.sleep(0.2)
    pytest.fail(f"{task_id} was not seen running")
