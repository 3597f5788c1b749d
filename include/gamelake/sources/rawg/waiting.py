"""The games to ask for, of which a table has no row or one that is older than the game, in the order of their use.

1. Games without a row, those that most users have added first. A matching needs their stores and companies. In the
   table of stores, only those of which the list names a store.
2. Games whose `updated_at` in the list is another one than that of their row, the one that waits longest first.
3. In the table of stores: games without a row of which the list names no store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec

from gamelake.lake.keys import TableName
from gamelake.lake.rows import LiveIds, apply_ids, decoded_rows, read_live_ids
from gamelake.lake.table import Table
from gamelake.lake.update_times import UpdateTimes
from gamelake.sources.rawg.options import RawgOptions, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.manifest import Part
    from gamelake.lake.store import Store
    from gamelake.registry import Entity

GAMES = "games"
"""The table of the same source that lists the games."""

_NO_STORES = (b"null", b"[]")


class _Listed(msgspec.Struct):
    """What the order needs of a row of the list; `stores` is not parsed."""

    id: int
    updated_at: int | None = None
    added: int | None = None
    stores: msgspec.Raw = msgspec.Raw(b"null")


_LISTED = msgspec.json.Decoder(_Listed)


@dataclass(frozen=True, slots=True)
class WaitingGame:
    """A game to ask for, and when it changed (unix seconds)."""

    id: int
    updated_at: int | None


@dataclass(frozen=True, slots=True)
class WaitingGames:
    """The games to ask for, in this order, and those of which the table has a row."""

    games: tuple[WaitingGame, ...]
    known: LiveIds

    @classmethod
    def read(cls, store: Store, entity: Entity) -> Self:
        """Compare a table with the games of the lake. Raises: DamagedPartError, StoreError, ManifestError."""
        of_stores = RawgOptions.of(entity).read is Reading.SUBLIST
        read = UpdateTimes()
        known = read_live_ids(store, Table(store, entity.table).latest(), times=read)
        found: list[tuple[tuple[int, int, int], WaitingGame]] = []
        for game_id, (updated_at, added, has_store) in _listed(store, TableName(entity.source, GAMES)):
            changed = updated_at or 0
            if game_id not in known:
                order = (1, -added, game_id) if has_store or not of_stores else (3, -added, game_id)
            elif changed != (read[game_id] or 0):
                order = (2, changed, game_id)
            else:
                continue
            found.append((order, WaitingGame(game_id, updated_at)))
        return cls(tuple(game for _, game in sorted(found, key=lambda each: each[0])), known)


def _listed(store: Store, table: TableName) -> Iterator[tuple[int, tuple[int | None, int, bool]]]:
    """Yield each game of the list: its id, when it changed, how many users have it, and whether a store has it."""
    manifest = Table(store, table).latest()
    live, newest = LiveIds(), dict[int, tuple[int | None, int, bool]]()
    for part in manifest.files if manifest else ():
        apply_ids(live, part.claims, _noting(store, part, newest))
    return ((game_id, newest[game_id]) for game_id in live.ids())


def _noting(store: Store, part: Part, newest: dict[int, tuple[int | None, int, bool]]) -> Iterator[int]:
    for row in decoded_rows(store, part, _LISTED):
        newest[row.id] = (row.updated_at, row.added or 0, bytes(row.stores) not in _NO_STORES)
        yield row.id
