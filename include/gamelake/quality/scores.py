"""Checks of the scored figures, by the quantiles of their columns: drift, and figures that stand still.

The distance of two distributions is the mean difference of their quantiles, as a share of the usual range from 5 % to
95 %: the Wasserstein distance without its tails. Many scores have the same value in many rows. There a tiny change of
that value makes the distance of Kolmogorov and Smirnov, or the population stability index, as large as a real one.
"""

from __future__ import annotations

from math import sqrt
from statistics import fmean, median
from typing import TYPE_CHECKING

from gamelake.marts.findings import Observation, Severity
from gamelake.quality.usual import LEAST_DAYS, RECENT_DAYS, streak
from gamelake.quality.wording import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gamelake.quality.evidence import Evidence
    from gamelake.quality.profile import ColumnProfile, MartProfile

_DEVIATIONS = 4
_CHANCE = 3
"""The distance that chance makes between two samples, in units of 1 / sqrt(rows): seen in 1 of 1,000 pairs."""


def _scores(evidence: Evidence) -> Iterator[tuple[MartProfile, ColumnProfile, list[tuple[MartProfile, ColumnProfile]]]]:
    for mart, column, before in evidence.of_column():
        if column.name in evidence.watched(mart.name).thresholds.scores:
            yield mart, column, before


def distance(quantiles: Sequence[float], usual: Sequence[float]) -> float:
    """Return how far quantiles are from the usual ones, as a share of the range of these."""
    width = usual[-1] - usual[0]
    moved = fmean(abs(each - of) for each, of in zip(quantiles, usual, strict=True))
    return moved / width if width else float(moved > 0)


def drift(evidence: Evidence) -> Iterator[Observation]:
    """Find scores whose distribution is not the usual one."""
    for mart, column, before in _scores(evidence):
        history = [each.quantiles for _, each in before if each.quantiles][-RECENT_DAYS:]
        if column.quantiles is None or len(history) < LEAST_DAYS:
            continue
        usual = [median(values) for values in zip(*history, strict=True)]
        past = [distance(each, usual) for each in history]
        allowed = max(
            evidence.watched(mart.name).thresholds.max_drift,
            _CHANCE / sqrt(max(1, mart.rows - column.nulls)),
            _DEVIATIONS * median(past),
        )
        found = distance(column.quantiles, usual)
        if found > allowed:
            middle, subject = len(usual) // 2, f"{mart.name}.{column.name}"
            yield Observation(
                check="drift",
                severity=Severity.P2,
                subject=subject,
                value=round(found, 4),
                expected=f"a distance of at most {allowed:.3g}",
                **text(
                    "drift.moved",
                    subject=subject,
                    found=found,
                    allowed=allowed,
                    middle=column.quantiles[middle],
                    usual=usual[middle],
                ).fields("message"),
            )


def standstill(evidence: Evidence) -> Iterator[Observation]:
    """Find scores that moved nearly every day and have the same figures again."""
    for mart, column, before in _scores(evidence):
        days = evidence.watched(mart.name).thresholds.still_days
        found = streak([_figures(*each) for each in (*before, (mart, column))])
        if found and found.still >= days:
            subject = f"{mart.name}.{column.name}"
            yield Observation(
                check="standstill",
                severity=Severity.P1,
                subject=subject,
                value=found.still,
                expected=f"other figures within {days} days",
                **text("standstill.score", subject=subject, still=found.still, moved=found.moved).fields("message"),
            )


def _figures(mart: MartProfile, column: ColumnProfile) -> tuple[object, ...]:
    return mart.rows, column.nulls, column.distinct, column.min, column.max, column.quantiles
