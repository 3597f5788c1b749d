"""Ask IGDB for the rows, ids and counts of one entity; each page is proven complete by the count that comes with it.

Rows that differ from the count are asked for again. If the same rows come, they are the source's, and it miscounts: the
page states it. If other rows come, the load fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import IdRange, merge_ranges
from gamelake.lake.manifest import Unproven
from gamelake.sources.base import IncompleteError, MisplacedError, Page
from gamelake.sources.contract import RowContract, id_contract
from gamelake.sources.igdb.options import IgdbOptions
from gamelake.sources.igdb.request_planner import BATCH_WINDOWS, PAGE, RequestPlanner, WindowRows
from igdb.apicalypse import MAX_PARTS, Query, SubQuery, any_of, at_least, below, matching
from igdb.errors import ForbiddenError, PayloadTooLargeError, QueryError, SlowQueryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from datetime import datetime

    from gamelake.registry import Entity
    from gamelake.sources.contract import Checked
    from gamelake.sources.igdb.request_planner import RequestBatch
    from igdb.apicalypse import Condition
    from igdb.client import IgdbClient
    from igdb.replies import Reply

log = logging.getLogger(__name__)

BATCHES_AHEAD = 8
"""Batches that are asked for at once: as many as the API lets be open, so that a slow reply does not cost a start."""

ROW_BYTES = 2000.0
"""Of a row of games in a reply, until rows were seen."""

_ID_BYTES = 50.0


@dataclass(frozen=True, slots=True)
class BatchReply:
    """What a request returned: the rows of each window, how many rows the source counts in all, and bytes."""

    pages: list[Checked]
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Extent:
    """What a probe found.

    head: the first page; None if it was not asked for, or is too large. count: the number of rows. highest: the highest
    id, -1 without rows.
    """

    head: BatchReply | None
    count: int
    highest: int


class EntityQueries:
    """What one client can be asked about one entity. Its rows are validated by `contract`."""

    def __init__(self, client: IgdbClient, entity: Entity) -> None:
        self.client = client
        self.contract = RowContract(entity)
        self.clock: datetime | None = None
        """The source's time when it made its first reply; None before it has."""
        self._entity = entity
        self._ids = id_contract(entity)
        options = IgdbOptions.of(entity)
        self._endpoint = options.endpoint
        self._filter = () if options.filter is None else (matching(options.filter),)
        self._uses_multiquery = True

    async def probe(self, conditions: Sequence[Condition] = (), *, rows: bool) -> Extent:
        """Learn the clock, the number of rows and the highest id in one request; with `rows` the first page too."""
        where = (*self._filter, *conditions, at_least("id", 0))
        last = Query(fields="id", where=where, sort="id desc", limit=1)
        parts = [
            SubQuery("last", self._endpoint, last),
            SubQuery("count", self._endpoint, Query(where=where), count=True),
            *([SubQuery("rows", self._endpoint, Query(where=where))] if rows else []),
        ]
        try:
            reply = await self.client.multiquery(parts, self.contract.check)
        except (PayloadTooLargeError, SlowQueryError):
            if not rows:
                raise
            return await self.probe(conditions, rows=False)
        except (QueryError, ForbiddenError) as error:
            self._disable_multiquery(error)
            return await self._probe_singly(last)
        self._note_server_time(reply.date)
        count = reply.counts["count"]
        head = BatchReply([reply.rows["rows"]], count, reply.bytes) if rows else None
        return Extent(head, count, reply.rows["last"].next_id - 1)

    async def _probe_singly(self, last: Query) -> Extent:
        """As `probe`, of an API without multiqueries: no page comes with it."""
        one = await self.client.query(self._endpoint, last, self._ids.check)
        self._note_server_time(one.date)
        return Extent(None, await self._total(one, last), one.rows.next_id - 1)

    async def _total(self, reply: Reply[Checked], query: Query) -> int:
        """Return how many rows meet the conditions of a query: of its reply, else of a count."""
        return (await self.client.count(self._endpoint, query.where)).count if reply.total is None else reply.total

    async def read(
        self,
        ranges: Iterable[IdRange],
        *,
        rows: int,
        end: int,
        conditions: Sequence[Condition] = (),
        fields: str = "*",
        row_bytes: float | None = None,
    ) -> AsyncIterator[Page]:
        """All rows of some id ranges that meet the conditions; each page claims the ids that it has all rows of.

        Args:
            ranges: ascending; only the last one may have no upper end.
            rows: about how many rows they have.
            end: the id after the highest one.
            conditions: what the rows meet.
            fields: `id` for nothing but ids.
            row_bytes: about the size of a row in a reply.

        Raises:
            IncompleteError: other rows came than the source counts, twice.
        """
        planner = RequestPlanner(
            ranges,
            rows=rows,
            end=end,
            row_bytes=row_bytes or (ROW_BYTES if fields == "*" else _ID_BYTES),
            windows=BATCH_WINDOWS if self._uses_multiquery else 1,
        )
        async for page in self._read(planner, conditions, fields):
            yield page

    async def read_rows(self, ids: Sequence[int]) -> AsyncIterator[Page]:
        """Yield the rows of some ids, which ascend; pages without a claim."""
        for first in range(0, len(ids), PAGE):
            some = ids[first : first + PAGE]
            these = matching(f"id = ({','.join(map(str, some))})")
            within = [IdRange(some[0], some[-1] + 1)]
            async for page in self.read(within, rows=len(some), end=some[-1] + 1, conditions=(these,)):
                yield replace(page, claim=None)

    async def count_ranges(self, ranges: Sequence[IdRange], *, before: int | None = None) -> list[int]:
        """How many rows the source has in each id range, ten ranges a request; several requests are open at once.

        before: count only rows whose `updated_at` (unix seconds) is before that.
        """
        unchanged = () if before is None else (below("updated_at", before),)
        return await self.count([(ids, unchanged) for ids in ranges])

    async def count(self, counted: Sequence[tuple[IdRange, Sequence[Condition]]]) -> list[int]:
        """How many rows are in each id range and meet its conditions: see `count_ranges`."""
        tens = [counted[first : first + MAX_PARTS] for first in range(0, len(counted), MAX_PARTS)]
        counts: list[int] = []
        for first in range(0, len(tens), BATCHES_AHEAD):
            some = tens[first : first + BATCHES_AHEAD]
            for found in await asyncio.gather(*(self._count_ten(ten) for ten in some)):
                counts += found
        return counts

    async def _count_ten(self, counted: Sequence[tuple[IdRange, Sequence[Condition]]]) -> list[int]:
        parts = [self._count_part(str(number), [ids], where) for number, (ids, where) in enumerate(counted)]
        if self._uses_multiquery:
            try:
                reply = await self.client.multiquery(parts, list)
            except (QueryError, ForbiddenError) as error:
                self._disable_multiquery(error)
            else:
                self._note_server_time(reply.date)
                return [reply.counts[part.name] for part in parts]
        counts = []
        for part in parts:
            one = await self.client.count(self._endpoint, part.query.where)
            self._note_server_time(one.date)
            counts.append(one.count)
        return counts

    async def _read(self, planner: RequestPlanner, conditions: Sequence[Condition], fields: str) -> AsyncIterator[Page]:
        """Yield what a planner asks for, batch by batch; the rows of a batch are kept until they are proven."""
        reading: deque[tuple[RequestBatch, asyncio.Task[BatchReply]]] = deque()
        unsettled: dict[RequestBatch, list[Checked]] = {}
        try:
            while True:
                while len(reading) < BATCHES_AHEAD and (batch := planner.next_batch()) is not None:
                    reading.append((batch, asyncio.create_task(self._ask(batch, conditions, fields))))
                if not reading:
                    return
                batch, task = reading.popleft()
                try:
                    answer = await task
                except (PayloadTooLargeError, SlowQueryError) as error:
                    if not planner.split(batch):
                        raise
                    log.info("%s: %s; asking for less at once", self._entity, error.what)
                    continue
                cut = [_cut(*each) for each in zip(batch.windows, answer.pages, strict=True)]
                unsettled[batch] = [page for page, _ in cut]
                found = [rows for _, rows in cut]
                for settled in planner.record_response(batch, found, count=answer.count, reply_bytes=answer.bytes):
                    pages = unsettled.pop(settled)
                    if settled.proven:
                        for checked, claim in zip(pages, settled.claims, strict=True):
                            yield Page(checked, claim)
                    elif page := self._retry(planner, settled, pages):
                        yield page
        finally:
            for _, task in reading:
                task.cancel()
            await asyncio.gather(*(task for _, task in reading), return_exceptions=True)

    def _retry(self, planner: RequestPlanner, batch: RequestBatch, pages: Sequence[Checked]) -> Page | None:
        """Ask again for a batch that is not proven. Returns: its page, if that was done and the rows are the same."""
        claims = merge_ranges(batch.claims)  # the remainder of a window may come after ids above it
        claim = IdRange(claims[0].low, claims[-1].high)
        where = f"ids {claim.low} and above" if claim.high is None else f"ids {claim.low} to {claim.high - 1}"
        ids = frozenset(row_id for page in pages for row_id in page.ids())
        if batch.earlier is None:
            log.warning(
                "%s: %s: the source returned %d rows but counts %d; asking again, each window alone",
                self._entity, where, batch.rows, batch.count,
            )  # fmt: skip
            planner.retry(batch, ids)
            return None
        if batch.cut_short and planner.split_settled(batch):
            return None
        (checked,) = pages
        if (misplaced := _misplaced(checked, claim)) is not None:
            raise MisplacedError(str(self._entity), where, misplaced)
        same = ids == {row_id for row_id in batch.earlier if row_id in claim}
        if not same:
            raise IncompleteError(str(self._entity), where, batch.rows, batch.count)
        return Page(checked, claim, (Unproven(claim.low, claim.high, len(checked), batch.count),))

    async def _ask(self, batch: RequestBatch, conditions: Sequence[Condition], fields: str) -> BatchReply:
        """Ask in one request for the rows of a batch, and for the count over its windows."""
        windows = batch.windows
        check = (self.contract if fields == "*" else self._ids).check
        if batch.earlier is not None:  # a single window, whose rows were not proven
            check = partial(check, window=windows[0])
        queries = [Query(fields, where=(*self._filter, *conditions, *_within(window))) for window in windows]
        if len(queries) == 1:
            reply = await self.client.query(self._endpoint, queries[0], check)
            self._note_server_time(reply.date)
            total = await self._total(reply, queries[0])
            return BatchReply([reply.rows.within(windows[0])], total, reply.bytes)
        parts = [SubQuery(str(number), self._endpoint, query) for number, query in enumerate(queries)]
        count = self._count_part("count", windows, conditions)
        multi = await self.client.multiquery([*parts, count], check)
        self._note_server_time(multi.date)
        pages = [multi.rows[part.name].within(window) for part, window in zip(parts, windows, strict=True)]
        return BatchReply(pages, multi.counts["count"], multi.bytes)

    def _count_part(self, name: str, ranges: Sequence[IdRange], conditions: Sequence[Condition] = ()) -> SubQuery:
        merged = [_within(ids) for ids in merge_ranges(ranges)]
        ids = merged[0] if len(merged) == 1 else (any_of(*merged),)
        where = (*self._filter, *conditions, *ids)
        return SubQuery(name, self._endpoint, Query(where=where), count=True)

    def _note_server_time(self, date: datetime) -> None:
        if self.clock is None or date < self.clock:
            self.clock = date

    def _disable_multiquery(self, error: QueryError | ForbiddenError) -> None:
        if self._uses_multiquery:
            self._uses_multiquery = False
            log.warning(
                "%s: the API refuses multiqueries (%s); asking window by window, which takes longer",
                self._entity, error.what,
            )  # fmt: skip


def _within(ids: IdRange) -> tuple[Condition, ...]:
    low = at_least("id", ids.low)
    return (low,) if ids.high is None else (low, below("id", ids.high))


def is_sound(checked: Checked, window: IdRange) -> bool:
    """Whether the rows are in the window and ascend: an API that lost the sort or the condition returns others."""
    return _misplaced(checked, window) is None


def _misplaced(checked: Checked, window: IdRange) -> int | None:
    """Return the id of a row that is outside the window, or has a lower id after it. None: there is no such row."""
    ids = checked.rows.ids
    if ids and (outside := [row_id for row_id in (ids[0], ids[-1]) if row_id not in window]):
        return outside[0]
    return next((one for one, following in pairwise(ids) if one >= following), None)


def _cut(window: IdRange, checked: Checked) -> tuple[Checked, WindowRows]:
    """Return what a window's page proves, and how much that is; unsound rows do not count: they are asked for again."""
    if not is_sound(checked, window):
        return checked, WindowRows(0, None)
    if len(checked) < PAGE or window.end - window.low <= PAGE or checked.last_id is None:
        return checked, WindowRows(len(checked), None)
    checked = checked.without_last()
    return checked, WindowRows(len(checked), checked.next_id)
