"""Every cell of every mart is what docs/reference/data-model.md gives, computed again without SQL."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.registry import load_sources
from tests.reckoning.comparing import compare, files_of
from tests.reckoning.worlds import fill, generated, recorded, up_to
from tests.support.raw_lake import Lake

if TYPE_CHECKING:
    from tests.reckoning.games import World
    from tests.support.dbt import Dbt

    Day = tuple[World, Path, Path | None]
    """A world, its generation, and the generation that its ranks are compared with."""
    Days = tuple[Day, Day]

ENTITIES = {name: str(entity.options["endpoint"]) for name, entity in load_sources()["igdb"].entities.items()}


def build(dbt: Dbt, folder: Path, world: World, previous: Path | None = None) -> Path:
    """Build a world's day. previous: the generation that ranks are compared with."""
    lake = Lake(folder)
    fill(lake, world, ENTITIES)
    if previous:
        lake.previous = {name: str(path) for name, path in files_of(previous).items()}
    generation = lake.generation()
    done = dbt("run", generation=generation)
    assert done.success, done.messages
    return generation


def build_two_days(dbt: Dbt, folder: Path, world: World, days_between: int) -> Days:
    """Build an earlier day and the world's, each with its world and the generation before it."""
    earlier = up_to(world, world.day - timedelta(days=days_between))
    before = build(dbt, folder / "before", earlier)
    return (earlier, before, None), (world, build(dbt, folder / "after", world, before), before)


def check(days: Days) -> int:
    """Compare every cell of both days. Returns the number of cells."""
    cells = 0
    for day in days:
        compared, differences = compare(*day)
        assert differences == []
        cells += compared
    return cells


@pytest.fixture(scope="module")
def forty_days(dbt: Dbt, folder: Path) -> Days:
    return build_two_days(dbt, folder / "generated", generated(), 1)


def test_forty_generated_days(forty_days: Days) -> None:
    assert check(forty_days) > 100_000


@pytest.mark.skipif("IGDB_RECORDED" not in os.environ, reason="IGDB_RECORDED names no folder of recorded rows")
@pytest.mark.slow
def test_recorded_days(dbt: Dbt, folder: Path) -> None:
    parent = Path(os.environ["IGDB_RECORDED"])
    parent = parent if (parent / "2026-06-08").exists() else parent.parent
    world = recorded(parent, ("2026-06-08", "2026-06-17"))
    assert check(build_two_days(dbt, folder / "recorded", world, 9)) > 100_000


@pytest.mark.slow
def test_a_doubled_total_changes_no_mart(dbt: Dbt, folder: Path, forty_days: Days) -> None:
    """The shares are halves; the users are the same."""
    (world, same, before) = forty_days[1]
    halves: dict[Any, list[dict[str, Any]]] = {
        day: [{**row, "value": row["value"] / 2 if row["value"] > 1e-300 else row["value"]} for row in rows]
        for day, rows in world.popularity.items()
    }
    doubled = build(dbt, folder / "doubled", replace(world, popularity=halves), before)
    marts = sorted(path.name for path in same.glob("mart_*.parquet"))
    assert len(marts) == 14
    assert [name for name in marts if (same / name).read_bytes() != (doubled / name).read_bytes()] == []
