"""What `make up` starts, with a lake behind a proxy, a webhook that is told, and faults that can be planted."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from gamelake.days import format_day
from gamelake.marts.duckdb_extensions import link_extensions
from gamelake.nights.clock import last_night
from gamelake.paths import REPOSITORY
from gamelake.registry import loaded_sources
from tests.support.airflow import Airflow, free_port
from tests.support.alerting import TOKEN
from tests.support.command import GAMELAKE, environment_without
from tests.support.faulty_proxy import FaultyProxy
from tests.support.receiver import running_webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.support.receiver import Webhook

NIGHT = format_day(last_night(loaded_sources().values(), datetime.now(UTC)))
"""The night that `make up` loads at once."""
STEP_SECONDS = 900
"""Longer than any step takes on a busy machine."""
RETRY_WAITS = """
    update task_instance set end_date = datetime(end_date, '-1 hour')
    where state = 'up_for_retry' and end_date > datetime('now', '-50 minutes')
"""


class Stack:
    """A clone with a folder and ports of its own, that is up."""

    def __init__(self, folder: Path, *, proxy: FaultyProxy, bucket: str, webhook: Webhook, extensions: Path) -> None:
        self.folder = folder
        self.proxy = proxy
        self.webhook = webhook
        self.scratch = folder / "scratch"
        self.sandbox_port = free_port()
        self.environment = {
            **environment_without("AIRFLOW", "GAMELAKE", "IGDB_", "AWS_"),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": proxy.endpoint,
            "AIRFLOW_CONN_HOOK": webhook.connection(),
            "AIRFLOW__API__PORT": str(free_port()),
            "GAMELAKE_DUCKDB": str(self.scratch / "gamelake.duckdb"),
            "GAMELAKE_DUCKDB_EXTENSIONS": str(extensions),
            "GAMELAKE_LOCAL": str(folder / "local"),
            "GAMELAKE_METRICS_TOKEN": TOKEN,
            "GAMELAKE_NOTIFY": "hook",
            "GAMELAKE_SANDBOX_GAMES": "200",
            "GAMELAKE_SANDBOX_PORT": str(self.sandbox_port),
            "GAMELAKE_URI": f"s3://{bucket}/lake",
            "TMPDIR": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }

    def up(self, **settings: str) -> None:
        """Start it, with these variables too. Its loads of the last night begin."""
        printed = self._command("up", settings=settings)
        (address,) = re.findall(r"Airflow +(\S+)", printed)
        (password,) = re.findall(r"login +admin / (\S+)", printed)
        self.environment["AIRFLOW_PASSWORD"] = password
        login = {"username": "admin", "password": password}
        log = self.folder / "local" / "logs" / "airflow.log"
        self.airflow = Airflow(address, log, self.environment, login)

    def down(self) -> None:
        self._command("down")

    @property
    def told(self) -> list[dict[str, Any]]:
        """The messages of faults. The brief of the morning is none."""
        return [each for each in self.webhook.got if each["event"] != "brief"]

    def seconds(self, entity: str) -> float:
        """How long the newest load of an entity took, as `/gamelake/metrics` has it: up to a minute old."""
        address, token = f"{self.airflow.address}/gamelake/metrics", {"Authorization": f"Bearer {TOKEN}"}
        page = httpx.get(address, headers=token, timeout=60)  # the machine is busy
        line = rf'gamelake_load_duration_seconds{{entity="{entity}",source="igdb"}} (\S+)'
        (found,) = re.findall(line, page.raise_for_status().text)
        return float(found)

    def smoke(self) -> str:
        """What `gamelake smoke` prints. It has to find a fault."""
        return self._command("smoke", self.airflow.address, "--wait", "0", status=1)

    def kill(self, service: str) -> None:
        """SIGKILL a process that `make up` started, and its children."""
        os.killpg(self._pid(service), signal.SIGKILL)

    @contextmanager
    def scheduler(self) -> Iterator[None]:
        """A scheduler in place of the one that was killed, as a person starts it."""
        command = [GAMELAKE, "laptop", "airflow", "scheduler", "--skip-serve-logs"]
        with (self.folder / "scheduler.log").open("wb") as output:
            process = subprocess.Popen(
                command,
                env=self.environment,
                cwd=REPOSITORY,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _pid(self, service: str) -> int:
        recorded = (self.folder / "local" / "pids" / f"{service}.json").read_text(encoding="utf-8")
        return int(json.loads(recorded)["pid"])

    def run(self, dag_id: str) -> None:
        """Start a run of the night."""
        self.airflow.trigger(dag_id, NIGHT)

    def run_again(self, dag_id: str) -> None:
        """Clear the newest run of the night, as a person does once the fault is removed."""
        newest = max(self.airflow.runs(dag_id, NIGHT), key=lambda run: str(run["run_after"]))
        self.airflow.call("POST", f"/dags/{dag_id}/dagRuns/{newest['dag_run_id']}/clear", {"dry_run": False})

    def wait_for(self, dag_id: str, state: str) -> None:
        """Wait until the newest run of the night ends so. Airflow's waits before a retry are cut short."""
        self.wait(lambda: self.airflow.state(dag_id, NIGHT) == state, f"{dag_id} is {state}", each=self.end_retry_waits)

    def wait(self, what: Callable[[], bool], why: str, *, each: Callable[[], object] = lambda: None) -> None:
        end = time.monotonic() + STEP_SECONDS
        while not what():
            assert time.monotonic() < end, f"not within {STEP_SECONDS} s: {why}"
            each()
            time.sleep(1)

    def end_retry_waits(self) -> None:
        """Let tasks that wait minutes for their next try begin it now."""
        database = self.folder / "local" / "airflow" / "airflow.db"
        # Outside a transaction: a scheduler that writes may make it fail, and the next second is as good.
        connection = sqlite3.connect(database, timeout=1, isolation_level=None)
        with suppress(sqlite3.OperationalError), closing(connection):
            connection.execute(RETRY_WAITS)

    def sandbox(self, method: str, path: str, document: Any = None) -> Any:
        """Call the control API of the sandbox."""
        reply = httpx.request(method, f"http://127.0.0.1:{self.sandbox_port}/sandbox/{path}", json=document)
        reply.raise_for_status()
        return reply

    def rows(self, endpoint: str) -> list[dict[str, Any]]:
        """The rows that the sandbox has."""
        lines = self.sandbox("GET", f"rows/{endpoint}").text.splitlines()
        return [json.loads(line) for line in lines]

    def kill_the_load(self) -> None:
        """SIGKILL the task that is connected to the sandbox, if there is one."""
        for process in psutil.Process(self._pid("scheduler")).children(recursive=True):
            with suppress(psutil.Error):
                to = {each.raddr.port for each in process.net_connections(kind="tcp") if each.raddr}
                if self.sandbox_port in to:
                    process.kill()

    def _command(self, *arguments: str, status: int = 0, settings: Mapping[str, str] | None = None) -> str:
        ran = subprocess.run(
            [GAMELAKE, *arguments],
            env={**self.environment, **(settings or {})},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == status, ran.stdout
        return ran.stdout


@contextmanager
def stack_of_its_own(folder: Path, *, upstream: str, bucket: str) -> Iterator[Stack]:
    """A stack that is not up yet. `upstream` is the S3 server that has the bucket."""
    (folder / "scratch").mkdir()
    proxy = FaultyProxy(upstream)
    threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
    extensions = link_extensions(folder / "extensions")
    with running_webhook() as webhook:
        stack = Stack(folder, proxy=proxy, bucket=bucket, webhook=webhook, extensions=extensions)
        try:
            yield stack
        finally:
            stack.down()
            proxy.shutdown()
            proxy.server_close()
