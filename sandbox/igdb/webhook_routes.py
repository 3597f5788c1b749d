"""IGDB's routes of webhooks.

POST   /v4/<endpoint>/webhooks/                     form: url, secret, method
POST   /v4/<endpoint>/webhooks/test/<id>?entityId=  send that row
GET    /v4/webhooks/                                all
GET    /v4/webhooks/<id>                            one
DELETE /v4/webhooks/<id>
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.igdb.api import gateway_refusal
from sandbox.igdb.errors import QueryError
from sandbox.igdb.replies import Reply, error_reply, json_reply, query_error_reply
from sandbox.igdb.sending import RequestRecord, send
from sandbox.igdb.webhooks import METHODS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.igdb.evaluate import Evaluator
    from sandbox.igdb.server import Sandbox
    from sandbox.igdb.world import World


def add_webhook_routes(app: web.Application, sandbox: Sandbox) -> None:
    """Serve the routes, with and without the slash at the end."""
    routes = _Routes(sandbox)
    for slash in ("", "/"):
        app.router.add_post(f"/v4/{{endpoint}}/webhooks{slash}", routes.guarded(routes.register))
        app.router.add_post(f"/v4/{{endpoint}}/webhooks/test/{{id}}{slash}", routes.guarded(routes.test))
        app.router.add_get(f"/v4/webhooks{slash}", routes.guarded(routes.all))
        app.router.add_get(f"/v4/webhooks/{{id}}{slash}", routes.guarded(routes.one))
        app.router.add_delete(f"/v4/webhooks/{{id}}{slash}", routes.guarded(routes.remove))


class _Routes:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def guarded(self, handler: Callable[[web.Request], Awaitable[Reply]]) -> Callable[[web.Request], Any]:
        """Return the handler behind the gateway."""

        async def answer(request: web.Request) -> web.StreamResponse:
            limiter = self._sandbox.limiter
            endpoint = request.path.removeprefix("/v4/")
            record = self._sandbox.record(RequestRecord(time.monotonic(), endpoint, open=limiter.open + 1))
            refusal = gateway_refusal(self._sandbox, request, record.started)
            if refusal:
                return await send(request, refusal, record, None)
            try:
                return await send(request, await handler(request), record, None)
            finally:
                record.seconds = time.monotonic() - record.started
                limiter.release()

        return answer

    async def register(self, request: web.Request) -> Reply:
        form = await request.post()
        url, secret, method = (str(form.get(name, "")) for name in ("url", "secret", "method"))
        endpoint = request.match_info["endpoint"]
        if endpoint not in await self._endpoints():
            return error_reply(404)
        if not url.startswith(("http://", "https://")) or not secret or method not in METHODS:
            cause = "expected url, secret, and method: create, update or delete"
            return query_error_reply(QueryError("Invalid Webhook", cause))
        return json_reply(self._sandbox.webhooks.register(endpoint, method, url, secret))

    async def test(self, request: web.Request) -> Reply:
        endpoint, hook, row = (*map(request.match_info.get, ("endpoint", "id")), request.query.get("entityId", ""))
        if endpoint not in await self._endpoints() or not str(hook).isdecimal() or not row.isdecimal():
            return error_reply(404)

        def work(world: World, _evaluator: Evaluator) -> bool:
            table = world.table(str(endpoint))
            webhooks = self._sandbox.webhooks
            return int(row) in table and webhooks.test(int(str(hook)), str(endpoint), int(row), table.row)

        return json_reply({}) if await self._sandbox.in_worker(work) else error_reply(404)

    async def all(self, _request: web.Request) -> Reply:
        return json_reply(self._sandbox.webhooks.all())

    async def one(self, request: web.Request) -> Reply:
        found = self._sandbox.webhooks.one(_number(request))
        return json_reply(found) if found else error_reply(404)

    async def remove(self, request: web.Request) -> Reply:
        found = self._sandbox.webhooks.remove(_number(request))
        return json_reply(found) if found else error_reply(404)

    async def _endpoints(self) -> set[str]:
        return await self._sandbox.in_worker(lambda world, _evaluator: set(world.tables))


def _number(request: web.Request) -> int:
    text = request.match_info["id"]
    return int(text) if text.isdecimal() else -1
