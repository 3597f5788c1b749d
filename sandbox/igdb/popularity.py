"""popularity_primitives of a generated world: one row per game and type, on a sparse id space."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_left
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.igdb.catalog import POPULARITY_TYPES
from sandbox.igdb.chance import FULL, checksum, digest_of, draws, key_of, midnight
from sandbox.igdb.fame import (
    ADDED_UP,
    NEGATIVE,
    ONCE_OUT,
    PEAK,
    PLAYED,
    PLAYING,
    POSITIVE,
    REVIEWS,
    SELLERS,
    STEAM,
    TWITCH,
    VISITS,
    WANT_TO_PLAY,
    WISHLISTED,
    Fame,
    count_of,
    swing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sandbox.igdb.games import GameSource
    from sandbox.igdb.table import Row

HIGHEST = 0.1
"""No game has a greater share of a total."""

TOTALS = {
    1: 200_000,
    2: 700_000,
    3: 112_000,
    4: 1_340_000,
    5: 5_460_000,
    6: 124_600_000,
    7: 20_400_000,
    8: 145_000_000,
    9: 37_200_000,
    10: 37_200_000,
    34: 21_000_000,
}
"""IGDB's values are counts divided by the total of their type. These are the totals of June 2026, rounded."""

Pair = tuple[int, int]

_TYPES = tuple(POPULARITY_TYPES)
_DAY = 86_400
_START = 16_000  # 2013, in days since 1970
_PARTS = {VISITS: 0.16, WANT_TO_PLAY: 0.22, PLAYING: 0.15, PLAYED: 0.24, TWITCH: 0.12, REVIEWS: 0.18, SELLERS: 0.03}
_PARTS |= {WISHLISTED: 0.1}
"""How large a share of the games has a row of the type, if there is one row a game: the better known ones."""

_RESERVE = 1.04  # who is just below that share, so that rows can appear later
_STEAM_BEGAN = 10_000  # what is older is played elsewhere, in days since 1970
_STANDS_STILL = 4  # Steam's figures are new on one day of so many, and stand still on the others
_OF_REVIEWS = (PEAK, POSITIVE, NEGATIVE, REVIEWS)


class PopularitySource:
    """Base rows as of a first day: their types were calculated at different hours of the day before.

    `reserve` has (game, type) pairs without a row.
    """

    def __init__(
        self, *, seed: int, games: GameSource, rows_per_game: float, first_day: date, fields: frozenset[str]
    ) -> None:
        self.fields = fields
        self.reserve: list[Pair] = []
        self.games: array[int] = array("q")
        self.ids: array[int] = array("q")
        self._types = bytearray()
        self._fame = games.fame
        self._first_day = first_day
        self._day_before = midnight(first_day) - _DAY
        self._debuts: dict[int, list[Pair]] = {}
        self._key = key_of(seed, "popularity")
        self._fill(random.Random(f"{seed}:popularity"), games, rows_per_game)  # noqa: S311 - a made-up world

    def row(self, row_id: int) -> Row:
        """Return the row as of the first day."""
        position = bisect_left(self.ids, row_id)
        return self.make(row_id, (self.games[position], self._types[position]), self._first_day)

    def make(self, row_id: int, pair: Pair, day: date) -> Row:
        """Return the row of a pair as of a day."""
        game, popularity_type = pair
        digest = digest_of(self._key, row_id)
        calculated = self._calculated_at(popularity_type, day)
        source = POPULARITY_TYPES[popularity_type][1]
        return {
            "id": row_id,
            "game_id": game,
            "popularity_type": popularity_type,
            "popularity_source": source,
            "value": _value(self._fame(game), popularity_type, calculated),
            "calculated_at": calculated,
            "created_at": min(calculated, self._day_before) - draws(digest)[1] * 600,
            "updated_at": calculated + row_id % 4,
            "checksum": checksum(digest),
            "external_popularity_source": source,
        }

    def updated_at(self, row_id: int) -> int:
        """Return the row's `updated_at` as of the first day."""
        return self.revised_at(row_id, self._first_day)

    def revise(self, row: Row, day: date) -> None:
        """Overwrite the value with that day's. A row that was written into the sandbox moves from what was written."""
        if row["checksum"] != checksum(digest_of(self._key, row["id"])):
            move_popularity(row, day, self._first_day)
        else:
            row |= self.make(row["id"], (row["game_id"], row["popularity_type"]), day)

    def revised_at(self, row_id: int, day: date) -> int:
        """Return the `updated_at` of that day's value."""
        return self._calculated_at(self._types[bisect_left(self.ids, row_id)], day) + row_id % 4

    def debuts(self, day: date) -> list[Pair]:
        """Return the pairs that begin on the day on which their game comes out."""
        return self._debuts.get(midnight(day) // _DAY + 1, [])

    def _calculated_at(self, popularity_type: int, day: date) -> int:
        if popularity_type in STEAM:
            day = max(self._first_day, day - timedelta(days=day.toordinal() % _STANDS_STILL))
        if day == self._first_day:
            return self._day_before + (1 + 2 * _TYPES.index(popularity_type)) * 3600
        return calculated_on(day, popularity_type)

    def _fill(self, rng: random.Random, games: GameSource, rows_per_game: float) -> None:
        """Choose the pairs: unknown games have none, famous ones have every type. Then spread them over ids."""
        pairs: list[Pair] = []
        today = midnight(self._first_day) // _DAY
        for game in games.ids:
            fame = games.fame(game)
            for popularity_type, place in _places(fame, today):
                if place >= rows_per_game * _RESERVE:
                    continue
                if popularity_type in ONCE_OUT and fame.age(today) < 0:
                    if fame.released is not None:
                        self._debuts.setdefault(fame.released, []).append((game, popularity_type))
                elif place < rows_per_game:
                    pairs.append((game, popularity_type))
                else:
                    self.reserve.append((game, popularity_type))
        rng.shuffle(pairs)
        rng.shuffle(self.reserve)
        row_id = 0
        for number, (game, popularity_type) in enumerate(pairs):
            # Ids of the first rows lie close together, those of later ones far apart.
            row_id += 1 + int(rng.random() * (3 if number < len(pairs) / 3 else 16))
            self.ids.append(row_id)
            self.games.append(game)
            self._types.append(popularity_type)


def calculated_on(day: date, popularity_type: int) -> int:
    """Return the second of a day's first minute in which all values of a type are calculated."""
    place = _TYPES.index(popularity_type) if popularity_type in _TYPES else len(_TYPES)
    return midnight(day) + 5 * place


def move_popularity(row: Row, day: date, since: date) -> None:
    """Overwrite a row's value with that day's: what a game gained or lost since a day, alike in all its figures."""
    popularity_type = row.get("popularity_type", 0)
    calculated = calculated_on(day, popularity_type)
    today, first = calculated // _DAY, midnight(since) // _DAY
    value = row.get("value", 0)
    if popularity_type not in ADDED_UP:
        draw = draws(digest_of(b"popularity of a game", row.get("game_id", 0)))
        value *= swing(draw, today) / swing(draw, first)
    row["value"] = _share(value * total_of(popularity_type, today), popularity_type, today)
    row["calculated_at"] = calculated
    row["updated_at"] = calculated + row["id"] % 4
    if "checksum" in row:
        row["checksum"] = checksum(digest_of(b"popularity of a day", row["id"], day.toordinal()))


def _places(fame: Fame, today: int) -> Iterator[tuple[int, float]]:
    """Return each type that the game can have, and how many rows a game there must be for it to have this one."""
    on_steam = fame.on_pc and (fame.released is None or fame.released > _STEAM_BEGAN)
    reviewed = fame.ahead * 10 ** (0.8 * fame.draw[24] / FULL - 0.4)
    for popularity_type, part in _PARTS.items():
        if popularity_type == REVIEWS:
            if on_steam:
                yield from ((each, reviewed / part) for each in _OF_REVIEWS)
        elif popularity_type == SELLERS:
            if on_steam:
                yield popularity_type, reviewed / part
        elif popularity_type != WISHLISTED or (on_steam and fame.age(today) < 0):
            yield popularity_type, fame.ahead * 10 ** (0.4 * fame.draw[25 + popularity_type % 7] / FULL - 0.2) / part


def _value(fame: Fame, popularity_type: int, calculated: int) -> float:
    day = calculated // _DAY
    return _share(count_of(fame, popularity_type, day), popularity_type, day)


def _share(count: float, popularity_type: int, day: int) -> float:
    """Return the nearest whole count, at least 1, divided by the total of that day."""
    total = total_of(popularity_type, day)
    return max(1, round(min(HIGHEST * total, count))) / total


def total_of(popularity_type: int, day: int) -> int:
    """Return the total that counts of a day (since 1970) are divided by; it grows every day."""
    total = TOTALS.get(popularity_type, 1_000_000)
    return total + total * (day - _START) // 5_000
