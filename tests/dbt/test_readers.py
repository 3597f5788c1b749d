"""Every published file reads in the libraries that people have, with any legal values."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections.abc import Callable, Iterable
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow.dataset
import pyarrow.parquet
import pytest

from gamelake.kinds import Kind
from gamelake.marts.dbt_project import published_models
from gamelake.marts.documents import mart_key
from tests.e2e.spark_cluster import PYTHON
from tests.support.dbt import Dbt
from tests.support.extreme_rows import LEAST, MOST, extreme_rows
from tests.support.raw_lake import ENTITIES, Lake

EVERY_ID = [(0, None)]
LARGEST = 2**63 - 2  # a claim ends after an id
FIRST, LAST = -5_364_662_400, 7_258_118_399  # 1800-01-01 and 2199-12-31, in seconds
LONG = "긴 이름 🎮 " * 100_000
TEXTS = ["'", '"', "\\", "a\nb\tc\r", "\ufeffbom", "e\u0301", "\u202eright to left", "\x01", "null", LONG]
LINKS = ("platforms", "genres", "game_modes", "themes", "player_perspectives", "franchises", "collections")


def fill(lake: Lake) -> None:
    ids = [1, 2, LARGEST]
    for entity in LINKS:
        lake.add(entity, [{"id": i, "name": f"{entity} {TEXTS[n]}"} for n, i in enumerate(ids)], claims=EVERY_ID)
    lake.add("game_types", [{"id": i, "type": str(i)} for i in (0, LARGEST)], claims=EVERY_ID)
    numbers = {"hypes": LARGEST, "aggregated_rating_count": LARGEST, "rating_count": -LARGEST, "cover": LARGEST}
    ratings = {"aggregated_rating": 5e-324, "rating": 99.99999999999999, "total_rating": -0.0}
    games: list[dict[str, Any]] = [
        {"id": n, "name": text, "summary": text, "slug": text, "url": text, "first_release_date": FIRST, **numbers}
        for n, text in enumerate(TEXTS, start=1)
    ]
    for game in games[1::2]:
        game.update(first_release_date=LAST, created_at=LAST, updated_at=FIRST, game_type=LARGEST, **ratings)
        game.update(dict.fromkeys(LINKS, ids))
    for game in games[::3]:
        game.update({entity: [] for entity in LINKS}, hypes=1, first_release_date=LAST, aggregated_rating=100)
    games.append({"id": LARGEST, "name": "only a name"})
    lake.add("games", games, claims=EVERY_ID)
    lake.add("covers", [{"id": LARGEST, "image_id": LONG}], claims=EVERY_ID)
    company = {"name": LONG, "country": LARGEST, "parent": LARGEST, "start_date": FIRST, "created_at": LAST}
    lake.add("companies", [{"id": i, **company, "description": TEXTS[5]} for i in ids], claims=EVERY_ID)
    parts = [{"id": n, "game": 1 + n % 9, "company": ids[n % 3], "developer": n % 2 == 0, "publisher": True}
             for n in range(30)]  # fmt: skip
    lake.add("involved_companies", parts, claims=EVERY_ID)
    lake.add("release_dates", [{"id": 1, "game": 1, "date": LAST, "y": 2199}], claims=EVERY_ID)
    sites = [{"id": 10 * n + kind, "game": n, "type": kind, "url": text}
             for n, text in enumerate(TEXTS, start=1) for kind in (1, 13, 16, 17)]  # fmt: skip
    lake.add("websites", sites, claims=EVERY_ID)
    pages = [{"id": 1, "game": LARGEST, "external_game_source": 1, "uid": "9999999999"}]
    lake.add("external_games", pages, claims=EVERY_ID)
    lake.add("regions", [{"id": LARGEST, "identifier": "ko-KR"}], claims=EVERY_ID)
    titles = [{"id": n, "game": n, "region": LARGEST, "name": text} for n, text in enumerate(TEXTS, start=1)]
    lake.add("game_localizations", titles, claims=EVERY_ID)
    kinds = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 34, LARGEST]
    lake.add("popularity_types", [{"id": kind, "name": f"Type {kind}"} for kind in kinds], claims=EVERY_ID)
    amounts = [9e299, 5e-324, 0.0, -0.0, 1.0, -9e299, 0.5, 2.0**-1074, 1e-300, 3.0, 0.1]
    for partition in ("2026-11-14", "2026-11-21"):
        values = [
            {
                "id": 100 * game + n,
                "game_id": game,
                "popularity_type": kind,
                "value": amounts[(game + n) % len(amounts)],
            }
            for game in range(1, 11)
            for n, kind in enumerate(kinds)
        ]
        lake.add("popscore", values, claims=EVERY_ID, partition=partition)


@pytest.fixture(scope="module")
def built(make_lake: Callable[[str], Lake], dbt: Dbt) -> Path:
    """The generation of a whole day whose values are at the ends of what is legal, built with all tests."""
    lake = make_lake("2026-11-21")
    fill(lake)
    generation = lake.generation()
    done = dbt("build", "--exclude-resource-type", "unit_test", generation=generation)
    assert done.success, done.messages
    return generation


@pytest.fixture(scope="module")
def extreme(make_lake: Callable[[str], Lake], dbt: Dbt) -> Path:
    """The generation of rows of which nearly every value is odd, which tests of a build would stop."""
    lake = make_lake("2026-11-21")
    for name, entity in ENTITIES.items():
        rows = extreme_rows(entity)
        if name == "shop.orders":  # orders that count, so that their items are added up
            rows = [{**row, "status": "paid", "currency": "EUR"} for row in rows]
        for day in ("2026-11-14", "2026-11-21") if entity.kind is Kind.TIME_SERIES else ("2026-11-21",):
            lake.add(name, rows, claims=EVERY_ID, partition=day)
    generation = lake.generation()
    done = dbt("run", generation=generation)
    assert done.success, done.messages
    return generation


@pytest.fixture(scope="module")
def history(extreme: Path, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the history with days of both, as a publication leaves it."""
    folder = tmp_path_factory.mktemp("history")
    for generation, year in ((built, "2026"), (extreme, "2027")):
        for file in generation.glob("_day=*.parquet"):
            place = folder / file.stem.removeprefix("_").replace("2026", year) / "identity-build.parquet"
            place.parent.mkdir()
            shutil.copyfile(file, place)
    return folder


@pytest.fixture(params=[pytest.param("built", marks=pytest.mark.slow), "extreme"])
def files(request: pytest.FixtureRequest) -> list[Path]:
    """The files that are published of a generation, and those of the history that it has built."""
    generation: Path = request.getfixturevalue(request.param)
    marts = [Path(mart_key(str(generation), copy)) for copy in published_models().values()]
    return [*marts, *sorted(generation.glob("_day=*.parquet"))]


def plain(value: Any) -> Any:
    """A value as Python has it, whichever library it came from; of no numbers one."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


def rows_of(rows: Iterable[Iterable[Any]]) -> list[str]:
    """Rows of a data set in one order, each as a text in which 0.0 and -0.0 differ."""
    return sorted(repr([plain(value) for value in row]) for row in rows)


def test_pyarrow_and_polars_read_every_value_as_duckdb_does(files: list[Path]) -> None:
    for file in files:
        relation = duckdb.sql(f"select * from read_parquet('{file}', hive_partitioning = false)")
        expected = [tuple(map(plain, row)) for row in relation.fetchall()]
        arrow = pyarrow.parquet.ParquetFile(file).read()
        assert arrow.column_names == relation.columns
        assert [tuple(map(plain, row.values())) for row in arrow.to_pylist()] == expected, file.name
        frame = polars.read_parquet(file, hive_partitioning=False)
        assert [tuple(map(plain, row)) for row in frame.rows()] == expected, file.name


def test_pandas_reads_every_file(files: list[Path]) -> None:
    for file in files:
        frame = pandas.read_parquet(file, partitioning=None)
        rows = duckdb.sql(f"select count(*) from '{file}'").fetchone()
        assert (len(frame),) == rows
        times = frame.select_dtypes("datetime").stack().dropna()
        assert times.empty or (times.min().year >= 1800 and times.max().year <= 2199)
        frame.to_csv()  # makes a Python value of each


@pytest.mark.slow
def test_the_history_reads_as_one_data_set(history: Path) -> None:
    relation = duckdb.sql(f"select * exclude day from read_parquet('{history}/*/*.parquet', hive_partitioning = true)")
    expected = rows_of(relation.fetchall())
    assert len(expected) > 20
    columns = relation.columns
    arrow = pyarrow.dataset.dataset(history, partitioning="hive", exclude_invalid_files=False).to_table(columns=columns)
    assert rows_of(row.values() for row in arrow.to_pylist()) == expected
    assert rows_of(polars.read_parquet(history).select(columns).rows()) == expected
    frame = pandas.read_parquet(history, columns=[*columns, "day"], dtype_backend="pyarrow")
    assert rows_of(frame[columns].astype(object).where(frame[columns].notna(), None).to_numpy()) == expected
    assert frame["day"].nunique() == 4


SPARK_PROGRAM = """
import json, sys
from hashlib import md5
from pyspark.sql import SparkSession
session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
for place in sys.argv[1:]:
    frame = session.read.parquet(place)
    rows = [md5(repr(list(row)).encode()).hexdigest() for row in frame.toLocalIterator()]
    print(json.dumps([place, frame.columns, sorted(rows)]))
"""


@pytest.mark.spark
@pytest.mark.skipif(not PYTHON.exists(), reason=f"no {PYTHON}: run `make test-spark`, or set GAMELAKE_SPARK_PYTHON")
def test_spark_reads_every_value_as_duckdb_does(built: Path, extreme: Path, history: Path) -> None:
    marts = [mart_key(str(folder), copy) for folder in (built, extreme) for copy in published_models().values()]
    done = subprocess.run(
        [PYTHON, "-c", SPARK_PROGRAM, *marts, history], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {place: (columns, rows) for place, columns, rows in map(json.loads, done.stdout.splitlines())}
    assert found.keys() == {*marts, str(history)}
    for place, (columns, rows) in found.items():
        pattern, hive = (f"{place}/*/*.parquet", True) if place == str(history) else (place, False)
        relation = duckdb.sql(f"select {', '.join(columns)} from read_parquet('{pattern}', hive_partitioning = {hive})")
        expected = [md5(repr(list(row)).encode()).hexdigest() for row in relation.fetchall()]  # noqa: S324 - no secret
        assert rows == sorted(expected), place


@pytest.mark.slow
def test_values_at_the_ends_are_there(built: Path, extreme: Path) -> None:
    games = built / "dim_games.parquet"
    query = "min(first_release_date)::varchar, max(first_release_date)::varchar, max(hypes), max(length(game_name))"
    found = duckdb.sql(f"select {query} from '{games}'").fetchone()
    assert found == ("1800-01-01 00:00:00", "2199-12-31 23:59:59", LARGEST, len(LONG))
    assert duckdb.sql(f"select max(want_to_play) from '{built}/fct_game_popularity.parquet'").fetchone() == (9e299,)
    query = (
        "max(hypes), min(hypes), max(len(platform_ids)), min(len(platform_ids)), bool_or(contains(game_name, chr(0)))"
    )
    assert duckdb.sql(f"select {query} from '{extreme}/dim_games.parquet'").fetchone() == (MOST, LEAST, 5000, 0, True)
