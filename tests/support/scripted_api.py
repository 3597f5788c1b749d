"""A scripted API on loopback: a real HTTP server that answers what a test tells it to, and remembers it all."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@dataclass
class Asked:
    """One request that reached the server."""

    path: str
    headers: dict[str, str]
    body: str
    at: float
    query: dict[str, str]


@dataclass
class ScriptedApi(ABC):
    """`script` holds what to answer next, one entry a request; with an empty script `default` answers."""

    script: deque[Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    open_now: int = 0
    most_open: int = 0
    delay: float = 0.0
    url: str = ""

    def then(self, status: int = 200, body: Any = None, *, headers: dict[str, str] | None = None) -> Self:
        """Adds an answer: `body` is text as it is, anything else is sent as JSON."""

        async def answer(_request: web.Request) -> web.StreamResponse:
            if isinstance(body, str | bytes):
                raw = body.encode() if isinstance(body, str) else body
                return web.Response(status=status, body=raw, headers=headers)
            return web.json_response([] if body is None else body, status=status, headers=headers)

        self.script.append(answer)
        return self

    def then_reset(self) -> Self:
        """Adds a connection that breaks before a reply."""

        async def answer(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        self.script.append(answer)
        return self

    def then_hang(self, seconds: float = 30.0) -> Self:
        """Adds a reply that does not come in time."""

        async def answer(_request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(seconds)
            return web.json_response([])

        self.script.append(answer)
        return self

    def then_slow(self, pieces: int, *, every: float) -> Self:
        """Adds a reply that comes in pieces, one every so many seconds."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            for _ in range(pieces):
                await asyncio.sleep(every)
                await response.write(b" ")
            await response.write(b'[{"id": 1}]')
            return response

        self.script.append(answer)
        return self

    def then_torn(self) -> Self:
        """Adds a reply whose connection breaks in the middle of the body."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b'[{"id": 1')
            assert request.transport is not None
            request.transport.close()
            return response

        self.script.append(answer)
        return self

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for something that happens on the way between client and server."""
        while not condition():  # noqa: ASYNC110 - any condition of a test
            await asyncio.sleep(0.001)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            at = time.monotonic()
            body = await request.text()
            self.asked.append(Asked(request.path, dict(request.headers), body, at, dict(request.query)))
            await asyncio.sleep(self.delay)
            return await (self.script.popleft() if self.script else self.default)(request)
        finally:
            self.open_now -= 1

    @abstractmethod
    async def default(self, request: web.Request) -> web.StreamResponse:
        """What is answered without a script."""

    @asynccontextmanager
    async def serving(self, *routes: web.RouteDef) -> AsyncIterator[Self]:
        """Serves the routes on a free port of this machine, at `url`."""
        app = web.Application()
        app.add_routes(routes)
        # Handlers end with their connection, so that a hanging one does not hold up the end of a test.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()
