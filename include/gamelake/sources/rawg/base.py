"""What the readers of RAWG share: its clock, its kept replies, and the end of the requests.

A load that has no request left ends as one that read a part: its evidence states what is left and why.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gamelake.days import partition_bounds
from gamelake.sources.base import Evidence, Page
from gamelake.sources.contract import RowContract
from gamelake.sources.rawg.options import RawgOptions
from gamelake.sources.rawg.plan import NoRequestLeftError
from gamelake.sources.rawg.replies import Replies
from gamelake.sources.rawg.windows import with_time
from rawg.errors import QuotaSpentError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence

    from apiclient.stats import ClientStats
    from gamelake.lake.id_ranges import IdRange
    from gamelake.registry import Entity
    from gamelake.sources.base import Lake
    from rawg.client import RawgClient


def utc_now() -> datetime:
    """Return the present."""
    return datetime.now(UTC)


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
