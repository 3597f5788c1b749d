"""What can go wrong between this client and RAWG; what any API has in common is in `apiclient.errors`.

ApiError
├── RawgError
│   ├── AuthError              401: the key is refused
│   │   ├── MissingKeyError    no key arrived at RAWG
│   │   └── UnknownKeyError    RAWG does not know the key
│   ├── QuotaSpentError        401: the requests of this month are used up
│   ├── NotFoundError          404: no such object or route
│   │   └── PastTheEndError    a page after the last one
│   └── UnexpectedStatusError  any other answer that no rule covers (a redirect, 403, 405, …)
└── TransientError
    ├── GatewayNotFoundError   404 without RAWG's JSON: another server answered
    └── RateLimitError         429

RAWG answers 401 for all three problems of a key. Only the text of the reply tells them apart.
"""

from __future__ import annotations

import json
from typing import Any

from apiclient.errors import ApiError, ServerError, TransientError

API = "RAWG"

_MISSING_KEY = "key parameter is not provided"
_UNKNOWN_KEY = "api key is not found"
_QUOTA_SPENT = "monthly api limit reached"
_INVALID_PAGE = "invalid page"


class RawgError(ApiError):
    """RAWG refuses the request. Not retried: the same request would fail again."""

    api = API


class AuthError(RawgError):
    """401: the key is refused, for a reason that only the reply states."""

    hint = "check the key: https://rawg.io/apidocs shows it after you log in"


class MissingKeyError(AuthError):
    """401: the request had a key, and RAWG received none."""

    hint = "a proxy or gateway on the way may remove the query parameter `key`: ask RAWG without it"


class UnknownKeyError(AuthError):
    """401: RAWG does not know the key."""

    hint = "RAWG does not know this key: https://rawg.io/apidocs shows the key of your account after you log in"


class QuotaSpentError(RawgError):
    """The requests of this month are used up. No request succeeds before the next month, whichever it is."""

    hint = "wait for the next month, or take a larger plan at https://rawg.io/apidocs"


class NotFoundError(RawgError):
    """404: no such object or route."""

    hint = "the object may have been deleted; if every request gets this, check the address, which ends in /api"


class PastTheEndError(NotFoundError):
    """404: the list has no such page; it may have become shorter since the page before."""

    hint = "the last page is the one with has_next False; begin the list again if it became shorter"


class UnexpectedStatusError(RawgError):
    """An answer that no rule covers."""

    hint = "check the API's base URL, such as https://api.rawg.io/api"


class RateLimitError(TransientError):
    """429: more requests a second than RAWG, or a network in front of it, takes."""

    api = API
    hint = "something else may use the same key: let one program at a time use it, or lower requests_per_second"


class GatewayNotFoundError(TransientError):
    """404 without RAWG's JSON. A gateway answers so while RAWG is down: it states nothing of the object."""

    api = API
    hint = "a proxy or gateway may have answered in place of RAWG; if it stays, check the address, which ends in /api"


def error_for(
    status: int, *, endpoint: str, query: str = "", reply: str = "", retry_after: float | None = None
) -> ApiError:
    """Return the error that a status other than 200 means; nothing else chooses error classes."""
    error = _kind(status, _text(reply))(
        f"status {status}", api=API, endpoint=endpoint, query=query, status=status, reply=reply
    )
    if isinstance(error, TransientError):
        error.retry_after = retry_after
    return error


def _kind(status: int, text: str) -> type[ApiError]:
    if status >= 500:
        return ServerError
    if 400 <= status < 500 and _QUOTA_SPENT in text:
        # By the text first: a plan may answer it with another status than 401, and a retry would be in vain.
        return QuotaSpentError
    if status == 401:
        return MissingKeyError if _MISSING_KEY in text else UnknownKeyError if _UNKNOWN_KEY in text else AuthError
    if status == 404:
        return PastTheEndError if _INVALID_PAGE in text else NotFoundError if text else GatewayNotFoundError
    return RateLimitError if status == 429 else UnexpectedStatusError


def _text(reply: str) -> str:
    """Return the reason that the reply states, in lower case; empty if it is not RAWG's JSON."""
    try:
        found: Any = json.loads(reply)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    return " ".join(value for key in ("error", "detail") if isinstance(value := found.get(key), str)).lower()
