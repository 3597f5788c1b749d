"""Two days of marts, built by DuckDB and by a Spark cluster of a master and two workers: the same rows, the same files.

`make test-spark` runs it. Rows are IGDB's where IGDB_RECORDED names a folder of them, else made up; those of the local
RAWG are always made up.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.feeds.feed import make_missing
from gamelake.lake.table import Table
from gamelake.marts.dbt_project import published_models
from gamelake.marts.documents import RESTRICTED, mart_key
from gamelake.marts.generation import open_generation
from gamelake.marts.history import written_key
from gamelake.marts.pointer import current
from gamelake.paths import REPOSITORY
from gamelake.registry import load_entities, load_sources
from tests.e2e.spark_cluster import PYTHON, WORKERS, SparkCluster, running_spark
from tests.support.airflow import airflow_environment
from tests.support.command import GAMELAKE, environment_without
from tests.support.dbt import Dbt
from tests.support.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store
    from gamelake.registry import Entity

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(not PYTHON.exists(), reason=f"no {PYTHON}: run `make test-spark`, or set GAMELAKE_SPARK_PYTHON"),
]

DAY = date(2026, 11, 13)
LATER = DAY + timedelta(days=7)  # so that there is growth to measure, a rank before, and a day of history that is built
# What is nested in RAWG's rows is read by functions that each engine has of its own.
ODD_GAMES: list[dict[str, Any]] = [
    {"name": "Lists of other types", "ratings": {"id": 5}, "alternative_names": "Odd", "developers": 4},
    {"name": "Members of other types", "ratings": [{"id": "5", "count": "many"}, None], "alternative_names": [1, None]},
    {"name": "Companies of other types", "developers": [{"id": "x", "name": 5}, {"id": 7}], "publishers": [[], "Odd"]},
    {"name": "Objects of other types", "added_by_status": [1], "esrb_rating": "Teen"},
    {"name": "Figures of other types", "added_by_status": {"owned": "3", "yet": None, "playing": 1.5, "beaten": {}}},
    {"name": "  ", "slug": "", "esrb_rating": {"name": " "}, "added_by_status": {"owned": 9e30, "dropped": 2**63}},
    {"name": "Pokémon: L’Été – Ⅱ™ & Œuf (2004)", "slug": "pokemon-l-ete-ii--1", "released": "2004-02-30"},
    {"name": "바람의 나라 ② ‘『ＷＩＮＤ』’ İÏ", "released": "1996-04-05", "ratings": [], "added_by_status": {}},
]
ODD_LINKS: list[dict[str, Any]] = [
    {"id": 1, "store_id": 1, "url": "https://store.steampowered.com/app/440/?l=korean"},
    {"id": 2, "store_id": 5, "url": None},
    {"id": 3, "store_id": "five", "url": "https://www.gog.com/game/odd"},
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    with running_spark(tmp_path_factory.mktemp("spark") / "cluster") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A lake of two loads of both sources a week apart: changed, new, deleted and odd rows; the feed of games."""
    recorded = os.environ.get("IGDB_RECORDED")
    folder = tmp_path_factory.mktemp("source") / "a lake"  # a space, as a person's folder may have
    source = Source(folder, DAY, recorded=Path(recorded) if recorded else None)
    pairs = sorted(source.rawg.truth().items())[:30]
    rated = {"rating": 80.0, "rating_count": 300}  # by enough users that one game in ten is a disagreement
    source.sandbox.upsert("games", [{"id": game, **rated} for _, game in pairs])
    others = [{"id": game, "rating": 4.0 if n % 10 else 1.5, "ratings_count": 300} for n, (game, _) in enumerate(pairs)]
    for day in (DAY, LATER):
        source.load(day)
        source.rawg.upsert("games", others)
        odd = [{**row, "id": number} for number, row in enumerate(ODD_GAMES, start=1)]
        source.rawg.upsert("games", odd)
        source.rawg.upsert("game_stores", [{"id": 1, "stores": ODD_LINKS}])
        source.load_rawg(day)
    games = load_sources()["igdb"].entities["games"]
    make_missing(source.store, games)
    store_other_types(source.store, games)
    return source


def store_other_types(store: Store, entity: Entity) -> None:
    """Give a stored row values of other types, as rows have that were stored before their fields were declared."""
    newest = Table(store, entity.table).latest()
    assert newest
    part = newest.files[0]
    with store.open(part.key) as file:
        first, *others = gzip.decompress(file.read()).splitlines(keepends=True)
    row = {**json.loads(first), "hypes": "many", "rating": {"mean": 5}, "platforms": "all", "first_release_date": [1]}
    store.put(part.key, gzip.compress(b"".join([json.dumps(row).encode() + b"\n", *others])))


def build_with_duckdb(source: Source, day: date, folder: Path) -> str:
    entities = load_entities()
    generation = open_generation(source.store, entities, day=day, run_id="duckdb")
    folder.mkdir()
    assert Dbt(folder)("run", generation=source.store.url(generation)).success
    return generation


def run(command: list[Any], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]


def by_hand(source: Source, day: date, folder: Path, cluster: SparkCluster) -> None:
    environment = environment_without("AWS_", "DBT_")
    environment |= cluster.environment
    environment |= {"GAMELAKE_URI": source.store.uri, "GAMELAKE_DUCKDB": str(folder / "gamelake.duckdb")}
    run([PYTHON, "-m", "gamelake.cli", "marts", "build-on-spark", "--date", str(day)], environment)


def by_airflow(source: Source, day: date, folder: Path, cluster: SparkCluster) -> None:
    environment = airflow_environment(folder, lake=source.store.uri, igdb={})
    environment |= cluster.environment
    environment |= {"GAMELAKE_TRANSFORM": "spark", "GAMELAKE_SPARK_PYTHON": str(PYTHON)}
    laptop = [GAMELAKE, "laptop"]
    run([*laptop, "prepare"], environment)
    run([*laptop, "airflow", "dags", "test", "transform", "-c", f'{{"date": "{day}"}}'], environment)


def published(source: Source, day: date) -> str:
    """The generation that readers use."""
    pointer = current(source.store)
    assert pointer is not None
    assert pointer.day == day
    return pointer.generation


def rows_of(path: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns with their types, and rows in the order of the file."""
    relation = duckdb.sql("select * from read_parquet(?, hive_partitioning = false)", params=[path])
    return [f"{name} {kind}" for name, kind in zip(relation.columns, relation.types, strict=True)], relation.fetchall()


def assert_same_rows(expected: str, found: str) -> None:
    """The same columns, types and rows in the same order; of floats the last bits may differ."""
    columns, rows = rows_of(expected)
    found_columns, found_rows = rows_of(found)
    assert found_columns == columns, expected
    assert len(found_rows) == len(rows), expected
    for row, found_row in zip(rows, found_rows, strict=True):
        for column, value, other in zip(columns, row, found_row, strict=True):
            if isinstance(value, float) and isinstance(other, float):
                assert math.isclose(value, other, rel_tol=1e-9), (expected, column, row)
            else:
                assert value == other, (expected, column, row)


def file_of_day(source: Source, day: date) -> str:
    """The key of the only file of a day in the history. Its name differs from build to build."""
    [key] = [key for key in source.history() if f"day={day}/" in key]
    return key


def test_the_marts_of_two_days_are_those_of_duckdb(source: Source, cluster: SparkCluster, tmp_path: Path) -> None:
    marts = published_models()
    for day, build in ((DAY, by_hand), (LATER, by_airflow)):
        expected = build_with_duckdb(source, day, tmp_path / f"duckdb-{day}")
        files_before = len(source.history())
        build(source, day, tmp_path, cluster)
        found = published(source, day)
        assert found != expected
        for copy in marts.values():
            files = [source.store.url(mart_key(generation, copy)) for generation in (expected, found)]
            assert_same_rows(*files)
        assert_same_rows(*(source.store.url(key) for key in (written_key(expected, day), file_of_day(source, day))))
        assert len(source.history()) == files_before + 1
        left = {info.key.removeprefix(f"{found}/") for info in source.store.list(f"{found}/")}
        records = {"_inputs.json", "_history.json", "_generation.json", f"_day={day}.parquet"}
        records |= {"_results-1.json"} if build is by_airflow else set()  # a task keeps the figures of its try
        assert left == {mart_key("", copy).removeprefix("/") for copy in marts.values()} | records

    # What the second day has and the first has not: ranks before, growth over a week, and what changed.
    recent, facts, changes = (
        source.store.url(f"{found}/{name}.parquet")
        for name in ("mart_recent_games", "fct_game_popularity", "fct_game_changes")
    )
    assert duckdb.sql(f"select count(distinct field) > 3 from '{changes}'").fetchone() == (True,)
    assert duckdb.sql(f"select count(previous_rank) from '{recent}'").fetchone() != (0,)
    assert duckdb.sql(f"select count(playing_gained_7d) from '{facts}'").fetchone() != (0,)
    restricted = [mart_key(found, copy) for copy in marts.values() if f"/{RESTRICTED}" in copy]
    assert len(restricted) == 6
    for key in restricted:  # the shop is off
        assert bool(rows_of(source.store.url(key))[1]) != key.endswith("/mart_game_sales.parquet"), key
    for tasks in cluster.tasks():
        assert set(tasks) == set(WORKERS)
        assert min(tasks.values()) > 20
