"""The age of the loads behind the published marts, by the wall clock.

Builds do not use it: a day that is built again is old. `dbt source freshness` has the same limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gamelake.marts import pointer
from gamelake.marts.reader import open_marts

if TYPE_CHECKING:
    from datetime import date

    from gamelake.lake.store import Store

# `dbt source freshness` counts from the commit of a load, by the wall clock. A load commits once a day, soon after
# 04:00 in Korea: 30 hours later the next night's is six hours late, and 54 hours later a second night is missing.
WARN_AFTER_HOURS = 30
ERROR_AFTER_HOURS = 54


@dataclass(frozen=True, slots=True)
class LoadAge:
    """The load of one table that readers see, and its age."""

    table: str
    day: str
    committed_at: datetime
    age: timedelta

    @property
    def hours(self) -> float:
        """The age in hours."""
        return self.age.total_seconds() / 3600

    @property
    def verdict(self) -> str:
        """The meaning of the age: `fresh`, `late` (a night is missing) or `stale` (two are)."""
        if self.age > timedelta(hours=ERROR_AFTER_HOURS):
            return "stale"
        return "late" if self.age > timedelta(hours=WARN_AFTER_HOURS) else "fresh"


@dataclass(frozen=True, slots=True)
class PublishedLoads:
    """The generation that readers see, since when, and its loads."""

    generation: str
    day: date
    since: datetime
    loads: tuple[LoadAge, ...]


def published(store: Store, *, now: datetime | None = None) -> PublishedLoads:
    """Return the loads behind the published generation, with their ages.

    Args:
        store: The lake.
        now: The moment to count from, for tests; by default the present.

    Raises:
        NotPublishedError: Nothing is published.
        StoreError: The lake cannot be read, or the generation is incomplete.
    """
    marts = open_marts(store)
    generation = marts.generation
    moment = now or datetime.now(UTC)
    loads = [
        LoadAge(f"{each.source}.{each.entity}", each.partition, each.committed_at, moment - each.committed_at)
        for each in marts.inputs.sources
    ]
    moved = pointer.newest(store)
    since = moved.at if moved and moved.generation == generation.generation else generation.built_at
    return PublishedLoads(generation.generation, generation.day, since, tuple(loads))
