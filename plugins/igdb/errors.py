"""What can go wrong between this client and IGDB.

    IgdbError
    ├── SettingsError          the Airflow connection is missing, or has a value that is not allowed
    ├── ProxyError             a proxy on the way refuses to serve this machine
    ├── TokenCacheError        the folder for tokens cannot be used
    ├── AuthError              the id, the secret or the token is refused
    ├── QueryError             400, 404: the query or the endpoint is wrong
    ├── ForbiddenError         403: above a limit, outside one's tier, or User-Agent refused; never the token
    ├── PayloadTooLarge        413: the reply above 10 MB, or the request above 32,000 bytes
    ├── UnexpectedStatusError  any other answer that no rule covers (a redirect, 405, …)
    └── TransientError         may go well later; raised after the last retry
        ├── TokenError         401 for a token that was minted a moment ago
        ├── RateLimitError     429
        ├── SlowQuery          408: the query takes the source too long
        ├── ServerError        5xx
        ├── UnreachableError   refused, reset, DNS, timeout
        └── ReplyError         200, but HTML, torn JSON, too large, or not what the endpoint promises

Each carries `endpoint`, `query`, `status` (None when no reply came) and `reply` (its first part); the message has all
of them and what to do. No message ever holds a token or a secret.
"""

from __future__ import annotations

import json
from typing import Any

EXCERPT = 500
_REASON = 120


class IgdbError(Exception):
    """The API, or the way to it, failed."""

    hint = ""

    def __init__(
        self,
        what: str,
        *,
        endpoint: str,
        query: str = "",
        status: int | None = None,
        reply: str = "",
        hint: str = "",
    ) -> None:
        self.what = what
        self.endpoint = endpoint
        self.query = query
        self.status = status
        self.reply = reply[:EXCERPT]
        self.hint = hint or self.hint
        super().__init__(self._message())

    def brief(self) -> str:
        """What happened and what to do, for a page that more people see than the log.

        Has no query, and of the reply only the reason that IGDB or Twitch states: anyone who names the host of
        a connection could otherwise read the replies of any server that this machine reaches.
        """
        lines = [f"IGDB {self.endpoint}: {self.what}"]
        if reason := _stated_reason(self.reply):
            lines.append(f"reason: {reason}")
        if self.hint:
            lines.append(f"what to do: {self.hint}")
        return "\n".join(lines)

    def _message(self) -> str:
        lines = [f"IGDB {self.endpoint}: {self.what}"]
        if self.query:
            lines.append(f"query: {self.query}")
        if self.reply:
            lines.append(f"reply: {self.reply}")
        if self.hint:
            lines.append(f"what to do: {self.hint}")
        return "\n".join(lines)


class SettingsError(IgdbError, ValueError):
    """A setting that is not allowed: names the connection, the key, the value and what was expected."""

    def __init__(self, conn_id: str, key: str, found: object, expected: str) -> None:
        super().__init__(f"{key} is {found!r}, expected {expected}", endpoint=f"connection {conn_id!r}")


class ProxyError(IgdbError):
    """A proxy on the way refuses to serve this machine: asking again gives the same."""

    hint = (
        "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment of Airflow's workers and API server; a user and "
        "password are part of the URL: http://user:password@proxy:3128"
    )


class TokenCacheError(IgdbError):
    """The folder for tokens cannot be used."""

    hint = "set XDG_CACHE_HOME to a folder that belongs to this user"


class AuthError(IgdbError):
    """The id, the secret or the token is refused."""

    hint = (
        "check IGDB_CLIENT_ID and IGDB_CLIENT_SECRET, or in Airflow login and password of the connection (igdb_default "
        "unless the DAG names another); a static_token in its extra must belong to this client id and be valid still"
    )


class QueryError(IgdbError):
    """400 or 404: asking again gives the same."""

    hint = (
        "400: the reply names the field or the place in the query; try the query in another client. 404: check the "
        "address of the API, which usually ends in /v4, and the endpoint"
    )


class ForbiddenError(IgdbError):
    """403: not a token problem."""

    hint = (
        "the credentials are good: the query asks for more than 500 rows a request or for data outside the account's "
        "tier; the reply says which"
    )


class PayloadTooLarge(IgdbError):
    """413, or a request that would get it: ask for less at once."""

    hint = "ask for fewer rows, fewer fields, or fewer parts of a multiquery in one request"


class UnexpectedStatusError(IgdbError):
    """An answer that no rule covers."""

    hint = "check that host in the Airflow connection is the API's base URL, such as https://api.igdb.com/v4"


class TransientError(IgdbError):
    """May go well later.

    `retry_after` is the seconds that the server asked to wait, if it did. `given_up` means that it was asked again as
    often as makes sense: who asked for something else on the way (a request, whose token cannot be had) does not repeat
    all of that.
    """

    retry_after: float | None = None
    given_up: bool = False


class TokenError(TransientError):
    """401 for a token that was minted a moment ago: the id and the secret were accepted."""

    hint = (
        "something else mints tokens with the same client id (IGDB keeps 25 and ends the oldest), or the API does not "
        "know new tokens yet: give this program a client id of its own, or clear the task later"
    )


class RateLimitError(TransientError):
    """429: more requests a second, or more open ones, than the account may have."""

    hint = (
        "something else uses the same client id: keep all of it in the pool igdb_api, or lower requests_per_second "
        "in the extra of the Airflow connection"
    )


class SlowQuery(TransientError):
    """408: the query takes the source too long."""

    hint = "ask for a smaller window or a simpler condition"


class ServerError(TransientError):
    """5xx: the source is in trouble."""

    hint = "the source is in trouble: clear the task later"


class UnreachableError(TransientError):
    """No reply: refused, reset, name not found, timeout."""


class ReplyError(TransientError):
    """200, but not what the endpoint promises."""

    hint = "something between here and the API may have answered in its place: look at the reply"


def error_for(
    status: int, *, endpoint: str, query: str = "", reply: str = "", retry_after: float | None = None
) -> IgdbError:
    """The error that a status other than 200 means. The whole rule of error classes is this function."""
    what = f"status {status}"
    if status == 403 and "error code: 1010" in reply:
        return ForbiddenError(
            f"{what}, the User-Agent is refused",
            endpoint=endpoint,
            query=query,
            status=status,
            reply=reply,
            hint="the network in front of the API blocks this program's User-Agent, or that of a proxy on the way",
        )
    if status >= 500:
        kind: type[IgdbError] = ServerError
    else:
        kind = _BY_STATUS.get(status, UnexpectedStatusError)
    error = kind(what, endpoint=endpoint, query=query, status=status, reply=reply)
    if isinstance(error, TransientError):
        error.retry_after = retry_after
    return error


def _stated_reason(reply: str) -> str:
    """The reason in a reply of the API or of Twitch, shortened; empty if the reply is anything else."""
    try:
        found: Any = json.loads(reply)
    except ValueError:
        return ""
    if isinstance(found, list) and found and isinstance(found[0], dict) and "status" in found[0]:
        parts = [found[0].get("title"), found[0].get("cause")]
    elif isinstance(found, dict) and found.keys() <= {"status", "message", "error", "Tip 1", "Tip 2", "Tip 3"}:
        parts = [found.get("message")]
    else:
        return ""
    reason = ": ".join(part for part in parts if isinstance(part, str))
    return reason if len(reason) <= _REASON else f"{reason[:_REASON]}…"


_BY_STATUS: dict[int, type[IgdbError]] = {
    400: QueryError,
    401: AuthError,
    403: ForbiddenError,
    404: QueryError,
    408: SlowQuery,
    413: PayloadTooLarge,
    429: RateLimitError,
}
