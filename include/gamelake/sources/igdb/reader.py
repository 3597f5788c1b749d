"""Read an entity of IGDB, for a load: see `gamelake.sources.base`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import ALL_IDS, IdRange, ids_outside
from gamelake.sources.base import Page
from gamelake.sources.igdb.options import IgdbOptions
from gamelake.sources.igdb.queries import ROW_BYTES, EntityQueries, is_sound
from gamelake.sources.igdb.reconcile import IgdbReconciliation
from gamelake.sources.igdb.request_planner import PAGE
from igdb.apicalypse import at_least, below

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable
    from datetime import datetime

    from apiclient.stats import ClientStats
    from gamelake.registry import Entity
    from gamelake.sources.base import Lake, TableView, UnverifiedIds
    from igdb.apicalypse import Condition
    from igdb.client import IgdbClient


@asynccontextmanager
async def open_reader(connection: str, entity: Entity, _lake: Lake) -> AsyncIterator[IgdbReader]:
    """Provide the reader of an entity, with a client of an Airflow connection that is open as long as the context."""
    from igdb.hook import IgdbHook

    async with IgdbHook(connection).client() as client:
        yield IgdbReader(client, entity)


class IgdbReader:
    """Reads one entity through one client, and validates its rows.

    `total` is the number of rows that the entity had when reading began.
    """

    def __init__(self, client: IgdbClient, entity: Entity) -> None:
        self._queries = EntityQueries(client, entity)
        self._entity = entity
        self.total = 0
        self._highest = -1

    @property
    def clock(self) -> datetime:
        """The source's time when it made its first reply. Raises: RuntimeError before it has."""
        if self._queries.clock is None:
            raise RuntimeError("nothing was read yet")
        return self._queries.clock

    @property
    def stats(self) -> ClientStats:
        """What the client has done so far."""
        return self._queries.client.stats

    @property
    def address(self) -> str:
        """The URL of the endpoint."""
        return f"{self._queries.client.base_url}/{IgdbOptions.of(self._entity).endpoint}"

    @property
    def origin(self) -> str | None:
        """Whose rows the latest reply had: `igdb`, or the origin that another server states."""
        return self._queries.client.origin

    async def probe(self) -> None:
        """Learn the clock, the number of rows and the highest id of the source, in one request."""
        extent = await self._queries.probe(rows=False)
        self.total, self._highest = extent.count, extent.highest

    async def read_all(self) -> AsyncIterator[Page]:
        """All rows, as pages whose claims have every id once. A table of one page costs one request.

        Raises:
            IncompleteError: other rows came than the source counts, twice.
        """
        async for page in self._read_where():
            yield page

    async def read_remaining(self, resumed: Iterable[IdRange], *, rows: int) -> AsyncIterator[Page]:
        """Read all rows outside the resumed id ranges, which have `rows` rows. Call `probe` before."""
        remaining = ids_outside(resumed)
        async for page in self._queries.read(remaining, rows=self.total - rows, end=self._highest + 1):
            yield page

    async def read_changes(self, since: int, until: int | None) -> AsyncGenerator[Page, None]:
        """Rows whose `updated_at` (unix seconds) is in `[since, until)`, by id; pages without a claim."""
        period = (at_least("updated_at", since), *(() if until is None else (below("updated_at", until),)))
        async for page in self._read_where(*period):
            if len(page.checked) or page.unproven:
                yield replace(page, claim=None)

    def reconcile(self, table: TableView, *, unverified: UnverifiedIds, since: int | None) -> IgdbReconciliation:
        """Compare a table with the source: see `CountingReader`."""
        return IgdbReconciliation(self._queries, str(self._entity), table, unverified=unverified, since=since)

    async def _read_where(self, *conditions: Condition) -> AsyncIterator[Page]:
        """All rows that meet the conditions. The first request returns a page and what the planner needs."""
        extent = await self._queries.probe(conditions, rows=True)
        count = extent.count
        if not conditions:
            self.total, self._highest = count, extent.highest
        low = 0
        row_bytes = ROW_BYTES
        if extent.head is not None:
            (checked,) = extent.head.pages
            row_bytes = extent.head.bytes / max(1, len(checked))
            if is_sound(checked, ALL_IDS) and len(checked) == min(PAGE, count):
                if count <= PAGE and (checked.last_id is None or checked.highest >= extent.highest):
                    yield Page(checked, ALL_IDS)
                    return
                first = checked.without_last()
                if low := first.next_id:
                    count -= len(first)
                    yield Page(first, IdRange(0, low))
        remaining = [IdRange(low, None)]
        async for page in self._queries.read(
            remaining, rows=count, end=extent.highest + 1, conditions=conditions, row_bytes=row_bytes
        ):
            yield page
