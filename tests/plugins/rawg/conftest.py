"""A scripted RAWG on loopback, and clients of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from apiclient.retry import Backoff
from rawg.client import RawgClient
from tests.support.scripted_rawg import KEY, ScriptedRawg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
async def api() -> AsyncIterator[ScriptedRawg]:
    scripted = ScriptedRawg()
    async with scripted.serving(web.get("/api/{path:.*}", scripted.handle)):
        yield scripted


@pytest.fixture
def make_client(api: ScriptedRawg) -> Callable[..., RawgClient]:
    """A client of the scripted server: quick, so that a test waits for nothing that it does not measure."""

    def make(**changes: Any) -> RawgClient:
        arguments: dict[str, Any] = {
            "base_url": api.base_url,
            "key": KEY,
            "requests_per_second": 1000.0,
            "backoff": Backoff(base=0.01, cap=0.02),
        }
        return RawgClient(**arguments | changes)

    return make


@pytest.fixture
async def client(make_client: Callable[..., RawgClient]) -> AsyncIterator[RawgClient]:
    async with make_client() as client:
        yield client
