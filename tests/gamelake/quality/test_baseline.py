"""Quiet nights are no anomaly, and a planted fault is found within its time.

The rates are those of 12 random worlds; `BASELINE_SEEDS=300` takes more, and docs/decisions has what they gave.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gamelake.quality.baseline import COOLDOWN, WARM_UP, Point, Sensitivity, Shape, anomalies
from tests.gamelake.quality.quiet_world import FIRST, SERIES, TABLE, quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SEEDS = int(os.environ.get("BASELINE_SEEDS", "12"))
BEGIN = 80


def dropped(points: Sequence[Point], at: int) -> list[Point]:
    return [replace(each, value=each.value * 0.8) if n >= at else each for n, each in enumerate(points)]


def leaking(points: Sequence[Point], at: int) -> list[Point]:
    return [replace(each, value=each.value * 0.99 ** max(0, n - at + 1)) for n, each in enumerate(points)]


def doubled(points: Sequence[Point], at: int) -> list[Point]:
    return [replace(each, value=each.value * 2) if n == at else each for n, each in enumerate(points)]


def stuck(points: Sequence[Point], at: int) -> list[Point]:
    return [replace(each, value=points[at - 1].value) if n >= at else each for n, each in enumerate(points)]


@pytest.mark.parametrize("name", SERIES)
def test_ninety_quiet_nights_have_no_anomaly(name: str) -> None:
    alarms = {seed: found for seed in range(SEEDS) if (found := anomalies(quiet(name, seed, 90), SERIES[name][1]))}

    assert len(alarms) <= SEEDS // 300, f"{len(alarms)} of {SEEDS} quiet series of {name} have an alarm"


@pytest.mark.parametrize(
    ("name", "fault", "within", "share"),
    [
        ("table_rows", dropped, 1, 1.0),
        ("users", dropped, 1, 1.0),
        ("rows_read", dropped, 35, 0.97),
        ("table_rows", leaking, 14, 1.0),
        ("users", leaking, 21, 1.0),
        ("rows_read", leaking, 42, 1.0),
        ("rows_read", doubled, 1, 1.0),
        ("table_rows", stuck, 7, 1.0),
    ],
)
def test_every_planted_fault_is_found_within_its_time(
    name: str, fault: Callable[[Sequence[Point], int], list[Point]], within: int, share: float
) -> None:
    late = []
    for seed in range(SEEDS):
        points = quiet(name, seed, BEGIN + 14 + within)
        at = BEGIN + seed % 14
        at += points[at].kind == "full"
        since = FIRST + timedelta(days=at)
        found = [each for each in anomalies(fault(points, at)[: at + within], SERIES[name][1]) if each.day >= since]
        if not found:
            late.append(seed)

    assert len(late) <= SEEDS * (1 - share), f"{late} of {SEEDS} faults were not found within {within} nights"


def test_nothing_is_judged_before_the_warm_up() -> None:
    points = quiet("table_rows", 1, WARM_UP)

    assert anomalies([*points[:-1], replace(points[-1], value=1.0)], TABLE) == []


def test_a_change_below_the_least_one_is_no_anomaly_however_regular_the_figure_is() -> None:
    points = [Point(FIRST + timedelta(days=n), 1000.0) for n in range(60)]
    changed = [*points[:-1], replace(points[-1], value=1015.0)]

    assert anomalies(changed, Sensitivity(factor=1.01, drift=1.01, amount=20)) == []
    assert [each.value for each in anomalies(changed, Sensitivity(factor=1.01, drift=1.01, amount=10))] == [1015.0]


def test_a_change_that_stays_becomes_usual_after_the_cooldown() -> None:
    found = anomalies(dropped(quiet("users", 1, 120), BEGIN), TABLE)

    begin = FIRST + timedelta(days=BEGIN)
    assert [each.day for each in found] == [begin + timedelta(days=n) for n in range(COOLDOWN)]
    assert {each.since for each in found} == {begin}
    assert found[0].change == pytest.approx(-0.2, abs=0.05)


def test_a_figure_that_changes_again_and_again_is_one_anomaly() -> None:
    points = quiet("users", 2, 100)
    every_other = [replace(p, value=p.value * 0.7) if n in {80, 82, 84} else p for n, p in enumerate(points)]

    found = anomalies(every_other, TABLE)
    assert [(each.day - FIRST).days for each in found] == [80, 82, 84]
    assert {(each.since - FIRST).days for each in found} == {80}


def test_a_full_load_on_another_day_is_compared_with_full_loads() -> None:
    points = quiet("rows_read", 3, 80)
    monday = next(n for n, each in enumerate(points) if n > 70 and each.kind == "full")
    points[monday + 2] = replace(points[monday], day=points[monday + 2].day)

    assert anomalies(points, SERIES["rows_read"][1]) == []


def test_missing_nights_are_not_needed() -> None:
    points = [each for n, each in enumerate(quiet("users", 4, 90)) if n % 5]

    assert anomalies(points, TABLE) == []
    assert anomalies(dropped(points, len(points) - 1), TABLE)[0].shape is Shape.DROP


def test_a_figure_that_never_changes_is_not_stuck() -> None:
    assert anomalies([Point(FIRST + timedelta(days=n), 0.0) for n in range(90)], TABLE) == []


def test_a_later_call_finds_the_same_nights_again() -> None:
    points = dropped(quiet("table_rows", 5, 110), BEGIN)

    assert anomalies(points, TABLE)[:3] == anomalies(points[: BEGIN + 3], TABLE)
