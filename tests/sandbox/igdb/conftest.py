"""A small world, and a client that speaks to a sandbox over real HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from sandbox.igdb import Sandbox, World
from tests.support.sandbox_client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DAY = date(2026, 11, 20)


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
