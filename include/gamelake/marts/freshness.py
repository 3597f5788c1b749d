"""The age of the loads behind the published marts, by the wall clock.

Builds do not use it: a day that is built again is old. `dbt source freshness` has the same limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gamelake.marts import pointer
from gamelake.marts.reader import open_marts
from gamelake.registry import load_entities, load_sources

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from gamelake.lake.store import Store
    from gamelake.registry import Entity

# Of a daily load, counted from its commit: after 30 hours the next load is six hours late, and after 54 hours a second
# one is missing. `dbt source freshness` counts in the same way.
WARN_AFTER_HOURS = 30
ERROR_AFTER_HOURS = 54


def limits(entity: Entity) -> tuple[int, int]:
    """Return after how many hours a load of an entity is late, and after how many it is stale."""
    more = 24 * (entity.days_between_loads - 1)
    late = entity.quality.late_after_hours or WARN_AFTER_HOURS + more
    return late, late + ERROR_AFTER_HOURS - WARN_AFTER_HOURS + more


@dataclass(frozen=True, slots=True)
class LoadAge:
    """The load of one table that readers see, and its age. The limits are in hours.

    is_optional: of a source that may be off. is_applied: a table of changes, which no load is missing of.
    """

    table: str
    day: str
    committed_at: datetime
    age: timedelta
    is_optional: bool = False
    late_after: int = WARN_AFTER_HOURS
    stale_after: int = ERROR_AFTER_HOURS
    is_applied: bool = False

    @property
    def hours(self) -> float:
        """The age in hours."""
        return self.age.total_seconds() / 3600

    @property
    def verdict(self) -> str:
        """The meaning of the age: `fresh`, `late` (a load is missing), `stale` (two are); `applied`: no load is due."""
        if self.is_applied:
            return "applied"
        if self.hours > self.stale_after:
            return "stale"
        return "late" if self.hours > self.late_after else "fresh"


@dataclass(frozen=True, slots=True)
class PublishedLoads:
    """The generation that readers see, since when, and its loads.

    absent: the tables that were not loaded, of sources that no build waits for. left_out: what is broken in others.
    """

    generation: str
    day: date
    since: datetime
    loads: tuple[LoadAge, ...]
    absent: tuple[str, ...]
    left_out: Mapping[str, str]


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
    entities = {str(entity): entity for entity in load_entities()}
    optional = {name for name, source in load_sources().items() if source.optional}
    loads = []
    for each in marts.inputs.sources:
        table = f"{each.source}.{each.entity}"
        age = moment - each.committed_at
        entity = entities.get(table)
        late, stale = limits(entity) if entity else (WARN_AFTER_HOURS, ERROR_AFTER_HOURS)
        is_applied = entity is not None and not entity.has_load
        loads.append(
            LoadAge(table, each.partition, each.committed_at, age, each.source in optional, late, stale, is_applied)
        )
    absent = tuple(f"{each.source}.{each.entity}" for each in marts.inputs.absent if each.reason is None)
    moved = pointer.newest(store)
    since = moved.at if moved and moved.generation == generation.generation else generation.built_at
    return PublishedLoads(
        generation.generation, generation.day, since, tuple(loads), absent, generation.tables_left_out
    )
