"""What can go wrong between a client and an HTTP API.

    ApiError
    ├── FieldError             a field of the connection has a value that is not allowed
    ├── ProxyError             a proxy on the way refuses to serve this machine
    ├── TokenCacheError        the folder for tokens cannot be used
    └── TransientError         a later try may succeed; raised after the last retry
        ├── ServerError        5xx
        ├── UnreachableError   refused, reset, DNS, timeout
        └── ReplyError         200, but HTML, torn JSON, too large, or not what the endpoint promises

A client adds the errors of its own API: see `igdb.errors`. Each error carries `api`, `endpoint`, `query`, `status`
(None when no reply came) and `reply` (its first part); the message has all of them and what to do. No message
has a token or a secret.
"""

from __future__ import annotations

import json
from typing import Any

EXCERPT = 500
_REASON = 120
_REASON_KEYS = {"status", "message", "error", "Tip 1", "Tip 2", "Tip 3"}


class ApiError(Exception):
    """The API, or the way to it, failed.

    Args:
        what: what happened.
        api: the name of the API for people; a class of one API has it as an attribute.
        endpoint: the endpoint of the request.
        query: the text of the request, such that it can be pasted back.
        status: the HTTP status; None when no reply came.
        reply: the reply's text; its first part is kept.
        hint: what to do; a class has a default.
    """

    api = ""
    hint = ""

    def __init__(
        self,
        what: str,
        *,
        endpoint: str,
        api: str = "",
        query: str = "",
        status: int | None = None,
        reply: str = "",
        hint: str = "",
    ) -> None:
        self.what = what
        self.api = api or self.api
        self.endpoint = endpoint
        self.query = query
        self.status = status
        self.reply = reply[:EXCERPT]
        self.hint = hint or self.hint
        super().__init__(what)

    def __str__(self) -> str:
        lines = [self._first_line()]
        if self.query:
            lines.append(f"query: {self.query}")
        if self.reply:
            lines.append(f"reply: {self.reply}")
        if self.hint:
            lines.append(f"what to do: {self.hint}")
        return "\n".join(lines)

    def brief(self) -> str:
        """Return what happened and what to do, for a page that more people see than the log.

        Has no query, and of the reply only the reason that the API states: anyone who names the host of a connection
        could otherwise read the replies of any server that this machine reaches.
        """
        lines = [self._first_line()]
        if reason := _stated_reason(self.reply):
            lines.append(f"reason: {reason}")
        if self.hint:
            lines.append(f"what to do: {self.hint}")
        return "\n".join(lines)

    def _first_line(self) -> str:
        return f"{self.api} {self.endpoint}: {self.what}".strip()


class FieldError(ApiError, ValueError):
    """A setting that is not allowed: names the connection, the key, the value and what was expected."""

    def __init__(self, conn_id: str, key: str, found: object, expected: str) -> None:
        super().__init__(f"{key} is {found!r}, expected {expected}", endpoint=f"connection {conn_id!r}")
        self.conn_id = conn_id
        self.key = key
        self.found = found
        self.expected = expected


class ProxyError(ApiError):
    """A proxy on the way refuses to serve this machine. Not retried: it would refuse again."""

    hint = (
        "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY in this program's environment; a user and password are part of the "
        "URL: http://user:password@proxy:3128"
    )


class TokenCacheError(ApiError):
    """The folder for tokens cannot be used."""

    hint = "set XDG_CACHE_HOME to a folder that belongs to this user"


class TransientError(ApiError):
    """A later try may succeed.

    retry_after: seconds that the server asked to wait, None if it did not ask.
    max_attempts: the most requests for one answer that this class of errors allows; None: the client's own number.
    given_up: no further try makes sense. An outer `retry` then passes the error on instead of repeating all of it.
    """

    max_attempts: int | None = None
    retry_after: float | None = None
    given_up: bool = False


class ServerError(TransientError):
    """5xx: the source is in trouble."""

    hint = "the source is in trouble: try again later"


class UnreachableError(TransientError):
    """No reply: refused, reset, name not found, timeout."""


class ReplyError(TransientError):
    """200, but not what the endpoint promises."""

    hint = "something between here and the API may have answered in its place: look at the reply"


def _stated_reason(reply: str) -> str:
    """Return the reason that a JSON reply states in a usual form, shortened; empty for any other reply."""
    try:
        found: Any = json.loads(reply)
    except ValueError:
        return ""
    if isinstance(found, list) and found and isinstance(found[0], dict) and "status" in found[0]:
        parts = [found[0].get("title"), found[0].get("cause")]
    elif isinstance(found, dict) and found.keys() <= _REASON_KEYS:
        parts = [found.get("message")]
    else:
        return ""
    reason = ": ".join(part for part in parts if isinstance(part, str))
    return reason if len(reason) <= _REASON else f"{reason[:_REASON]}…"
