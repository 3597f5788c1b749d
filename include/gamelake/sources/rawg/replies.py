"""The replies of one run, kept in the lake until its load is committed: no try pays for a reply twice.

    raw/rawg/games/dt=2026-11-21/<run>/_reply-<hash>.json      one reply, with the request that it answers

A request is reserved in the ledger, sent, and its reply stored before its rows are used. The next try of a run that
was killed finds the reply by its request. Only a request that was on its way when the run was killed is sent again, and
one to which RAWG had no object: its pages may have been lost for a moment.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
import orjson

from apiclient.elements import UnreadableRow
from gamelake.lake.documents import DocumentError, convert, parse_json
from gamelake.lake.store import ObjectNotFoundError
from rawg.client import MAX_PAGE_SIZE
from rawg.errors import NotFoundError, PastTheEndError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gamelake.sources.base import Lake
    from rawg.client import RawgClient

log = logging.getLogger(__name__)

NAME = "_reply-"
"""The start of the names of kept replies."""
KEPT = timedelta(hours=6)
"""An older reply is asked for again, as the parts of an older try are read again."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One reply.

    request: path and query, without the key, and which reading it is of. at: the source's time. count: the rows of all
    pages. is_missing: there is no such page or object; it has no rows then. unreadable: rows that no parser accepts, as
    base64, with the reason.
    """

    request: str
    at: datetime
    kept_at: datetime
    origin: str
    rows: list[Any]
    count: int = 0
    has_next: bool = False
    is_missing: bool = False
    unreadable: list[tuple[str, str]] = msgspec.field(default_factory=list)

    def all_rows(self) -> list[Any]:
        """Return the rows, those that are unreadable at the end."""
        return [*self.rows, *(UnreadableRow(base64.b64decode(raw), reason) for raw, reason in self.unreadable)]


class Replies:
    """Asks for pages and objects, and keeps each reply.

    Args:
        client: Open as long as this is used; it reserves each request in the ledger.
        lake: Where replies are kept, and the run that asks.
        clock: The present, UTC.
    """

    def __init__(self, client: RawgClient, lake: Lake, *, clock: Callable[[], datetime]) -> None:
        self.first_at: datetime | None = None
        """The source's time at the first reply."""
        self.origin: str | None = None
        """The server of the first reply that has rows: one that is missing does not state it."""
        self._client = client
        self._store = lake.store
        self._prefix = f"{lake.run.prefix}{NAME}"
        self._clock = clock

    async def page(
        self,
        path: str,
        query: Mapping[str, str],
        number: int = 1,
        *,
        size: int = MAX_PAGE_SIZE,
        reading: int = 1,
        may_be_missing: bool = False,
    ) -> Reply:
        """Return one page of a list; a page after the last one is missing.

        reading: the same page is asked for once for each reading. may_be_missing: the list itself, too.

        Raises: ApiError; StoreError.
        """
        asked = urlencode({**query, "page": number, "page_size": size}, safe=",")
        request = f"{path}?{asked}{f' reading {reading}' * (reading > 1)}"

        async def ask() -> Reply:
            try:
                page = await self._client.page(path, query, page=number, page_size=size)
            except NotFoundError as error:
                if may_be_missing or isinstance(error, PastTheEndError):
                    return self._missing(request)
                raise
            readable = [row for row in page.results if not isinstance(row, UnreadableRow)]
            torn = [row for row in page.results if isinstance(row, UnreadableRow)]
            return Reply(
                request=request,
                at=page.date,
                kept_at=self._clock(),
                origin=self._client.origin,
                rows=readable,
                count=page.count,
                has_next=page.has_next,
                unreadable=[(base64.b64encode(row.raw).decode(), row.reason) for row in torn],
            )

        return await self._kept(request, ask, may_be_missing=may_be_missing)

    async def single(self, path: str) -> Reply:
        """Return one object as the only row, or a reply that is missing. Raises: ApiError; StoreError."""

        async def ask() -> Reply:
            try:
                found = await self._client.single(path)
            except NotFoundError:
                return self._missing(path)
            return Reply(
                request=path, at=found.date, kept_at=self._clock(), origin=self._client.origin, rows=[found.row]
            )

        return await self._kept(path, ask, may_be_missing=True)

    def delete(self) -> None:
        """Delete what is kept: the load is committed. Raises: StoreError."""
        for info in list(self._store.list(self._prefix)):
            self._store.delete(info.key)

    async def _kept(self, request: str, ask: Callable[[], Any], *, may_be_missing: bool) -> Reply:
        key = f"{self._prefix}{hashlib.sha256(request.encode()).hexdigest()[:32]}.json"
        reply = await asyncio.to_thread(self._read, key, request)
        if reply is None:
            reply = await ask()
            if not (may_be_missing and reply.is_missing):
                await asyncio.to_thread(self._keep, key, reply)
        if self.first_at is None:
            self.first_at = reply.at
        if self.origin is None and not reply.is_missing:
            self.origin = reply.origin
        return reply

    def _read(self, key: str, request: str) -> Reply | None:
        try:
            reply = convert(parse_json(self._store.get(key), DocumentError), Reply, DocumentError)
        except ObjectNotFoundError:
            return None
        except DocumentError as error:
            log.warning("%s: a kept reply is damaged, and is asked for again: %s", key, error)
            return None
        return reply if reply.request == request and self._clock() - reply.kept_at <= KEPT else None

    def _keep(self, key: str, reply: Reply) -> None:
        try:
            data = orjson.dumps(msgspec.to_builtins(reply, builtin_types=(datetime,)))
        except (orjson.JSONEncodeError, RecursionError):
            return  # a row that is nested too deep; a second try asks for it again
        self._store.put(key, data, tags={"status": "temp"})

    def _missing(self, request: str) -> Reply:
        now = self._clock()
        at = self.first_at or now.astimezone(UTC)
        return Reply(request=request, at=at, kept_at=now, origin=self._client.origin, rows=[], is_missing=True)
