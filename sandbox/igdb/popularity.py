"""popularity_primitives of a generated world: one row per game and type, on a sparse id space."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_left
from math import log
from typing import TYPE_CHECKING

from sandbox.igdb.catalog import POPULARITY_TYPES
from sandbox.igdb.chance import FULL, checksum, digest_of, draws, key_of, midnight

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sandbox.igdb.table import Row

LOWEST, HIGHEST = 1e-6, 0.1
"""The range that values are drawn from."""

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
_RESERVE = 0.02  # pairs kept back, so that rows can appear later
_DRIFT = 0.4
_START = 16_000  # 2013, in days since 1970


class PopularitySource:
    """Base rows as of a first day: their types were calculated at different hours of the day before.

    `reserve` has the (game, type) pairs without a row.
    """

    def __init__(
        self, *, seed: int, games: Sequence[int], rows_per_game: float, first_day: date, fields: frozenset[str]
    ) -> None:
        self.fields = fields
        self.reserve: list[Pair] = []
        self.games: array[int] = array("q")
        self.ids: array[int] = array("q")
        self._types = bytearray()
        self._day_before = midnight(first_day) - _DAY
        self._key = key_of(seed, "popularity")
        self._fill(random.Random(f"{seed}:popularity"), games, rows_per_game)  # noqa: S311 - a made-up world

    def row(self, row_id: int) -> Row:
        """Return the row as of the first day."""
        position = bisect_left(self.ids, row_id)
        popularity_type = self._types[position]
        calculated = self._calculated_at(popularity_type)
        return self.make(row_id, (self.games[position], popularity_type), calculated)

    def make(self, row_id: int, pair: Pair, calculated: int) -> Row:
        """Return a row of a pair whose value was calculated at that second."""
        digest = digest_of(self._key, row_id)
        draw = draws(digest)
        game, popularity_type = pair
        source = POPULARITY_TYPES[popularity_type][1]
        return {
            "id": row_id,
            "game_id": game,
            "popularity_type": popularity_type,
            "popularity_source": source,
            "value": _share(10 ** (-6 + 5 * (draw[0] / FULL) ** 2), popularity_type, calculated),
            "calculated_at": calculated,
            "created_at": min(calculated, self._day_before) - draw[1] * 600,
            "updated_at": calculated + row_id % 4,
            "checksum": checksum(digest),
            "external_popularity_source": source,
        }

    def updated_at(self, row_id: int) -> int:
        """Return the row's `updated_at` as of the first day."""
        return self._calculated_at(self._types[bisect_left(self.ids, row_id)]) + row_id % 4

    def revise(self, row: Row, day: date) -> None:
        """Overwrite the value with that day's."""
        move_popularity(row, day)

    def revised_at(self, row_id: int, day: date) -> int:
        """Return the `updated_at` of that day's value."""
        return calculated_on(day, self._types[bisect_left(self.ids, row_id)]) + row_id % 4

    def _calculated_at(self, popularity_type: int) -> int:
        return self._day_before + (1 + 2 * _TYPES.index(popularity_type)) * 3600

    def _fill(self, rng: random.Random, games: Sequence[int], rows_per_game: float) -> None:
        """Draw the pairs: most games have none or one, few have every type. Then spread them over ids."""
        pairs: list[Pair] = []
        ratio = log(rows_per_game / (1 + rows_per_game))  # a geometric distribution with that mean
        for game in games:
            count = min(len(_TYPES), int(log(1 - rng.random()) / ratio))
            first = rng.randrange(len(_TYPES)) if count else 0
            pairs += [(game, _TYPES[(first + step) % len(_TYPES)]) for step in range(count)]
            if count < len(_TYPES) and rng.random() < _RESERVE:
                self.reserve.append((game, _TYPES[(first + count) % len(_TYPES)]))
        rng.shuffle(pairs)
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


def move_popularity(row: Row, day: date) -> None:
    """Overwrite a row's value with that day's: its own drift, up to a fifth up or down from the value it began with."""
    digest = digest_of(b"popularity of a day", row["id"], day.toordinal())
    noise = draws(digest)[0] / FULL
    popularity_type = row.get("popularity_type", 0)
    row["calculated_at"] = calculated_on(day, popularity_type)
    moved = row.get("value", LOWEST) * (1 - _DRIFT / 2 + _DRIFT * noise)
    row["value"] = _share(moved, popularity_type, row["calculated_at"])
    row["updated_at"] = row["calculated_at"] + row["id"] % 4
    if "checksum" in row:
        row["checksum"] = checksum(digest)


def _share(value: float, popularity_type: int, calculated: int) -> float:
    """Return the nearest whole count, at least 1, divided by the total of that day; totals grow every day."""
    total = TOTALS.get(popularity_type, 1_000_000)
    total += total * (calculated // _DAY - _START) // 5_000
    return max(1, round(min(HIGHEST, value) * total)) / total
