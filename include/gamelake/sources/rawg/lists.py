"""Read a list of RAWG: whole, its first games, or the rows that changed, by windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gamelake.lake.id_ranges import ALL_IDS, ids_outside
from gamelake.lake.manifest import Proof
from gamelake.sources.base import Evidence
from gamelake.sources.rawg.base import RawgReader
from gamelake.sources.rawg.options import Reading
from gamelake.sources.rawg.queries import Query
from gamelake.sources.rawg.windows import WINDOW_ROWS, Window, is_within, last_day, window_of
from rawg.client import MAX_PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

    from gamelake.lake.id_ranges import IdRange
    from gamelake.sources.base import Page

# Rows that are equal in the order change places between pages, so that some are on none. Few games have one name, and
# many have one `added`, or one `updated`, where a program wrote it.
NEWEST_FIRST = ("-updated", "name")
BY_NAME = ("name", "-name")
MOST_ADDED_FIRST = ("-added", "name")
UNPROVEN_AGAIN = timedelta(days=3)
"""For how long a window whose rows differ from its count is read again by the next loads."""
_LATER = "The other games come when they change"


class ListReader(RawgReader):
    """Reads a list: whole, or the rows that changed."""

    async def probe(self) -> None:
        """Learn the clock and the number of rows, in one request."""
        query = self._query({})
        with self._stopping(lambda reason: Evidence(Proof.PARTIAL, reason)):
            self.total = await query.first()

    async def read_all(self) -> AsyncIterator[Page]:
        """All rows in one page; without a claim if no request was left for all of them, or it is the first games."""
        pages = self.read_remaining((), rows=0) if self._entity.read_whole else self._read_first()
        async for page in pages:
            yield page

    async def _read_first(self) -> AsyncIterator[Page]:
        """Read the games with which the table begins: those that most users have added."""
        query = self._query({}, orders=MOST_ADDED_FIRST)
        self._evidence = None
        with self._stopping(lambda reason: _part(query, f"{reason}. {_LATER}")):
            if await query.first() <= self._options.first_games:
                query = self._query({}, orders=BY_NAME)
                self._evidence = await query.read()
            else:
                await query.read_pages(self._options.first_games // MAX_PAGE_SIZE)
                self._evidence = _part(query, f"a table begins with those that most users have added. {_LATER}")
        self.total = query.count
        yield self._page(query.rows, None)

    async def read_remaining(self, resumed: Iterable[IdRange], *, rows: int) -> AsyncIterator[Page]:  # noqa: ARG002
        """All rows outside of the resumed id ranges: the order of a list is not that of its ids."""
        query = self._query({})
        self._evidence = None
        with self._stopping(lambda reason: _part(query, reason)):
            self._evidence = await query.read()
        self.total = query.count
        for ids in ids_outside(resumed):
            whole = len(ids_outside(resumed)) == 1 and ids == ALL_IDS
            found = query.rows if whole else [row for row in query.rows if _id(row) in ids]
            yield self._page(found, None if self._evidence and self._evidence.proof is Proof.PARTIAL else ids)

    async def read_changes(self, since: int, until: int | None) -> AsyncGenerator[Page, None]:
        """Read the rows whose `updated_at` is in `[since, until)`, by windows; pages without a claim."""
        todo = [window_of(since, until or int(self._now().timestamp()))]
        last = todo[0].last
        self._evidence = None
        worst = Evidence(Proof.COUNTED)
        while todo and self._evidence is None:
            window = todo.pop()
            query = self._query(window.filters, window)
            with self._stopping(lambda why, window=window, query=query: _stopped(since, window, query, why)):  # type: ignore[misc]
                halves = window.cut()
                if halves and await query.first() > WINDOW_ROWS:
                    todo += reversed(halves)
                    continue
                evidence = await query.read()
                if evidence.proof is Proof.PAGED and worst.proof is Proof.COUNTED:
                    # The next load reads this window again, unless RAWG has miscounted it for days.
                    longest = int((self.clock - UNPROVEN_AGAIN).timestamp())
                    evidence = replace(evidence, until=max(since, window.start, longest))
                worst = evidence if evidence.proof is not Proof.COUNTED and worst.until is None else worst
            found = [row for row in query.rows if is_within(row, since, until) or not window.has(row)]
            if found:
                yield self._page(found, None)
            if not todo and until is None and (today := last_day(self.clock)) > last:
                # The source's clock is ahead of this machine's, and the next load begins at that clock.
                todo, last = [Window(last + timedelta(days=1), today)], today
        self._evidence = self._evidence or worst

    def _query(
        self, filters: dict[str, str], window: Window | None = None, *, orders: tuple[str, str] | None = None
    ) -> Query:
        by_time = self._options.read is Reading.CHANGES
        name = str(self._entity)
        check = (lambda rows: window.check(name, rows)) if window else (lambda _rows: None)
        orders = orders or (NEWEST_FIRST if by_time else ("", ""))
        return Query(self.replies, self._options.path, filters, orders=orders, check=check)


def _stopped(since: int, window: Window, query: Query, reason: str) -> Evidence:
    """Return the evidence of a load that stopped in a window: the next load begins there.

    A day may have so many changes that no load has the requests for a second reading. The next load begins after it.
    """
    if query.is_read and query.count > WINDOW_ROWS:
        reason += f". {window} has {query.count:,} rows, of which its pages had {len(query.rows):,}, read once"
        window = window.following()
    at = datetime.fromtimestamp(max(since, window.start), UTC)
    return Evidence(
        Proof.PARTIAL,
        f"{reason}. The next load reads the changes since {at:%Y-%m-%d %H:%M} UTC",
        max(since, window.next_load),
    )


def _part(query: Query, reason: str) -> Evidence:
    return Evidence(Proof.PARTIAL, f"{len(query.rows):,} of {query.count:,} rows were read: {reason}")


def _id(row: Any) -> int:
    found = row.get("id") if isinstance(row, dict) else None
    return found if type(found) is int and found >= 0 else 0
