"""What is usual for a figure that is taken once a night, and when it is unusual. Pure functions, without a lake.

    anomalies([Point(day, rows), ...], sensitivity)   # the nights on which the figure was unusual, the oldest first

Figures are compared as logarithms: growth and the rhythm of a week multiply. The usual value of a night is the median
of the same weekday in the 8 weeks before, on the trend of these weeks. The usual deviation is a robust one (Qn) of each
night from the others of its weekday. Three rules find an anomaly:

- **drop** and **rise**: one night is far from its usual value.
- **drift**: a one-sided sum (CUSUM) of the deviations of 4 weeks, from the 8 weeks before them, in either direction. It
  finds a slow leak, and a small change that stays. It needs 10 weeks of figures.
- **stuck**: a figure that changes from night to night has the same value again and again.

A change that stays is an anomaly for `COOLDOWN` nights; then it is the usual value. `docs/decisions` has the reasons
and the rates of false and missed alarms.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import combinations, pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

WINDOW = 56
"""Nights before the judged one that say what is usual: 8 of each weekday."""
WARM_UP = 28
"""Nights from the first figure to the first one that is judged: 4 of each weekday."""
COOLDOWN = 7
"""Nights after which a changed figure is the usual one, and within which the same series makes no second anomaly."""
RECENT = 28
"""Nights in which a drift is looked for."""
FEWEST = 4
"""Figures of one kind that a judgement needs: a full load is made once a week."""

_DEVIATIONS = 4.5  # of the usual ones
_SLACK, _ENOUGH = 0.5, 10.0  # of the CUSUM, in usual deviations
_CLIPPED = 3.0  # one night alone is no drift
_FEWEST_RECENT = 14  # a full load a week makes no drift
_USUAL_TREND = 0.001  # a night: a table grows by a third in ten months
_LEAST_DEVIATION = 0.001  # a figure that never changed: any change that matters is unusual
_STUCK_BY_CHANCE = 1e-6
_TO_DEVIATION, _QN = 1.4826, 2.2219  # of a median absolute deviation and of Qn, to a standard deviation


class Shape(StrEnum):
    """What is unusual about a figure."""

    DROP = "drop"
    RISE = "rise"
    DRIFT = "drift"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Point:
    """The figure of a night. Only points of one `kind` are compared, such as the mode of a load."""

    day: date
    value: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The least change that matters.

    Attributes:
        factor: Of one night against its usual value: 1.1 is 10 % more, or 9 % less.
        drift: The same of a change that stays.
        amount: In the unit of the figure. A smaller change is no anomaly, however unusual.
        is_watched_for_standstill: Whether the figure should change from night to night.
    """

    factor: float
    drift: float
    amount: float
    is_watched_for_standstill: bool = False


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An unusual night.

    Attributes:
        day: The night.
        since: The first night of the same anomaly.
        value: The figure.
        expected: What is usual.
        deviations: How far it is from that, in usual deviations; of a figure that is stuck, nights without a change.
    """

    day: date
    since: date
    shape: Shape
    value: float
    expected: float
    deviations: float

    @property
    def change(self) -> float:
        """The difference from the usual value, as a share of it; 0.2 is 20 % more."""
        return self.value / self.expected - 1 if self.expected else math.inf


def anomalies(points: Iterable[Point], sensitivity: Sensitivity) -> list[Anomaly]:
    """Return the nights on which a figure was unusual, the oldest first.

    The result for a night depends on earlier points only: a later call finds the same nights again.

    Args:
        points: One point a night, in any order. Nights may be missing.
        sensitivity: The least change that matters.
    """
    return list(_Watch(sorted(points, key=lambda each: each.day), sensitivity).run())


class _Watch:
    """Goes through the nights of one figure, as they came."""

    def __init__(self, points: Sequence[Point], sensitivity: Sensitivity) -> None:
        self._points = points
        self._sensitivity = sensitivity
        self._places = [each.day.toordinal() for each in points]
        self._logs = [math.log1p(max(0.0, each.value)) for each in points]
        self._last: Anomaly | None = None

    def run(self) -> Iterator[Anomaly]:
        """Yield the unusual nights. A change that has lasted long enough becomes usual."""
        for index in range(len(self._points)):
            if self._places[index] - self._places[0] < WARM_UP:
                continue
            found = self._judge(index)
            if found is None:
                continue
            yield found
            self._last = found
            if found.shape is not Shape.STUCK and (found.day - found.since).days + 1 >= COOLDOWN:
                self._accept(index, found)

    def _judge(self, index: int) -> Anomaly | None:
        usual = self._usual(index, WINDOW)
        if usual is None:
            return None
        value, expected = self._points[index].value, usual.at(self._places[index])
        difference = self._logs[index] - expected
        if self._matters(value, expected, self._sensitivity.factor):
            deviations = difference / usual.deviation
            if abs(deviations) >= usual.limit:
                return self._anomaly(index, Shape.DROP if difference < 0 else Shape.RISE, expected, deviations)
        return self._drift(index) or self._standstill(index)

    def _drift(self, index: int) -> Anomaly | None:
        reference = self._usual(index, WINDOW, gap=RECENT)
        recent = [*self._of_kind(index, RECENT), index]
        if reference is None or len(recent) < _FEWEST_RECENT:
            return None
        expected = [reference.at(self._places[each]) for each in recent]
        differences = [self._logs[each] - usual for each, usual in zip(recent, expected, strict=True)]
        drift = self._sensitivity.drift
        if abs(median(differences[-3:])) < math.log(drift):
            return None
        if not self._matters(self._points[index].value, expected[-1], drift):
            return None
        sign, total = math.copysign(1.0, differences[-1]), 0.0
        for each, difference in zip(recent, differences, strict=True):
            deviations = sign * difference / reference.deviation
            slack = _SLACK + reference.doubt(self._places[each])
            total = max(0.0, total + max(-_CLIPPED, min(_CLIPPED, deviations)) - slack)
        if total < _ENOUGH:
            return None
        return self._anomaly(index, Shape.DRIFT, expected[-1], differences[-1] / reference.deviation)

    def _standstill(self, index: int) -> Anomaly | None:
        if not self._sensitivity.is_watched_for_standstill:
            return None
        values = [each.value for each in self._points[max(0, index - WINDOW) : index + 1]]
        runs = [0]
        for before, after in pairwise(values):
            runs = [*runs[:-1], runs[-1] + 1] if before == after else [*runs, 0]
        *earlier, run = runs
        # The chance of one more night without a change, from the nights before the run; never 0.
        chance = (sum(earlier) + 1) / (sum(earlier) + len(earlier) + 2)
        if run <= max(earlier, default=len(values)) or chance**run > _STUCK_BY_CHANCE:
            return None
        return self._anomaly(index, Shape.STUCK, self._logs[index], run)

    def _matters(self, value: float, expected: float, factor: float) -> bool:
        usual = math.expm1(expected)
        ratio = (value + 1) / (usual + 1)
        return max(ratio, 1 / ratio) >= factor and abs(value - usual) >= self._sensitivity.amount

    def _anomaly(self, index: int, shape: Shape, expected: float, deviations: float) -> Anomaly:
        point, last = self._points[index], self._last
        is_same = last is not None and (point.day - last.day).days <= COOLDOWN
        since = last.since if last and is_same else point.day
        return Anomaly(point.day, since, shape, point.value, max(0.0, math.expm1(expected)), deviations)

    def _accept(self, index: int, found: Anomaly) -> None:
        """Make a change that stays the usual value: move the earlier figures to it, and keep rhythm and deviations."""
        usual = self._usual(index, WINDOW)
        new = [each for each in self._of_kind(index, COOLDOWN) if self._points[each].day >= found.since]
        if usual is None or not new:
            return
        shift = median(self._logs[each] - usual.at(self._places[each]) for each in [*new, index])
        for each in range(index):
            if self._points[each].day < found.since and self._points[each].kind == self._points[index].kind:
                self._logs[each] += shift
        self._last = None

    def _of_kind(self, index: int, nights: int, gap: int = 0) -> list[int]:
        """Return the points before one of the same kind, in a window of nights that ends `gap` nights before it."""
        place, kind = self._places[index], self._points[index].kind
        found = []
        for each in range(index - 1, -1, -1):
            if (back := place - self._places[each]) > nights + gap:
                break
            if back > gap and self._points[each].kind == kind:
                found.append(each)
        return found[::-1]

    def _usual(self, index: int, nights: int, gap: int = 0) -> _Usual | None:
        found = self._of_kind(index, nights, gap)
        least = WARM_UP + 14 if gap else WARM_UP - 7
        if len(found) < FEWEST or self._places[found[-1]] - self._places[found[0]] + 1 < least:
            return None
        return _Usual([self._places[each] for each in found], [self._logs[each] for each in found])


class _Usual:
    """The usual values of a figure: a median for each weekday on a common trend."""

    def __init__(self, places: Sequence[int], logs: Sequence[float]) -> None:
        self._center = (places[0] + places[-1]) / 2
        self._slope, self._error = _trend(places, logs)
        self._flat = [log - self._slope * (place - self._center) for place, log in zip(places, logs, strict=True)]
        self._weekdays: dict[int, list[float]] = defaultdict(list)
        for place, log in zip(places, self._flat, strict=True):
            self._weekdays[place % 7].append(log)

    def at(self, place: int) -> float:
        """Return the usual value of a night."""
        same = self._weekdays.get(place % 7, ())
        return median(same if len(same) >= FEWEST - 1 else self._flat) + self._slope * (place - self._center)

    @cached_property
    def deviation(self) -> float:
        """The usual deviation: each night against the others of its weekday."""
        apart = []
        for same in self._weekdays.values():
            for index, log in enumerate(same):
                others = same[:index] + same[index + 1 :]
                apart.append(log - median(others if len(others) >= FEWEST - 2 else self._flat))
        return max(_spread(apart), _LEAST_DEVIATION)

    def doubt(self, place: int) -> float:
        """Two standard errors of the trend on a night, in usual deviations."""
        return 2 * self._error * (place - self._center) / self.deviation

    @property
    def limit(self) -> float:
        """How many deviations are unusual. Few nights say little about the deviation."""
        return _DEVIATIONS * (1 + FEWEST / len(self._flat))


def _spread(values: Sequence[float]) -> float:
    """Return a robust standard deviation: Qn of Rousseeuw and Croux, from the smaller half of all differences."""
    half = len(values) // 2 + 1
    differences = sorted(abs(one - other) for one, other in combinations(values, 2))
    fitting = len(values) / (len(values) + (1.4 if len(values) % 2 else 3.8))
    return _QN * fitting * differences[half * (half - 1) // 2 - 1]


def _trend(places: Sequence[int], logs: Sequence[float]) -> tuple[float, float]:
    """Return the change in a night, and its standard error.

    It is the median of the slopes between the halves of the window, weekday with weekday: Theil's incomplete method,
    which needs one pair a night where Theil and Sen take all. A slope that is lost in the noise counts less.
    """
    known = dict(zip(places, logs, strict=True))
    lag = max(7, (places[-1] - places[0] + 1) // 14 * 7)
    slopes = [(log - known[place - lag]) / lag for place, log in known.items() if place - lag in known]
    if len(slopes) < FEWEST - 2:
        return 0.0, _USUAL_TREND
    slope = median(slopes)
    apart = _TO_DEVIATION * median(abs(each - slope) for each in slopes)
    error = 1.25 * apart / math.sqrt(len(slopes)) * (1 + 8 / len(slopes))  # few pairs understate it
    share = _USUAL_TREND**2 / (_USUAL_TREND**2 + error**2)
    return slope * share, error * math.sqrt(share)
