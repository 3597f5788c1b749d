"""What the checks of a day cost, beside a night: CPU seconds of all processes of Airflow, as `make up` starts them.

    .venv/bin/python bench/checks.py                     # 1,200 games in the sandbox
    .venv/bin/python bench/checks.py --games 345000

A night is from the start of the loads until the marts are published: loads, dbt, scheduler, DAG processor, API server.
A check is a run of the DAG `data_quality` with nothing new in the lake: its task's process and the scheduler's work for
it, without what Airflow takes meanwhile to wait.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from gamelake.days import format_day
from gamelake.nights.clock import last_night
from gamelake.paths import REPOSITORY
from gamelake.registry import loaded_sources
from tests.support.airflow import Airflow, free_port
from tests.support.command import GAMELAKE, environment_without

if TYPE_CHECKING:
    from collections.abc import Callable

GAMES = 1_200
CHECKS = 6
CHECKS_A_DAY = 7
IDLE_SECONDS = 60
SERVICES = ("scheduler", "dag-processor", "api-server")


def main() -> None:
    """Start a stack of its own, wait for its night, and measure some checks."""
    parser = argparse.ArgumentParser(description="what the checks of a day cost")
    parser.add_argument("--games", type=int, default=GAMES)
    games = parser.parse_args().games
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            **environment_without("AIRFLOW", "GAMELAKE", "IGDB_", "AWS_"),
            "AIRFLOW__API__PORT": str(free_port()),
            "GAMELAKE_DUCKDB": str(folder / "scratch" / "gamelake.duckdb"),
            "GAMELAKE_LOCAL": str(folder / "local"),
            "GAMELAKE_SANDBOX_GAMES": str(games),
            "GAMELAKE_SANDBOX_PORT": str(free_port()),
            "GAMELAKE_URI": (folder / "lake").as_uri(),
            "TMPDIR": str(folder),
        }
        (folder / "scratch").mkdir()
        printed = command(environment, "up")
        try:
            measure(folder, environment, printed, games)
        finally:
            command(environment, "down")


def measure(folder: Path, environment: dict[str, str], printed: str, games: int) -> None:
    """Print the CPU seconds of the night and of a check."""
    seconds = Used(folder / "local" / "pids")
    (address,) = re.findall(r"Airflow +(\S+)", printed)
    (password,) = re.findall(r"login +admin / (\S+)", printed)
    login = {"username": "admin", "password": password}
    airflow = Airflow(address, folder / "local" / "logs" / "airflow.log", environment, login)
    night = format_day(last_night(loaded_sources().values(), datetime.now(UTC)))
    took = seconds.of(lambda: wait(lambda: airflow.state("transform", night) == "success", "the night is complete"))
    say(f"{games:,} games: a night {took.cpu:.1f} CPU s in {took.wall:.0f} s")
    wait(lambda: ended(airflow, "data_quality_of_marts"), "the check of the publication has ended")
    time.sleep(IDLE_SECONDS / 2)
    idle = seconds.of(lambda: time.sleep(IDLE_SECONDS))
    rate = idle.cpu / idle.wall
    say(f"  Airflow waits: {rate:.3f} CPU s a second")
    found = []
    for _ in range(CHECKS):
        before = len(airflow.all_runs("data_quality"))
        airflow.call("POST", "/dags/data_quality/dagRuns", {"logical_date": None})

        def is_checked(before: int = before) -> bool:
            return len(airflow.all_runs("data_quality")) > before and ended(airflow, "data_quality")

        check = seconds.of(lambda is_checked=is_checked: wait(is_checked, "the check has ended"))
        found.append(check.cpu - rate * check.wall)
        say(f"  a check: {found[-1]:.2f} CPU s beside waiting, in {check.wall:.0f} s")
    middle = sorted(found)[len(found) // 2]
    day = CHECKS_A_DAY * middle
    say(f"  {CHECKS_A_DAY} checks a day: {day:.1f} CPU s, {day / took.cpu:.1%} of the night")


class Cost:
    """CPU and wall seconds."""

    def __init__(self, cpu: float, wall: float) -> None:
        self.cpu, self.wall = cpu, wall


class Used:
    """The CPU seconds of Airflow's services, those of processes that they started and that have ended included.

    A service that ends its children itself has their seconds; of the others the last figure counts.
    """

    def __init__(self, pids: Path) -> None:
        numbers = [json.loads((pids / f"{name}.json").read_text(encoding="utf-8"))["pid"] for name in SERVICES]
        self._services = [psutil.Process(int(number)) for number in numbers]

    def of(self, work: Callable[[], object]) -> Cost:
        """Return what Airflow takes while something is done."""
        began, before = time.monotonic(), self._seconds()
        work()
        return Cost(self._seconds() - before, time.monotonic() - began)

    def _seconds(self) -> float:
        total = 0.0
        for service in self._services:
            for process in (service, *service.children(recursive=True)):
                with suppress(psutil.Error):
                    total += sum(process.cpu_times()[:4])
        return total


def ended(airflow: Airflow, dag_id: str) -> bool:
    """Whether a DAG has runs, and all of them have succeeded."""
    runs = airflow.all_runs(dag_id)
    return bool(runs) and all(run["state"] == "success" for run in runs)


def wait(what: Callable[[], bool], why: str) -> None:
    """Wait until something holds; half an hour at most."""
    end = time.monotonic() + 1800
    while not what():
        if time.monotonic() > end:
            sys.exit(f"not within 1800 s: {why}")
        time.sleep(1)


def command(environment: dict[str, str], *arguments: str) -> str:
    """Run a command of gamelake, and return what it prints."""
    ran = subprocess.run(  # noqa: S603
        [GAMELAKE, *arguments],
        env=environment,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(ran.stdout)
    return ran.stdout


def say(text: str) -> None:
    """Print at once: a part takes minutes."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
