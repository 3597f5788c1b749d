"""A scripted RAWG on loopback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.support.scripted_api import ScriptedApi

KEY = "0123456789abcdef0123456789abcdef"
NO_KEY = {"error": "The key parameter is not provided"}
NOT_FOUND = {"error": "The API key is not found"}
SPENT = {"error": "The monthly API limit reached"}
INVALID_PAGE = {"detail": "Invalid page."}


@dataclass
class ScriptedRawg(ScriptedApi):
    """One row for the key, 401 for others."""

    @property
    def base_url(self) -> str:
        return f"{self.url}/api"

    async def default(self, request: web.Request) -> web.StreamResponse:
        key = request.query.get("key")
        if key != KEY:
            return web.json_response(NOT_FOUND if key else NO_KEY, status=401)
        if "page" not in request.query:
            return web.json_response({"id": 1})
        return web.json_response(page_of([{"id": 1}], 372_770, following=f"{self.base_url}/games?key={key}&page=2"))


def page_of(rows: list[Any], count: int, following: str | None = None) -> dict[str, Any]:
    """A page of a list, as RAWG words it."""
    return {"count": count, "next": following, "previous": None, "results": rows}
