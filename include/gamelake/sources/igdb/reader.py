"""Reading an entity: pages of rows, each proven complete by the count that the source sends with it.

Rows that differ from the count are asked for again. If the same rows come, they are the source's, and it miscounts: the
page says so. If other rows come, the load fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from gamelake.lake.files import Claim, merge_claims, unclaimed
from gamelake.lake.manifest import Unproven
from gamelake.load.contract import id_contract
from gamelake.load.errors import IncompleteError, MisplacedError
from gamelake.sources.igdb.options import IgdbOptions
from gamelake.sources.igdb.request_planner import PACK_WINDOWS, PAGE, PackPlan, WindowRows
from igdb.apicalypse import MAX_PARTS, Query, SubQuery, any_of, at_least, below, matching
from igdb.errors import ForbiddenError, PayloadTooLarge, QueryError, SlowQuery

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
    from datetime import datetime

    from gamelake.load.contract import Checked, RowContract
    from gamelake.registry import Entity
    from gamelake.sources.igdb.late_updates import Window
    from gamelake.sources.igdb.request_planner import Pack
    from igdb.apicalypse import Condition
    from igdb.client import IgdbClient

log = logging.getLogger(__name__)

PACKS_AHEAD = 8
"""Packs that are asked for at once: as many as the API lets be open, so that a slow reply does not cost a start."""

_ROW_BYTES = 2000.0  # of a row of games, until rows were seen
_EVERY_ID = Claim(0, None)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one window. With a `claim` they are all rows of that id range; without one they are rows that changed.

    unproven: the source returned them twice, and counts another number. None: as many as it counts.
    """

    checked: Checked
    claim: Claim | None
    unproven: Unproven | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a request returned: the rows of each window, how many rows the source counts in all, and bytes."""

    pages: list[Checked]
    count: int | None
    bytes: int


class Reader:
    """Reads one entity through one client, and holds its rows to the contract.

    `total` is the number of rows that the entity had when reading began.
    """

    def __init__(self, client: IgdbClient, entity: Entity, contract: RowContract) -> None:
        self._client = client
        self._entity = entity
        self._contract = contract
        self._ids = id_contract(entity)
        options = IgdbOptions.of(entity)
        self._endpoint = options.endpoint
        self._filter = () if options.filter is None else (matching(options.filter),)
        self._clock: datetime | None = None
        self._packs = True
        self.total = 0
        self._highest = -1

    @property
    def clock(self) -> datetime:
        """The source's time when it made its first reply. Raises: RuntimeError before it has."""
        if self._clock is None:
            raise RuntimeError("nothing was read yet")
        return self._clock

    async def everything(self) -> AsyncIterator[Page]:
        """All rows, as pages whose claims cover every id once. A table of one page costs one request.

        Raises: IncompleteError; the client's errors.
        """
        async for page in self._all_where():
            yield page

    async def look(self) -> None:
        """Learn the clock, the number of rows and the highest id of the source, in one request."""
        await self._look((), rows=False)

    async def rest(self, taken: Iterable[Claim], rows_taken: int) -> AsyncIterator[Page]:
        """As `everything`, without the id ranges that an earlier try of the run has taken. `look` comes before."""
        gaps = unclaimed(taken)
        async for page in self._read(self._plan(gaps, rows=self.total - rows_taken, end=self._highest + 1)):
            yield page

    async def ranges(self, ranges: Sequence[Claim], *, rows: int, fields: str = "*") -> AsyncIterator[Page]:
        """All rows of some id ranges, ascending, which hold about so many `rows`. fields: `id` for nothing but ids."""
        end = max((claim.low if claim.high is None else claim.high for claim in ranges), default=0)
        row_bytes = _ROW_BYTES if fields == "*" else 50.0
        async for page in self._read(self._plan(ranges, rows=rows, end=end, row_bytes=row_bytes), fields=fields):
            yield page

    async def changes(self, since: int, until: int | None) -> AsyncGenerator[Page, None]:
        """Rows whose `updated_at` (unix seconds) lies in `[since, until)`, by id; pages without a claim."""
        period = (at_least("updated_at", since), *(() if until is None else (below("updated_at", until),)))
        async for page in self._all_where(*period):
            if len(page.checked) or page.unproven:
                yield replace(page, claim=None)

    async def counts(self, ranges: Sequence[Claim], *, before: int | None = None) -> list[int]:
        """How many rows the source has in each range, ten ranges a request; several requests are open at once.

        before: count only rows whose `updated_at` (unix seconds) is before that.
        """
        unchanged = () if before is None else (below("updated_at", before),)
        return await self._counts([(claim, unchanged) for claim in ranges])

    async def counts_within(self, windows: Sequence[Window]) -> list[int]:
        """How many rows have an `updated_at` in each window, as `counts` of ranges."""
        return await self._counts([(_EVERY_ID, window.conditions) for window in windows])

    async def ids_within(self, window: Window, *, rows: int, end: int) -> AsyncIterator[Page]:
        """The ids, below about `end`, of the about `rows` rows whose `updated_at` lies in a window."""
        plan = self._plan([_EVERY_ID], rows=rows, end=end, row_bytes=50.0)
        async for page in self._read(plan, window.conditions, fields="id"):
            yield page

    async def rows_of(self, ids: Sequence[int]) -> AsyncIterator[Page]:
        """The rows of some ids, which ascend; pages without a claim."""
        for first in range(0, len(ids), PAGE):
            some = ids[first : first + PAGE]
            these = matching(f"id = ({','.join(map(str, some))})")
            plan = self._plan([Claim(some[0], some[-1] + 1)], rows=len(some), end=some[-1] + 1)
            async for page in self._read(plan, (these,)):
                yield replace(page, claim=None)

    async def _counts(self, wanted: Sequence[tuple[Claim, Sequence[Condition]]]) -> list[int]:
        tens = [wanted[first : first + MAX_PARTS] for first in range(0, len(wanted), MAX_PARTS)]
        counts: list[int] = []
        for first in range(0, len(tens), PACKS_AHEAD):
            some = tens[first : first + PACKS_AHEAD]
            for found in await asyncio.gather(*(self._count_ten(ten) for ten in some)):
                counts += found
        return counts

    async def _count_ten(self, wanted: Sequence[tuple[Claim, Sequence[Condition]]]) -> list[int]:
        parts = [self._count_part(str(number), [claim], where) for number, (claim, where) in enumerate(wanted)]
        if self._packs:
            try:
                reply = await self._client.multiquery(parts, list)
            except (QueryError, ForbiddenError) as error:
                self._give_up_packs(error)
            else:
                self._see(reply.date)
                return [reply.counts[part.name] for part in parts]
        counts = []
        for part in parts:
            one = await self._client.count(self._endpoint, part.query.where)
            self._see(one.date)
            counts.append(one.count)
        return counts

    async def _all_where(self, *conditions: Condition) -> AsyncIterator[Page]:
        """All rows that meet the conditions. The first request brings a page, and what the rest is planned by."""
        head, count, highest = await self._look(conditions, rows=True)
        low = 0
        row_bytes = _ROW_BYTES
        if head is not None:
            (checked,) = head.pages
            row_bytes = head.bytes / max(1, len(checked))
            if _is_sound(checked, _EVERY_ID) and len(checked) == min(PAGE, count):
                if count <= PAGE and (checked.last_id is None or checked.highest >= highest):
                    yield Page(checked, _EVERY_ID)
                    return
                if checked.last_id is not None:
                    low = checked.last_id + 1
                    yield Page(checked.up_to(low), Claim(0, low))
        rows = count - (PAGE if low else 0)
        plan = self._plan([Claim(low, None)], rows=rows, end=highest + 1, row_bytes=row_bytes)
        async for page in self._read(plan, conditions):
            yield page

    async def _look(self, conditions: Sequence[Condition], *, rows: bool) -> tuple[_Answer | None, int, int]:
        """The first page (unless it is not wanted or weighs too much), the number of rows, and the highest id."""
        where = (*self._filter, *conditions, at_least("id", 0))
        endpoint = self._endpoint
        last = Query(fields="id", where=where, sort="id desc", limit=1)
        head = None
        parts = [SubQuery("last", endpoint, last), SubQuery("count", endpoint, Query(where=where), count=True)]
        if rows:
            parts.append(SubQuery("rows", endpoint, Query(where=where)))
        try:
            reply = await self._client.multiquery(parts, self._contract.check)
        except (PayloadTooLarge, SlowQuery):
            if not rows:
                raise
            return await self._look(conditions, rows=False)
        except (QueryError, ForbiddenError) as error:
            self._give_up_packs(error)
            one = await self._client.query(endpoint, last, self._ids.check)
            date, found, count = one.date, one.rows, one.total
            if count is None:
                count = (await self._client.count(endpoint, where)).count
        else:
            date, found, count = reply.date, reply.rows["last"], reply.counts["count"]
            if rows:
                head = _Answer([reply.rows["rows"]], count, reply.bytes)
        self._see(date)
        highest = -1 if found.last_id is None else found.last_id
        if not conditions:
            self.total, self._highest = count, highest
        return head, count, highest

    def _plan(self, ranges: Iterable[Claim], *, rows: int, end: int, row_bytes: float = _ROW_BYTES) -> PackPlan:
        windows = PACK_WINDOWS if self._packs else 1
        return PackPlan(ranges, rows=rows, end=end, row_bytes=row_bytes, windows=windows)

    async def _read(
        self, plan: PackPlan, conditions: Sequence[Condition] = (), fields: str = "*"
    ) -> AsyncIterator[Page]:
        """What a plan asks for, pack by pack; the rows of a pack are held until they are proven."""
        reading: deque[tuple[Pack, asyncio.Task[_Answer]]] = deque()
        held: dict[Pack, list[Checked]] = {}
        try:
            while True:
                while len(reading) < PACKS_AHEAD and (pack := plan.take()) is not None:
                    reading.append((pack, asyncio.create_task(self._ask(pack.windows, conditions, fields))))
                if not reading:
                    return
                pack, task = reading.popleft()
                try:
                    answer = await task
                except (PayloadTooLarge, SlowQuery) as error:
                    if not plan.smaller(pack):
                        raise
                    log.info("%s: %s; asking for less at once", self._entity, error.what)
                    continue
                held[pack] = answer.pages
                found = [_window_rows(*each) for each in zip(pack.windows, answer.pages, strict=True)]
                for settled in plan.answer(pack, found, count=answer.count, reply_bytes=answer.bytes):
                    pages = held.pop(settled)
                    if settled.proven:
                        for checked, claim in zip(pages, settled.claims, strict=True):
                            yield Page(checked.up_to(claim.end), claim)
                    elif page := self._ask_again(plan, settled, pages):
                        yield page
        finally:
            for _, task in reading:
                task.cancel()
            await asyncio.gather(*(task for _, task in reading), return_exceptions=True)

    def _ask_again(self, plan: PackPlan, pack: Pack, pages: Sequence[Checked]) -> Page | None:
        """Ask again for a pack that is not proven. Returns: its page, if that was done and the rows are the same."""
        claims = merge_claims(pack.claims)  # the rest of a window may come after ids above it
        claim = Claim(claims[0].low, claims[-1].high)
        where = f"ids {claim.low} and above" if claim.high is None else f"ids {claim.low} to {claim.high - 1}"
        ids = frozenset(row_id for page in pages for row_id in page.ids())
        if pack.earlier is None:
            log.warning(
                "%s: %s: the source returned %d rows but counts %s; asking again, each window alone",
                self._entity, where, pack.rows, pack.count,
            )  # fmt: skip
            plan.again(pack, ids)
            return None
        if pack.cut_short and plan.halve(pack):
            return None
        (checked,) = pages
        if (misplaced := _misplaced(checked, claim)) is not None:
            raise MisplacedError(str(self._entity), where, misplaced)
        same = ids == {row_id for row_id in pack.earlier if row_id in claim}
        if not same or pack.count is None:
            raise IncompleteError(str(self._entity), where, pack.rows, pack.count)
        return Page(checked, claim, Unproven(claim.low, claim.high, len(checked), pack.count))

    async def _ask(self, windows: Sequence[Claim], conditions: Sequence[Condition], fields: str) -> _Answer:
        """One request for the rows of some windows, and for the count over them."""
        endpoint = self._endpoint
        check = (self._contract if fields == "*" else self._ids).check
        queries = [Query(fields, where=(*self._filter, *conditions, *_within(window))) for window in windows]
        if len(queries) == 1:
            reply = await self._client.query(endpoint, queries[0], check)
            self._see(reply.date)
            return _Answer([reply.rows.within(windows[0])], reply.total, reply.bytes)
        parts = [SubQuery(str(number), endpoint, query) for number, query in enumerate(queries)]
        count = self._count_part("count", windows, conditions)
        multi = await self._client.multiquery([*parts, count], check)
        self._see(multi.date)
        pages = [multi.rows[part.name].within(window) for part, window in zip(parts, windows, strict=True)]
        return _Answer(pages, multi.counts["count"], multi.bytes)

    def _count_part(self, name: str, ranges: Sequence[Claim], conditions: Sequence[Condition] = ()) -> SubQuery:
        merged = [_within(claim) for claim in merge_claims(ranges)]
        ids = merged[0] if len(merged) == 1 else (any_of(*merged),)
        where = (*self._filter, *conditions, *ids)
        return SubQuery(name, self._endpoint, Query(where=where), count=True)

    def _see(self, date: datetime) -> None:
        if self._clock is None or date < self._clock:
            self._clock = date

    def _give_up_packs(self, error: QueryError | ForbiddenError) -> None:
        if self._packs:
            self._packs = False
            log.warning(
                "%s: the API refuses multiqueries (%s); asking window by window, which takes longer",
                self._entity, error.what,
            )  # fmt: skip


def _within(claim: Claim) -> tuple[Condition, ...]:
    low = at_least("id", claim.low)
    return (low,) if claim.high is None else (low, below("id", claim.high))


def _is_sound(checked: Checked, window: Claim) -> bool:
    """Whether the rows lie in the window and ascend: those of an API that lost the sort or the condition do not."""
    return _misplaced(checked, window) is None


def _misplaced(checked: Checked, window: Claim) -> int | None:
    """The id of a row that is outside the window, or has a lower id after it. None: there is no such row."""
    ids = checked.rows.ids
    if ids and (outside := [row_id for row_id in (ids[0], ids[-1]) if row_id not in window]):
        return outside[0]
    return next((one for one, following in pairwise(ids) if one >= following), None)


def _window_rows(window: Claim, checked: Checked) -> WindowRows:
    """What a window returned; of unsound rows none count, so that they are asked for again."""
    if not _is_sound(checked, window):
        return WindowRows(0, None)
    more = len(checked) >= PAGE and window.end - window.low > PAGE and checked.last_id is not None
    return WindowRows(len(checked), (checked.last_id or 0) + 1 if more else None)
