"""The changes of a day: a pure function of the seed, the day and the rows.

So a world that advanced day by day, and one made for the last day at once, have the same rows.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from typing import TYPE_CHECKING, Protocol

from sandbox.igdb.catalog import POPULARITY_TYPES
from sandbox.igdb.chance import churn_second

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from sandbox.igdb.games import GameSource
    from sandbox.igdb.popularity import Pair, PopularitySource
    from sandbox.igdb.related import OwnedSource
    from sandbox.igdb.table import Table

UPDATED, INSERTED, DELETED = 0.0065, 0.0004, 0.0002
"""Shares of the games that a day updates, inserts and deletes."""

SMALL_TABLE = 500
"""The rows below which no table shrinks by the games that a day deletes."""

POPULARITY = "popularity_primitives"

MOVED = 0.003
"""Share of the popularity rows that are deleted in a day, but for those of known games; about as many are inserted."""


class Churn(Protocol):
    """Turns the tables of a world from one day to the next."""

    def turn(self, tables: Mapping[str, Table], day: date) -> None:
        """Apply the changes of a day."""


class GeneratedChurn:
    """Inserts, updates and deletes games, renames a platform, genre or company now and then, changes popularity."""

    def __init__(
        self,
        *,
        seed: int,
        first_day: date,
        games: GameSource,
        popularity: PopularitySource,
        owned: Mapping[str, OwnedSource],
    ) -> None:
        self._seed = seed
        self._first_day = first_day
        self._games = games
        self._popularity = popularity
        self._owned = owned
        self._waiting: deque[Pair] = deque(popularity.reserve)
        self._appeared: dict[int, int] = {}

    def turn(self, tables: Mapping[str, Table], day: date) -> None:
        """Apply the changes of a day."""
        rng = random.Random(f"{self._seed}:{day.isoformat()}")  # noqa: S311 - a made-up world, not a secret
        games, popularity = tables["games"], tables[POPULARITY]
        drawn, updated = _draw(rng, games, DELETED, 1), _draw(rng, games, UPDATED, 3)
        inserted = self._insert_games(rng, games, day)
        deleted = self._deleted(tables, drawn, inserted, day)
        games.revise((row_id for row_id in updated if row_id not in deleted), day)
        games.delete(deleted)
        popularity.revise_all(day)
        self._turn_owned(tables, deleted, inserted, day)
        self._turn_rankings(rng, games, popularity, deleted, inserted, day)
        age = (day - self._first_day).days
        if age == 1 or rng.random() < 0.2:
            tables["platforms"].revise(_draw(rng, tables["platforms"], 0, 1), day)
        if age == 3 or rng.random() < 0.05:
            tables["genres"].revise(_draw(rng, tables["genres"], 0, 1), day)
        tables["companies"].revise(_draw(rng, tables["companies"], UPDATED, 1), day)

    def _deleted(self, tables: Mapping[str, Table], drawn: list[int], inserted: list[int], day: date) -> set[int]:
        """Return the games to delete: of a small world those with whose rows no table shrinks, or a load is held."""
        small = [endpoint for endpoint in (*self._owned, POPULARITY) if len(tables[endpoint]) < SMALL_TABLE]
        if not small:
            return set(drawn)
        ranked = Counter(game for row_id, game in self._games_ranked() if row_id in tables[POPULARITY])
        ranked.update(inserted)  # each enters one ranking
        room = sum((self._rows_of(game, small, ranked) for game in inserted), Counter[str]())
        rng = random.Random(f"{self._seed}:{day.isoformat()}:deleted")  # noqa: S311 - as above
        deleted: set[int] = set()
        for game in dict.fromkeys([*drawn, *_draw(rng, tables["games"], 1, 1)]):
            if len(deleted) == len(drawn):
                break
            rows = self._rows_of(game, small, ranked)
            if game not in inserted and rows <= room:
                room -= rows
                deleted.add(game)
        return deleted

    def _rows_of(self, game: int, endpoints: Iterable[str], ranked: Mapping[int, int]) -> Counter[str]:
        """Count a game's rows of each endpoint; `ranked` are those in rankings."""
        return Counter(
            {
                endpoint: ranked.get(game, 0) if endpoint == POPULARITY else len([*self._owned[endpoint].ids_of(game)])
                for endpoint in endpoints
            }
        )

    def _turn_owned(self, tables: Mapping[str, Table], deleted: set[int], inserted: list[int], day: date) -> None:
        """Add or delete what belongs to games, such as covers and release dates, together with the games."""
        for endpoint, source in self._owned.items():
            tables[endpoint].delete(row_id for game in deleted for row_id in source.ids_of(game))
            rows = (row for game in inserted for row in source.rows_of(game, churn_second(game, day)))
            tables[endpoint].put(rows, day)

    def _insert_games(self, rng: random.Random, games: Table, day: date) -> list[int]:
        inserted: list[int] = []
        row_id = games.highest
        for _ in range(max(2, round(len(games) * INSERTED))):
            row_id += 1 + (rng.random() < 0.1)
            inserted.append(row_id)
        entered = [(row_id, churn_second(row_id, day)) for row_id in inserted]
        games.put((self._games.row(row_id) | {"created_at": at, "updated_at": at} for row_id, at in entered), day)
        return inserted

    def _turn_rankings(
        self, rng: random.Random, games: Table, popularity: Table, deleted: set[int], inserted: list[int], day: date
    ) -> None:
        """Delete the rows of deleted games and a few others; add rows of new games and a few others."""
        fresh = [(row_id, rng.choice(list(POPULARITY_TYPES))) for row_id in inserted]
        fresh += (pair for pair in self._popularity.debuts(day) if pair[0] in games)
        count = len(fresh) + max(1, round(len(popularity) * MOVED))
        while self._waiting and len(fresh) < count:
            pair = self._waiting.popleft()
            if pair[0] in games:
                fresh.append(pair)
        drawn = map(popularity.row, sorted(_draw(rng, popularity, MOVED, 1)))
        little_known = [row for row in drawn if not self._games.fame(row["game_id"]).is_known]
        removed = {row["id"] for row in little_known}
        self._waiting += ((row["game_id"], row["popularity_type"]) for row in little_known)
        removed |= {row_id for row_id, game in self._games_ranked() if game in deleted}
        popularity.delete(removed)
        for row_id in removed:
            self._appeared.pop(row_id, None)
        row_id = popularity.highest
        rows = []
        for pair in fresh:
            row_id += rng.randint(1, 16)
            self._appeared[row_id] = pair[0]
            rows.append(self._popularity.make(row_id, pair, day))
        popularity.put(rows, day)

    def _games_ranked(self) -> Iterable[tuple[int, int]]:
        """(row, game) of the rows that began in the rankings and of those that appeared in them."""
        yield from zip(self._popularity.ids, self._popularity.games, strict=True)
        yield from self._appeared.items()


class RecordedChurn:
    """Recorded rows stay what they are; popularity values move, and a few games get a new order and more hypes."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def turn(self, tables: Mapping[str, Table], day: date) -> None:
        """Apply the changes of a day."""
        rng = random.Random(f"{self._seed}:{day.isoformat()}")  # noqa: S311 - a made-up world, not a secret
        tables["games"].revise(_draw(rng, tables["games"], UPDATED, 3), day)
        tables["popularity_primitives"].revise_all(day)


def _draw(rng: random.Random, table: Table, share: float, least: int) -> list[int]:
    """Draw some of the live ids; of a small table at most half."""
    count = min(max(least, round(len(table) * share)), (len(table) + 1) // 2)
    return [table.ids[position] for position in rng.sample(range(len(table)), count)]
