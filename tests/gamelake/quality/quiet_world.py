"""Figures of nights without a fault: growth, the rhythm of a week, noise, and a full load each Monday."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from typing import TYPE_CHECKING

from gamelake.quality.baseline import Point, Sensitivity

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = date(2026, 1, 1)
TABLE = Sensitivity(factor=1.1, drift=1.05, amount=20, is_watched_for_standstill=True)
LOAD = Sensitivity(factor=1.5, drift=1.15, amount=50)
DURATION = Sensitivity(factor=2.5, drift=1.5, amount=30)
REJECTED = Sensitivity(factor=2.0, drift=2.0, amount=20)


class World:
    """One random world, the same for each call with a seed."""

    def __init__(self, name: str, seed: int) -> None:
        self.random = random.Random(f"{name} {seed}")  # noqa: S311 - a test repeats it
        self.growth = self.random.uniform(0, 0.002)
        self.size = self.random.choice([20_000, 345_000])
        self.week = [self.random.uniform(0.8, 1.25) for _ in range(7)]
        self.walk = 1.0

    def noise(self, share: float) -> float:
        return math.exp(self.random.gauss(0, share))


def table_rows(world: World, day: date, night: int) -> Point:
    """Rows of a table: they grow, not by the same number each night."""
    world.walk *= world.noise(0.0007)
    return Point(day, round(world.size * math.exp(world.growth * night) * world.walk))


def users(world: World, day: date, night: int) -> Point:
    """A count of people, of whom more play at weekends."""
    weekend = 1.12 if day.weekday() >= 5 else 1.0
    return Point(day, round(world.size * math.exp(world.growth * night) * weekend * world.noise(0.015)))


def rows_read(world: World, day: date, night: int) -> Point:
    """Rows that a load reads: all of them each Monday, on other nights what changed."""
    rows = world.size * math.exp(world.growth * night)
    if day.weekday() == 0:
        return Point(day, round(rows * world.noise(0.003)), "full")
    return Point(day, round(0.08 * rows * world.week[day.weekday()] * world.noise(0.07)), "incremental")


def seconds(world: World, day: date, night: int) -> Point:
    """Duration of a load: noisy, and slower by a half in one night of 25."""
    read = rows_read(world, day, night)
    slow = 1.5 if world.random.random() < 0.04 else 1.0
    return Point(day, (5 + read.value / 500) * world.noise(0.15) * slow, read.kind)


def rejected(world: World, day: date, night: int) -> Point:
    """Rows that break the contract: none or a few."""
    return Point(day, sum(world.random.random() < 0.02 for _ in range(50)))


SERIES: dict[str, tuple[Callable[[World, date, int], Point], Sensitivity]] = {
    "table_rows": (table_rows, TABLE),
    "users": (users, TABLE),
    "rows_read": (rows_read, LOAD),
    "seconds": (seconds, DURATION),
    "rejected": (rejected, REJECTED),
}


def quiet(name: str, seed: int, nights: int) -> list[Point]:
    """Return the figures of quiet nights."""
    world, (figure, _) = World(name, seed), SERIES[name]
    return [figure(world, FIRST + timedelta(days=night), night) for night in range(nights)]
