"""Read an entity of RAWG, for a load: see `gamelake.sources.base`.

A load that has no request left ends as one that read a part: its evidence states what is left and why.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from apiclient.elements import UnreadableRow
from apiclient.errors import ReplyError, ServerError
from gamelake.days import partition_bounds
from gamelake.lake.id_ranges import ALL_IDS, ids_outside
from gamelake.lake.manifest import Proof
from gamelake.lake.store import StoreError
from gamelake.sources.base import Evidence, Page
from gamelake.sources.contract import Reject, RowContract
from gamelake.sources.rawg.ledger import Ledger
from gamelake.sources.rawg.options import RawgOptions, Reading
from gamelake.sources.rawg.plan import NoRequestLeftError, Plan
from gamelake.sources.rawg.queries import Query
from gamelake.sources.rawg.replies import Replies
from gamelake.sources.rawg.waiting import WaitingGames
from gamelake.sources.rawg.windows import WINDOW_ROWS, Window, is_within, last_day, window_of, with_time
from rawg.client import MAX_PAGE_SIZE
from rawg.errors import QuotaSpentError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence

    from apiclient.stats import ClientStats
    from gamelake.lake.id_ranges import IdRange
    from gamelake.registry import Entity
    from gamelake.sources.base import Lake
    from rawg.client import RawgClient

log = logging.getLogger(__name__)

# Rows that are equal in the order change places between pages, so that some are on none. Few games have one name, and
# many have one `added`, or one `updated`, where a program wrote it.
NEWEST_FIRST = ("-updated", "name")
BY_NAME = ("name", "-name")
MOST_ADDED_FIRST = ("-added", "name")
UNPROVEN_AGAIN = timedelta(days=3)
"""For how long a window whose rows differ from its count is read again by the next loads."""
PAGE_GAMES = 40
"""The games of a page of details."""
MOST_FAILURES = 5
"""Of so many games one after another RAWG fails: then it is down, rather than the pages of some games."""
_LATER = "The other games come when they change"


def utc_now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_reader(connection: str, entity: Entity, lake: Lake) -> AsyncIterator[RawgReader]:
    """Provide the reader of an entity, with a client of an Airflow connection that is open as long as the context."""
    from rawg.hook import RawgHook

    hook = RawgHook(connection)
    settings = await hook.settings()
    plan = Plan(settings.monthly_requests)
    ledger = Ledger(lake.store, lake.run, plan, RawgOptions.of(entity).priority, clock=utc_now)
    async with hook.client(before_request=ledger.before_request) as client:
        reader = new_reader(client, entity, lake)
        yield reader
        try:
            await asyncio.to_thread(reader.replies.delete)
        except StoreError as error:  # the rows are committed
            log.warning("%s: committed, but the replies that it kept stay: %s", entity, error)


def new_reader(
    client: RawgClient, entity: Entity, lake: Lake, *, clock: Callable[[], datetime] = utc_now
) -> RawgReader:
    """Return the reader of an entity. Raises: RegistryError."""
    kinds = {Reading.LIST: ListReader, Reading.CHANGES: ListReader}
    return kinds.get(RawgOptions.of(entity).read, GamesReader)(client, entity, lake, clock=clock)


class RawgReader(ABC):
    """What all readers of RAWG share.

    replies: kept in the lake until the load is committed.
    """

    def __init__(self, client: RawgClient, entity: Entity, lake: Lake, *, clock: Callable[[], datetime]) -> None:
        self.total = 0
        self.replies = Replies(client, lake, clock=clock)
        self._client = client
        self._entity = entity
        self._options = RawgOptions.of(entity)
        self._contract = RowContract(entity)
        self._lake = lake
        self._now = clock
        self._without_reply: datetime | None = None
        self._evidence: Evidence | None = None

    @property
    def clock(self) -> datetime:
        """The source's time at its first reply; this machine's, if no request was left for one.

        Raises: RuntimeError before that.
        """
        found = self.replies.first_at or self._without_reply
        if found is None:
            raise RuntimeError("nothing was read yet")
        return found

    @property
    def stats(self) -> ClientStats:
        """What the client has done so far."""
        return self._client.stats

    @property
    def address(self) -> str:
        """The URL of the list or of the objects."""
        return f"{self._client.base_url}/{self._options.path}"

    @property
    def origin(self) -> str | None:
        """Whose rows the replies had: `rawg`, or the origin that another server states; None before one."""
        return self.replies.origin

    @property
    def evidence(self) -> Evidence | None:
        """How complete the rows are, once all pages were read."""
        return self._evidence

    def forget(self) -> None:
        """Drop the replies that are kept: what was read is refused. Raises: StoreError."""
        self.replies.delete()

    @abstractmethod
    async def probe(self) -> None:
        """Learn the clock."""

    @abstractmethod
    def read_all(self) -> AsyncIterator[Page]:
        """All rows, or those with which a table begins that is never read whole."""

    @abstractmethod
    def read_remaining(self, resumed: Iterable[IdRange], *, rows: int) -> AsyncIterator[Page]:
        """All rows outside of the resumed id ranges."""

    @abstractmethod
    def read_changes(self, since: int, until: int | None) -> AsyncGenerator[Page, None]:
        """Read the rows that changed."""

    @contextmanager
    def _stopping(self, stopped: Callable[[str], Evidence]) -> Iterator[None]:
        """Take the end of the requests as the end of the reading. stopped: returns the evidence, given the reason."""
        try:
            yield
        except (NoRequestLeftError, QuotaSpentError) as error:
            reason = error.reason if isinstance(error, NoRequestLeftError) else "RAWG's quota of this month is spent"
            self._evidence = stopped(reason)
            self._use_own_clock()

    def _use_own_clock(self) -> None:
        """Use this machine's time if there is no reply, and never one before the partition: it states when it ends."""
        if self.replies.first_at is None:
            start, _ = partition_bounds(self._lake.run.partition)
            self._without_reply = max(self._now(), start)

    def _page(self, rows: Sequence[Any], claim: IdRange | None) -> Page:
        return Page(self._contract.check([with_time(row) for row in rows]), claim)


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


class GamesReader(RawgReader):
    """Reads one object or list for each game that has none, or changed since, in the order of `waiting`."""

    async def probe(self) -> None:
        """Learn the clock, without a request."""
        self._use_own_clock()

    def read_all(self) -> AsyncIterator[Page]:
        """Read what is waiting: these rows are never read whole."""
        return self.read_changes(0, None)

    def read_remaining(self, resumed: Iterable[IdRange], *, rows: int) -> AsyncIterator[Page]:  # noqa: ARG002
        """As `read_all`."""
        return self.read_changes(0, None)

    async def read_changes(self, since: int, until: int | None) -> AsyncGenerator[Page, None]:  # noqa: ARG002
        """Read the rows of the games that wait, at any time; pages without a claim."""
        waiting = await asyncio.to_thread(WaitingGames.read, self._lake.store, self._entity)
        self.total = len(waiting.games)
        self._evidence = None
        read = in_a_row = 0
        failed: list[int] = []
        reason = f"one load reads {self._options.games_per_load:,}"
        rows: list[Any] = []
        self._use_own_clock()
        for game in waiting.games[: self._options.games_per_load]:
            with self._stopping(lambda why: Evidence(Proof.PARTIAL, why)):
                try:
                    rows.append(await self._row(game.id, game.updated_at))
                    read, in_a_row = read + 1, 0
                except (ServerError, ReplyError) as error:
                    failed.append(game.id)
                    in_a_row += 1
                    if in_a_row == MOST_FAILURES:
                        raise
                    log.warning("%s: game %d is left for the next load: %s", self._entity, game.id, error)
            if self._evidence:
                reason = str(self._evidence.reason)
                break
            if len(rows) == PAGE_GAMES:
                yield self._page(rows, None)
                rows = []
        if rows:
            yield self._page(rows, None)
        self._evidence = Evidence(Proof.COUNTED)
        if read < len(waiting.games):
            reasons = [f"RAWG failed at {len(failed):,}, such as game {failed[0]}"] if failed else []
            reasons += [reason] if read + len(failed) < len(waiting.games) else []
            self._evidence = Evidence(
                Proof.PARTIAL,
                f"{read:,} of the {len(waiting.games):,} games that wait were read: {'; '.join(reasons)}",
            )

    async def _row(self, game_id: int, changed_at: int | None) -> dict[str, Any]:
        path = self._options.path.format(id=game_id)
        if self._options.read is Reading.SUBLIST:
            query = Query(self.replies, path, {}, may_be_missing=True)
            await query.read()
            items = [_element(each) for each in query.rows]
            return {"id": game_id, "items": items, "is_missing": query.is_missing, "updated_at": changed_at}
        reply = await self.replies.single(path)
        found = {} if reply.is_missing else dict(reply.rows[0])
        # Of a game that became one with another, RAWG may return the other one, or only where it is.
        row = found if found.get("id") in (game_id, str(game_id)) else {"id": game_id, "is_missing": True}
        # Not that of the page, which may be older than the list, or wrong: the game would wait without end.
        return {**row, "updated_at": changed_at}

    def _page(self, rows: Sequence[Any], claim: IdRange | None) -> Page:
        return Page(self._contract.check(rows), claim)


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


def _element(found: Any) -> Any:
    """Return an element of a row's list; one that no parser accepts as its bytes: the others of the list count."""
    return {"reason": found.reason, **Reject(found, "").kept()} if isinstance(found, UnreadableRow) else found


def _id(row: Any) -> int:
    found = row.get("id") if isinstance(row, dict) else None
    return found if type(found) is int and found >= 0 else 0
