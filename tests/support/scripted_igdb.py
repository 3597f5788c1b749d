"""A scripted IGDB on loopback."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.scripted_api import ScriptedApi


@dataclass
class ScriptedIgdb(ScriptedApi):
    """Rows for good tokens, 401 for others; and tokens."""

    good_tokens: set[str] = field(default_factory=lambda: {"static-token"})
    minted: list[str] = field(default_factory=list)
    believes_its_tokens: bool = True
    expires_in: float = 5_000_000

    @property
    def base_url(self) -> str:
        return f"{self.url}/v4"

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth2/token"

    async def default(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.good_tokens:
            return web.json_response({"message": "Authorization Failure. Have you tried:"}, status=401)
        return web.json_response([{"id": 1}], headers={"X-Count": "372770"})

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
