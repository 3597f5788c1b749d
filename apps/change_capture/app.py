"""The capture's routes.

GET /health     200 while changes are read and stored, else 503
GET /metrics    for Prometheus, with the token of GAMELAKE_METRICS_TOKEN
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from apps.answers import json_answer, metrics_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from apps.change_capture.capture import Capture
    from apps.change_capture.metrics import Metrics


def make_app(capture: Capture, metrics: Metrics, metrics_token: str | None) -> Starlette:
    """Return the application; the capture starts and ends with it."""

    async def health(_request: Request) -> Response:
        well = capture.is_well
        return json_answer(200 if well else 503, {"status": "ok" if well else "changes are not captured"})

    async def figures(request: Request) -> Response:
        return metrics_answer(request, metrics_token, metrics.page)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        capture.start()
        yield
        await asyncio.to_thread(capture.close)

    return Starlette(routes=[Route("/health", health), Route("/metrics", figures)], lifespan=lifespan)
