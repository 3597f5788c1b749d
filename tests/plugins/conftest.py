"""A scripted IGDB on loopback, and clients of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from apiclient.retry import Backoff
from igdb.client import IgdbClient
from igdb.tokens import StaticToken
from tests.support.scripted_igdb import ScriptedIgdb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

QUICK = Backoff(base=0.01, cap=0.02)


@pytest.fixture
async def api() -> AsyncIterator[ScriptedIgdb]:
    scripted = ScriptedIgdb()
    async with scripted.serving(web.post("/oauth2/token", scripted.mint), web.post("/v4/{path:.*}", scripted.handle)):
        yield scripted


@pytest.fixture
def make_client(api: ScriptedIgdb) -> Callable[..., IgdbClient]:
    """A client of the scripted server: quick, so that a test waits for nothing that it does not measure."""

    def make(**changes: Any) -> IgdbClient:
        arguments: dict[str, Any] = {
            "base_url": api.base_url,
            "client_id": "an-id",
            "tokens": StaticToken("static-token"),
            "requests_per_second": 1000.0,
            "backoff": QUICK,
        }
        return IgdbClient(**arguments | changes)

    return make


@pytest.fixture
async def client(make_client: Callable[..., IgdbClient]) -> AsyncIterator[IgdbClient]:
    async with make_client() as client:
        yield client


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tokens of tests go to a folder of their own, never to this user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "igdb"
