"""A real Airflow (scheduler, DAG processor, API server) of its own folder and ports, and a REST client for it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from gamelake.paths import REPOSITORY
from tests.support.command import GAMELAKE, environment_without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

START_SECONDS = 300
PARTS = ("scheduler", "dag_processor")
LOGIN = {"username": "admin", "password": "admin"}


class Airflow:
    """A running Airflow, spoken to by its REST API."""

    def __init__(
        self, address: str, log: Path, environment: Mapping[str, str], login: Mapping[str, str] = LOGIN
    ) -> None:
        self.address = address
        self.log = log
        self._environment = environment
        self.token = httpx.post(f"{address}/auth/token", json=dict(login)).json()["access_token"]
        self._api = httpx.Client(
            base_url=f"{address}/api/v2",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=120,
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        for _ in range(5):  # the API server answers 500 while its SQLite database is locked
            reply = self._api.request(method, path, json=body)
            if reply.status_code < 500:
                break
            time.sleep(1)
        assert reply.is_success, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json()

    def command(self, *arguments: str) -> str:
        """What Airflow's own command, as people type it, prints; stderr too."""
        command = [GAMELAKE, "laptop", "airflow", *arguments]
        ran = subprocess.run(
            command,
            env=self._environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{' '.join(arguments)}: {ran.stdout[-3000:]}"
        return ran.stdout

    def unpause(self, *dag_ids: str) -> None:
        for dag_id in dag_ids:
            self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, key: str) -> None:
        self.call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "partition_key": key})

    def all_runs(self, dag_id: str) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
        return runs

    def runs(self, dag_id: str, key: str) -> list[dict[str, Any]]:
        return [run for run in self.all_runs(dag_id) if run["partition_key"] == key]

    def health(self, part: str) -> str:
        """The state of a part, such as `healthy`, as the API server reports it."""
        return str(self.call("GET", "/monitor/health")[part]["status"])

    def has_begun(self, run: dict[str, Any], task_id: str) -> bool:
        """Whether the first try of a task has begun."""
        path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances/{task_id}"
        return bool(self.call("GET", path)["start_date"])

    def log_of(self, run: dict[str, Any], task_id: str, attempt: int = 1) -> str:
        """The log of one try of a task."""
        path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances/{task_id}/logs/{attempt}"
        return json.dumps(self.call("GET", path)["content"])

    def state(self, dag_id: str, key: str) -> str:
        """The state of the newest run of a day; `none` before there is one."""
        runs = sorted(self.runs(dag_id, key), key=lambda run: run["run_after"])
        return runs[-1]["state"] if runs else "none"

    def clear(self, dag_id: str, key: str) -> None:
        (run,) = self.runs(dag_id, key)
        self.call("POST", f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/clear", {"dry_run": False})

    def wait(self, what: Callable[[], bool], seconds: float, why: str) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds:.0f} s: {why}\n{self.log.read_text(encoding='utf-8')[-6000:]}")
            time.sleep(1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ready_made(url: str) -> dict[str, str]:
    """A sandbox as `make run` gives it to Airflow without an account: the connection itself, in the environment."""
    igdb = {
        "conn_type": "igdb",
        "host": f"{url}/v4",
        "login": "sandbox",
        "password": "sandbox-secret",
        "extra": {"token_url": f"{url}/oauth2/token"},
    }
    return {"AIRFLOW_CONN_IGDB_DEFAULT": json.dumps(igdb)}


def account(url: str) -> dict[str, str]:
    """A sandbox as the server of an account: id and secret as users set them. The connection is in the database."""
    return {
        "IGDB_CLIENT_ID": "sandbox",
        "IGDB_CLIENT_SECRET": "sandbox-secret",
        "IGDB_BASE_URL": f"{url}/v4",
        "IGDB_TOKEN_URL": f"{url}/oauth2/token",
    }


def airflow_environment(folder: Path, *, lake: str, igdb: Mapping[str, str]) -> dict[str, str]:
    """The settings of an Airflow that shares nothing with another one on this machine.

    `igdb` are the variables that lead to the API: `ready_made`, `account`, or none.
    """
    port = free_port()
    own = {
        "GAMELAKE_LOCAL": str(folder),
        "GAMELAKE_URI": lake,
        "GAMELAKE_DUCKDB": str(folder / "scratch" / "gamelake.duckdb"),
        "GAMELAKE_FULL_REFRESH_WEEKDAY": "never",
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    others = environment_without("IGDB_", "AIRFLOW")
    return {**others, **own, **igdb}


@contextmanager
def running_airflow(
    folder: Path,
    environment: dict[str, str],
    *,
    command: str = "standalone",
    parts: Sequence[str] = PARTS,
    gamelake: str = GAMELAKE,
) -> Iterator[Airflow]:
    """An Airflow, or one part of it, for as long as the block lasts.

    command: of Airflow. parts: those that must be healthy before the block begins. gamelake: the command of the
    environment whose repository it is.
    """
    laptop = [gamelake, "laptop"]
    subprocess.run([*laptop, "prepare"], env=environment, check=True, capture_output=True, cwd=REPOSITORY)
    (folder / "passwords.json").write_text('{"admin": "admin"}', encoding="utf-8")
    log = folder / "airflow.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*laptop, "airflow", command],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=REPOSITORY,
        )
    try:
        address = environment.get("AIRFLOW__API__BASE_URL") or f"http://localhost:{environment['AIRFLOW__API__PORT']}"
        wait_until_healthy(address, process, log, parts)
        yield Airflow(address, log, environment)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=20)
            os.killpg(process.pid, signal.SIGKILL)


def wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: Path, parts: Sequence[str] = PARTS) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.HTTPError, ValueError):
            health = httpx.get(f"{address}/api/v2/monitor/health", timeout=5).json()
            if all(health[part]["status"] == "healthy" for part in parts):
                return
        time.sleep(1)
    pytest.fail(f"Airflow did not start:\n{log.read_text(encoding='utf-8')[-6000:]}")
