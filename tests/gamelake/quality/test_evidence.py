"""What the checks look at, where a table is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.lake.factory import open_store
from gamelake.quality.evidence import newest_loads
from gamelake.registry import load_sources

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
