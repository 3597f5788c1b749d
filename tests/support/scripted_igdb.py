"""A scripted IGDB on loopback: a real HTTP server that answers what a test tells it to, and remembers it all."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass
class Asked:
    """One request that reached the server."""

    path: str
    headers: dict[str, str]
    body: str
    at: float


@dataclass
class ScriptedIgdb:
    """`script` holds what to answer next, one entry a request; with an empty script `default` answers."""

    script: deque[Callable[[web.Request], Awaitable[web.StreamResponse]]] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    good_tokens: set[str] = field(default_factory=lambda: {"static-token"})
    minted: list[str] = field(default_factory=list)
    believes_its_tokens: bool = True
    expires_in: float = 5_000_000
    open_now: int = 0
    most_open: int = 0
    delay: float = 0.0
    url: str = ""

    @property
    def base_url(self) -> str:
        return f"{self.url}/v4"

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth2/token"

    def then(self, status: int = 200, body: Any = None, *, headers: dict[str, str] | None = None) -> ScriptedIgdb:
        """Adds an answer: `body` is text as it is, anything else is sent as JSON."""

        async def answer(_request: web.Request) -> web.StreamResponse:
            if isinstance(body, str | bytes):
                raw = body.encode() if isinstance(body, str) else body
                return web.Response(status=status, body=raw, headers=headers)
            return web.json_response([] if body is None else body, status=status, headers=headers)

        self.script.append(answer)
        return self

    def then_reset(self) -> ScriptedIgdb:
        """Adds a connection that breaks before a reply."""

        async def answer(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        self.script.append(answer)
        return self

    def then_hang(self, seconds: float = 30.0) -> ScriptedIgdb:
        """Adds a reply that does not come in time."""

        async def answer(_request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(seconds)
            return web.json_response([])

        self.script.append(answer)
        return self

    def then_torn(self) -> ScriptedIgdb:
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
            self.asked.append(Asked(request.path, dict(request.headers), body, at))
            await asyncio.sleep(self.delay)
            if self.script:
                return await self.script.popleft()(request)
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in self.good_tokens:
                return web.json_response({"message": "Authorization Failure. Have you tried:"}, status=401)
            return web.json_response([{"id": 1}], headers={"X-Count": "372770"})
        finally:
            self.open_now -= 1

    async def mint(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if self.script:
            return await self.script.popleft()(request)
        if form["client_id"] != "an-id":
            return web.json_response({"status": 400, "message": "invalid client"}, status=400)
        if form["client_secret"] != "a-secret":
            return web.json_response({"status": 403, "message": "invalid client secret"}, status=403)
        await asyncio.sleep(self.delay)
        token = f"minted-{len(self.minted) + 1}"
        self.minted.append(token)
        if self.believes_its_tokens:
            self.good_tokens = {token}
        return web.json_response({"access_token": token, "expires_in": self.expires_in, "token_type": "bearer"})
