"""What can go wrong between this client and IGDB; what any API has in common is in `apiclient.errors`.

ApiError
├── IgdbError
│   ├── AuthError              the id, the secret or the token is refused
│   ├── TokenUrlError          the token URL leads to something that gives no tokens
│   ├── QueryError             400, 404: the query or the endpoint is wrong
│   ├── ForbiddenError         403: above a limit, outside one's tier, or User-Agent refused; never the token
│   ├── PayloadTooLargeError   413: the reply above 10 MB, or the request above 32,000 bytes
│   └── UnexpectedStatusError  any other answer that no rule covers (a redirect, 405, …)
└── TransientError
    ├── TokenError             401 for a token that was minted a moment ago
    ├── RateLimitError         429
    └── SlowQueryError         408: the query is too slow for the source
"""

from __future__ import annotations

from apiclient.errors import ApiError, ServerError, TransientError

API = "IGDB"


class IgdbError(ApiError):
    """IGDB refuses the request. Not retried: the same request would fail again."""

    api = API


class AuthError(IgdbError):
    """The id, the secret or the token is refused."""

    hint = "check the client id and the client secret; a static token must belong to this client id and still be valid"


class TokenUrlError(IgdbError):
    """The token URL leads to something that gives no tokens."""

    hint = "check the token URL, such as https://id.twitch.tv/oauth2/token"


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
        "tier; the reply states which"
    )


class PayloadTooLargeError(IgdbError):
    """413, or a request that would get it: ask for less at once."""

    hint = "ask for fewer rows, fewer fields, or fewer parts of a multiquery in one request"


class UnexpectedStatusError(IgdbError):
    """An answer that no rule covers."""

    hint = "check the API's base URL, such as https://api.igdb.com/v4"


class TokenError(TransientError):
    """401 for a token that was minted a moment ago: the id and the secret were accepted."""

    api = API
    # Each attempt mints up to two tokens, and IGDB keeps 25 for all programs that share a client id.
    max_attempts = 2
    hint = (
        "something else mints tokens with the same client id (IGDB keeps 25 and ends the oldest), or the API does not "
        "know new tokens yet: give this program a client id of its own, or try again later"
    )


class RateLimitError(TransientError):
    """429: more requests a second, or more open ones, than the account may have."""

    api = API
    hint = "something else uses the same client id: let one program at a time use it, or lower requests_per_second"


class SlowQueryError(TransientError):
    """408: the query is too slow for the source."""

    api = API
    # The first try may have met a cold cache; a third one of the same query would only cost the source the same again.
    max_attempts = 2
    hint = "ask for a smaller window or a simpler condition"


def error_for(
    status: int, *, endpoint: str, query: str = "", reply: str = "", retry_after: float | None = None
) -> ApiError:
    """Return the error that a status other than 200 means; nothing else chooses error classes."""
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
        kind: type[ApiError] = ServerError
    else:
        kind = _BY_STATUS.get(status, UnexpectedStatusError)
    error = kind(what, api=API, endpoint=endpoint, query=query, status=status, reply=reply)
    if isinstance(error, TransientError):
        error.retry_after = retry_after
    return error


_BY_STATUS: dict[int, type[ApiError]] = {
    400: QueryError,
    401: AuthError,
    403: ForbiddenError,
    404: QueryError,
    408: SlowQueryError,
    413: PayloadTooLargeError,
    429: RateLimitError,
}
