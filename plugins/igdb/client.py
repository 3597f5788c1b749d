"""An asynchronous client of IGDB's API v4: pacing, retries by error class, tokens. No Airflow in it.

    async with IgdbClient(base_url=…, client_id=…, tokens=…) as client:
        reply = await client.query("games", Query(where=(below("id", 500),)))
        reply.rows[0]["name"]

What is asked again, and what is not:

| answer | what happens |
| --- | --- |
| 429 | no request of this client starts for a while, then it is asked again |
| 5xx, refused, reset, timeout | asked again, with growing, jittered waits |
| 200 with HTML, torn JSON, `null`, `{}` or another shape than promised, or above 64 MB | likewise |
| 200 with a row that no parser accepts | likewise; a row that came before is passed on as an UnreadableRow |
| 408 | asked once more, then SlowQueryError at once: the caller should use a smaller window |
| 401 | asked again with up to three new tokens, then TokenError; with a static token AuthError at once |
| 400, 403, 404, 407, 413, the rest | fails at once: the same request would fail again |
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

import aiohttp

from apiclient.pacing import Pacer, Turn
from apiclient.retry import Backoff, retry, retry_after_seconds
from apiclient.stats import ClientStats
from apiclient.transport import USER_AGENT, open_session, proxy_for, send
from igdb.apicalypse import count_text, multiquery_text
from igdb.errors import API, AuthError, PayloadTooLargeError, RateLimitError, TokenError, error_for
from igdb.replies import Answer, Count, MultiReply, Reply, RowsT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import SimpleNamespace, TracebackType

    from apiclient.errors import TransientError
    from igdb.apicalypse import Condition, Query, SubQuery
    from igdb.tokens import TokenSource

MAX_REQUEST_BYTES = 32_000
STAND_IN_HEADER = "X-Stand-In"
"""A server that stands in for IGDB, such as a sandbox, states its name in it. IGDB does not send it."""
IGDB = "igdb"

_T = TypeVar("_T")


class IgdbClient:
    """A client of one client id: all requests that share its budget go through it.

    `base_url` is such as `https://api.igdb.com/v4`; `timeout` is the seconds from the start of a request to the end of
    its reply; `max_attempts` counts the first one. Made on any thread, entered and used on one event loop.
    `origin` is the server of the latest reply: `igdb`, or the value of STAND_IN_HEADER.
    """

    def __init__(
        self,
        *,
        base_url: str,
        client_id: str,
        tokens: TokenSource,
        requests_per_second: float = 4.0,
        max_open_requests: int = 8,
        timeout: float = 30.0,
        max_attempts: int = 6,
        backoff: Backoff | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.stats = ClientStats()
        self.origin = IGDB
        self._client_id = client_id
        self._tokens = tokens
        self._requests_per_second = requests_per_second
        self._max_open_requests = max_open_requests
        self._timeout = timeout
        self._max_attempts = max_attempts
        self._backoff = backoff or Backoff()
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"IgdbClient(base_url={self.base_url!r}, client_id={self._client_id!r})"

    async def __aenter__(self) -> Self:
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_end_turn)
        self._pacer = Pacer(self._requests_per_second)
        self._open = asyncio.Semaphore(self._max_open_requests)
        self._opened_at = time.monotonic()
        self._proxy = proxy_for(self.base_url, api=API, endpoint="connection")
        self._session = open_session(
            self._proxy,
            seconds=self._timeout,
            connector=aiohttp.TCPConnector(limit=0),  # `_open` alone limits what is open
            headers={"Client-ID": self._client_id, "Accept": "application/json", "User-Agent": USER_AGENT},
            trace_configs=[trace],
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def query(
        self,
        endpoint: str,
        query: Query,
        read: Callable[[list[Any]], RowsT] = list,  # type: ignore[assignment] # mypy: a type variable has no default
    ) -> Reply[RowsT]:
        """Return the rows of one query.

        Args:
            endpoint: Such as `games`.
            query: Which fields of which rows, and in which order.
            read: Converts the rows of the reply; by default they stay a list of objects.

        Example:
            query = Query(fields="id,name", where=(at_least("id", 500),), limit=10)
            for row in (await client.query("games", query)).rows:
                print(row["id"], row["name"])

        Raises:
            ApiError: See the head of `errors`.
        """
        return await self._ask(endpoint, query.text(), lambda answer: answer.reply(read))

    async def count(self, endpoint: str, where: Sequence[Condition] = ()) -> Count:
        """Return the number of rows of an endpoint that meet all conditions.

        Example:
            (await client.count("games", [at_least("updated_at", 1763668800)])).count

        Raises:
            ApiError: See the head of `errors`.
        """
        return await self._ask(f"{endpoint}/count", count_text(where), Answer.count)

    async def multiquery(
        self,
        parts: Sequence[SubQuery],
        read: Callable[[list[Any]], RowsT] = list,  # type: ignore[assignment]
    ) -> MultiReply[RowsT]:
        """Send up to 10 queries in one request, and return the rows of each and the counts.

        Args:
            parts: The queries; one that is wrong fails all of them.
            read: Converts the rows of each part.

        Example:
            first = Query(where=(below("id", 500),))
            parts = [SubQuery("rows", "games", first), SubQuery("count", "games", first, count=True)]
            reply = await client.multiquery(parts)
            len(reply.rows["rows"]) == reply.counts["count"]

        Raises:
            PayloadTooLargeError: The replies together are above 10 MB.
            ApiError: See the head of `errors`.
        """
        return await self._ask("multiquery", multiquery_text(parts), lambda answer: answer.parts(parts, read))

    async def _ask(self, endpoint: str, query: str, read: Callable[[Answer], _T]) -> _T:
        body = query.encode()
        if len(body) > MAX_REQUEST_BYTES:
            raise PayloadTooLargeError(
                f"the request has {len(body):,} bytes, the API takes {MAX_REQUEST_BYTES:,}; it was not sent",
                endpoint=endpoint,
                query=f"{query[:500]}…",
            )

        unreadable: set[int | bytes] = set()

        def parse(answer: Answer) -> _T:
            """Parse a reply. A row that cannot be parsed is an error the first time, and unreadable the second time."""
            return read(replace(answer, unreadable=unreadable))

        async def once() -> _T:
            token = await self._tokens.token()
            try:
                return parse(await self._send(endpoint, query, token))
            except AuthError:
                await self._tokens.invalidate(token)
                renewed = await self._tokens.token()
                if renewed == token:
                    raise
            self.stats.retries += 1
            try:
                return parse(await self._send(endpoint, query, renewed))
            except AuthError as error:
                await self._tokens.invalidate(renewed)
                raise TokenError(
                    "a token minted a moment ago is refused (status 401)",
                    endpoint=endpoint,
                    query=query,
                    status=error.status,
                    reply=error.reply,
                ) from None

        return await retry(once, max_attempts=self._max_attempts, backoff=self._backoff, before_wait=self._before_wait)

    def _before_wait(self, error: TransientError, wait: float) -> None:
        self.stats.retries += 1
        if isinstance(error, RateLimitError):
            # The budget belongs to the client: every request would get the same answer now.
            self._pacer.pause(wait)

    async def _send(self, endpoint: str, query: str, token: str) -> Answer:
        """Send one request. Raises: ApiError, for every status but 200."""
        if self._session is None:
            raise RuntimeError("an IgdbClient is used within `async with`")
        # The slot first, then the turn: a turn that waits for a slot would start late, too near to the next.
        async with self._open:
            turn = await self._pacer.turn()
            self.stats.requests += 1
            try:
                response = await send(
                    self._session,
                    "POST",
                    f"{self.base_url}/{endpoint}",
                    api=API,
                    endpoint=endpoint,
                    query=query,
                    proxy=self._proxy,
                    data=query.encode(),
                    headers={"Authorization": f"Bearer {token}", "Content-Type": "text/plain"},
                    trace_request_ctx=turn,
                )
            finally:
                turn.end()
        self.stats.bytes += len(response.body)
        self.stats.seconds = time.monotonic() - self._opened_at
        if response.status == 200:
            self.origin = response.headers.get(STAND_IN_HEADER, IGDB)
            return Answer(endpoint=endpoint, query=query, body=response.body, headers=response.headers)
        raise error_for(
            response.status,
            endpoint=endpoint,
            query=query,
            # A proxy's error page may show the request's headers.
            reply=response.body.decode(errors="replace").replace(token, "***"),
            retry_after=retry_after_seconds(response.headers.get("Retry-After")),
        )


async def _end_turn(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _sent: aiohttp.TraceRequestHeadersSentParams
) -> None:
    turn: Turn = context.trace_request_ctx
    turn.end()
