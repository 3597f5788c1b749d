"""Which partition a load may read, and which changes belong to it: by the source's clock, never this machine's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gamelake.days import day_of, format_day, partition_bounds
from gamelake.kinds import Kind
from gamelake.lake.manifest import ManifestError
from gamelake.load.errors import SupersededError, UnreadablePartitionError
from gamelake.sources.base import OVERLAP_SECONDS

if TYPE_CHECKING:
    from datetime import datetime

    from gamelake.lake.manifest import Manifest
    from gamelake.registry import Entity

GRACE = timedelta(hours=4)
"""How long after its end a day can still be loaded: until 04:00 of the next day, when the next load is due.

A snapshot that is loaded by the week or the month can be loaded that much longer: it is one table, not one of each day.
So the load of a Monday that failed, or that was due before its source was switched on, is made up for in that week.
"""


@dataclass(frozen=True, slots=True)
class Period:
    """Changes to read: `[since, until)` in unix seconds; `until` None for everything up to now."""

    since: int
    until: int | None


def watermark_in(commit: Manifest) -> int | None:
    """Return the watermark (unix seconds) that is a commit's cursor, or None if it has none.

    Raises:
        ManifestError: The cursor is no watermark.
    """
    if commit.cursor is None:
        return None
    if not (commit.cursor.isascii() and commit.cursor.isdigit()):
        raise ManifestError("cursor", commit.cursor, "unix seconds: the source's clock")
    return int(commit.cursor)


def check_readable(entity: Entity, partition: str, clock: datetime) -> None:
    """Refuse a partition whose rows the source cannot return.

    Raises: UnreadablePartitionError.
    """
    start, end = partition_bounds(partition)
    today = format_day(day_of(clock))
    is_future = clock < start
    longer = timedelta(days=entity.days_between_loads - 1) if entity.kind is Kind.SNAPSHOT else timedelta()
    if is_future or (entity.kind is not Kind.INCREMENTAL and clock >= end + GRACE + longer):
        raise UnreadablePartitionError(str(entity), partition, today, is_future=is_future)


def period_of_changes(partition: str, watermark: int | None) -> Period:
    """Return the changes that an incremental load of a partition reads.

    These are all changes since the watermark, also if the run is late. If all changes of a past partition were read
    before, they are read again from its start to its end, and nothing later.
    """
    start, end = (int(moment.timestamp()) for moment in partition_bounds(partition))
    if watermark is None:
        return Period(0, None)
    if watermark >= end:
        return Period(start, end)
    return Period(watermark - OVERLAP_SECONDS, None)


def check_not_superseded(base: Manifest | None, newest: Manifest | None, *, began: int) -> None:
    """Refuse to put rows over those of a load that read the source much later.

    Inside the overlap of two loads this is harmless: the next load reads those changes again.

    Raises: SupersededError.
    """
    if newest is None or (base is not None and newest.version == base.version):
        return
    watermark = watermark_in(newest)
    if watermark is None:
        return
    behind = watermark - began
    if behind > OVERLAP_SECONDS:
        raise SupersededError(str(newest.table), newest.run_id, newest.version, behind)
