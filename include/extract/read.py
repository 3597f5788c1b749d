"""Reading an entity: pages of rows, each proven complete by the count that the source sends with it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from igdb.apicalypse import MAX_PARTS, Query, SubQuery, at_least, below, matching
from include.extract.errors import IncompleteError
from include.extract.windows import PAGE, cut, window_width
from include.lake.files import Claim, unclaimed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from datetime import datetime

    from igdb.apicalypse import Condition
    from igdb.client import IgdbClient
    from igdb.replies import Reply
    from include.registry import Entity

WINDOWS_AHEAD = 8
"""Windows that are read at once: as many as the API lets be open, so that a slow reply does not cost a start."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one reply. With a `claim` they are all rows of that id range; without one they are rows that changed."""

    rows: list[Any]
    claim: Claim | None


class Reader:
    """Reads one entity through one client; `total` is the rows that the entity had when the reading began."""

    def __init__(self, client: IgdbClient, entity: Entity) -> None:
        self._client = client
        self._entity = entity
        self._filter = () if entity.filter is None else (matching(entity.filter),)
        self._clock: datetime | None = None
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
        rows, claim, self.total = await self._page(Claim(0, None))
        yield Page(rows, claim)
        if claim.high is None:
            return
        end = await self.highest_id() + 1
        width = window_width(self.total - len(rows), end - claim.high)
        async for page in self.ranges(cut(claim.high, end, width)):
            yield page

    async def look(self) -> None:
        """Learn the clock, the number of rows and the highest id of the source, in one request."""
        self._highest = await self.highest_id()

    async def rest(self, taken: Iterable[Claim]) -> AsyncIterator[Page]:
        """As `everything`, without the id ranges that an earlier try of the run has taken. `look` comes before."""
        end = self._highest + 1
        width = window_width(self.total, end)
        windows: list[Claim] = []
        for gap in unclaimed(taken):
            if gap.high is None:
                windows += cut(gap.low, end, width)
            else:
                windows += [Claim(low, min(low + width, gap.high)) for low in range(gap.low, gap.high, width)]
        async for page in self.ranges(windows):
            yield page

    async def ranges(self, ranges: Iterable[Claim]) -> AsyncIterator[Page]:
        """All rows of some id ranges, in order; several are read at once."""
        waiting = iter(ranges)
        reading: deque[asyncio.Task[list[Page]]] = deque()
        try:
            while True:
                while len(reading) < WINDOWS_AHEAD and (window := next(waiting, None)) is not None:
                    reading.append(asyncio.create_task(self._window(window)))
                if not reading:
                    return
                for page in await reading.popleft():
                    yield page
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def changes(self, since: int, until: int | None) -> AsyncIterator[Page]:
        """Rows whose `updated_at` (unix seconds) lies in `[since, until)`, by id; pages without a claim."""
        period = [at_least("updated_at", since), *([] if until is None else [below("updated_at", until)])]
        low: int | None = 0
        while low is not None:
            rows, read, _ = await self._page(Claim(low, None), *period)
            if rows:
                yield Page(rows, None)
            low = read.high

    async def counts(self, ranges: Sequence[Claim]) -> list[int]:
        """How many rows the source has in each range, ten ranges a request."""
        counts: list[int] = []
        for first in range(0, len(ranges), MAX_PARTS):
            some = ranges[first : first + MAX_PARTS]
            parts = [
                SubQuery(str(i), self._entity.endpoint, Query(where=self._where(claim)), count=True)
                for i, claim in enumerate(some)
            ]
            reply = await self._client.multiquery(parts)
            counts += [cast("int", reply[part.name]) for part in parts]
        return counts

    async def highest_id(self) -> int:
        """The highest id of the entity, or -1 when it has no rows."""
        where = self._where(Claim(0, None))
        reply = await self._ask(Query(fields="id", where=where, sort="id desc", limit=1))
        self.total = self.total or reply.total or 0
        return reply.rows[0]["id"] if reply.rows else -1

    async def _window(self, window: Claim) -> list[Page]:
        """All rows of one window. One that overflows goes on after its last row."""
        pages = []
        while True:
            rows, claim, _ = await self._page(window)
            pages.append(Page(rows, claim))
            if claim.high is None or claim.high == window.high:
                return pages
            window = Claim(claim.high, window.high)

    async def _page(self, claim: Claim, *conditions: Condition) -> tuple[list[Any], Claim, int]:
        """The first rows of a range, the part of the range that they are all of, and how many rows the whole range has.

        Asked twice before rows and count may disagree.
        """
        query = Query(where=(*self._where(claim), *conditions))
        reply = await self._ask(query)
        if not _proven(reply):
            reply = await self._ask(query)
        if not _proven(reply) or reply.total is None:
            raise IncompleteError(self._entity.name, query.text(), len(reply.rows), reply.total)
        if reply.total <= PAGE:
            return reply.rows, claim, reply.total
        # A row whose id is no number is rejected later; the page still ends at its highest true id.
        last = max((row["id"] for row in reply.rows if _has_id(row)), default=None)
        if last is None:
            raise IncompleteError(self._entity.name, query.text(), 0, reply.total)
        return reply.rows, Claim(claim.low, last + 1), reply.total

    async def _ask(self, query: Query) -> Reply:
        reply = await self._client.query(self._entity.endpoint, query)
        if self._clock is None:
            self._clock = reply.date
        return reply

    def _where(self, claim: Claim) -> tuple[Condition, ...]:
        low = at_least("id", claim.low)
        return (*self._filter, low) if claim.high is None else (*self._filter, low, below("id", claim.high))


def _has_id(row: Any) -> bool:
    return isinstance(row, dict) and type(row.get("id")) is int


def _proven(reply: Reply) -> bool:
    return reply.total is not None and len(reply.rows) == min(PAGE, reply.total)
