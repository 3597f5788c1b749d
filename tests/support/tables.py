"""The tables of IGDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.lake.keys import TableName
from gamelake.lake.table import Table

if TYPE_CHECKING:
    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store

IGDB_GAMES, IGDB_GENRES, IGDB_POPSCORE = (TableName("igdb", name) for name in ("games", "genres", "popscore"))


def newest_commit(store: Store, name: str = "games") -> Manifest:
    """Return the newest commit of a table that has one."""
    manifest = Table(store, TableName("igdb", name)).latest()
    assert manifest is not None, f"igdb.{name} has no commit"
    return manifest
