"""What is usual: robust figures of a history, which a few odd days do not move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations, pairwise
from math import sqrt
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

LEAST_DAYS = 5
"""A history of fewer days has nothing usual: there is no finding."""
RECENT_DAYS = 14

_LEAST_WEEKDAYS = 3
_DEVIATIONS = 4
"""How many of its own usual deviations a figure may be away from the usual."""
_LEAST_ROWS = 5
_LEAST_MOVES = 7
_MOST_MOVE = 0.9

_TO_DEVIATION = 1.4826
"""The standard deviation of a normal distribution, by its median absolute deviation."""


def spread(values: Sequence[float]) -> float:
    """Return the standard deviation of values as far as it is usual: from their median absolute deviation."""
    middle = median(values)
    return _TO_DEVIATION * median(abs(value - middle) for value in values)


def trend(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Return the slope and the value at 0 of the line through points, by Theil and Sen: the median of all slopes.

    Args:
        points: Places and values, two or more; the places differ.
    """
    slope = median((right - left) / (after - before) for (before, left), (after, right) in combinations(points, 2))
    return slope, median(value - slope * place for place, value in points)


@dataclass(frozen=True, slots=True)
class Range:
    """The rows that are usual on a day: from `low` to `high`, with `expected` in the middle."""

    low: float
    high: float
    expected: float


def range_of_rows(history: Sequence[tuple[date, int]], day: date, *, share: float) -> Range | None:
    """Return which numbers of rows are usual on a day; None if the history is too short.

    Two figures are usual: the trend of the last two weeks, and the median of the same weekday. What is near to either
    is usual. Days without rows do not count: what begins is no fault, and what ends is one.

    Args:
        history: Earlier days, each once, and their rows.
        day: The day.
        share: The share of the usual rows by which rows may differ from them.
    """
    filled = [(each, rows) for each, rows in history if rows]
    recent = [((each - day).days, float(rows)) for each, rows in filled if each >= day - timedelta(days=RECENT_DAYS)]
    if len(recent) < LEAST_DAYS:
        return None
    slope, level = trend(recent)
    level = max(level, 0.0)
    deviation = spread([value - slope * place for place, value in recent])
    middles = [level]
    weekdays = [rows for each, rows in filled if each.weekday() == day.weekday()]
    if len(weekdays) >= _LEAST_WEEKDAYS:
        middles.append(median(weekdays))
    margins = [max(share * each, _DEVIATIONS * deviation, 3 * sqrt(each), _LEAST_ROWS) for each in middles]
    pairs = list(zip(middles, margins, strict=True))
    return Range(min(a - b for a, b in pairs), max(a + b for a, b in pairs), middles[-1])


@dataclass(frozen=True, slots=True)
class Streak:
    """How often in a row nothing moved at the end, and the share of the steps before that moved."""

    still: int
    moved: float


def streak(states: Sequence[object]) -> Streak | None:
    """Return how often in a row a state stayed the same at the end; None if it did not, or did not always move before.

    Args:
        states: What is compared, the oldest first.
    """
    moves = [before != after for before, after in pairwise(states)]
    still = next((count for count, moved in enumerate(reversed(moves)) if moved), len(moves))
    earlier = moves[: len(moves) - still]
    if not still or len(earlier) < _LEAST_MOVES or sum(earlier) < _MOST_MOVE * len(earlier):
        return None
    return Streak(still, sum(earlier) / len(earlier))


def highest_share(history: Sequence[tuple[int, int]], total: int, *, change: float) -> tuple[float, float] | None:
    """Return the usual share of a count, and the highest one that is no finding; None if the history is too short.

    Beside the allowed change, chance counts: of 50 rows one more is 2 %.

    Args:
        history: Counts and their totals on earlier days.
        total: The total of the day.
        change: By how much the share may be above the usual one.
    """
    shares = [count / rows for count, rows in history if rows][-RECENT_DAYS:]
    if len(shares) < LEAST_DAYS or not total:
        return None
    usual = median(shares)
    guess = (usual * total + 1) / (total + 2)
    chance = sqrt(guess * (1 - guess) / total)
    return usual, usual + max(change, _DEVIATIONS * chance, _DEVIATIONS * spread(shares))
