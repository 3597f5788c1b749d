"""What can go wrong between this client and IGDB.

    IgdbError
    ├── SettingsError          the Airflow connection says something that cannot be
    ├── TokenCacheError        the folder for tokens cannot be used
    ├── AuthError              the id, the secret or the token is refused
    ├── QueryError             400, 404: the query or the endpoint is wrong
    ├── ForbiddenError         403: above a limit, outside one's tier, or User-Agent refused; never the token
    ├── PayloadTooLarge        413: the reply above 10 MB, or the request above 32,000 bytes
    ├── UnexpectedStatusError  any other answer that no rule covers (a redirect, 405, …)
    └── TransientError         may go well later; raised when asking again did not help
        ├── RateLimitError     429
        ├── SlowQuery          408: the query takes the source too long
        ├── ServerError        5xx
        ├── UnreachableError   refused, reset, DNS, timeout
        └── ReplyError         200, but HTML, torn JSON, or not what the endpoint promises

Each carries `endpoint`, `query`, `status` (None when no reply came) and `reply` (its first part); the message has all
of them and what to do. No message ever holds a token or a secret.
"""

from __future__ import annotations

EXCERPT = 500


class IgdbError(Exception):
    """The API, or the way to it, failed."""

    way_out = ""

    def __init__(
        self,
        what: str,
        *,
        endpoint: str,
        query: str = "",
        status: int | None = None,
        reply: str = "",
        way_out: str = "",
    ) -> None:
        self.what = what
        self.endpoint = endpoint
        self.query = query
        self.status = status
        self.reply = reply[:EXCERPT]
        self.way_out = way_out or self.way_out
        super().__init__(self._message())

    def _message(self) -> str:
        lines = [f"IGDB {self.endpoint}: {self.what}"]
        if self.query:
            lines.append(f"query: {self.query}")
        if self.reply:
            lines.append(f"reply: {self.reply}")
        if self.way_out:
            lines.append(f"what to do: {self.way_out}")
        return "\n".join(lines)


class SettingsError(IgdbError, ValueError):
    """A setting that cannot be: names the connection, the key, the value and what was expected."""

    def __init__(self, conn_id: str, key: str, found: object, expected: str) -> None:
        super().__init__(f"{key} is {found!r}, expected {expected}", endpoint=f"connection {conn_id!r}")


class TokenCacheError(IgdbError):
    """The folder for tokens cannot be used."""

    way_out = "set XDG_CACHE_HOME to a folder that belongs to this user"


class AuthError(IgdbError):
    """The id, the secret or the token is refused."""

    way_out = (
        "check login (the client id) and password (the client secret) of the Airflow connection (igdb_default unless "
        "the DAG names another); with a static_token in its extra, check that the token belongs to this client id "
        "and has not expired"
    )


class QueryError(IgdbError):
    """400 or 404: asking again gives the same."""

    way_out = "paste the query into another client to try it; the reply names the field or the place"


class ForbiddenError(IgdbError):
    """403: not a token problem."""

    way_out = (
        "the credentials are good: the query asks for more than 500 rows a request or for data outside the account's "
        "tier; the reply says which"
    )


class PayloadTooLarge(IgdbError):
    """413, or a request that would get it: ask for less at once."""

    way_out = "ask for fewer rows, fewer fields, or fewer parts of a multiquery in one request"


class UnexpectedStatusError(IgdbError):
    """An answer that no rule covers."""

    way_out = "check that host in the Airflow connection is the API's base URL, such as https://api.igdb.com/v4"


class TransientError(IgdbError):
    """May go well later.

    `retry_after` is the seconds that the server asked to wait, if it did. `given_up` means that it was asked again as
    often as makes sense: who asked for something else on the way (a request, whose token cannot be had) does not repeat
    all of that.
    """

    retry_after: float | None = None
    given_up: bool = False


class RateLimitError(TransientError):
    """429: more requests a second, or more open ones, than the account may have."""

    way_out = (
        "something else uses the same client id: keep all of it in the pool igdb_api, or lower requests_per_second "
        "in the extra of the Airflow connection"
    )


class SlowQuery(TransientError):
    """408: the query takes the source too long."""

    way_out = "ask for a smaller window or a simpler condition"


class ServerError(TransientError):
    """5xx: the source is in trouble."""

    way_out = "the source is in trouble: clear the task later"


class UnreachableError(TransientError):
    """No reply: refused, reset, name not found, timeout."""


class ReplyError(TransientError):
    """200, but not what the endpoint promises."""

    way_out = "something between here and the API may have answered in its place: look at the reply"


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
            way_out="the network in front of the API blocks this program's User-Agent, or that of a proxy on the way",
        )
    if status >= 500:
        kind: type[IgdbError] = ServerError
    else:
        kind = _BY_STATUS.get(status, UnexpectedStatusError)
    error = kind(what, endpoint=endpoint, query=query, status=status, reply=reply)
    if isinstance(error, TransientError):
        error.retry_after = retry_after
    return error


def unreachable(error: Exception, *, url: str, endpoint: str, query: str = "") -> UnreachableError:
    """The error that no reply means, with the host and how to check the way to it.

    Takes the text of `error`, never its repr, and is not to be raised `from` it: an aiohttp error may hold the request
    with its headers, and the token in them.
    """
    text = "no reply in time" if isinstance(error, TimeoutError) else str(error)
    return UnreachableError(
        f"{url}: {text or type(error).__name__}",
        endpoint=endpoint,
        query=query,
        way_out=f"check host and token_url in the Airflow connection, and that this machine reaches it: "
        f"`curl -sS -o /dev/null -w '%{{http_code}}' {url}` prints any number but 000",
    )


_BY_STATUS: dict[int, type[IgdbError]] = {
    400: QueryError,
    401: AuthError,
    403: ForbiddenError,
    404: QueryError,
    408: SlowQuery,
    413: PayloadTooLarge,
    429: RateLimitError,
}
