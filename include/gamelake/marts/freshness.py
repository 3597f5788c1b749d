"""How old the loads are that readers see.

It counts by the wall clock, as nothing else in the transform does. A build never asks it: a day that is built again is
old. `dbt source freshness` has the same limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from gamelake.lake.factory import place_of
from gamelake.lake.store import ObjectNotFoundError
from gamelake.marts import pointer
from gamelake.marts.generation import INPUTS, TransformError

if TYPE_CHECKING:
    from gamelake.lake.store import Store

__all__ = ["ERROR_AFTER_HOURS", "WARN_AFTER_HOURS", "LoadAge", "PublishedLoads", "published"]

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
        """What the age means: `fresh`, `late` (a night is missing) or `stale` (two are)."""
        if self.age > timedelta(hours=ERROR_AFTER_HOURS):
            return "stale"
        return "late" if self.age > timedelta(hours=WARN_AFTER_HOURS) else "fresh"


@dataclass(frozen=True, slots=True)
class PublishedLoads:
    """The generation that readers see, since when, and its loads."""

    generation: str
    day: str
    since: datetime
    loads: tuple[LoadAge, ...]


def published(store: Store, *, now: datetime | None = None) -> PublishedLoads:
    """Return the loads behind the published generation, with their ages.

    Args:
        store: The lake.
        now: The moment to count from, for tests; by default the present.

    Raises:
        TransformError: Nothing is published, or the generation is incomplete.
        StoreError: The lake cannot be read.
    """
    shown = pointer.current(store)
    if shown is None:
        raise TransformError(f"{place_of(store)}: nothing is published yet; run the DAG `transform` first")
    try:
        sources = orjson.loads(store.get(f"{shown['generation']}/{INPUTS}"))["sources"]
    except ObjectNotFoundError:
        raise TransformError(
            f"{shown['generation']} is published and its {INPUTS} is missing; run the DAG `transform` again"
        ) from None
    moment = now or datetime.now(UTC)
    loads = []
    for source in sources:
        committed = datetime.fromisoformat(source["committed_at"])
        loads.append(
            LoadAge(f"{source['source']}.{source['entity']}", source["partition"], committed, moment - committed)
        )
    moved = pointer.newest(store)
    since = moved.at if moved and moved.generation == shown["generation"] else shown["published_at"]
    return PublishedLoads(shown["generation"], shown["day"], datetime.fromisoformat(since), tuple(loads))
