"""A small world, and a client that speaks to a sandbox over real HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

from sandbox.igdb import Sandbox, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DAY = date(2026, 11, 20)


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """Sends what a test says, with the headers of a well-behaved client unless it says otherwise."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url
        self.headers = {"User-Agent": "gamelake-tests", "Client-ID": "sandbox"}

    async def token(self, **changes: str) -> Answered:
        form = {"client_id": "sandbox", "client_secret": "sandbox-secret", "grant_type": "client_credentials"}
        return await self.request("POST", "/oauth2/token", data=form | changes)

    async def log_in(self) -> None:
        self.headers["Authorization"] = f"Bearer {(await self.token()).json['access_token']}"

    async def query(self, endpoint: str, text: str | bytes = "", **headers: str) -> Answered:
        return await self.request("POST", f"/v4/{endpoint}", data=text, headers=self.headers | headers)

    async def request(self, method: str, path: str, **arguments: Any) -> Answered:
        async with self.session.request(method, self.url + path, **arguments) as reply:
            return Answered(reply.status, dict(reply.headers), await reply.read())


def make_world(games: int = 300, today: date = DAY, **options: Any) -> World:
    return World.generate(seed=7, games=games, first_day=DAY, today=today, **options)


@pytest.fixture
def connect() -> Callable[[Sandbox], Any]:
    """`async with connect(sandbox) as client`: the sandbox serves, the client has a token."""

    @asynccontextmanager
    async def connected(sandbox: Sandbox) -> AsyncIterator[Client]:
        with sandbox.running() as url:
            async with aiohttp.ClientSession() as session:
                client = Client(session, url)
                await client.log_in()
                yield client

    return connected


@pytest.fixture
def sandbox() -> Sandbox:
    """A small world without limits or latency."""
    return Sandbox(make_world(), requests_per_second=None, max_open_requests=None, latency=0)


@pytest.fixture
async def client(sandbox: Sandbox, connect: Callable[[Sandbox], Any]) -> AsyncIterator[Client]:
    """A client of `sandbox`, logged in."""
    async with connect(sandbox) as connected:
        yield connected


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def build() -> Callable[..., World]:
    """`build(games=…, today=…)`: a world of one seed whose first day is 2026-11-20."""
    return make_world
