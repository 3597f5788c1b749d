"""Two days on two Celery workers that share no disk; each day loses the worker that has most to lose.

The first day it is the one that loads games, with a part of them stored; the second day the one whose dbt process
builds the marts, with some of them written. `make test-cluster` runs it.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.days import format_day
from gamelake.lake.findings import Problem
from gamelake.marts.audit import audit_generations
from gamelake.marts.documents import RECORD
from sandbox.igdb import Fault, Sandbox, World
from tests.e2e.cluster import Cluster, missing_tools, running_cluster
from tests.e2e.test_days import (
    DAY,
    LOADS,
    NEXT_DAY,
    change_a_day,
    games_in,
    games_of,
    popularity_in,
    popularity_of,
)
from tests.support.generations import current_generation
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(missing_tools()), reason=f"not on this machine: {', '.join(missing_tools())}"),
]

GAMES = 60_000  # 83 MB of rows, of which a part holds 64 MiB
BUILD = "dbt.build"
DAY_SECONDS = 1200
SETTINGS = {
    # Five minutes by default: a test need not wait so long to hear of a lost task.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "GAMELAKE_FULL_REFRESH_WEEKDAY": "never",
}


def test_a_day_survives_its_worker_twice(tmp_path: Path) -> None:
    world = World.generate(seed=11, games=GAMES, first_day=DAY, today=DAY)
    sandbox = Sandbox(world, latency=0.0)
    # All packs of games come but the last ones, so that a part is stored and the table is not whole.
    last = max(row["id"] for row in sandbox.rows("games"))
    pack = f'query games "0" {{ fields *; where id >= {last // 10_000}'
    sandbox.faults.add(Fault("hang", endpoint="multiquery", contains=pack, times=None, seconds=3600))
    with sandbox.running() as url, running_cluster(tmp_path, igdb=url, settings=SETTINGS) as cluster:
        # The DAGs are on, as compose has them: the loads of the last 04:00 in Korea begin by themselves.
        key = format_day(DAY)
        wait(cluster, lambda: parts_noted(cluster, "games", key) > 0, "a part of the games is stored")
        lost = lose_worker_of(cluster, "igdb_games", key, "extract_load")
        sandbox.faults.clear()
        wait(cluster, lambda: cluster.airflow.state("igdb_games", key) == "success", "the other worker loads the games")
        cluster.start_worker(lost)
        wait(cluster, lambda: ended(cluster, key), "the first day is transformed")
        assert_right(cluster, sandbox, key, tmp_path / "first")
        load = task(cluster, "igdb_games", key, "extract_load")
        assert load["try_number"] == 2
        (run,) = cluster.airflow.runs("igdb_games", key)
        assert "an earlier try has stored" in cluster.airflow.log_of(run, "extract_load", 2)

        change_a_day(sandbox)
        first, key = key, format_day(NEXT_DAY)
        for dag_id in LOADS:
            cluster.airflow.trigger(dag_id, key)
        wait(cluster, lambda: marts_written(cluster, key) > 0, "some marts of the second day are written")
        lost = lose_worker_of(cluster, "transform", key, BUILD)
        assert str(current_generation(cluster.store).day) == first
        wait(cluster, lambda: again(task(cluster, "transform", key, BUILD)), "the other worker builds the marts")
        cluster.start_worker(lost)
        wait(cluster, lambda: ended(cluster, key), "the second day is transformed")
        assert_right(cluster, sandbox, key, tmp_path / "second")
        assert task(cluster, "transform", key, BUILD)["try_number"] == 2


def lose_worker_of(cluster: Cluster, dag_id: str, key: str, task_id: str) -> str:
    """Kill the worker that runs a task. Returns: its name."""
    name = cluster.worker_of(task(cluster, dag_id, key, task_id)["pid"])
    cluster.workers[name].kill()
    return name


def ended(cluster: Cluster, key: str) -> bool:
    """Whether the marts of a day are done. A load or a build that failed for good is not waited for."""
    states = {dag_id: cluster.airflow.state(dag_id, key) for dag_id in (*LOADS, "transform")}
    failed = [dag_id for dag_id, state in states.items() if state == "failed"]
    assert not failed, f"{failed}: {[bad_tasks(cluster, dag_id, key) for dag_id in failed]}"
    return states["transform"] == "success"


def again(found: dict[str, Any]) -> bool:
    """Whether a task's second try runs, or has run."""
    return found["try_number"] == 2 and found["state"] in {"running", "success"}


def bad_tasks(cluster: Cluster, dag_id: str, key: str) -> dict[str, str]:
    (run,) = cluster.airflow.runs(dag_id, key)
    path = f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances?limit=200"
    tasks = cluster.airflow.call("GET", path)["task_instances"]
    return {
        each["task_id"]: f"{each['state']}, try {each['try_number']}" for each in tasks if each["state"] != "success"
    }


def assert_right(cluster: Cluster, sandbox: Sandbox, key: str, copy: Path) -> None:
    """The day was built by one run and published once; the lake and the marts are what the source has, row by row."""
    assert len(cluster.airflow.runs("transform", key)) == 1
    assert not bad_tasks(cluster, "transform", key)
    published = [info.key for info in cluster.store.list(f"marts/dt={key}/") if info.key.endswith(RECORD)]
    pointer = current_generation(cluster.store)
    assert pointer is not None
    assert published == [f"{pointer.generation}/{RECORD}"]
    assert str(pointer.day) == key
    found = audit_generations(cluster.store, now=datetime.now(UTC))
    assert [each for each in found if each.problem is not Problem.ORPHAN] == []

    games = newest_commit(cluster.store)
    assert games.partition == key
    assert games.row_count == games.source_count == len(sandbox.rows("games"))
    for info in cluster.store.list(f"{pointer.generation}/"):
        file = copy / info.key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cluster.store.get(info.key))
    assert games_in(pointer, copy.as_uri()) == games_of(sandbox)
    assert popularity_in(pointer, copy.as_uri()) == popularity_of(sandbox)
    shutil.rmtree(copy)


def task(cluster: Cluster, dag_id: str, key: str, task_id: str) -> dict[str, Any]:
    (run,) = cluster.airflow.runs(dag_id, key)
    path = f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances/{task_id}"
    found: dict[str, Any] = cluster.airflow.call("GET", path)
    return found


def parts_noted(cluster: Cluster, entity: str, key: str) -> int:
    """How many parts the load of a day has stored so far."""
    notes = [
        info.key for info in cluster.store.list(f"raw/igdb/{entity}/dt={key}/") if info.key.endswith("_progress.json")
    ]
    return sum(len(json.loads(cluster.store.get(note))["files"]) for note in notes)


def marts_written(cluster: Cluster, key: str) -> int:
    return sum(info.key.endswith(".parquet") for info in cluster.store.list(f"marts/dt={key}/"))


def wait(cluster: Cluster, what: Callable[[], bool], why: str) -> None:
    cluster.airflow.wait(what, DAY_SECONDS, why)
