"""`make up` and `make down`, as a person runs them: who can reach what is up, what it prints, and what is left."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources
from tests.support.airflow import free_port
from tests.support.command import GAMELAKE, environment_without

pytestmark = pytest.mark.e2e


class Clone:
    """The commands of a clone, with a folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = environment_without("AIRFLOW", "GAMELAKE")
        self.environment = {
            **kept,
            "GAMELAKE_LOCAL": str(folder),
            "GAMELAKE_URI": (folder.parent / "lake").as_uri(),
            "GAMELAKE_DUCKDB": str(folder.parent / "scratch" / "gamelake.duckdb"),
            "GAMELAKE_SANDBOX_GAMES": "200",
            "AIRFLOW__API__PORT": str(free_port()),
            "GAMELAKE_SANDBOX_PORT": str(free_port()),
        }

    def __call__(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [GAMELAKE, *command],
            env=self.environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def processes(self) -> list[psutil.Process]:
        """Every living process that this clone started."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("GAMELAKE_LOCAL") == str(self.folder):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Any]:
    # Letters that shells, URLs and SQL take for their own.
    made = Clone(tmp_path / "my 'lake' #1 [한글]")
    yield made
    made("down")


def listening(processes: list[psutil.Process]) -> set[str]:
    """The addresses that processes listen on."""
    return {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


def logged_in(printed: str) -> httpx.Client:
    """A client of the API that `make up` names, with its password."""
    (address,) = re.findall(r"Airflow +(\S+)", printed)
    (password,) = re.findall(r"login +admin / (\S+)", printed)
    token = httpx.post(f"{address}/auth/token", json={"username": "admin", "password": password}, timeout=60).json()
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=60)


def press_test(api: httpx.Client, connection: dict[str, Any]) -> httpx.Response:
    """What the Test button of the connection's form sends."""
    form = {name: connection[name] for name in ("connection_id", "conn_type", "host", "login", "schema", "extra")}
    return api.post("/api/v2/connections/test", json={**form, "password": "***", "port": 0}, timeout=60)


def test_what_is_up_answers_on_this_machine_only_and_asks_for_its_own_password(clone: Any) -> None:
    up = clone("up")
    assert up.returncode == 0, up.stdout
    (address,) = re.findall(r"Airflow +(\S+)", up.stdout)
    (password,) = re.findall(r"login +admin / (\S+)", up.stdout)
    assert "The loads of the last 04:00 Korean time start now" in up.stdout
    assert "waiting for: database and DAGs" in up.stdout
    assert "waiting for: api-server" in up.stdout

    assert listening(clone.processes()) == {"127.0.0.1"}
    guessed = {"username": "admin", "password": "admin"}
    assert httpx.post(f"{address}/auth/token", json=guessed, timeout=60).status_code == 401  # all loads start now
    api = logged_in(up.stdout)
    dags = api.get("/api/v2/dags").json()["dags"]
    assert not [dag["dag_id"] for dag in dags if dag["is_paused"]]
    (last_night,) = re.findall(r"last night +(\S+)", up.stdout)
    assert last_night == f"{address}/plugin/last-night"
    assert httpx.get(last_night, timeout=60).is_success
    assert len(api.get("/gamelake/api/nights").json()["marks"]) == 30
    connection = api.get("/api/v2/connections/igdb_default").json()
    assert connection["host"] == f"http://127.0.0.1:{clone.environment['GAMELAKE_SANDBOX_PORT']}/v4"
    refused = press_test(api, connection)
    assert refused.status_code == 403, refused.text

    again = clone("up")
    assert again.returncode == 0
    assert address in again.stdout
    assert password in again.stdout
    assert re.search(r"RAWG +loaded", again.stdout)

    psutil.Process(json.loads((clone.folder / "pids" / "sandbox.json").read_text())["pid"]).kill()
    without_sandbox = clone("up")
    assert without_sandbox.returncode == 0, without_sandbox.stdout
    assert "The sandbox had ended, and was started again." in without_sandbox.stdout
    assert httpx.get(f"{connection['host'].removesuffix('/v4')}/sandbox/state").is_success

    down = clone("down")
    assert "Stopped Airflow." in down.stdout
    assert clone.processes() == []


@pytest.mark.long
def test_a_day_of_make_run_is_not_built_again(clone: Any) -> None:
    assert clone("laptop", "switch-on").returncode == 0  # `transform` listens to the events of the loads
    run = clone("run")
    assert run.returncode == 0, run.stdout
    clone.environment["AIRFLOW__CORE__TEST_CONNECTION"] = "Enabled"
    up = clone("up")
    assert up.returncode == 0, up.stdout
    api = logged_in(up.stdout)
    tested = press_test(api, api.get("/api/v2/connections/igdb_default").json())
    assert tested.json()["status"] is True, tested.text
    assert "answers and accepts the client id and secret" in tested.json()["message"]
    assert "The next loads of igdb start at " in up.stdout
    assert " 04:00 Korean time" in up.stdout
    database = sqlite3.connect(clone.folder / "airflow" / "airflow.db")
    beat = "select max(latest_heartbeat) from job where job_type = 'SchedulerJob'"
    beats: set[str] = set()
    while len(beats) < 4:  # a heartbeat is every 5 seconds, and a look for runs to make every second
        beats.add(database.execute(beat).fetchone()[0])
        time.sleep(0.5)
    others = "dag_id not in ('lake_audit', 'daily_brief') and dag_id not like 'data_quality%'"
    runs = database.execute(f"select dag_id, partition_key, state from dag_run where {others}").fetchall()
    loads = [entity.dag_id for name in ("igdb", "rawg") for entity in load_sources()[name].entities.values()]
    assert sorted(dag_id for dag_id, _, _ in runs) == sorted([*loads, "transform"]), "each once"
    assert {(key, state) for _, key, state in runs} == {(runs[0][1], "success")}
    waiting = (
        "select count(*) from asset_partition_dag_run where created_dag_run_id is null and target_dag_id = 'transform'"
    )
    assert database.execute(waiting).fetchone() == (0,)


def test_a_taken_port_is_reported_before_anything_starts(clone: Any) -> None:
    with socket.create_server(("127.0.0.1", int(clone.environment["AIRFLOW__API__PORT"]))):
        up = clone("up")
    assert up.returncode == 1
    assert "AIRFLOW__API__PORT: port" in up.stdout
    assert "Traceback" not in up.stdout
    assert clone.processes() == []


def test_a_part_that_ends_at_its_start_is_named_with_its_error(clone: Any) -> None:
    clone.environment["AIRFLOW__TRIGGERER__CAPACITY"] = "many"
    up = clone("up")
    assert up.returncode == 1
    assert "triggerer ended at its start" in up.stdout
    assert '"many"' in up.stdout
    assert clone.processes() == []
