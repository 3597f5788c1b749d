"""What the transform costs: CPU, memory and seconds of `dbt build` with all data tests, as the DAG calls it.

    .venv/bin/python bench/transform.py build    # 345,000 games, 400,000 popularity rows
    .venv/bin/python bench/transform.py build linear history --folder /var/tmp/gamelake-bench

Lakes are made once and kept in the folder. Each build is that of one night, in a process of its own, after the night
before was built and published; its database is new.

build     a night's build, thrice; of the start alone, without tests and with them; whether the files are the same
linear    the same for 1,000,000 games, and the ratios
history   a night after a week of popularity history, and after a year of it
spark     the build on Spark in one process of two threads (`make spark`), beside DuckDB's: --games names the size
scheduler the DAG `transform` for 1,200 games in a standalone Airflow, twice: seconds and CPU of all its processes
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from lakes import DAY, FIRST, day_lake, history_lake, rows_of  # beside this script

from gamelake.lake.factory import open_store
from gamelake.marts import dbt_project, generation, pointer
from gamelake.registry import load_entities
from tests.support.airflow import airflow_environment, ready_made, running_airflow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

GAMES = 345_000
MANY_GAMES = 1_000_000
WEEK, YEAR = 7, 364

CASES = ("build", "linear", "history", "spark", "scheduler")
DAG_GAMES = 1_200


SPARK_SETTINGS = """\
spark.driver.memory 4g
spark.sql.shuffle.partitions 8
spark.ui.enabled false
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one dbt process took: CPU and wall seconds, peak memory in bytes, and how many models and tests it ran."""

    cpu: float
    wall: float
    peak: int
    models: int
    tests: int
    nodes: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        return (
            f"{self.cpu:6.2f} CPU s, {self.wall:6.2f} s, {self.peak / 2**20:5.0f} MiB, "
            f"{self.models} models, {self.tests} tests"
        )


class Night:
    """The builds of one night over one lake; the night before is built and published first."""

    def __init__(self, lake: Path, folder: Path) -> None:
        self.lake = lake
        self.store = open_store(lake.as_uri())
        self._folder = folder
        if pointer.current(self.store) is None:
            say(f"{lake.name}: the night before")
            self.dbt("build", day=FIRST)
            generation.publish(self.store, self.key, dbt_project.published_models())

    def dbt(self, command: str, *selection: str, day: date = DAY) -> Cost:
        """Run one dbt command in a generation of its own, with an empty database."""
        started = time.monotonic()
        self.key = generation.open_generation(self.store, load_entities(), day=day, run_id=f"bench-{time.time_ns()}")
        opened = time.monotonic() - started
        say(f"  generation opened in {opened:.2f} s")
        database = self._folder / "gamelake.duckdb"
        for old in self._folder.glob("gamelake.duckdb*"):
            old.unlink() if old.is_file() else shutil.rmtree(old)
        target = self._folder / "target"
        outputs = ["--target-path", str(target), "--log-path", str(target), "--quiet"]
        environment = {
            **os.environ,
            **dbt_project.environment(),
            "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",  # as the DAG has it
            "GAMELAKE_URI": self.lake.as_uri(),
            "GAMELAKE_DUCKDB": str(database),
            "GAMELAKE_GENERATION": self.store.url(self.key),
        }
        dbt = str(Path(sys.executable).with_name("dbt"))
        program = [dbt, command, *selection, *dbt_project.arguments(), *outputs]
        began = time.monotonic()
        process = subprocess.Popen(program, env=environment)  # noqa: S603
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        if process.returncode:
            sys.exit(f"dbt {command} failed; see {target / 'dbt.log'}")
        results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
        kinds = Counter(result["unique_id"].split(".")[0] for result in results)
        nodes = sorted(
            ((result["unique_id"], result["execution_time"]) for result in results), key=lambda node: -node[1]
        )
        peak = used.ru_maxrss * 1024
        return Cost(used.ru_utime + used.ru_stime, wall, peak, kinds["model"], kinds["test"], tuple(nodes))

    def files(self) -> dict[str, str]:
        """Return the sha256 of each Parquet file of the last build, the day of history included."""
        keys = [info.key for info in self.store.list(f"{self.key}/") if info.key.endswith(".parquet")]
        names = {key: key.removeprefix(self.key) for key in keys}
        return {name: hashlib.sha256(self.store.get(key)).hexdigest() for key, name in names.items()}


def main() -> None:
    """Run the cases that are asked for."""
    parser = argparse.ArgumentParser(description="what the transform costs")
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / ".local" / "bench")
    parser.add_argument("--games", type=int, default=GAMES)
    parser.add_argument("--times", type=int, default=3, help="builds of which the median counts")
    arguments = parser.parse_args()
    cases = arguments.cases or CASES
    if not {*cases} <= {*CASES}:
        parser.error(f"cases: found {' '.join(cases)}, expected some of {', '.join(CASES)}")
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if "build" in cases:
        build(night(folder, arguments.games), arguments.times)
    if "linear" in cases:
        linear(folder, [arguments.games, MANY_GAMES], arguments.times)
    if "history" in cases:
        nights_of_history(folder, arguments.games, arguments.times)
    if "spark" in cases:
        on_spark(night(folder, arguments.games), folder)
    if "scheduler" in cases:
        scheduled(day_lake(folder, games=DAG_GAMES), folder)


def night(folder: Path, games: int) -> Night:
    """Return the night to measure, of so many games."""
    say(f"a lake of {games:,} games")
    # In a process of its own: what a large process starts counts as large, and the peak would be that of making rows.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        lake = pool.submit(day_lake, folder, games=games).result()
    found = Night(lake, folder)
    say("  " + ", ".join(f"{name} {rows:,}" for name, rows in rows_of(lake).items() if rows > 1000))
    return found


def build(measured: Night, times: int) -> None:
    """Measure a night's build: the start, the models, models and tests; compare two builds."""
    start = median([measured.dbt("build", "--select", "stg_run") for _ in range(times)])
    say(f"  start, one model       {start}")
    run = median([measured.dbt("run") for _ in range(times)])
    say(f"  models                 {run}")
    costs, files = [], []
    for _ in range(times):
        costs.append(measured.dbt("build"))
        files.append(measured.files())
        say(f"  models and tests       {costs[-1]}")
    whole = median(costs)
    per_model = whole.cpu / whole.models
    say(f"  median                 {whole}")
    say(f"  {per_model:.3f} CPU s a model with its tests")
    for name, seconds in whole.nodes[:12]:
        say(f"    {seconds:6.2f} s  {name}")
    differing = sorted(name for name in files[0] if any(each[name] != files[0][name] for each in files))
    say(
        f"  {len(files[0])} files of {times} builds: "
        + (f"DIFFERENT: {', '.join(differing)}" if differing else "equal")
    )


def linear(folder: Path, sizes: Sequence[int], times: int) -> None:
    """Measure the build of more rows, beside the ratio of rows."""
    costs = [
        median([measured.dbt("build") for _ in range(times)]) for measured in [night(folder, games) for games in sizes]
    ]
    for games, cost in zip(sizes, costs, strict=True):
        say(f"  {games:>9,} games {cost}")
    few, many = costs
    say(
        f"  {sizes[1] / sizes[0]:.2f} x the rows: {many.cpu / few.cpu:.2f} x the CPU, {many.wall / few.wall:.2f} x "
        f"the seconds, {many.peak / few.peak:.2f} x the peak"
    )


def nights_of_history(folder: Path, games: int, times: int) -> None:
    """Measure a night after a week of daily history, and after a year of it, in turn."""
    first = night(folder, games).lake
    nights = {}
    for days in (WEEK, YEAR):
        say(f"a lake of {days} days of history")
        nights[days] = Night(history_lake(first, days=days), folder)
    costs: dict[int, list[Cost]] = {days: [] for days in nights}
    for _ in range(times):
        for days, measured in nights.items():
            costs[days].append(measured.dbt("build"))
    for days, found in costs.items():
        say(f"  {days:>3} days before {median(found)}")


def on_spark(measured: Night, folder: Path) -> None:
    """One build by DuckDB and one by Spark of the same night: seconds, CPU and peak memory of all processes."""
    say(f"  DuckDB: {measured.dbt('build')}")
    (settings := folder / "spark-conf").mkdir(exist_ok=True)
    (settings / "spark-defaults.conf").write_text(SPARK_SETTINGS, encoding="utf-8")
    key = generation.open_generation(measured.store, load_entities(), day=DAY, run_id=f"bench-{time.time_ns()}")
    environment = {
        **os.environ,
        "GAMELAKE_URI": measured.lake.as_uri(),
        "GAMELAKE_DUCKDB": str(folder / "gamelake.duckdb"),
        "SPARK_CONF_DIR": str(settings),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    python = Path(__file__).parents[1] / ".venv-spark" / "bin" / "python"
    command = [python, "-m", "gamelake.cli", "marts", "build-on-spark", "--generation", key]
    began, peak, cpu = time.monotonic(), 0, 0.0
    process = subprocess.Popen(command, env=environment)  # noqa: S603
    while process.poll() is None:
        seconds, memory = _children()
        cpu, peak = max(cpu, seconds), max(peak, memory)
        time.sleep(0.5)
    if process.returncode:
        sys.exit("the build on Spark failed; its messages are above")
    say(f"  Spark:  {cpu:6.2f} CPU s, {time.monotonic() - began:6.2f} s, {peak / 2**20:5.0f} MiB")


def scheduled(lake: Path, folder: Path) -> None:
    """Two runs of the DAG: when the build, the publication and the last task have ended, and the CPU of it all."""
    home = folder / "airflow"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(lake, home / "lake")
    environment = airflow_environment(home, lake=(home / "lake").as_uri(), igdb=ready_made("http://unused"))
    with running_airflow(home, environment) as airflow:
        airflow.unpause("transform")
        for _ in range(2):
            load, before, runs = os.getloadavg()[0], _children()[0], len(airflow.all_runs("transform"))
            airflow.trigger("transform", str(DAY))
            airflow.wait(lambda runs=runs: len(airflow.all_runs("transform")) > runs, 60, "the run is there")
            airflow.wait(
                lambda: airflow.state("transform", str(DAY)) in {"success", "failed"}, 900, "the run has ended"
            )
            run = max(airflow.runs("transform", str(DAY)), key=itemgetter("run_after"))
            path = f"/dags/transform/dagRuns/{run['dag_run_id']}/taskInstances"
            tasks = airflow.call("GET", path + "?limit=100")["task_instances"]
            queued = datetime.fromisoformat(run["queued_at"])
            ends = {
                task["task_id"]: (datetime.fromisoformat(task["end_date"]) - queued).total_seconds() for task in tasks
            }
            say(
                f"  {run['state']}: {len(ends)} tasks, {_children()[0] - before:.1f} CPU s; seconds to the end of "
                f"dbt.build {ends['dbt.build']:.1f}, publish {ends['publish']:.1f}, all {max(ends.values()):.1f}; "
                f"load {load:.1f}"
            )


def _children() -> tuple[float, int]:
    """CPU seconds of all processes that this one started, those that have ended included; the memory of the others."""
    seconds, memory = 0.0, 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            seconds += sum(process.cpu_times()[:4])
            memory += process.memory_info().rss
    return seconds, memory


def median(costs: Sequence[Cost]) -> Cost:
    """Return the cost whose CPU seconds are the median."""
    middle = statistics.median_low(cost.cpu for cost in costs)
    return next(cost for cost in costs if cost.cpu == middle)


def say(text: str) -> None:
    """Print at once: a part takes minutes."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
