"""Read all pages of one query, and compare the rows with what RAWG counts.

RAWG has no stable order: rows with equal `updated` may repeat or be skipped between pages, and rows move while pages
are read. So rows are kept by id, and their number is compared with the count of the last page. If they differ, the
newest pages are read again until one has no new row. If they still differ, all pages are read again in another order,
and with other limits between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gamelake.lake.manifest import Proof
from gamelake.sources.base import Evidence
from rawg.client import MAX_PAGE_SIZE, MAX_PAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from gamelake.sources.rawg.replies import Replies, Reply

MAX_ROWS = MAX_PAGES * MAX_PAGE_SIZE
"""The most rows of a query that its pages have."""
_MOST_WITHOUT_NEWS = 2  # pages in a row
_SECOND = 3  # the reading in the other order
_OTHER_SIZE = MAX_PAGE_SIZE - 3  # rows of equal `updated` that were on two pages are on one then


class Query:
    """One query.

    Args:
        replies: Asks for its pages.
        path: Of the list.
        filters: Of the list, without an order.
        orders: The values of `ordering` for the first and the second reading; empty for RAWG's own order.
        check: Called with the rows of each page; it raises for rows that the query cannot have.
        may_be_missing: There may be no such list, as of a game that was deleted.
    """

    def __init__(
        self,
        replies: Replies,
        path: str,
        filters: dict[str, str],
        *,
        orders: tuple[str, str] = ("", ""),
        check: Callable[[list[Any]], None] = lambda _rows: None,
        may_be_missing: bool = False,
    ) -> None:
        self.count = 0
        """How many rows RAWG counts, at the newest page."""
        self.is_missing = False
        """There is no such list."""
        self.is_read = False
        """All pages were read once."""
        self._may_be_missing = may_be_missing
        self._replies = replies
        self._path = path
        self._queries = [filters | ({"ordering": order} if order else {}) for order in orders]
        self._check = check
        self._rows: dict[int, Any] = {}
        self._without_id: list[Any] = []
        self._seen: set[int] = set()
        self._fell = False
        self._pages: dict[tuple[int, int], Reply] = {}

    @property
    def rows(self) -> list[Any]:
        """The rows that were read so far, each id once, ascending; those without an id at the end."""
        return [self._rows[row_id] for row_id in sorted(self._rows)] + self._without_id

    async def first(self) -> int:
        """Read the first page, and return the count. Raises: ApiError; StoreError."""
        await self._page(1, 1)
        return self.count

    async def read(self) -> Evidence:
        """Read all pages, and return how complete the rows are. Raises: ApiError; StoreError."""
        before = await self.first()
        if self.is_missing:
            return Evidence(Proof.COUNTED)
        await self._read_all(1)
        self.is_read = True
        if not self._is_complete():
            await self._read_newest()
        if not self._is_complete():
            self._fell, self._seen = False, set()
            await self._read_all(3)
        if self._is_complete():
            return Evidence(Proof.COUNTED)
        found = len(self.rows)
        if self.count > MAX_ROWS and found < self.count:
            return Evidence(Proof.PARTIAL, f"{self._named()} has {self.count:,} rows, of which RAWG lists {found:,}")
        return Evidence(
            Proof.PAGED,
            f"{self._named()}: RAWG counted {before:,} rows at first and {self.count:,} at last, and its pages had "
            f"{found:,}, read twice",
        )

    async def read_pages(self, pages: int) -> None:
        """Read so many pages, or all if there are fewer, without a second reading. Raises: ApiError; StoreError."""
        for number in range(1, pages + 1):
            if not (await self._page(1, number)).has_next:
                return

    async def _read_all(self, reading: int) -> None:
        """Read every page. A list whose last page names a next one, which has no row of its own, ends too."""
        without_news = 0
        for number in range(1, MAX_PAGES + 1):
            known = len(self._seen) + len(self._without_id)
            reply = await self._page(reading, number)
            is_new = number == 1 or len(self._seen) + len(self._without_id) > known
            without_news = 0 if is_new else without_news + 1
            if not reply.has_next or without_news == _MOST_WITHOUT_NEWS:
                return

    async def _read_newest(self) -> None:
        """Read the pages from the first one again, until one has no new row: rows that came meanwhile are first."""
        for number in range(1, MAX_PAGES + 1):
            known = len(self._rows)
            reply = await self._page(2, number)
            if len(self._rows) == known or not reply.has_next:
                return

    async def _page(self, reading: int, number: int) -> Reply:
        if (reply := self._pages.get((reading, number))) is None:
            query = self._queries[reading == _SECOND]
            reply = await self._replies.page(
                self._path,
                query,
                number,
                size=_OTHER_SIZE if reading == _SECOND else MAX_PAGE_SIZE,
                reading=reading,
                may_be_missing=self._may_be_missing,
            )
            self.is_missing = reply.is_missing and not self._pages
            self._pages[reading, number] = reply
            self._take(reply)
        return reply

    def _take(self, reply: Reply) -> None:
        if reply.is_missing:
            self._fell = True
            return
        self._fell = self._fell or reply.count < self.count
        self.count = reply.count
        rows = reply.all_rows()
        self._check(rows)
        for row in rows:
            row_id = row.get("id") if isinstance(row, dict) else None
            if type(row_id) is int:
                self._rows[row_id] = _newer(self._rows.get(row_id), row)
                self._seen.add(row_id)
            elif row not in self._without_id:
                self._without_id.append(row)

    def _is_complete(self) -> bool:
        """Whether RAWG counts as many rows as its pages had, and never fewer than before: then no row left unseen."""
        others = len(self._without_id)
        return not self._fell and self.count in {len(self._seen) + others, len(self._rows) + others}

    def _named(self) -> str:
        filters = ", ".join(f"{name}={value}" for name, value in self._queries[0].items() if name != "ordering")
        return f"{self._path} ({filters})" if filters else self._path


def _newer(one: Any, two: Any) -> Any:
    return one if one is not None and str(one.get("updated") or "") > str(two.get("updated") or "") else two
