"""Find what differs between a table and IGDB although no change was reported: deletions, and anything missed.

A deleted row is in no reply, so only a comparison shows it. Counts are compared range by range. Ranges that differ are
split and compared again while that saves requests. Then their ids are read, and nothing else of them: a deleted row is
claimed by its id, a missing row is read whole.

The source changes while we compare. We therefore count only rows that have not changed since the last load, after the
changes were read. Concurrent changes can only lower that count, so a new row cannot hide a deleted one. Rejected rows
are counted too: they are read again each night. The ids of ranges that stayed unproven are read, even if the counts are
equal. One case hides a deleted row: another row appears in the same range with an old `updated_at`. `late_updates`
finds it if the two changed at different times; the next full load always does.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import IdRange, merge_ranges
from gamelake.lake.parts import Rows
from gamelake.lake.rows import LiveIds
from gamelake.sources.base import Page, Phase, ReconcileFigures
from gamelake.sources.contract import Checked
from gamelake.sources.igdb.late_updates import LateUpdates, splits_that_pay
from gamelake.sources.igdb.request_planner import PAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from gamelake.lake.manifest import Unproven
    from gamelake.sources.base import TableView, UnverifiedIds
    from gamelake.sources.igdb.queries import EntityQueries

log = logging.getLogger(__name__)

RANGES = 110
"""The ranges whose counts are compared each night: 11 requests of 10 counts. Fewer would cost more per deletion."""

_NEAR = 100  # ids between two missing rows up to which they are read as one range


_NO_ROWS = Checked(Rows(b"", (), None))


class IgdbReconciliation:
    """Reads what differs from the source, in phases: rejected rows, repairs, late updates, and repairs once more.

    Args:
        queries: of the entity.
        name: the entity's, for the log.
        table: the table as the load will commit it; the changes are staged.
        unverified: rows to read again, and id ranges whose counts prove nothing.
        since: the changes were those from this time on (unix seconds). None: those of one past day.
    """

    def __init__(
        self, queries: EntityQueries, name: str, table: TableView, *, unverified: UnverifiedIds, since: int | None
    ) -> None:
        self.figures = ReconcileFigures()
        self._queries = queries
        self._name = name
        self._table = table
        self._unverified = unverified
        self._since = since

    async def phases(self) -> AsyncIterator[Phase]:
        """Yield what to read: see `Reconciliation`.

        Raises:
            IncompleteError: other rows came than the source counts, twice.
        """
        changed = self._table.read_ids()
        unread = [row_id for row_id in self._unverified.rejected if row_id not in changed]
        yield Phase("rejected rows", self._queries.read_rows(unread))
        unproven = self._unverified.ranges
        async for phase in self._repair(changed, unproven):
            yield phase
        # From 0 on, every row was read: there are no late updates.
        if self._since:
            late = self._late_updates(self._since)
            ids = await late.ids()
            self.figures.late = len(ids)
            yield Phase("late updates", self._queries.read_rows(ids))
            if late.unknown:
                unknown = [IdRange(row_id, row_id + 1) for row_id in late.unknown]
                async for phase in self._repair(changed, (*unproven, *unknown)):
                    yield phase

    async def _repair(self, changed: LiveIds, unproven: Sequence[IdRange]) -> AsyncIterator[Phase]:
        """Compare counts, then read what differs."""
        live, rejected = self._table.live_ids(), self._table.rejected_ids()
        comparison = Comparison(self._queries, live, changed, rejected=rejected, unproven=unproven, since=self._since)
        differences = await comparison.differences()
        yield Phase("deletions", _deletions(differences))
        end = _end_of(differences.missing)
        missing = _Counted(self._queries.read(differences.missing, rows=differences.missing_rows, end=end))
        yield Phase("repair", missing.pages())
        self.figures.source_count = differences.matched + missing.rows
        self.figures.repaired_ranges += differences.ranges
        self.figures.deleted += sum(int(ids.end) - ids.low for ids in differences.deleted)
        if differences.ranges:
            log.info(
                "%s: the ids of %d of %d id ranges were read; deleted rows: %d, read again: %d",
                self._name, differences.ranges, differences.compared, self.figures.deleted, missing.rows,
            )  # fmt: skip

    def _late_updates(self, since: int) -> LateUpdates:
        read = self._table.read_ids()
        return LateUpdates(
            self._queries,
            self._table.live_ids().difference(read),
            self._table.update_times,
            read=read,
            rejected=self._table.rejected_times(),
            since=since,
        )


class _Counted:
    """Pages, and how many rows they had once they were read."""

    def __init__(self, pages: AsyncIterator[Page]) -> None:
        self.rows = 0
        self._pages = pages

    async def pages(self) -> AsyncIterator[Page]:
        async for page in self._pages:
            self.rows += len(page.checked)
            yield page


async def _deletions(differences: Differences) -> AsyncIterator[Page]:
    """Pages that claim the ids of deleted rows, and have no rows."""
    if differences.unproven:
        yield Page(_NO_ROWS, None, differences.unproven)
    for ids in differences.deleted:
        yield Page(_NO_ROWS, ids)


@dataclass(frozen=True, slots=True)
class Differences:
    """What a comparison has found.

    deleted: ids that the source no longer has. missing: ranges with rows that the table lacks, about `missing_rows`.
    matched: the source's rows in all ranges but `missing`. ranges: in how many of the `compared` they were.
    unproven: ranges whose ids the source returned twice while it counts another number: the ids were used.
    """

    deleted: tuple[IdRange, ...] = ()
    missing: tuple[IdRange, ...] = ()
    missing_rows: int = 0
    matched: int = 0
    ranges: int = 0
    compared: int = 0
    unproven: tuple[Unproven, ...] = ()


class Comparison:
    """Compares a table with its source by counts.

    Args:
        queries: of the entity.
        live: the ids of the table as it will be, the changes included.
        changed: the ids of all changes that were read.
        rejected: the ids of all rows that this load rejected.
        unproven: id ranges whose counts prove nothing: their ids are read.
        since: the changes were those from this time on (unix seconds). None: all rows are counted, as after changes of
            one past day; what happens meanwhile may then hide a deletion until the next load.
    """

    def __init__(
        self,
        queries: EntityQueries,
        live: LiveIds,
        changed: LiveIds,
        *,
        rejected: Iterable[int] = (),
        unproven: Sequence[IdRange] = (),
        since: int | None,
    ) -> None:
        self._queries = queries
        self._live = live
        self._since = since
        self._changed = LiveIds() if since is None else changed
        self._known = live.copy()
        self._known.add(rejected)
        self._counted = self._known.difference(self._changed)
        self._unproven = unproven

    async def differences(self) -> Differences:
        """Compare counts, then read the ids of the ranges that differ.

        Raises:
            IncompleteError: other ids came than the source counts, twice.
        """
        end = self._live.highest() + 1
        ranges = _ranges(end)
        matched, different = await self._compare(ranges)
        differ = len(different)
        rows = _rows(different, self._live)
        while (pieces := splits_that_pay(len(different), rows)) > 1:
            more, different = await self._compare([piece for ids in different for piece in _split(ids, pieces, end)])
            matched += more
            before, rows = rows, _rows(different, self._live)
            if rows > before / 2:
                break  # differences in every piece: splitting does not narrow them down
        if not different:
            return Differences(matched=matched, ranges=differ, compared=len(ranges))
        return await self._read_ids(different, rows, Differences(matched=matched, ranges=differ, compared=len(ranges)))

    async def _read_ids(self, different: Sequence[IdRange], rows: int, found: Differences) -> Differences:
        """Read the ids of ranges that differ: which rows are deleted, and which are missing."""
        source, unproven, without_id = LiveIds(), list(found.unproven), []
        async for page in self._queries.read(different, rows=rows, end=_end_of(different), fields="id"):
            source.add(page.checked.ids())
            unproven += page.unproven
            if page.claim and any(reject.row_id is None for reject in page.checked.rejects):
                without_id.append(page.claim)
        live = [row_id for ids in different for row_id in self._live.ids(ids.low, ids.high)]
        lacking = source.difference(self._known)  # a rejected row was read: once is enough
        # Range by range: ids between two ranges matched, and are counted already.
        clusters = [cluster for ids in merge_ranges(different) for cluster in _clusters(lacking.ids(ids.low, ids.high))]
        # A row without an id is rejected each night, and must stay visible.
        missing = merge_ranges([*clusters, *without_id])
        missing_rows = sum(source.count(ids.low, ids.high) for ids in missing)
        return replace(
            found,
            deleted=merge_ranges(IdRange(row_id, row_id + 1) for row_id in live if row_id not in source),
            missing=missing,
            missing_rows=missing_rows,
            matched=found.matched + len(source) - missing_rows,
            unproven=tuple(unproven),
        )

    async def _compare(self, ranges: Sequence[IdRange]) -> tuple[int, list[IdRange]]:
        """Return the source's rows in those ranges that match, and the ranges that differ."""
        matched, different = 0, []
        counts = await self._queries.count_ranges(ranges, before=self._since)
        for ids, count in zip(ranges, counts, strict=True):
            is_unproven = any(ids.overlaps(each) for each in self._unproven)
            if not is_unproven and count == self._counted.count(ids.low, ids.high):
                matched += self._known.count(ids.low, ids.high)
            else:
                different.append(ids)
        return matched, different


def _ranges(ids: int) -> list[IdRange]:
    """Split all ids into ranges. The last one begins above the ids of the table."""
    width = max(PAGE, ceil(ids / (RANGES - 1)))
    lows = [*range(0, ids, width), ids]
    return [IdRange(low, high) for low, high in zip(lows, [*lows[1:], None], strict=True)]


def _rows(ranges: Sequence[IdRange], live: LiveIds) -> int:
    return sum(live.count(ids.low, ids.high) for ids in ranges)


def _split(ids: IdRange, pieces: int, end: int) -> list[IdRange]:
    """Return a range in about so many pieces of one width; end: the id after the table's highest one."""
    width = max(1, (end if ids.high is None else ids.high) - ids.low)
    lows = [*range(ids.low, ids.low + width, max(1, ceil(width / pieces)))]
    return [IdRange(low, high) for low, high in zip(lows, [*lows[1:], ids.high], strict=True)]


def _clusters(ids: Iterable[int]) -> tuple[IdRange, ...]:
    """Ranges around ids that are near each other."""
    clusters: list[IdRange] = []
    for row_id in ids:
        if clusters and row_id - int(clusters[-1].end) < _NEAR:
            clusters[-1] = IdRange(clusters[-1].low, row_id + 1)
        else:
            clusters.append(IdRange(row_id, row_id + 1))
    return tuple(clusters)


def _end_of(ranges: Sequence[IdRange]) -> int:
    """About the id after the highest one that the ranges have."""
    return max((ids.low if ids.high is None else ids.high for ids in ranges), default=0)
