"""The sandbox's own routes under /sandbox/, to look at it and to change it while it runs.

    GET    /sandbox/state               day, clock, rows per endpoint, requests served
    PUT    /sandbox/today               {"today": "2026-11-22"}: turn the world to a later day
    GET    /sandbox/rows/<endpoint>     every live row as JSONL, by id
    POST   /sandbox/rows/<endpoint>     {"upsert": [{"id": 5, "name": "New"}], "delete": [6, 7]}
    GET    /sandbox/requests?last=100   the last requests: when, endpoint, status, bytes, open at once
    GET    /sandbox/faults              the faults that are on
    POST   /sandbox/faults              {"kind": "status", "status": 429, "times": 3}, or an array of such
    DELETE /sandbox/faults              all faults off
    GET    /sandbox/webhooks            webhooks with their failures, events that were sent, failed and wait
    PUT    /sandbox/webhooks            {"duplicates": 0.1}: how events are sent, where IGDB's way is not documented

Anybody who reaches the port may use them; a request that cannot be done gets 400 and {"message": …}.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from gamelake.days import PartitionError, parse_day
from sandbox.igdb.errors import SandboxError
from sandbox.igdb.faults import Fault
from sandbox.igdb.webhooks import Behaviour

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.igdb.evaluate import Evaluator
    from sandbox.igdb.server import Sandbox
    from sandbox.igdb.world import World

_ROWS_A_CHUNK = 500
_DIGITS = 18


def add_control_routes(app: web.Application, sandbox: Sandbox) -> None:
    """Serve the control API."""
    control = _Control(sandbox)
    app.router.add_get("/sandbox/state", control.state)
    app.router.add_put("/sandbox/today", _answered(control.turn))
    app.router.add_get("/sandbox/rows/{endpoint}", control.rows)
    app.router.add_post("/sandbox/rows/{endpoint}", _answered(control.change))
    app.router.add_get("/sandbox/requests", _answered(control.requests))
    app.router.add_get("/sandbox/faults", control.faults)
    app.router.add_post("/sandbox/faults", _answered(control.add_faults))
    app.router.add_delete("/sandbox/faults", control.clear_faults)
    app.router.add_get("/sandbox/webhooks", control.webhooks)
    app.router.add_put("/sandbox/webhooks", _answered(control.send_webhooks))


class _Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def state(self, _request: web.Request) -> web.Response:
        return _json(await self._sandbox.in_worker(lambda _world, _evaluator: self._sandbox.state()))

    async def turn(self, request: web.Request) -> web.Response:
        document = await _document(request, {"today"})
        today = parse_day(document["today"])
        await self._sandbox.in_worker(lambda world, _evaluator: world.advance(today))
        return await self.state(request)

    async def rows(self, request: web.Request) -> web.StreamResponse:
        endpoint = request.match_info["endpoint"]
        try:
            ids = await self._sandbox.in_worker(lambda world, _evaluator: tuple(world.table(endpoint).ids))
        except SandboxError as error:
            return _json({"message": str(error)}, status=404)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for first in range(0, len(ids), _ROWS_A_CHUNK):
            page = ids[first : first + _ROWS_A_CHUNK]
            await response.write(await self._sandbox.in_worker(partial(_lines, endpoint=endpoint, ids=page)))
        await response.write_eof()
        return response

    async def change(self, request: web.Request) -> web.Response:
        endpoint = request.match_info["endpoint"]
        document = await _document(request, {"upsert", "delete"})
        upsert, delete = document.get("upsert", []), document.get("delete", [])
        if (
            not isinstance(upsert, list)
            or not isinstance(delete, list)
            or any(type(item) is not int for item in delete)
        ):
            raise SandboxError("rows: expected arrays: `upsert` of rows, `delete` of ids")

        def apply(world: World, _evaluator: Evaluator) -> dict[str, int]:
            written = world.upsert(endpoint, upsert) if upsert else 0
            return {"upserted": written, "deleted": world.delete(endpoint, delete) if delete else 0}

        return _json(await self._sandbox.in_worker(apply))

    async def requests(self, request: web.Request) -> web.Response:
        last = request.query.get("last", "100")
        if not last.isdecimal() or len(last) > _DIGITS:
            raise SandboxError(f"last: found {last!r}, expected a number of requests")
        records = self._sandbox.requests
        return _json([asdict(record) for record in records[len(records) - min(len(records), int(last)) :]])

    async def faults(self, _request: web.Request) -> web.Response:
        return _json(self._sandbox.faults.active())

    async def add_faults(self, request: web.Request) -> web.Response:
        document = await _parsed(request)
        self._sandbox.faults.add(*map(Fault.from_json, document if isinstance(document, list) else [document]))
        return _json(self._sandbox.faults.active())

    async def clear_faults(self, _request: web.Request) -> web.Response:
        self._sandbox.faults.clear()
        return _json([])

    async def webhooks(self, _request: web.Request) -> web.Response:
        return _json(self._sandbox.webhooks.state())

    async def send_webhooks(self, request: web.Request) -> web.Response:
        self._sandbox.webhooks.behave(await _document(request, set(Behaviour.__dataclass_fields__)))
        return await self.webhooks(request)


def _answered(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[[web.Request], Any]:
    """Return the handler; its errors become status 400 with the message."""

    async def answered(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (SandboxError, PartitionError) as error:
            return _json({"message": str(error)}, status=400)

    return answered


async def _parsed(request: web.Request) -> Any:
    # A web page may send a form or text to any server of this machine without asking; for JSON a browser asks first.
    if request.content_type != "application/json":
        raise SandboxError(f"Content-Type: found {request.content_type!r}, expected application/json")
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise SandboxError(f"body: {error}, expected JSON") from error


async def _document(request: web.Request, keys: set[str]) -> dict[str, Any]:
    document = await _parsed(request)
    if not isinstance(document, dict) or not document or not set(document) <= keys:
        raise SandboxError(f"body: found {str(document)[:80]}, expected an object with {' or '.join(sorted(keys))}")
    return document


def _lines(world: World, _evaluator: Evaluator, *, endpoint: str, ids: tuple[int, ...]) -> bytes:
    table = world.table(endpoint)
    return b"".join(orjson.dumps(table.row(row_id)) + b"\n" for row_id in ids if row_id in table)


def _json(document: Any, *, status: int = 200) -> web.Response:
    return web.Response(
        body=orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n", status=status, content_type="application/json"
    )
