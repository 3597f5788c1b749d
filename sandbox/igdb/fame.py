"""How well known and how good a game of a generated world is, and what that makes of its popularity on a day.

All figures of a game follow from the same few traits, so they agree: who plays a game has played it, reviews are
positive or negative, and few games are known to many. The sizes follow the recorded rows of June 2026.
"""

from __future__ import annotations

from math import exp, log10, pi, sin, sqrt
from typing import TYPE_CHECKING, NamedTuple

from sandbox.igdb.chance import FULL, digest_of, draws

if TYPE_CHECKING:
    from collections.abc import Sequence

VISITS, WANT_TO_PLAY, PLAYING, PLAYED, PEAK, POSITIVE, NEGATIVE, REVIEWS, SELLERS, WISHLISTED, TWITCH = (
    *range(1, 11),
    34,
)
STEAM = (PEAK, POSITIVE, NEGATIVE, REVIEWS, SELLERS, WISHLISTED)
ONCE_OUT = (PLAYING, PEAK, POSITIVE, NEGATIVE, REVIEWS, SELLERS, TWITCH)
"""What an upcoming game has none of. People note that they played one: there are demos."""

ADDED_UP = (PLAYED, POSITIVE, NEGATIVE, REVIEWS)
"""What hardly falls."""

_SIZES = {
    VISITS: (-0.7, 3.5),
    WANT_TO_PLAY: (0.0, 3.5),
    PLAYING: (-0.7, 3.6),
    PLAYED: (0.5, 3.6),
    PEAK: (-0.9, 5.9),
    REVIEWS: (1.2, 5.2),
    SELLERS: (1.0, 3.0),
    WISHLISTED: (1.0, 3.0),
    TWITCH: (-1.0, 6.6),
}
"""The power of ten that the count of an unknown game is, and what the best known game has more."""

_LONG_AGO = 4_000


class Fame(NamedTuple):
    """Traits of a game.

    ahead: the share of the games that are better known. reach: 0 unknown to 1 known to all. quality: 0 to 1.
    released: in days since 1970, None if undecided. draw: numbers of the game alone.
    """

    ahead: float
    reach: float
    quality: float
    released: int | None
    on_pc: bool
    draw: Sequence[int]

    @property
    def is_known(self) -> bool:
        """Whether it is one of the best known 5 % of the games: critics rate these, and rankings keep them."""
        return self.ahead < 0.05

    def age(self, day: int) -> int:
        """Return the days since the release: negative before it."""
        return -_LONG_AGO if self.released is None else day - self.released


def fame_of(key: bytes, game: int, *, games: int, released: int | None, on_pc: bool, is_main: bool) -> Fame:
    """Return the traits of one of so many games. Few are known to many: games of their own, with a date."""
    draw = draws(digest_of(key, game))
    ahead = (draw[0] * FULL + draw[1] + 1) / FULL**2
    if not is_main or released is None:
        ahead **= 0.6
    reach = min(1.0, -log10(ahead) / log10(2 * games))
    quality = min(1.0, (draw[2] + draw[3]) / FULL / 2 + 0.2 * reach)
    return Fame(ahead, reach, quality, released, on_pc, draw)


def rating_of(fame: Fame, noise: int) -> float:
    """Return a rating from 20 to 100 that agrees with the game's quality."""
    return min(100.0, 28 + 62 * fame.quality + 10 * noise / FULL)


def count_of(fame: Fame, popularity_type: int, day: int) -> int:
    """Return the users, players, reviews, points or hours of a game on a day, at least 1."""
    if popularity_type in {POSITIVE, NEGATIVE}:
        reviews = count_of(fame, REVIEWS, day)
        positive = min(reviews - 1, max(1, round(reviews * _positive_share(fame))))
        return positive if popularity_type == POSITIVE else reviews - positive
    start, more = _SIZES[popularity_type]
    noise = fame.draw[8 + popularity_type % 16] / FULL - 0.5
    size = 10 ** (start + more * fame.reach + noise / 2) * _course(popularity_type, fame.age(day))
    if popularity_type in ADDED_UP:
        return max(2, round(size))
    size *= swing(fame.draw, day, 0.3 if popularity_type == WANT_TO_PLAY else 1.0)
    if popularity_type in {PEAK, TWITCH}:
        size *= 1 + 0.1 * sin(2 * pi * day / 7)  # the weekend
    most = {PLAYING: PLAYED, PEAK: REVIEWS}.get(popularity_type)
    return max(1, round(size) if most is None else min(round(size), count_of(fame, most, day)))


def swing(draw: Sequence[int], day: int, part: float = 1.0) -> float:
    """Return the factor of a game's ups and downs: one in ten games gains or loses much within weeks."""
    strength = 0.08 + (draw[4] / FULL) ** 7
    by_day = (draw[10] + 1) * (day + 7) * 40_503 % 65_521 / 65_521 - 0.5
    return exp(part * (strength * sin(2 * pi * (day / (30 + draw[5] % 60) + draw[6] / FULL)) + 0.03 * by_day))


def _positive_share(fame: Fame) -> float:
    return min(0.99, 0.4 + 0.53 * sqrt(fame.quality) + 0.06 * fame.draw[7] / FULL)


def _course(popularity_type: int, age: int) -> float:
    """Return what the time before or since the release makes of a figure."""
    if age < 0:
        return 300 / (300 - age)
    if popularity_type in ADDED_UP:
        return 1 - 0.7 * exp(-age / 60) + age / 50_000
    if popularity_type == WANT_TO_PLAY:
        return 1 / (1 + age / 10_000)
    return 1 / (1 + age / 6_000) + 2 * exp(-age / 30)
