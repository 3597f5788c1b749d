"""Percentiles, quantiles, means of known parts, bounds: the arithmetic of the chapter "Formulas"."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from math import isfinite, sqrt
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Key = TypeVar("Key")

VALUES_NEEDED = 10
UNITS_TRIED = 10
SMALL = 1000
TOLERANCE = 0.05
LARGEST_COUNT = 10**9
Z_95 = 1.96


def percentiles(values: Mapping[Key, float | None]) -> dict[Key, float]:
    """Return the percentile rank of each known value: 100 x smaller ones / (known ones - 1); 0 for the only one."""
    known = sorted(value for value in values.values() if value is not None)
    others = max(len(known) - 1, 1)
    return {key: 100 * bisect_left(known, value) / others for key, value in values.items() if value is not None}


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the quantile of the values, interpolated between the two nearest; None of no values."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def mean_of_known(parts: Iterable[tuple[float, float | None]]) -> tuple[float | None, float]:
    """Return the weighted mean of the known parts, and the sum of their weights."""
    known = [(weight, part) for weight, part in parts if part is not None]
    weight = sum(weight for weight, _ in known)
    return (sum(weight * part for weight, part in known) / weight if known else None), weight


def wilson(positive: int, total: int) -> float | None:
    """Return the lower end of the 95 % interval of a share (Wilson, 1927)."""
    if total <= 0:
        return None
    share, z2 = positive / total, Z_95**2
    middle = share + z2 / (2 * total)
    spread = Z_95 * sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return (middle - spread) / (1 + z2 / total)


def unit_of(values: Iterable[float]) -> tuple[float, float] | None:
    """Return the step of which a day's values are whole multiples, and the share that it explains; None without one."""
    ordered = sorted({value for value in values if value > 0 and isfinite(value)})
    if len(ordered) < VALUES_NEEDED:
        return None
    steps = sorted(
        {high - low for low, high in zip([0.0, *ordered], ordered, strict=False) if high - low > 1e-9 * high}
    )
    for step in sorted(steps[:UNITS_TRIED], reverse=True):
        small = [value / nearest(value / step) for value in ordered if 0.5 <= value / step < SMALL + 0.5]
        unit = quantile(small, 0.5)
        if unit is None:
            continue
        explained = sum(count_of(value, unit) is not None for value in ordered) / len(ordered)
        if explained >= 0.95:
            return unit, explained
    return None


def count_of(value: float, unit: float) -> int | None:
    """Return how many units a value is; None if it is no whole number of them."""
    count = value / unit
    if value == 0:
        return 0
    if not 1 - TOLERANCE <= count <= LARGEST_COUNT or abs(count - nearest(count)) > TOLERANCE:
        return None
    return nearest(count)


def nearest(number: float) -> int:
    """Return the nearest whole number."""
    return int(number + 0.5)


def weighted(count: int, rating: float, votes: float, mean: float) -> float:
    """Return a rating drawn to a mean as by so many more votes."""
    return (count * rating + votes * mean) / (count + votes)


def mean(values: Iterable[float]) -> float:
    """Return the mean, exact in its sum."""
    listed = [Fraction(value) for value in values]
    return float(sum(listed) / len(listed))
