"""What compaction saves on a year of popularity, and what it costs.

    .venv/bin/python bench/compaction.py                              # 20,000 games, a year, about 15 minutes
    .venv/bin/python bench/compaction.py --games 345000 --days 30     # a month of the real size
    .venv/bin/python bench/compaction.py --feed --days 30             # what a month of the feed of games would save

The lake has the sandbox's popularity of each day, loaded day by day, and is kept in its folder; the compaction works on
a copy. Compaction and builds run in processes of their own. A build of the first day alone shows what an old day costs
that is built again, before and after.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
from lakes import POPULARITY_PER_GAME, _changes, _commit, _rows, _whole  # beside this script

from gamelake.feeds.feed import make_missing
from gamelake.kinds import Kind
from gamelake.lake.factory import open_store
from gamelake.lake.month_documents import read_months
from gamelake.lake.table import Table
from gamelake.maintenance.compaction import Outcome, compact
from gamelake.marts import dbt_project
from gamelake.marts.generation import open_generation
from gamelake.registry import load_entities, load_sources
from sandbox.igdb.world import World

FIRST = date(2025, 12, 1)
ENTITIES = load_sources()["igdb"].entities
POPSCORE = ENTITIES["popscore"]
MODELS = ("stg_igdb__popularity_types", "stg_loads", "stg_run", "stg_popularity_days", "stg_igdb__popscore_day")
HISTORY = "fct_game_popularity_daily"


def main() -> None:
    """Make the lake, compact a copy of it, and build its first day before and after; or be the child that compacts."""
    parser = argparse.ArgumentParser(description="what compaction saves and costs")
    parser.add_argument("--games", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / ".local" / "bench")
    parser.add_argument("--feed", action="store_true", help="measure the change feed of games instead")
    parser.add_argument("--child", metavar="LAKE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    folder: Path = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.feed:
        measure_feed(folder, games=arguments.games, days=arguments.days)
        return
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        lake = pool.submit(series_lake, folder, games=arguments.games, days=arguments.days).result()
    shutil.rmtree(copy := folder / "compacted", ignore_errors=True)
    shutil.copytree(lake, copy, copy_function=os.link)
    before = objects(copy)
    say(f"before: {before[0]:,} objects, {before[1] / 1e6:.1f} MB")
    first = build_first_day(copy, folder)
    say(f"the first day built from its parts: opened in {first['opened']:.2f} s, built in {first['built']:.2f} s")
    outcome = json.loads(run([sys.executable, __file__, "--child", copy.as_uri()]).splitlines()[-1])
    for month in outcome["months"]:
        say(
            f"  {month['month']}: {month['parts']} parts, {month['rows']:,} rows, {month['before'] / 1e6:.2f} MB to "
            f"{month['after'] / 1e6:.2f} MB, {month['text']} rows as text, {month['seconds']:.1f} s"
        )
    say(
        f"compaction: {outcome['seconds']:.1f} s, {outcome['cpu']:.1f} CPU s, peak {outcome['peak'] / 2**20:.0f} MiB, "
        f"{outcome['idle'] / 2**20:.0f} MiB of it idle"
    )
    store = open_store(copy.as_uri())
    for compacted in outcome["months"]:
        for month in read_months(store, POPSCORE.table, compacted["month"]):
            for part in month.parts:
                store.delete(part.key)
    after = objects(copy)
    say(f"after: {after[0]:,} objects, {after[1] / 1e6:.1f} MB: {1 - after[1] / before[1]:.0%} less")
    again = build_first_day(copy, folder)
    say(f"the first day built from its month: opened in {again['opened']:.2f} s, built in {again['built']:.2f} s")
    say("the files of both builds are " + ("equal" if first["sha256"] == again["sha256"] else "DIFFERENT"))


def series_lake(folder: Path, *, games: int, days: int) -> Path:
    """Return the folder of a lake of so many days of popularity; make it if it is missing."""
    lake = folder / f"series-{games}-{days}"
    if lake.exists():
        return lake
    shutil.rmtree(making := folder / "making", ignore_errors=True)
    world = World.generate(games=games, first_day=FIRST, today=FIRST, popularity_per_game=1.1 * POPULARITY_PER_GAME)
    store = open_store(making.as_uri())
    for number in range(days):
        day = FIRST + timedelta(days=number)
        if number:
            world.advance(day)
        for entity in ENTITIES.values():
            if entity.kind is Kind.TIME_SERIES or not number:
                with redirect_stdout(StringIO()):
                    _commit(store, entity, day, _whole(_rows(world, entity, games)), world, folder)
        if number % 30 == 0:
            say(f"  {day}: {objects(making)[1] / 1e6:.1f} MB")
    making.rename(lake)
    return lake


def measure_feed(folder: Path, *, games: int, days: int) -> None:
    """Make the feed of games of so many nights, and put its lines into one file: as text, and as two typed rows."""
    shutil.rmtree(making := folder / "making", ignore_errors=True)
    world = World.generate(games=games, first_day=FIRST, today=FIRST)
    store, entity = open_store(making.as_uri()), ENTITIES["games"]
    for number in range(days + 1):
        day, before = FIRST + timedelta(days=number), set(world.table("games").ids)
        if number:
            world.advance(day)
        with redirect_stdout(StringIO()):
            _commit(
                store,
                entity,
                day,
                _changes(world, entity, before) if number else _whole(_rows(world, entity, games)),
                world,
                folder,
            )
        make_missing(store, entity)
    files = sorted(str(path) for path in (making / "feeds").rglob("*.jsonl.gz"))
    size = sum(Path(path).stat().st_size for path in files)
    say(f"feed: {len(files)} parts, {size / 1e6:.2f} MB")
    struct = ", ".join(f'"{name}" {kind.duckdb}' for name, kind in entity.fields.items())
    line = f"id: 'bigint', op: 'varchar', before: 'struct({struct})', after: 'struct({struct})'"
    for name, read in (
        (
            "text",
            "select column0 as line "  # noqa: S608
            f"from read_csv({files}, header = false, delim = '\x01', quote = '', escape = '')",
        ),
        ("typed", f"from read_json({files}, format = 'newline_delimited', columns = {{{line}}}) order by id"),
    ):
        path = folder / f"feed-{name}.parquet"
        duckdb.execute(f"copy ({read}) to '{path}' (format parquet, compression zstd, parquet_version v2)")
        after = path.stat().st_size
        say(f"  {name}: {after / 1e6:.2f} MB, {1 - after / size:.0%} less")


def objects(lake: Path) -> tuple[int, int]:
    """Return how many parts and files of months the series of a lake has, and their bytes."""
    files = [
        path
        for path in (lake / POPSCORE.table.prefix).rglob("*")
        if path.is_file() and not path.name.startswith(".") and "_manifest" not in str(path)
    ]
    return len(files), sum(path.stat().st_size for path in files)


def build_first_day(lake: Path, folder: Path) -> dict[str, Any]:
    """Build the history of the first day alone, in an empty database."""
    began = time.monotonic()
    store = open_store(lake.as_uri())
    generation = open_generation(store, load_entities(), day=FIRST, run_id=f"bench-{time.time_ns()}")
    opened = time.monotonic() - began
    for old in folder.glob("gamelake.duckdb*"):
        old.unlink() if old.is_file() else shutil.rmtree(old)
    target = str(folder / "target")
    environment = {
        **os.environ,
        **dbt_project.environment(),
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test test",
        "GAMELAKE_URI": lake.as_uri(),
        "GAMELAKE_DUCKDB": str(folder / "gamelake.duckdb"),
        "GAMELAKE_GENERATION": store.url(generation),
    }
    dbt = str(Path(sys.executable).with_name("dbt"))
    outputs = ["--target-path", target, "--log-path", target]
    run([dbt, "build", "--select", *MODELS, HISTORY, *dbt_project.arguments(), *outputs], environment)
    results = json.loads(Path(target, "run_results.json").read_text(encoding="utf-8"))["results"]
    (built,) = [each["execution_time"] for each in results if each["unique_id"].endswith(HISTORY)]
    file = Path(store.url(f"{generation}/_day={FIRST}.parquet")).read_bytes()
    return {"opened": opened, "built": built, "sha256": hashlib.sha256(file).hexdigest()}


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run a command, and return what it prints; end with that if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


def child(uri: str) -> None:
    """Compact what is old enough, and print the figures as JSON."""
    import airflow.sdk  # noqa: F401 - a task has it in memory too

    store = open_store(uri)
    newest = Table(store, POPSCORE.table).latest()
    assert newest is not None  # noqa: S101 - the lake was made
    now = datetime.fromisoformat(newest.partition).replace(tzinfo=UTC) + timedelta(hours=12)
    if len({part.partition for part in newest.files}) < 67:
        now += timedelta(days=70)  # a lake of a month: as if it was old
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.monotonic(), time.process_time()
    months = list(compact(store, POPSCORE, now=now))
    wrong = [each for each in months if each.outcome is not Outcome.COMPACTED]
    if wrong or not months:
        sys.exit(f"found {wrong}, expected compacted months")
    figures = {
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "idle": idle * 1024,
        "months": [
            {
                "month": each.month,
                "parts": each.parts,
                "rows": each.rows,
                "before": each.bytes_before,
                "after": each.bytes_after,
                "text": each.rows_as_text,
                "seconds": each.seconds,
            }
            for each in months
        ],
    }
    print(json.dumps(figures))


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
