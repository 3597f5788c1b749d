"""Answers that the apps with a port of their own share."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def json_answer(status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """Return a document as an answer."""
    import orjson

    return Response(orjson.dumps(document), status, headers, media_type="application/json")


def metrics_answer(request: Request, token: str | None, page: Callable[[], bytes]) -> Response:
    """Return the page of `/metrics` to those who have its token; without a token there is none."""
    if token is None:
        return json_answer(404, {"message": "metrics are switched off: set GAMELAKE_METRICS_TOKEN"})
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        return json_answer(401, {"message": "send `Authorization: Bearer <token>`"}, {"WWW-Authenticate": "Bearer"})
    return Response(page(), media_type=PROMETHEUS)
