"""The collector's routes.

    POST /igdb/{entity}/{create|update|delete}    one row, from IGDB's webhooks
    POST /v1/events                               up to 500 events, from other senders
    GET  /health                                  200 while events can be stored, else 503
    GET  /metrics                                 for Prometheus, with the token of GAMELAKE_METRICS_TOKEN

Both POST take the header X-Secret and a body of application/json. 200 means: on this disk, or in the lake. After any
other answer the sender has to send the events again.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request

from apps.answers import json_answer, metrics_answer
from apps.event_collector.collector import NotStoredError
from apps.event_collector.events import OPERATIONS, RefusedError, row_event, sent_events
from apps.event_collector.senders import IGDB
from gamelake.lake.keys import TableName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from starlette.responses import Response

    from apps.event_collector.collector import Collector
    from apps.event_collector.metrics import Metrics
    from apps.event_collector.senders import Senders

MAX_ROW = 1024 * 1024
"""Bytes of one row. A full row of games has about 2 kB."""
MAX_BODY = 4 * 1024 * 1024
"""Bytes of a batch."""
READ_SECONDS = 4.0
"""How long a sender may take for its body."""
ANSWER_SECONDS = 8.0
"""How long a request may take in all, until its events are stored. IGDB waits 15 seconds."""
RETRY_AFTER = "5"


class Routes:
    """Answers requests.

    Args:
        collector: Stores the events.
        senders: Who may send.
        metrics: The figures.
        entities: The names of IGDB's entities in the registry.
        metrics_token: The token of `/metrics`; without it there is none.
    """

    def __init__(
        self,
        collector: Collector,
        senders: Senders,
        metrics: Metrics,
        *,
        entities: Sequence[str],
        metrics_token: str | None,
    ) -> None:
        self._collector = collector
        self._senders = senders
        self._metrics = metrics
        self._tables = {name: TableName(IGDB, name) for name in entities}
        self._token = metrics_token

    async def igdb(self, request: Request) -> Response:
        """Store a row of IGDB."""
        if not self._senders.igdb.secrets:
            raise RefusedError(404, "off", "IGDB's webhooks are switched off here: set GAMELAKE_WEBHOOK_SECRET")
        if not self._senders.is_igdb(request.headers.get("X-Secret", "")):
            raise RefusedError(401, "secret", "X-Secret is missing or wrong")
        entity, operation = request.path_params["entity"], request.path_params["operation"]
        table = self._tables.get(entity)
        if table is None or operation not in OPERATIONS:
            raise RefusedError(
                404, "path", f"expected /igdb/<entity>/<{'|'.join(OPERATIONS)}>, with an entity of the registry"
            )
        async with self._body(request, MAX_ROW) as body:
            await self._collector.submit({table: [row_event(body, operation)]})
        self._metrics.accepted.labels(str(table), operation).inc()
        return json_answer(200, {"stored": 1})

    async def events(self, request: Request) -> Response:
        """Store a batch of another sender."""
        sender = self._senders.sender_of(request.headers.get("X-Secret", ""))
        if sender is None:
            raise RefusedError(401, "secret", "X-Secret is missing or wrong")
        async with self._body(request, MAX_BODY) as body:
            # Schemas take time: other requests go on meanwhile.
            lines, refused = await asyncio.to_thread(sent_events, body, sender)
            if lines:
                await self._collector.submit(lines)
        for table, each in lines.items():
            self._metrics.accepted.labels(str(table), "event").inc(len(each))
        if refused:
            self._metrics.refused.labels("event").inc(len(refused))
        status = 200 if not refused else 207 if lines else 422
        return json_answer(status, {"stored": sum(map(len, lines.values())), "refused": refused})

    async def health(self, _request: Request) -> Response:
        """State whether events can be stored."""
        return (
            json_answer(200, {"status": "ok"})
            if self._collector.is_well
            else json_answer(503, {"status": "cannot store events"})
        )

    async def figures(self, request: Request) -> Response:
        """Show the metrics to those who have the token."""
        return metrics_answer(request, self._token, self._metrics.page)

    def counted(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of a POST, with its refusals as answers."""

        async def answer(request: Request) -> Response:
            started = time.monotonic()
            try:
                return await _in_time(handler, request)
            except RefusedError as error:
                self._metrics.refused.labels(error.reason).inc()
                # What is left of the body is not read: the connection cannot be used again.
                headers = {"Connection": "close"} | ({"Retry-After": RETRY_AFTER} if error.status == 503 else {})
                return json_answer(error.status, {"message": str(error)}, headers)
            finally:
                self._metrics.answer.observe(time.monotonic() - started)

        return answer

    @asynccontextmanager
    async def _body(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """Read a body; its bytes count as memory until the block ends. Raises: RefusedError."""
        size = _checked_size(request, limit)
        if not self._collector.reserve(size):
            raise RefusedError(503, "busy", "too many events wait to be stored; send it again")
        try:
            yield await _read(request, size)
        finally:
            self._collector.release(size)


def make_app(routes: Routes, collector: Collector) -> FastAPI:
    """Return the application; the collector starts and ends with it."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        collector.start()
        yield
        await asyncio.to_thread(collector.close)

    app = FastAPI(title="Event collector", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.router.redirect_slashes = False
    app.add_route("/igdb/{entity}/{operation}", routes.counted(routes.igdb), methods=["POST"])
    app.add_route("/v1/events", routes.counted(routes.events), methods=["POST"])
    app.add_route("/health", routes.health, methods=["GET"])
    app.add_route("/metrics", routes.figures, methods=["GET"])
    return app


async def _in_time(handler: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    """Return the answer, within ANSWER_SECONDS. Raises: RefusedError."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await handler(request)
    except TimeoutError:
        # The events may be stored later: then the sender's second try is a duplicate.
        raise RefusedError(503, "slow", f"not stored within {ANSWER_SECONDS:.0f} seconds; send it again") from None
    except NotStoredError as error:
        raise RefusedError(503, "not_stored", f"not stored: {error}; send it again") from None


def _checked_size(request: Request, limit: int) -> int:
    """Return the most bytes that the body can have. Raises: RefusedError."""
    media = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise RefusedError(415, "content_type", f"Content-Type: found {media[:80]!r}, expected application/json")
    if encoding := request.headers.get("Content-Encoding"):
        raise RefusedError(415, "content_type", f"Content-Encoding: found {encoding[:80]!r}, expected none")
    length = request.headers.get("Content-Length")
    if length is None:
        return limit  # in chunks
    if int(length) > limit:  # the server refuses a length that is no number
        raise RefusedError(413, "size", f"found {length[:20]} bytes, expected at most {limit:,}")
    return int(length)


async def _read(request: Request, limit: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise RefusedError(413, "size", f"found more than {limit:,} bytes")
    except TimeoutError:
        raise RefusedError(408, "slow_sender", f"the body did not end within {READ_SECONDS:.0f} seconds") from None
    except ClientDisconnect:
        raise RefusedError(400, "disconnected", "the body did not end") from None
    return bytes(body)
