"""IGDB's routes: `/oauth2/token` and `/v4/…`, with everything that stands before and after a query."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.igdb.errors import QueryError
from sandbox.igdb.faults import Fault, FaultKind
from sandbox.igdb.query import Comparison, Every, Values, parse_multiquery, parse_query
from sandbox.igdb.replies import (
    MAX_REQUEST_BYTES,
    Reply,
    error_reply,
    json_reply,
    query_error_reply,
    text_reply,
    token_error_reply,
    user_agent_reply,
)
from sandbox.igdb.sending import CLIENT_CLOSED, RequestRecord, send, with_fault

if TYPE_CHECKING:
    from sandbox.igdb.evaluate import Answer, Evaluator
    from sandbox.igdb.query import Query
    from sandbox.igdb.server import Sandbox
    from sandbox.igdb.table import Row, Table
    from sandbox.igdb.world import World

_GENERIC_AGENT = re.compile(r"(python-requests|python-urllib|python-httpx|python/\d.*aiohttp)", re.IGNORECASE)
_TOKEN = "token"  # noqa: S105 - the name of an endpoint


def add_api_routes(app: web.Application, sandbox: Sandbox) -> None:
    """Serve the token endpoint and the API."""
    api = _Api(sandbox)
    app.router.add_post("/oauth2/token", api.token)
    app.router.add_post("/v4/{endpoint:.+}", api.query)


class _Api:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def token(self, request: web.Request) -> web.StreamResponse:
        record = self._sandbox.record(RequestRecord(time.monotonic(), _TOKEN))
        fault = self._sandbox.faults.take(_TOKEN, "")
        if fault and fault.kind == FaultKind.STATUS:
            return await send(request, token_error_reply(fault.status, "a fault of the sandbox"), record, None)
        is_form = request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}
        reply = self._sandbox.tokens.grant(await request.post() if is_form else {})
        return await send(request, await with_fault(reply, fault), record, fault)

    async def query(self, request: web.Request) -> web.StreamResponse:
        endpoint = request.match_info["endpoint"]
        limiter = self._sandbox.limiter
        record = self._sandbox.record(RequestRecord(time.monotonic(), endpoint, open=limiter.open + 1))
        refusal = gateway_refusal(self._sandbox, request, record.started)
        if refusal:
            return await send(request, refusal, record, None)
        try:
            body = await request.read()
            record.query = body.decode("utf-8", errors="replace")
            fault = self._sandbox.faults.take(endpoint, record.query)
            reply = await self._reply(endpoint, body, fault)
            return await send(request, reply, record, fault)
        finally:
            record.seconds = time.monotonic() - record.started
            record.status = record.status or CLIENT_CLOSED
            limiter.release()

    async def _reply(self, endpoint: str, body: bytes, fault: Fault | None) -> Reply:
        await asyncio.sleep(self._sandbox.latency)
        if fault and fault.kind == FaultKind.STATUS:
            return error_reply(fault.status, retry_after=fault.retry_after)
        if fault and fault.kind == FaultKind.END_TOKENS:
            self._sandbox.tokens.end_all()
            return error_reply(401)
        if len(body) > MAX_REQUEST_BYTES:
            return text_reply(413, "Request Entity Too Large")
        reply = await self._sandbox.in_worker(lambda world, evaluator: _answer(world, evaluator, endpoint, body, fault))
        return await with_fault(reply, fault)


def gateway_refusal(sandbox: Sandbox, request: web.Request, now: float) -> Reply | None:
    """Return the gateway's refusal, before a request is read; None lets it through, and the limiter counts it."""
    agent = request.headers.get("User-Agent", "")
    if not agent or _GENERIC_AGENT.match(agent):
        return user_agent_reply()
    if not sandbox.tokens.accepts(request.headers.get("Client-ID"), request.headers.get("Authorization")):
        return error_reply(401)
    return None if sandbox.limiter.admit(now) else error_reply(429)


def _answer(world: World, evaluator: Evaluator, endpoint: str, body: bytes, fault: Fault | None) -> Reply:
    """Return the reply to a query, in the thread that owns the world."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return query_error_reply(QueryError("Syntax Error", "the query is not UTF-8"))
    try:
        if endpoint == "multiquery":
            return _multiquery(world, evaluator, text, fault)
        name, _, count = endpoint.partition("/")
        if name not in world.tables or count not in {"", "count"}:
            return error_reply(404)
        query = parse_query(text)
        if count:
            return json_reply({"count": _count(evaluator, name, world.tables[name], query, fault)})
        answer = evaluator.answer(name, world.tables[name], query)
        total = _count(evaluator, name, world.tables[name], query, fault) if _miscounts(fault) else answer.total
    except QueryError as error:
        return query_error_reply(error)
    return json_reply(_shortened(answer.rows, fault), headers={"X-Count": str(total)})


def _multiquery(world: World, evaluator: Evaluator, text: str, fault: Fault | None) -> Reply:
    parts = parse_multiquery(text)
    if any(part.query.search is not None for part in parts):
        return json_reply([])
    results: list[dict[str, Any]] = []
    for part in parts:
        endpoint, _, count = part.endpoint.partition("/")
        if endpoint not in world.tables or count not in {"", "count"}:
            raise QueryError("Invalid Endpoint", f"Invalid endpoint name: '{part.endpoint}'")
        table = world.tables[endpoint]
        if count:
            results.append({"name": part.name, "count": _count(evaluator, endpoint, table, part.query, fault)})
            continue
        answer: Answer = evaluator.answer(endpoint, table, part.query)
        results.append({"name": part.name, "result": _shortened(answer.rows, fault)})
        if fault and fault.kind == FaultKind.DROP_ROW and answer.rows:
            fault = None
    return json_reply(results)


def _shortened(rows: list[Row], fault: Fault | None) -> list[Row]:
    """Return the rows of a reply after a fault: what it hides is missing from its page, which does not grow for it."""
    if fault and fault.kind == FaultKind.NO_ROWS:
        return []
    if fault and fault.kind == FaultKind.HIDE_ROWS:
        return [row for row in rows if row["id"] not in fault.row_ids]
    return rows[:-1] if fault and fault.kind == FaultKind.DROP_ROW else rows


def _miscounts(fault: Fault | None) -> bool:
    return fault is not None and fault.kind == FaultKind.UNCOUNTED_ROWS


def _count(evaluator: Evaluator, endpoint: str, table: Table, query: Query, fault: Fault | None) -> int:
    """Return the number of rows that match, without those that a fault does not count."""
    count = evaluator.count(endpoint, table, query)
    if fault is None or not _miscounts(fault):
        return count
    listed = Comparison("id", "=", Values("(", fault.row_ids, negated=False))
    where = listed if query.where is None else Every((query.where, listed))
    return count - evaluator.count(endpoint, table, replace(query, where=where))
