"""Every cell of every mart is what docs/reference/data-model.md gives, computed again without SQL."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.registry import load_sources
from tests.reckoning.comparing import compare
from tests.reckoning.worlds import fill, generated, recorded, up_to
from tests.support.raw_lake import Lake

if TYPE_CHECKING:
    from tests.reckoning.games import World
    from tests.support.dbt import Dbt

ENTITIES = {name: str(entity.options["endpoint"]) for name, entity in load_sources()["igdb"].entities.items()}


@pytest.fixture(scope="module")
def world() -> World:
    return generated()


def build(dbt: Dbt, folder: Path, world: World, previous: Path | None = None) -> Path:
    """Build a world's day. previous: the generation that ranks are compared with."""
    lake = Lake(folder)
    fill(lake, world, ENTITIES)
    if previous:
        lake.previous = {path.stem: str(path) for path in sorted(previous.glob("*.parquet"))}
    generation = lake.generation()
    done = dbt("run", generation=generation)
    assert done.success, done.messages
    return generation


def check_two_days(dbt: Dbt, folder: Path, world: World, days_between: int) -> int:
    """Compare a day and an earlier one. Returns the number of cells."""
    earlier = up_to(world, world.day - timedelta(days=days_between))
    before = build(dbt, folder / "before", earlier)
    after = build(dbt, folder / "after", world, before)
    cells = 0
    for each, generation, previous in ((earlier, before, None), (world, after, before)):
        compared, differences = compare(each, generation, previous)
        assert differences == []
        cells += compared
    return cells


def test_forty_generated_days(dbt: Dbt, folder: Path, world: World) -> None:
    assert check_two_days(dbt, folder / "generated", world, 1) > 100_000


@pytest.mark.skipif("IGDB_RECORDED" not in os.environ, reason="IGDB_RECORDED names no folder of recorded rows")
def test_recorded_days(dbt: Dbt, folder: Path) -> None:
    parent = Path(os.environ["IGDB_RECORDED"])
    parent = parent if (parent / "2026-06-08").exists() else parent.parent
    assert check_two_days(dbt, folder / "recorded", recorded(parent, ("2026-06-08", "2026-06-17")), 9) > 100_000


def test_a_doubled_total_changes_no_mart(dbt: Dbt, folder: Path, world: World) -> None:
    """The shares are halves; the users are the same."""
    halves: dict[Any, list[dict[str, Any]]] = {
        day: [{**row, "value": row["value"] / 2 if row["value"] > 1e-300 else row["value"]} for row in rows]
        for day, rows in world.popularity.items()
    }
    same = build(dbt, folder / "same", up_to(world, world.day))
    world.popularity, kept = halves, world.popularity
    try:
        doubled = build(dbt, folder / "doubled", world)
    finally:
        world.popularity = kept
    marts = sorted(path.name for path in same.glob("mart_*.parquet"))
    assert len(marts) == 12
    assert [name for name in marts if (same / name).read_bytes() != (doubled / name).read_bytes()] == []
