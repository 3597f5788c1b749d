"""Replies as IGDB words them: three shapes of errors, and rows as indented JSON."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from sandbox.igdb.errors import QueryError

MAX_REPLY_BYTES = 10_000_000
MAX_REQUEST_BYTES = 32_000

_JSON, _TEXT, _HTML = "application/json", "text/plain", "text/html"
_NO_TOKEN = {
    "message": "Authorization Failure. Have you tried:",
    "Tip 1": "Ensure you are sending Authorization and Client-ID as headers.",
    "Tip 2": "Ensure Authorization value starts with 'Bearer ', including the space",
    "Tip 3": "Ensure Authorization value ends with the App Access Token you generated, NOT your Client Secret.",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, a body and its headers."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(document: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Return a document, indented; 413 where it is larger than IGDB sends."""
    body = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    return error_reply(413) if len(body) > MAX_REPLY_BYTES else Reply(status, body, headers=headers or {})


def text_reply(status: int, text: str) -> Reply:
    """Return a plain text."""
    return Reply(status, text.encode(), _TEXT)


def html_reply() -> Reply:
    """Return a page where JSON was asked for, as a proxy in between sends it."""
    return Reply(200, b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>", _HTML)


def query_error_reply(error: QueryError) -> Reply:
    """Return an array of one problem."""
    return _array(error.status, error.title, error.cause)


def user_agent_reply() -> Reply:
    """Return the firewall's reply to a program that sends no User-Agent, or a library's."""
    return text_reply(403, "error code: 1010")


def token_error_reply(status: int, message: str) -> Reply:
    """Return the token endpoint's reply."""
    return Reply(status, orjson.dumps({"status": status, "message": message}))


def error_reply(status: int, *, retry_after: int | None = None) -> Reply:
    """Return the reply of a status. Raises: KeyError for a status not in ERRORS."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return replace(ERRORS[status], headers=headers)


def _array(status: int, title: str, cause: str) -> Reply:
    document = [{"title": title, "status": status, "cause": cause}]
    return Reply(status, orjson.dumps(document, option=orjson.OPT_INDENT_2))


def _object(status: int, document: dict[str, str]) -> Reply:
    return Reply(status, orjson.dumps(document))


ERRORS = {
    400: _array(400, "Syntax Error", "Expecting a clause"),
    401: _object(401, _NO_TOKEN),
    403: user_agent_reply(),
    404: text_reply(404, "Not Found"),
    408: _array(408, "Request Timeout", "The query took too long"),
    413: _array(413, "Payload Too Large", f"The reply is larger than {MAX_REPLY_BYTES} bytes"),
    429: _object(429, {"message": "Too Many Requests"}),
    500: _object(500, {"message": "Internal server error"}),
    502: text_reply(502, "Bad Gateway"),
    503: text_reply(503, "Service Unavailable"),
    504: _object(504, {"message": "Endpoint request timed out"}),
}
"""Error replies by status."""
