"""Failures that newer commits and publications have made up for, although no task recorded its success.

A task gives up when the lake does not take its success in time. Its load or its marts are in the lake all the same.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gamelake.days import PartitionError, day_of_partition, format_day, parse_day
from gamelake.incidents.incidents import TRANSFORM, Incidents
from gamelake.lake.manifest import ManifestError
from gamelake.lake.table import Table
from gamelake.marts import pointer
from gamelake.marts.documents import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from gamelake.lake.keys import TableName
    from gamelake.lake.store import Store
    from gamelake.registry import Source

log = logging.getLogger(__name__)

LOAD = "load"


def made_up(
    store: Store, incidents: Incidents, sources: Mapping[str, Source]
) -> Iterator[Callable[[Incidents], object]]:
    """Yield the successes that the lake shows and that no task recorded, each as what records it.

    Raises:
        DocumentError: The newest publication and the pointer are damaged.
        StoreError: The store cannot be read.
    """
    for incident in incidents.open(LOAD):
        source = sources.get(incident.scope.partition(".")[2])
        for failure in incident.failures:
            entity = source.entities.get(failure.part) if source else None
            if entity is None:  # no longer declared, or its source is switched off: nothing will load it
                nights = [_day_after(failure.nights[-1])]
            else:
                nights = list(_loaded(store, entity.table, since=failure.since))
            for night in reversed(nights):
                yield partial(Incidents.succeed, scope=incident.scope, part=failure.part, night=night)
    for incident in incidents.open(TRANSFORM):
        since = max(failure.since for failure in incident.failures)
        for night in reversed(list(_published(store, since=since))):
            yield partial(Incidents.succeed, scope=TRANSFORM, night=night)


def _day_after(night: str) -> str:
    """Return the partition after a night, so that no night counts as made up for; a text that is no night as it is."""
    try:
        return format_day(parse_day(day_of_partition(night)) + timedelta(days=1))
    except PartitionError:  # people report faults of their own
        return night


def _loaded(store: Store, table: TableName, *, since: datetime) -> Iterator[str]:
    """Yield the partitions that were loaded after a moment, the newest load first."""
    try:
        for commit in Table(store, table).history(events=False):
            if commit.committed_at <= since:
                return
            yield commit.partition
    except ManifestError as error:  # what can be read is told; the audit reports this one
        log.warning("%s: older commits are not compared with its failures: %s", table, error)


def _published(store: Store, *, since: datetime) -> Iterator[str]:
    """Yield the days that were published after a moment, the newest publication first."""
    for publication in pointer.history(store):
        if publication.at <= since:
            return
        if publication.action is Action.PUBLISH:
            yield format_day(publication.day)
