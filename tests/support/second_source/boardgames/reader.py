"""Read a paged JSON API that cannot count: `GET /<path>?from=<id>&to=<id>&limit=<rows>`, ordered by id."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

from apiclient.errors import ApiError, ReplyError, ServerError
from apiclient.retry import Backoff, retry
from apiclient.stats import ClientStats
from apiclient.transport import Proxy, open_session, proxy_for, send
from gamelake.lake.id_ranges import ALL_IDS, IdRange, ids_outside
from gamelake.sources.base import Page
from gamelake.sources.contract import RowContract

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable
    from datetime import datetime

    from gamelake.registry import Entity
    from gamelake.sources.base import Lake

API = "Boardgames"
PAGE = 100
BACKOFF = Backoff(base=0.01, cap=0.05)


@asynccontextmanager
async def open_reader(connection: str, entity: Entity, _lake: Lake) -> AsyncIterator[BoardgamesReader]:
    """The reader of an entity; host and password of the Airflow connection are the API's address and key."""
    from airflow.sdk import BaseHook

    found = await asyncio.to_thread(BaseHook.get_connection, connection)
    url, key = f"{found.host}/{entity.options['path']}", found.password or ""
    proxy = proxy_for(url, api=API, endpoint=entity.name)
    async with open_session(proxy, seconds=10, headers={"X-Key": key}) as session:
        yield BoardgamesReader(session, url, entity, proxy)


class BoardgamesReader:
    """Reads one entity, page by page. The API states neither how many rows there are nor which were deleted."""

    def __init__(self, session: aiohttp.ClientSession, url: str, entity: Entity, proxy: Proxy | None) -> None:
        self.total = 0
        self.origin: str | None = None
        self.address = url
        self.stats = ClientStats()
        self._session = session
        self._url = url
        self._entity = entity
        self._proxy = proxy
        self._contract = RowContract(entity)
        self._clock: datetime | None = None
        self._opened = time.monotonic()

    @property
    def clock(self) -> datetime:
        """The source's time when it made its first reply."""
        if self._clock is None:
            raise RuntimeError("nothing was read yet")
        return self._clock

    async def probe(self) -> None:
        """Learn the clock."""
        await self._get({"limit": 1})

    async def read_all(self) -> AsyncIterator[Page]:
        """All rows, in pages that ascend."""
        async for page in self._read(ALL_IDS):
            yield page

    async def read_remaining(self, resumed: Iterable[IdRange], *, rows: int) -> AsyncIterator[Page]:  # noqa: ARG002
        """The rows outside the resumed ranges."""
        for ids in ids_outside(resumed):
            async for page in self._read(ids):
                yield page

    async def read_changes(self, since: int, until: int | None) -> AsyncGenerator[Page, None]:
        """The rows that changed in `[since, until)`, without claims."""
        async for page in self._read(ALL_IDS, since=since, until=until):
            if len(page.checked):
                yield Page(page.checked, None)

    async def _read(self, ids: IdRange, **period: int | None) -> AsyncIterator[Page]:
        low = ids.low
        while True:
            rows = await self._get({"from": low, "to": ids.high, "limit": PAGE, **period})
            checked = self._contract.check(rows)
            if len(rows) < PAGE or checked.last_id is None or checked.last_id + 1 >= ids.end:
                yield Page(checked, IdRange(low, ids.high))
                return
            yield Page(checked, IdRange(low, checked.last_id + 1))
            low = checked.last_id + 1

    async def _get(self, params: dict[str, int | None]) -> list[Any]:
        asked = {name: str(value) for name, value in params.items() if value is not None}
        return await retry(lambda: self._get_once(asked), max_attempts=3, backoff=BACKOFF)

    async def _get_once(self, params: dict[str, str]) -> list[Any]:
        self.stats.requests += 1
        endpoint = self._entity.name
        status, headers, body = await send(
            self._session, "GET", self._url, api=API, endpoint=endpoint, proxy=self._proxy, params=params
        )
        self.stats.bytes += len(body)
        self.stats.seconds = time.monotonic() - self._opened
        if status != 200:
            kind = ServerError if status >= 500 else ApiError
            raise kind(f"status {status}", api=API, endpoint=endpoint, status=status)
        date = parsedate_to_datetime(headers["Date"])
        self._clock = min(self._clock or date, date)
        try:
            rows: list[Any] = orjson.loads(body)["results"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ReplyError("no results", api=API, endpoint=endpoint, status=200) from None
        return rows
