"""A client of a sandbox that sends any request, also a wrong one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """Sends the headers of a well-behaved client, unless a test replaces them."""

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
