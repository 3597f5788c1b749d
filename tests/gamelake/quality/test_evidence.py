"""What the checks look at, where a table is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.manifest import ManifestError
from gamelake.quality.evidence import newest_loads
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = load_sources()
GENRES = SOURCES["rawg"].entities["genres"]


def test_a_broken_table_of_an_optional_source_does_not_stop_the_checks(tmp_path: Path) -> None:
    """The finding that names it was never made."""
    store = open_store((tmp_path / "lake").as_uri())
    store.put(GENRES.table.manifest_key(1), b"{broken")
    assert newest_loads(store, [GENRES]) == {}
    games = SOURCES["igdb"].entities["games"]
    store.put(games.table.manifest_key(1), b"{broken")
    with pytest.raises(ManifestError):
        newest_loads(store, [GENRES, games])
