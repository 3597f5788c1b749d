"""How replies are sent, by any API of a sandbox: faults of the body and the time, records, broken connections."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from aiohttp import ClientConnectionResetError, web

from sandbox.igdb.faults import Fault, FaultKind
from sandbox.igdb.replies import Reply, html_reply

SECONDS_AHEAD = web.RequestKey("seconds_ahead", float)
"""In a request: how far its reply's `Date` is ahead of the clock."""
CLIENT_CLOSED = 499


@dataclass(slots=True)
class RequestRecord:
    """One request that was served. `started` is of time.monotonic(); `open` counts itself; status 0 is still open."""

    started: float
    endpoint: str
    query: str = ""
    status: int = 0
    bytes: int = 0
    open: int = 0
    seconds: float = 0.0


async def with_fault(reply: Reply, fault: Fault | None) -> Reply:
    """Return the reply after a fault that works on its body or its time."""
    if fault is None:
        return reply
    if fault.kind == FaultKind.HANG:
        await asyncio.sleep(fault.seconds)
    bodies = {FaultKind.NULL: b"null", FaultKind.OBJECT: b"{}", FaultKind.EMPTY: b"[]"}
    if fault.kind == FaultKind.HTML:
        return html_reply()
    if fault.kind == FaultKind.TRUNCATE:
        return Reply(200, reply.body[: len(reply.body) // 2])
    if fault.kind == FaultKind.REPLACE:
        return replace(reply, body=fault.replaced(reply.body))
    return Reply(200, bodies[FaultKind(fault.kind)]) if fault.kind in bodies else reply


async def send(request: web.Request, reply: Reply, record: RequestRecord, fault: Fault | None) -> web.StreamResponse:
    """Send a reply, or what a fault makes of sending it, and note it in the record."""
    kind = fault.kind if fault else None
    if fault and kind == FaultKind.WRONG_DATE:
        request[SECONDS_AHEAD] = fault.seconds
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    if kind == FaultKind.RESET:
        record.status = CLIENT_CLOSED
        _break(request)
        return response
    response.content_type = reply.content_type
    response.charset = "utf-8"
    response.content_length = len(reply.body)
    await response.prepare(request)
    if kind == FaultKind.RESET_BODY:
        record.status = CLIENT_CLOSED
        with suppress(ClientConnectionResetError):  # it is what the fault is for
            await response.write(reply.body[: len(reply.body) // 2])
        _break(request)
        return response
    await response.write(reply.body)
    await response.write_eof()
    record.status, record.bytes = reply.status, len(reply.body)
    record.seconds = time.monotonic() - record.started
    return response


def _break(request: web.Request) -> None:
    """End the connection with a reset, not with a polite close."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
