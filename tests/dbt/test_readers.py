"""Every published file reads in the libraries that people have, with any legal values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import duckdb
import pandas
import polars
import pyarrow.parquet
import pytest

from gamelake.marts.dbt_project import published_models
from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

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
def files(make_lake: Callable[[str], Lake], dbt: Dbt) -> list[Path]:
    """The files of a whole day whose values are at the ends of what is legal, built with all tests."""
    lake = make_lake("2026-11-21")
    fill(lake)
    generation = lake.generation()
    done = dbt("build", "--exclude-resource-type", "unit_test", generation=generation)
    assert done.success, done.messages
    marts = [generation / f"{name}.parquet" for name in published_models()]
    return [*marts, *sorted((lake.root / "marts" / "history").rglob("*.parquet"))]


def plain(value: Any) -> Any:
    """A value as Python has it, whichever library it came from; of no numbers one."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return "nan" if isinstance(value, float) and math.isnan(value) else value


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


def test_values_at_the_ends_are_there(files: list[Path]) -> None:
    (games,) = [file for file in files if file.stem == "dim_games"]
    query = "min(first_release_date)::varchar, max(first_release_date)::varchar, max(hypes), max(length(game_name))"
    found = duckdb.sql(f"select {query} from '{games}'").fetchone()
    assert found == ("1800-01-01 00:00:00", "2199-12-31 23:59:59", LARGEST, len(LONG))
    (facts,) = [file for file in files if file.stem == "fct_game_popularity"]
    assert duckdb.sql(f"select max(want_to_play) from '{facts}'").fetchone() == (9e299,)
