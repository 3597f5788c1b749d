"""What the checks of a day cost, beside a night: CPU seconds of all processes of Airflow, as `make up` starts them.

    .venv/bin/python -m bench.checks                     # 1,200 games in the sandbox, a lake on disk
    .venv/bin/python -m bench.checks --s3                # a lake in SeaweedFS
    .venv/bin/python -m bench.checks --games 345000

A night is from the start of the loads until the marts are published and shown, with all of Airflow's processes. A check
is a run of the DAG `data_quality`: its task's process and the services' work for it, until that process has ended. What
Airflow takes meanwhile to wait is left out. A check of new marts finds none of its own documents. pandas is hidden: it
comes with the tests only, and DuckDB imports it for 1.5 CPU s where it finds it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from gamelake.days import format_day
from gamelake.lake.factory import open_store
from gamelake.marts.duckdb_extensions import link_extensions
from gamelake.nights.clock import last_night
from gamelake.paths import REPOSITORY
from gamelake.registry import loaded_sources
from tests.support.airflow import Airflow, free_port
from tests.support.command import GAMELAKE, environment_without
from tests.support.seaweed import KEY, SECRET, running_seaweed

if TYPE_CHECKING:
    from collections.abc import Callable

    from gamelake.lake.store import Store

GAMES = 1_200
CHECKS = 8
CHECKS_OF_NEW_MARTS = 3
CHECKS_A_DAY = 4
"""By the clock. One more follows the publication."""
IDLE_SECONDS = 60
END_SECONDS = 8
"""From the end of a run until the process of its task has ended."""
SERVICES = ("scheduler", "dag-processor", "api-server", "triggerer")


def main() -> None:
    """Start a stack of its own, wait for its night, and measure some checks."""
    parser = argparse.ArgumentParser(description="what the checks of a day cost")
    parser.add_argument("--games", type=int, default=GAMES)
    parser.add_argument("--s3", action="store_true", help="a lake in SeaweedFS, not on disk")
    chosen = parser.parse_args()
    with ExitStack() as started:
        folder = Path(started.enter_context(tempfile.TemporaryDirectory()))
        environment = {
            **environment_without("AIRFLOW", "GAMELAKE", "IGDB_", "AWS_"),
            "AIRFLOW__API__PORT": str(free_port()),
            "GAMELAKE_DUCKDB": str(folder / "scratch" / "gamelake.duckdb"),
            "GAMELAKE_LOCAL": str(folder / "local"),
            "GAMELAKE_SANDBOX_GAMES": str(chosen.games),
            "GAMELAKE_SANDBOX_PORT": str(free_port()),
            "PYTHONPATH": str(folder / "hidden"),
            "TMPDIR": str(folder),
        }
        for each in ("scratch", "hidden"):
            (folder / each).mkdir()
        (folder / "hidden" / "pandas.py").write_text("raise ImportError", encoding="utf-8")
        if chosen.s3:
            (folder / "weed").mkdir()
            server = started.enter_context(running_seaweed(folder / "weed"))
            server.client().create_bucket(Bucket="bench")
            lake = open_store("s3://bench/lake", s3=server.client())
            environment |= {
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": server.endpoint,
                "GAMELAKE_DUCKDB_EXTENSIONS": str(link_extensions(folder / "extensions")),
            }
        else:
            lake = open_store((folder / "lake").as_uri())
        environment["GAMELAKE_URI"] = lake.uri
        began = time.monotonic()
        printed = command(environment, "up")
        place = "SeaweedFS" if chosen.s3 else "disk"
        say(f"{chosen.games:,} games, a lake on {place}; Airflow is up after {time.monotonic() - began:.0f} s")
        try:
            measure(folder, environment, printed, lake)
        finally:
            command(environment, "down")


def measure(folder: Path, environment: dict[str, str], printed: str, lake: Store) -> None:
    """Print the CPU seconds of the night and of a check."""
    seconds = Used(folder / "local" / "pids")
    (address,) = re.findall(r"Airflow +(\S+)", printed)
    (password,) = re.findall(r"login +admin / (\S+)", printed)
    login = {"username": "admin", "password": password}
    airflow = Airflow(address, folder / "local" / "logs" / "airflow.log", environment, login)
    night = format_day(last_night(loaded_sources().values(), datetime.now(UTC)))
    took = seconds.of(lambda: wait(lambda: airflow.state("transform", night) == "success", "the night is complete"))
    say(f"  a night: {took}")
    wait(lambda: ended(airflow, "data_quality_of_marts"), "the check of the publication has ended")
    time.sleep(IDLE_SECONDS / 2)
    idle = seconds.of(lambda: time.sleep(IDLE_SECONDS))
    say(f"  Airflow waits: {idle.cpu / idle.wall:.3f} CPU s a second")

    def check() -> None:
        before = len(airflow.all_runs("data_quality"))
        airflow.call("POST", "/dags/data_quality/dagRuns", {"logical_date": None})
        wait(
            lambda: len(airflow.all_runs("data_quality")) > before and ended(airflow, "data_quality"),
            "the check has ended",
        )
        time.sleep(END_SECONDS)

    def check_new_marts() -> None:
        for info in list(lake.list("marts/quality/")):
            lake.delete(info.key)
        check()

    costs = {}
    for name, work, times in (
        ("a check without anything new", check, CHECKS),
        ("a check of new marts", check_new_marts, CHECKS_OF_NEW_MARTS),
    ):
        cost = seconds.of(partial(repeat, work, times)).beside(idle).each(times)
        say(f"  {name}: {cost}")
        costs[name] = cost.cpu
    quiet, new = costs.values()
    day = CHECKS_A_DAY * quiet + new
    say(f"  {CHECKS_A_DAY} checks and one of new marts: {day:.1f} CPU s, {day / took.cpu:.1%} of the night")


class Cost:
    """CPU seconds by service, and wall seconds."""

    def __init__(self, by_service: dict[str, float], wall: float) -> None:
        self.by_service, self.wall = by_service, wall

    @property
    def cpu(self) -> float:
        """CPU seconds of all services."""
        return sum(self.by_service.values())

    def beside(self, idle: Cost) -> Cost:
        """Return it without what Airflow takes to wait for so long."""
        share = self.wall / idle.wall
        return Cost({name: each - share * idle.by_service[name] for name, each in self.by_service.items()}, self.wall)

    def each(self, times: int) -> Cost:
        """Return the cost of one of several."""
        return Cost({name: each / times for name, each in self.by_service.items()}, self.wall / times)

    def __str__(self) -> str:
        services = ", ".join(f"{name} {each:.2f}" for name, each in self.by_service.items())
        return f"{self.cpu:.2f} CPU s in {self.wall:.0f} s ({services})"


class Used:
    """The CPU seconds of Airflow's services, those of processes that they started and that have ended included.

    A service that ends its children itself has their seconds; of the others the last figure counts.
    """

    def __init__(self, pids: Path) -> None:
        numbers = {name: json.loads((pids / f"{name}.json").read_text(encoding="utf-8"))["pid"] for name in SERVICES}
        self._services = {name: psutil.Process(int(number)) for name, number in numbers.items()}

    def of(self, work: Callable[[], object]) -> Cost:
        """Return what Airflow takes while something is done."""
        began, before = time.monotonic(), self._seconds()
        work()
        after = self._seconds()
        return Cost({name: after[name] - before[name] for name in SERVICES}, time.monotonic() - began)

    def _seconds(self) -> dict[str, float]:
        total: Counter[str] = Counter()
        for name, service in self._services.items():
            for process in (service, *service.children(recursive=True)):
                with suppress(psutil.Error):
                    total[name] += sum(process.cpu_times()[:4])
        return dict(total)


def repeat(work: Callable[[], object], times: int) -> None:
    """Do something several times."""
    for _ in range(times):
        work()


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
