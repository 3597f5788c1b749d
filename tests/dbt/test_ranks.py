"""Ranks against the last published generation of an earlier day."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from tests.support.dbt import DBT, Dbt
from tests.support.raw_lake import Lake

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODELS = ["+mart_top_hyped", "+mart_theme_trends"]


def published(generation: Path) -> dict[str, str]:
    """The marts of a generation, as the next build gets them."""
    return {path.stem: str(path) for path in sorted(generation.glob("**/*.parquet"))}


def ranks(generation: Path, mart: str, key: str) -> list[tuple[Any, ...]]:
    columns = f"{key}, rank, previous_rank, rank_change"
    return duckdb.sql(f"select {columns} from '{generation}/{mart}.parquet'").fetchall()


def add_games(lake: Lake, hypes: dict[int, int]) -> None:
    lake.add("games", [{"id": i, "name": f"Game {i}", "hypes": n, "themes": [i % 2]} for i, n in hypes.items()])


@pytest.fixture(scope="module")
def generations(make_lake: Callable[[str], Lake], dbt: Dbt) -> tuple[Path, Path]:
    """Two days, of which the second is compared with the first."""
    lake = make_lake("2026-11-20")
    lake.add("themes", [{"id": 0, "name": "Even"}, {"id": 1, "name": "Odd"}], claims=[(0, None)])
    add_games(lake, {1: 30, 2: 20, 3: 10})
    first = lake.generation()
    assert dbt("run", "-s", *MODELS, generation=first).success
    lake.day = "2026-11-21"
    lake.previous = published(first)
    add_games(lake, {3: 40, 4: 25, 6: 1, 8: 1})
    second = lake.generation()
    assert dbt("run", "-s", *MODELS, generation=second).success
    return first, second


def test_games_and_themes_climb_and_fall(generations: tuple[Path, Path]) -> None:
    first, second = generations
    assert ranks(first, "mart_top_hyped", "game_id") == [(1, 1, None, None), (2, 2, None, None), (3, 3, None, None)]
    assert ranks(second, "mart_top_hyped", "game_id")[:4] == [
        (3, 1, 3, 2),
        (1, 2, 1, -1),
        (4, 3, None, None),
        (2, 4, 2, -2),
    ]
    assert ranks(second, "mart_theme_trends", "name") == [("Even", 1, 2, 1), ("Odd", 2, 1, -1)]


@pytest.mark.slow
def test_ranks_by_other_vars_are_not_compared(lake: Lake, dbt: Dbt, tmp_path: Path) -> None:
    other_dbt = Dbt(tmp_path / "other", variables={"mart_game_types": "all"}, manifest=dbt.parse())
    lake.day = "2026-11-20"
    add_games(lake, {1: 30, 2: 20})
    first = lake.generation()
    assert other_dbt("run", "-s", *MODELS, generation=first).success

    lake.day = "2026-11-21"
    lake.previous = published(first)
    for name, run, expected in (
        ("default", dbt, [(1, 1, None, None), (2, 2, None, None)]),
        ("other", other_dbt, [(1, 1, 1, 0), (2, 2, 2, 0)]),
    ):
        second = lake.generation(name)
        assert run("run", "-s", *MODELS, generation=second).success
        assert ranks(second, "mart_top_hyped", "game_id") == expected


def test_a_mart_states_every_var_that_it_is_built_with(generations: tuple[Path, Path]) -> None:
    """But for `as_of`, which a rebuilt day has and the same bytes."""
    generation, _ = generations
    query = f"select decode(value) from parquet_kv_metadata('{generation}/mart_top_hyped.parquet') where key = 'vars'"
    [(note,)] = duckdb.sql(query).fetchall()
    assert {"as_of": None, **json.loads(note)} == yaml.safe_load((DBT / "dbt_project.yml").read_text("utf-8"))["vars"]
