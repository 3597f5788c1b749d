"""The games whose details are older than the game: those to ask for, in the order in which they changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from gamelake.lake.keys import TableName
from gamelake.lake.rows import read_live_ids
from gamelake.lake.table import Table
from gamelake.lake.update_times import UpdateTimes

if TYPE_CHECKING:
    from gamelake.lake.rows import LiveIds
    from gamelake.lake.store import Store
    from gamelake.registry import Entity

GAMES = "games"
"""The table of the same source that lists the games."""


@dataclass(frozen=True, slots=True)
class WaitingGame:
    """A game to ask for, and when it changed (unix seconds)."""

    id: int
    updated_at: int | None


@dataclass(frozen=True, slots=True)
class WaitingGames:
    """The games to ask for: the one that changed first is the first."""

    games: tuple[WaitingGame, ...]

    @classmethod
    def read(cls, store: Store, entity: Entity) -> Self:
        """Compare a table with the games of the lake. Raises: DamagedPartError, StoreError, ManifestError."""
        games, changed = _times(store, TableName(entity.source, GAMES))
        known, read = _times(store, entity.table)
        waiting = [
            WaitingGame(row_id, changed[row_id])
            for row_id in games.ids()
            if row_id not in known or (changed[row_id] or 0) > (read[row_id] or 0)
        ]
        return cls(tuple(sorted(waiting, key=lambda game: (game.updated_at or 0, game.id))))


def _times(store: Store, table: TableName) -> tuple[LiveIds, UpdateTimes]:
    times = UpdateTimes()
    return read_live_ids(store, Table(store, table).latest(), times=times), times
