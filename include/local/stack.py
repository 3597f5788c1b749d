"""`make up` and `make down`: a local Airflow with its UI and a sandbox, as background processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import URLError

from include.local import sandbox
from include.local.environment import LOCAL, LOGIN, LOGS, REPOSITORY, SANDBOX_PORT, environment, uses_real_api
from include.registry import load_registry

if TYPE_CHECKING:
    from pathlib import Path

PIDS = LOCAL / "pids"
START_SECONDS = 180
STOP_SECONDS = 30


class StackError(RuntimeError):
    """The local Airflow cannot start; the message says what to do."""


def up() -> None:
    """Start what is not running yet, unpause the DAGs, and say where the UI is. Raises: StackError; SandboxFailed."""
    if running("airflow"):
        raise StackError("it is already up; `make down` stops it")
    os.environ.update(environment())
    for folder in (LOGS, PIDS):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        if not uses_real_api():
            url = _start_sandbox()
            print(f"sandbox   {url}")
        print("Starting Airflow (about half a minute) ...", flush=True)
        _prepare_database()
        address = _start_airflow()
        _unpause()
    except BaseException:
        down()
        raise
    (user, password), *_ = LOGIN.items()
    print(
        f"Airflow   {address}\nlogin     {user} / {password}\nlogs      {LOGS}\n"
        "The DAGs are on: the loads of the last 04:00 in Korea begin now, and transform follows them.\n"
        "`make down` stops everything."
    )


def down() -> None:
    """Stop everything that `up` started."""
    for name in ("airflow", "sandbox"):
        if _stop(name):
            print(f"{name} stopped")


def running(name: str) -> bool:
    """Whether a process that `up` started still runs."""
    return (group := _group(name)) is not None and _alive(group)


def _start_sandbox() -> str:
    if running("sandbox"):
        return f"http://127.0.0.1:{SANDBOX_PORT}"
    log = LOGS / "sandbox.log"
    process = sandbox.start(sandbox.Days.now(), port=SANDBOX_PORT, log=log)
    _pid_file("sandbox").write_text(str(process.pid), encoding="utf-8")
    return sandbox.wait_for_url(process, log)


def _prepare_database() -> None:
    # In a process of its own: Airflow's import would stay in this one.
    subprocess.run([sys.executable, "-m", "include.local", "prepare"], check=True, cwd=REPOSITORY)


def _start_airflow() -> str:
    (LOCAL / "passwords.json").write_text(json.dumps(LOGIN), encoding="utf-8")
    log = LOGS / "airflow.log"
    with log.open("wb") as output:
        # A session of its own: `standalone` leaves its children running when it alone is told to stop.
        process = subprocess.Popen(  # noqa: S603
            [_airflow(), "standalone"],
            cwd=REPOSITORY,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _pid_file("airflow").write_text(str(process.pid), encoding="utf-8")
    address = f"http://localhost:{os.environ['AIRFLOW__API__PORT']}"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _healthy(address):
            return address
        time.sleep(1)
    raise StackError(f"Airflow did not become healthy; its log {log} ends:\n{log.read_text(encoding='utf-8')[-2000:]}")


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api/v2/monitor/health", timeout=5) as reply:  # noqa: S310
            health = json.load(reply)
    except (URLError, OSError, ValueError):
        return False
    return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def _unpause() -> None:
    # The consumer first: events that a paused consumer should have had are lost for good.
    subprocess.run([_airflow(), "dags", "reserialize"], check=True, capture_output=True)  # noqa: S603
    for dag_id in ["transform", "lake_audit", *(entity.dag_id for entity in load_registry().values())]:
        subprocess.run([_airflow(), "dags", "unpause", "-y", dag_id], check=True, capture_output=True)  # noqa: S603


def _airflow() -> str:
    return str(REPOSITORY / ".venv" / "bin" / "airflow")


def _stop(name: str) -> bool:
    group = _group(name)
    _pid_file(name).unlink(missing_ok=True)
    if group is None or not _alive(group):
        return False
    os.killpg(group, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _alive(group) and time.monotonic() < deadline:
        time.sleep(0.2)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return True


def _group(name: str) -> int | None:
    path = _pid_file(name)
    return int(path.read_text(encoding="utf-8")) if path.exists() else None


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _pid_file(name: str) -> Path:
    return PIDS / f"{name}.pid"
