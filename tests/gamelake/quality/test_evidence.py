"""What the checks look at, where a table is broken or was loaded twice."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from gamelake.lake.factory import open_store
from gamelake.quality import tables
from gamelake.quality.evidence import Evidence, Load, newest_loads
from gamelake.quality.profile import Profile, TableFigures
from gamelake.registry import load_sources
from tests.support.night_lake import moment

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = load_sources()
GENRES = SOURCES["rawg"].entities["genres"]


def test_a_broken_table_does_not_stop_the_checks(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    games = SOURCES["igdb"].entities["games"]
    store.put(GENRES.table.manifest_key(1), b"{broken")
    store.put(games.table.manifest_key(1), b"{broken")
    loads, damaged = newest_loads(store, [GENRES, games])
    assert (loads, set(damaged)) == ({}, {"rawg.genres", "igdb.games"})


def test_a_day_that_two_builds_show_with_two_commits_counts_once() -> None:
    """A table that was loaded again after the build of its day, and whose next load failed."""
    games = SOURCES["rawg"].entities["games"]
    days = [date(2026, 11, 20) + timedelta(days=each) for each in range(8)]
    rows = dict.fromkeys(days, 1000) | {days[6]: 10}

    def figures(version: int, day: date) -> TableFigures:
        return TableFigures(table=str(games), version=version, partition=str(day), rows=rows[day], newest=None)

    shown = [figures(number, day) for number, day in enumerate(days[:7], start=1)]
    again = TableFigures(table=str(games), version=8, partition=str(days[6]), rows=1000, newest=None)
    at = moment(str(days[7]), "05:00")
    earlier = [
        Profile(generation=f"marts/dt={day}/run", day=day, built_at=at, marts=(), tables=(each,))
        for day, each in zip(days, [*shown, again], strict=True)
    ]
    newest = TableFigures(table=str(games), version=9, partition="2026-11-28", rows=1000, newest=None)
    loads = {str(games): Load(newest, at)}
    found = Evidence(now=at, entities=(games,), loads=loads, damaged={}, generation=None, earlier=earlier)
    assert [each.rows for each in found.of_table(str(games))][-2:] == [10, 1000]
    assert list(tables.volume(found)) == []
