"""A small local RAWG beside its local IGDB, and a client of it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from rawg.client import RawgClient
from sandbox.igdb import Sandbox, World
from sandbox.rawg import KEY, RawgSandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DAY = date(2026, 11, 20)


def make_rawg(*, games: int = 300, today: date = DAY, **options: Any) -> RawgSandbox:
    world = World.generate(seed=7, games=games, first_day=DAY, today=today)
    igdb = Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0)
    return RawgSandbox(igdb, **options)


@pytest.fixture(scope="session")
def large() -> RawgSandbox:
    """2,000 games, only to look at."""
    return make_rawg(games=2_000)


@pytest.fixture
def build() -> Callable[..., RawgSandbox]:
    """`build(games=…, today=…, behaviour=…)`: without limits or latency; its first day is 2026-11-20."""

    return make_rawg


@pytest.fixture
def rawg(build: Callable[..., RawgSandbox]) -> RawgSandbox:
    return build()


@pytest.fixture
async def client(rawg: RawgSandbox) -> AsyncIterator[RawgClient]:
    with rawg.running() as url:
        async with RawgClient(base_url=url, key=KEY, requests_per_second=10_000, max_attempts=1) as connected:
            yield connected
