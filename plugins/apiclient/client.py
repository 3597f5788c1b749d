"""ApiClient: what the clients of all APIs share. A session, pacing, limited open requests, retries and figures."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import aiohttp

from apiclient.pacing import Pacer, Turn
from apiclient.retry import Backoff, retry
from apiclient.stats import ClientStats
from apiclient.transport import STAND_IN_HEADER, USER_AGENT, open_session, proxy_for, send

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import SimpleNamespace, TracebackType

    from apiclient.errors import TransientError
    from apiclient.transport import HttpReply

_T = TypeVar("_T")


async def allow() -> None:
    """Allow every request: the default of `before_request`."""


class ApiClient:
    """A client of one account: all requests that share its budget go through it.

    Made on any thread, entered and used on one event loop. `origin` is the server of the latest reply: the value of
    STAND_IN_HEADER, else `source`.

    Args:
        base_url: The address of the API.
        requests_per_second: The most starts of requests in any one second.
        max_open_requests: The most requests that wait for their reply at once.
        timeout: Seconds without a byte of the reply. A whole request may take ten times as long.
        max_attempts: The most requests for one answer. It counts the first one.
        backoff: The waits between them.
        before_request: Called before each request, retries included. An error of it is raised, and nothing is sent.
        headers: Of every request.
    """

    api: ClassVar[str]
    """The name of the API for people, for errors."""
    source: ClassVar[str]
    rate_limit_error: ClassVar[type[TransientError]]

    def __init__(
        self,
        *,
        base_url: str,
        requests_per_second: float,
        max_open_requests: int,
        timeout: float,
        max_attempts: int,
        backoff: Backoff | None,
        before_request: Callable[[], Awaitable[None]] = allow,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.stats = ClientStats()
        self.origin = self.source
        self._requests_per_second = requests_per_second
        self._max_open_requests = max_open_requests
        self._timeout = timeout
        self._max_attempts = max_attempts
        self._backoff = backoff or Backoff()
        self._before_request = before_request
        self._headers = headers or {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_end_turn)
        self._pacer = Pacer(self._requests_per_second)
        self._open = asyncio.Semaphore(self._max_open_requests)
        self._opened_at = time.monotonic()
        self._proxy = proxy_for(self.base_url, api=self.api, endpoint="connection")
        self._session = open_session(
            self._proxy,
            seconds=self._timeout,
            connector=aiohttp.TCPConnector(limit=0),  # `_open` alone limits what is open
            headers={"Accept": "application/json", "User-Agent": USER_AGENT, **self._headers},
            trace_configs=[trace],
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _retried(self, once: Callable[[], Awaitable[_T]]) -> _T:
        return await retry(once, max_attempts=self._max_attempts, backoff=self._backoff, before_wait=self._before_wait)

    def _before_wait(self, error: TransientError, wait: float) -> None:
        self.stats.retries += 1
        if isinstance(error, self.rate_limit_error):
            # The budget belongs to the client: every request would get the same answer now.
            self._pacer.pause(wait)

    async def _request(self, method: str, path: str, *, query: str, **options: Any) -> HttpReply:
        """Send one request in its turn. Returns: a reply of any status. Raises as `send`."""
        if self._session is None:
            raise RuntimeError(f"{type(self).__name__} is used outside of `async with`")
        # The slot first, then the turn: a turn that waits for a slot would start late, too near to the next.
        async with self._open:
            turn = await self._pacer.turn()
            try:
                await self._before_request()
                self.stats.requests += 1
                reply = await send(
                    self._session,
                    method,
                    f"{self.base_url}/{path}",
                    api=self.api,
                    endpoint=path,
                    query=query,
                    proxy=self._proxy,
                    trace_request_ctx=turn,
                    **options,
                )
            finally:
                turn.end()
        self.stats.bytes += len(reply.body)
        self.stats.seconds = time.monotonic() - self._opened_at
        if reply.status == 200:
            self.origin = reply.headers.get(STAND_IN_HEADER, self.source)
        return reply


async def _end_turn(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _sent: aiohttp.TraceRequestHeadersSentParams
) -> None:
    turn: Turn = context.trace_request_ctx
    turn.end()
