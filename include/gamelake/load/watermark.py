"""The time from which a load reads changes, and the time from which the next load does.

The watermark is the source's clock. A reply with a wrong `Date`, days ahead, leaves one in the future. Later loads
would treat their day as already read, and miss its changes. So a watermark after the source's clock is wrong: the
load reads the changes since the newest commit with a valid watermark, and its commit sets the watermark back. This
machine's clock is not compared: a sandbox has its own days.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gamelake.days import partition_bounds
from gamelake.load.schedule import Period, period_of_changes, watermark_in
from gamelake.sources.base import OVERLAP_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gamelake.lake.manifest import Manifest
    from gamelake.lake.table import TableReader
    from gamelake.sources.base import Page, Reader

log = logging.getLogger(__name__)


async def open_changes(
    reader: Reader, table: TableReader, base: Manifest | None, partition: str
) -> tuple[Period, AsyncIterator[Page]]:
    """Return the changes that a load of a partition reads on top of a commit, and their pages.

    base: None: the first load of a table that is never read whole. The reader states what it begins with.

    The first reply has the clock; nothing is staged before it.

    Raises: IncompleteError; the client's errors; ManifestError and StoreError of the history.
    """
    if base is None:
        period = Period(int(partition_bounds(partition)[0].timestamp()), None)
        return period, reader.read_all()
    period = period_of_changes(partition, watermark_in(base))
    pages = reader.read_changes(period.since, period.until)
    first = await anext(pages, None)
    clock = int(reader.clock.timestamp())
    if not _is_ahead(watermark_in(base), clock):
        return period, _chained(first, pages)
    await pages.aclose()
    period = Period(_safe_start(table, base, partition, clock), None)
    log.info("%s: reading the changes since %s", table.name, _utc(period.since))
    return period, reader.read_changes(period.since, None)


def watermark_of(period: Period, base: Manifest | None, clock: int) -> int:
    """Return the watermark of a load that read these changes by this clock (unix seconds).

    It stays after a past day is read again, because later changes were not read. It also stays if the clock of a later
    reply is before the first requested change: changes may be missing, and the next load reads them.
    """
    return ((base and watermark_in(base)) or 0) if period.until is not None or period.since > clock else clock


def watermark_after(newest: Manifest | None, watermark: int, *, is_base: bool) -> tuple[int, list[str]]:
    """Return the watermark of the next commit, and a warning if it is set back.

    It does so only if the load builds on the newest commit, and that commit's is wrong.
    """
    before = None if newest is None else watermark_in(newest)
    if newest is None or before is None:
        return watermark, []
    if not is_base or not _is_ahead(before, watermark):
        return max(watermark, before), []
    return watermark, [
        f"{newest.table}: version {newest.version} of run {newest.run_id!r} has the watermark "
        f"{_utc(before)}, and the source's clock is {_utc(watermark)}. The source dated its replies wrong "
        "then, or does now. The changes since the last sound watermark were read, and the watermark is set back."
    ]


def _is_ahead(watermark: int | None, clock: int) -> bool:
    return watermark is not None and watermark > clock + OVERLAP_SECONDS


def _safe_start(table: TableReader, base: Manifest, partition: str, clock: int) -> int:
    """Since when to read: the last sound watermark, or the day's start if that is earlier; 0 for everything."""
    for commit in table.before(base):
        watermark = watermark_in(commit)
        if watermark is not None and not _is_ahead(watermark, clock):
            return max(0, min(watermark - OVERLAP_SECONDS, int(partition_bounds(partition)[0].timestamp())))
    return 0


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


async def _chained(first: Page | None, rest: AsyncIterator[Page]) -> AsyncIterator[Page]:
    if first is not None:
        yield first
        async for page in rest:
            yield page
