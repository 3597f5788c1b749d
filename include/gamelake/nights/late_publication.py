"""Marts that are not published by the time at which readers expect them.

Airflow's DeadlineAlert cannot find this: it belongs to a run that exists, and `transform` has no run until every load
of the day has succeeded (docs/decisions/0028-check-the-deadline-in-a-dag-of-its-own.md).
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gamelake.days import PartitionError, day_of, day_of_partition, format_day, parse_day
from gamelake.incidents.documents import Fault
from gamelake.incidents.incidents import TRANSFORM, Incidents
from gamelake.marts import pointer
from gamelake.nights.clock import deadline, last_night, starts_at
from gamelake.nights.records import RecordReader, first_deadline
from gamelake.nights.report import NightReports
from gamelake.nights.wording import text
from gamelake.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date, datetime

    from gamelake.incidents.documents import Failure
    from gamelake.lake.store import Store
    from gamelake.registry import Source

PART = "publication"


def judge_publication(
    store: Store, incidents: Incidents, sources: Mapping[str, Source], now: datetime
) -> Callable[[Incidents], object] | None:
    """Return what opens an incident if the marts of the night are late and no open one explains it, or ends it.

    This reads far more of the lake than the change does.
    A failure of a night that readers have, of one to come, or from before its loads began, explains nothing: a person
    may run any day at any time.
    A new lake is not late, and neither is one whose days are run by hand: the first deadline is that of the day after
    the first load of a schedule. Before the deadline of a night the one before it is judged, unless the new one has
    loads already: its marts follow.
    Raises: DocumentError, StoreError.
    """
    day = last_night(sources.values(), now)
    if is_early := now < deadline(day):
        day -= timedelta(days=1)
    published = pointer.newest_published(store)
    if published and published.day >= day:
        return partial(Incidents.succeed, scope=TRANSFORM, part=PART, night=format_day(published.day))
    explained = [TRANSFORM, *(f"load.{name}" for name, source in sources.items() if source.gates_transform)]
    failures = [failure for scope in explained for each in incidents.open(scope) for failure in each.failures]
    nights = {
        day_of_partition(night) for failure in failures if not _is_ahead(failure, sources) for night in failure.nights
    }
    readers_have = format_day(published.day) if published else ""
    if any(readers_have < night <= format_day(day_of(now)) for night in nights):
        return None
    records = _records(store, sources)
    first, newest = first_deadline(records.read(1).tables.values()), records.newest_day()
    if first is None or newest is None or day < first or (is_early and newest > day):
        return None
    built = NightReports(store, sources, clock=lambda: now).night(day).marts
    cause = Words(built.note, built.note_ko or "") if built.note else text("marts.not_published")
    fault = Fault(scope=TRANSFORM, kind="late", part=PART, night=format_day(day), cause=cause)
    return partial(Incidents.fail, fault=fault)


def _is_ahead(failure: Failure, sources: Mapping[str, Source]) -> bool:
    """Whether a person ran a day before its night: the failure began before the loads of that night do."""
    try:
        first = parse_day(day_of_partition(failure.nights[0]))
    except PartitionError:  # people report faults of their own
        return False
    return failure.since < starts_at(sources.values(), first)


def has_deadline(store: Store, sources: Mapping[str, Source], day: date) -> bool:
    """Whether people expect the marts of a day: not in a new lake, and not in one whose days are run by hand.

    Raises: StoreError.
    """
    first = first_deadline(_records(store, sources).read(1).tables.values())
    return first is not None and day >= first


def _records(store: Store, sources: Mapping[str, Source]) -> RecordReader:
    """Return a reader of the tables that the marts wait for."""
    gating = [source for source in sources.values() if source.gates_transform]
    return RecordReader(store, [entity for source in gating for entity in source.entities.values()])
