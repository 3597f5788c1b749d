"""What a source gives a load: one reader for each entity, which returns pages of validated rows.

A source is a package below `gamelake.sources`. It has its part of the registry, `entities.yaml`, and a module `reader`
with the function `open_reader`:

    @asynccontextmanager
    async def open_reader(connection: str, entity: Entity, lake: Lake) -> AsyncIterator[Reader]: ...

A load knows nothing else of a source. Every reader passes the rules of `tests/gamelake/sources/test_conformance.py`.
A module `sample` is optional, with which `gamelake new entity` asks the API for rows:

    async def sample_rows(connection: str, endpoint: str, condition: str | None) -> Sample: ...
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from apiclient.stats import ClientStats
    from gamelake.lake.id_ranges import IdRange
    from gamelake.lake.keys import LoadRun
    from gamelake.lake.manifest import Proof, Unproven
    from gamelake.lake.rows import LiveIds
    from gamelake.lake.store import Store
    from gamelake.lake.update_times import UpdateTimes
    from gamelake.registry import Entity, Source
    from gamelake.sources.contract import Checked

OVERLAP_SECONDS = 5 * 60
"""Changes are read from this long before the watermark: rows of one second may appear one after another."""


@dataclass(frozen=True, slots=True)
class Lake:
    """The lake of a load, for a source that keeps something of its own there, and the run that loads."""

    store: Store
    run: LoadRun


class IncompleteError(Exception):
    """The source returned other rows than it counts, also when it was asked again. A later load may succeed."""

    def __init__(self, entity: str, where: str, rows: int, count: int | None) -> None:
        super().__init__(entity, where, rows, count)
        self.entity = entity
        self.where = where
        self.rows = rows
        self.count = count

    def __str__(self) -> str:
        counts = "did not count them" if self.count is None else f"counts {self.count}"
        return (
            f"{self.entity}: {self.where}: the source returned {self.rows} rows but {counts}, twice. "
            "Nothing was committed; run the load again, and report it to the source if it stays."
        )


class MisplacedError(IncompleteError):
    """The source's rows are out of order or outside of the ids that were asked for, also when asked again."""

    def __init__(self, entity: str, where: str, row_id: int) -> None:
        super().__init__(entity, where, 0, None)
        self.row_id = row_id

    def __str__(self) -> str:
        return (
            f"{self.entity}: {self.where}: the source returned rows out of order, or of other ids, such as "
            f"{self.row_id}, twice. Nothing was committed; run the load again, and report it to the source if it stays."
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows of an endpoint as the source sends them, for `gamelake new entity`, and how many rows it has in all."""

    rows: list[dict[str, Any]]
    total: int


@dataclass(frozen=True, slots=True)
class Page:
    """Validated rows of one or more replies.

    checked: the rows to stage and the rejected ones.
    claim: these are all rows of that id range, possibly none. None: these rows changed.
    unproven: id ranges whose rows the source returned twice while it counts another number.
    """

    checked: Checked
    claim: IdRange | None
    unproven: tuple[Unproven, ...] = ()


@dataclass(frozen=True, slots=True)
class Phase:
    """Pages that read each row at most once. Rows of an earlier phase may come again, and then replace it."""

    name: str
    pages: AsyncIterator[Page]


@dataclass(frozen=True, slots=True)
class UnverifiedIds:
    """The ids that counts cannot check after the last load, so that they are read again.

    rejected: ids of rows that the last load rejected, ascending; they are read again.
    ranges: their ids are read, even if the counts are equal.
    """

    rejected: tuple[int, ...] = ()
    ranges: tuple[IdRange, ...] = ()


@dataclass(slots=True)
class ReconcileFigures:
    """What a reconciliation has found.

    source_count: how many rows the source has.
    repaired_ranges: id ranges whose count differed.
    deleted: rows that the source no longer has.
    late: rows that changed before the last load, and could be seen only after it.
    """

    source_count: int = 0
    repaired_ranges: int = 0
    deleted: int = 0
    late: int = 0


class Reconciliation(Protocol):
    """Reads what differs between a table and its source although no change was reported."""

    figures: ReconcileFigures
    """Complete once all phases were read."""

    def phases(self) -> AsyncIterator[Phase]:
        """Yield what to read, in order. The load stages all pages of a phase before it asks for the next phase."""


class TableView(Protocol):
    """A table as the load will commit it: the last commit with everything that was staged on top of it so far."""

    @property
    def update_times(self) -> UpdateTimes:
        """When each row of the last commit changed."""

    def live_ids(self) -> LiveIds:
        """Return the ids of its rows. Raises: DamagedPartError, StoreError."""

    def read_ids(self) -> LiveIds:
        """Return the ids of all rows that this load has read, the rejected ones included."""

    def rejected_ids(self) -> Iterable[int]:
        """Return the ids of the rows that this load has rejected, of those that have one."""

    def rejected_times(self) -> Iterable[int | None]:
        """When these rows last changed (unix seconds), None for one without a time."""


class Reader(Protocol):
    """Reads one entity of a source. Every method may raise ApiError."""

    total: int
    """About how many rows the entity has; 0 before it is known, and if the source does not state it."""

    @property
    def clock(self) -> datetime:
        """The source's time when it made its first reply.

        Raises:
            RuntimeError: nothing was read yet.
        """

    @property
    def stats(self) -> ClientStats:
        """What the client has done so far."""

    @property
    def address(self) -> str:
        """The URL of the entity at the source, without keys: where lineage begins."""

    @property
    def origin(self) -> str | None:
        """Whose rows the replies had, such as `igdb` or `sandbox`; None: the source does not state it."""

    async def probe(self) -> None:
        """Learn the clock and what `read_remaining` needs, for as few requests as possible."""

    def read_all(self) -> AsyncIterator[Page]:
        """All rows. The claims of the pages have every id once.

        Of an entity that is never `read_whole`: the rows with which its table begins, without claims.

        Raises:
            IncompleteError: from a source that counts its rows.
        """

    def read_remaining(self, resumed: Iterable[IdRange], *, rows: int) -> AsyncIterator[Page]:
        """As `read_all`, without id ranges that an earlier try of the run has stored; `probe` comes before.

        Args:
            resumed: the id ranges that are not read.
            rows: how many rows they have.
        """

    def read_changes(self, since: int, until: int | None) -> AsyncGenerator[Page, None]:
        """Return the rows whose `updated_at` (unix seconds) is in `[since, until)`, by id, in pages without a claim.

        until: None: everything up to now.
        """


class CountingReader(Reader, Protocol):
    """A reader whose source can count its rows: an incremental load then finds deletions, and proves itself complete.

    Without it deletions are seen by full loads only, and a commit has no `source_count`.
    """

    def reconcile(self, table: TableView, *, unverified: UnverifiedIds, since: int | None) -> Reconciliation:
        """Compare a table with the source, after the changes were staged.

        Args:
            table: the table as the load will commit it.
            unverified: ids to read again even if the counts are equal.
            since: the changes were those from this time on (unix seconds). None: those of one past day.
        """


@dataclass(frozen=True, slots=True)
class Evidence:
    """How complete the rows are that a reader returned.

    proof: `counted`, `paged` or `partial`. reason: why it is not counted, for people; None for counted.
    until: of changes, everything before this time (unix seconds) was read; None: up to now.
    """

    proof: Proof
    reason: str | None = None
    until: int | None = None


class PagedReader(Reader, Protocol):
    """A reader whose source counts what one query returns, and not the rows of an id range.

    It states itself how complete its rows are. It may end before everything is read, as when a quota is spent: that is
    a normal end, and the next load of changes continues at `until`.
    """

    @property
    def evidence(self) -> Evidence | None:
        """How complete the rows are, once all pages were read; None before."""


class KeepingReader(Reader, Protocol):
    """A reader that keeps replies for the next try of its run, because each request is counted."""

    def forget(self) -> None:
        """Drop them, so that the next try asks the source again. Raises: StoreError."""


def forget_replies(reader: Reader) -> None:
    """Have the next try of a run ask the source again, if the reader keeps replies. Raises: StoreError."""
    if callable(getattr(reader, "forget", None)):
        cast("KeepingReader", reader).forget()


def evidence_of(reader: Reader) -> Evidence | None:
    """Return how complete the rows of a reader are, None if it does not state it itself."""
    return cast("PagedReader", reader).evidence if hasattr(type(reader), "evidence") else None


def counting(reader: Reader) -> CountingReader | None:
    """Return the reader itself if its source can count, else None."""
    return cast("CountingReader", reader) if callable(getattr(reader, "reconcile", None)) else None


def open_reader(source: Source, entity: Entity, lake: Lake) -> AbstractAsyncContextManager[Reader]:
    """Return the reader of an entity, with a client of the source's connection that is open as long as the context.

    The context ends without an error once the load is committed.
    """
    module = import_module(f"gamelake.sources.{source.name}.reader")
    reader: AbstractAsyncContextManager[Reader] = module.open_reader(source.connection, entity, lake)
    return reader
