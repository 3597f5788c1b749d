"""A past day of the popularity is repaired: its rejected row is replayed, and the next build builds the day again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from gamelake.fields import FieldRule
from gamelake.load.replay import replay
from gamelake.marts.generation import publish
from gamelake.marts.pointer import record_of
from gamelake.marts.reader import Marts
from gamelake.registry import load_sources
from tests.support import loads
from tests.support.dbt import Dbt
from tests.support.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

DAYS = (date(2026, 11, 20), date(2026, 11, 21))


def build(source: Source, day: date, folder: Path) -> str:
    """Build and publish the popularity of a day with all of its tests. Returns: the generation."""
    models = ("-s", "+fct_game_popularity", "stg_run", "--indirect-selection", "cautious")
    dbt = Dbt(folder, GAMELAKE_URI=source.store.uri)
    done = dbt("build", *models, "--exclude-resource-type", "unit_test", generation=None)
    assert done.success, done.messages
    generation = source.generations(day)[-1]
    publish(source.store, generation, {"fct_game_popularity": "marts/fct_game_popularity.parquet"})
    return generation


def playing(source: Source, generation: str) -> list[tuple[date, float]]:
    """The values of the game in the history that a generation shows."""
    with Marts(source.store, record_of(source.store, generation)) as marts:
        history = marts.relation("fct_game_popularity_daily").filter("game_id = 1 and playing is not null")
        return history.project("day, playing").order("day").fetchall()


def test_a_replayed_row_comes_into_its_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = load_sources()["igdb"].entities
    strict = replace(registry["popscore"], rules={**registry["popscore"].rules, "value": FieldRule(True, 0, 90)})
    monkeypatch.setattr(loads, "REGISTRY", {**registry, "popscore": strict})
    source = Source(tmp_path / "lake", DAYS[0])
    row = {"id": 9_000_000, "game_id": 1, "popularity_type": 3, "value": 95}
    for day in DAYS:
        source.sandbox.advance(day)
        source.sandbox.upsert("popularity_primitives", [row])
        source.load(day)
    before = build(source, DAYS[1], tmp_path / "before")
    assert 95.0 not in [value for _, value in playing(source, before)]
    (first, second) = replay(source.store, registry["popscore"])
    assert (first.added, second.added) == (1, 1)
    again = build(source, DAYS[1], tmp_path / "again")
    assert playing(source, again) == [(day, 95.0) for day in DAYS]
