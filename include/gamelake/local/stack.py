"""`make up` and `make down`: a local Airflow with its UI and a sandbox, as background processes.

Airflow's services start without log servers: those listen on every address of the machine. The UI reads the tasks' logs
from the same disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.error import URLError

from gamelake.lake.factory import lake_location
from gamelake.local import account, alone, ports, sandbox, services
from gamelake.local.checks import check_folders
from gamelake.local.environment import (
    API_PORT,
    HOST,
    LOGS,
    SANDBOX_PORT,
    USER,
    chosen_port,
    environment,
    password,
    private_folder,
    sandbox_url,
)
from gamelake.local.interrupts import QUIT, interruptible, only_ctrl_c
from gamelake.local.services import Service
from gamelake.local.switch_on import when_loads_start
from gamelake.registry import loaded_sources
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SANDBOX = Service("sandbox")
DATABASE = Service("database")
API_SERVER = Service("api-server")
SCHEDULER = Service("scheduler")
AIRFLOW = {
    SCHEDULER: ["scheduler", "--skip-serve-logs"],
    Service("dag-processor"): ["dag-processor"],
    Service("triggerer"): ["triggerer", "--skip-serve-logs"],
    API_SERVER: ["api-server"],
}
HEALTH = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
"""The services whose health the API server reports, and their names there."""

START_SECONDS = 300
PRINT_SECONDS = 6


class StackError(RuntimeError):
    """The local Airflow cannot start; the message has what to do."""


def up() -> None:
    """Start everything, unpause the DAGs once, and print the address of the UI. Start a sandbox again that has ended.

    Raises: StackError; BusyError; SandboxStartError; AccountError; NoLoopbackError; PortTakenError; SettingsError;
    FolderError; ScratchError.
    """
    down_services = [service.name for service in AIRFLOW if not service.is_alive()]
    if not down_services:
        os.environ.update(environment())
        if not account.is_given() and not SANDBOX.running():
            _start_sandbox_again()
        print("It is already up; `make down` stops it.")
        _print_addresses()
        return
    if any(service.running() for service in AIRFLOW):
        raise StackError(f"{', '.join(down_services)} stopped while the rest runs: `make down`, then `make up` again")
    with alone.alone("make up"):
        next_loads, paused = _start()
    _print_addresses()
    print(f"{when_loads_start(next_loads, paused, datetime.now(UTC))}\n`make down` stops everything.")


def _start() -> tuple[datetime | None, list[str]]:
    """Start everything. Returns: when the next loads are due, and the DAGs that stay paused."""
    account.check_recorded()
    private_folder()
    ui_port = ports.claim(API_PORT, "Airflow's web UI")
    starts_sandbox = not account.is_given() and not SANDBOX.running()
    if starts_sandbox:
        ports.claim(SANDBOX_PORT, "the sandbox", claimed=ui_port)
    os.environ.update(environment())
    check_folders(lake_location())
    password()
    began = time.monotonic()
    with _stopped_unless_it_starts():
        if starts_sandbox:
            _start_sandbox()
        next_loads, paused = _switch_on(began)
        _start_airflow(began)
    return next_loads, paused


@contextlib.contextmanager
def _stopped_unless_it_starts() -> Iterator[None]:
    """Stop what the block has started if it fails, also by a signal: nothing of a start is left behind."""
    try:
        with interruptible(QUIT):
            yield
    except BaseException:
        with only_ctrl_c(), contextlib.suppress(OSError):  # a terminal that was closed takes no lines
            down()
        raise


def down() -> None:
    """Stop everything that `up` started."""
    stopped = services.stop([*AIRFLOW, DATABASE, SANDBOX])
    for name in ("Airflow" if set(stopped) - {"sandbox"} else "", "the sandbox" if "sandbox" in stopped else ""):
        if name:
            print(f"Stopped {name}.")


def running(name: str) -> bool:
    """Return whether a service that `up` started still runs."""
    return Service(name).running()


def _print_addresses() -> None:
    print(f"\nAirflow     {_address()}\nlast night  {_address()}/plugin/last-night\nlogin       {USER} / {password()}")
    if SANDBOX.running():
        other = account.in_place_of_sandbox()
        print(f"sandbox     {sandbox_url()}" + (f" ({other})" if other else ""))
    told = read_settings().gamelake_notify or "no messages of failed nights; see docs/guides/notifications.md"
    print(f"RAWG        {'loaded' if 'rawg' in loaded_sources() else 'off: no RAWG_API_KEY is set'}")
    print(f"logs        {LOGS}\nnotify      {told}\n")
    print("".join(f"{line}.\n\n" for line in account.told()), end="")


def _address() -> str:
    return f"http://{HOST}:{chosen_port(API_PORT)}"


def _start_sandbox() -> None:
    process = SANDBOX.start(sandbox.command(sandbox.Days.now(), chosen_port(SANDBOX_PORT)))
    sandbox.wait_for_url(process, SANDBOX.log)


def _start_sandbox_again() -> None:
    """Start a sandbox at the port that the running Airflow knows. Raises: StackError; SandboxStartError."""
    port = chosen_port(SANDBOX_PORT)
    if not ports.is_free(port):
        raise StackError(
            f"the sandbox has ended, and another process has its port {port}: `make down`, then `make up` again"
        )
    _start_sandbox()
    print("The sandbox had ended, and was started again.")


def _switch_on(began: float) -> tuple[datetime | None, list[str]]:
    """Prepare Airflow's database and DAGs. Returns: when the next loads are due, and the DAGs that stay paused."""
    # In another process: the memory of Airflow's import would stay in this one.
    process = DATABASE.start([sys.executable, "-m", "gamelake.cli", "laptop", "switch-on"])
    _wait(lambda: [] if process.poll() is not None else ["database and DAGs"], {}, began)
    if process.returncode:
        raise _ended(DATABASE)
    DATABASE.forget()
    lines = DATABASE.log.read_text(encoding="utf-8").splitlines()
    printed = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
    due = printed["next_loads"]
    return datetime.fromisoformat(due) if due else None, printed["paused"]


def _start_airflow(began: float) -> None:
    """Start all services, the scheduler once the API server answers: its first tasks call it, and fail without it."""
    airflow = [sys.executable, "-m", "airflow"]
    started = {each: each.start([*airflow, *command]) for each, command in AIRFLOW.items() if each != SCHEDULER}
    _wait(lambda: [name for name in _not_healthy() if name == API_SERVER.name], started, began)
    started[SCHEDULER] = SCHEDULER.start([*airflow, *AIRFLOW[SCHEDULER]])
    _wait(_not_healthy, started, began)


def _wait(missing: Callable[[], list[str]], started: Mapping[Service, subprocess.Popen[bytes]], began: float) -> None:
    """Wait until nothing is missing, and print what is. Raises: StackError, as soon as a service has ended."""
    printed = time.monotonic()
    shown: list[str] = []
    while waits_for := missing():
        for service, process in started.items():
            if process.poll() is not None:
                raise _ended(service)
        now = time.monotonic()
        if now - began > START_SECONDS:
            names = ", ".join(waits_for)
            raise StackError(f"after {START_SECONDS} s Airflow still waits for: {names}; the logs are in {LOGS}")
        if waits_for != shown or now - printed >= PRINT_SECONDS:
            print(f"{now - began:4.0f} s  waiting for: {', '.join(waits_for)}", flush=True)
            shown, printed = waits_for, now
        time.sleep(0.5)


def _ended(service: Service) -> StackError:
    return StackError(f"{service.name} ended at its start. Its log {service.log}:\n{service.cause()}")


def _not_healthy() -> list[str]:
    """Return the services that the API server reports as not ready."""
    # Without a proxy: the address is this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{_address()}/api/v2/monitor/health", timeout=2) as reply:
            health = json.load(reply)
    except (URLError, OSError, ValueError):
        return [API_SERVER.name]
    waits_for = [name for name, key in HEALTH.items() if health[key]["status"] != "healthy"]
    return waits_for if health["metadatabase"]["status"] == "healthy" else ["database", *waits_for]
