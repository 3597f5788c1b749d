"""The bearer tokens of requests: static, or minted and shared.

IGDB keeps at most 25 live tokens of a client id, and ends the oldest when a 26th is minted. So a token is minted once
in about 60 days, and all processes of a machine share it.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import time
from typing import TYPE_CHECKING, Protocol

import orjson

from apiclient.errors import ReplyError, TransientError
from apiclient.retry import Backoff, retry, retry_after_seconds
from apiclient.token_cache import Token, TokenCache, default_folder
from apiclient.transport import USER_AGENT, open_session, proxy_for, send
from igdb.errors import API, AuthError, TokenUrlError, error_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ENDPOINT = "token"
_TOKEN = re.compile("[!-~]+")  # what a header may carry
_CACHE = "igdb"
_SECONDS = 30.0
DEFAULT_MAX_ATTEMPTS = 5
# Renewed this long before its end, so that no request is on its way when a token ends: an hour, or 5 % of a short life.
_LONGEST_MARGIN = 3600.0
_MARGIN_SHARE = 0.05


class TokenSource(Protocol):
    """Gives the token of the next request."""

    async def token(self) -> str:
        """Return a token that should work now."""
        ...

    async def invalidate(self, token: str) -> None:
        """Mark a token as refused by the API: `token()` returns another one from now on, if it can."""
        ...


class StaticToken:
    """A token that is renewed elsewhere. When it is refused, the request fails."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "StaticToken(***)"

    async def token(self) -> str:
        """Return the static token."""
        return self._token

    async def invalidate(self, token: str) -> None:
        """Do nothing: there is no other token."""


class ClientCredentials:
    """Mints tokens with a client id and secret, and shares them through a file on this machine.

    `cache_folder`: see `token_cache.default_folder`. `clock` gives unix seconds. Raises AuthError if the id or the
    secret is refused, TokenUrlError if the URL is wrong, TransientError if the token endpoint does not answer well
    after several tries.
    """

    def __init__(
        self,
        *,
        token_url: str,
        client_id: str,
        client_secret: str,
        cache_folder: Path | None = None,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        # The secret is part of the name, so that a changed secret is tried rather than hidden by an old token.
        name = hashlib.sha256("\0".join((token_url, client_id, _digest(client_secret))).encode()).hexdigest()[:32]
        self._cache = TokenCache(cache_folder or default_folder(_CACHE), f"token-{name}", api=API)
        self._max_attempts = max_attempts
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._current: Token | None = None
        self._refused: set[str] = set()

    def __repr__(self) -> str:
        return f"ClientCredentials(token_url={self._token_url!r}, client_id={self._client_id!r}, client_secret=***)"

    async def token(self) -> str:
        """Return a token from memory, else from the file, else a new one."""
        async with self._one_at_a_time:
            if self._current is None or not self._usable(self._current):
                self._current = await self._shared()
            return self._current.value

    async def invalidate(self, token: str) -> None:
        """Drop this token; a newer one that another process has cached is kept."""
        self._refused.add(token)

    async def _shared(self) -> Token:
        cached = await self._cache.read()
        if cached and self._usable(cached):
            return cached
        async with self._cache.locked():
            # Another process may have minted while this one waited for the lock.
            cached = await self._cache.read()
            if cached and self._usable(cached):
                return cached
            minted = await retry(self._mint, max_attempts=self._max_attempts, backoff=self._backoff)
            await self._cache.write(minted)
            return minted

    def _usable(self, token: Token) -> bool:
        return token.value not in self._refused and self._clock() < token.refresh_at

    async def _mint(self) -> Token:
        form = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "grant_type": "client_credentials",
        }
        proxy = proxy_for(self._token_url, api=API, endpoint=_ENDPOINT)
        # In another session: this happens once in two months, and leaves nothing open.
        async with open_session(proxy, seconds=_SECONDS, headers={"User-Agent": USER_AGENT}) as session:
            status, headers, body = await send(
                session, "POST", self._token_url, api=API, endpoint=_ENDPOINT, proxy=proxy, data=form
            )
        retry_after = retry_after_seconds(headers.get("Retry-After"))
        reply = body.decode(errors="replace").replace(self._client_secret, "***")
        if status in (400, 401, 403):
            raise AuthError(
                f"{self._token_url} refused the client id or secret (status {status})",
                endpoint=_ENDPOINT,
                status=status,
                reply=reply,
                hint="check the client id, the client secret, and the token URL to which they were sent",
            )
        if status != 200:
            error = error_for(status, endpoint=_ENDPOINT, reply=reply, retry_after=retry_after)
            if isinstance(error, TransientError):
                raise error
            what = f"{self._token_url} gives no tokens (status {status})"
            raise TokenUrlError(what, endpoint=_ENDPOINT, status=status, reply=reply)
        return self._parse(body)

    def _parse(self, body: bytes) -> Token:
        try:
            found = orjson.loads(body)
            value, lifetime = found["access_token"], float(found["expires_in"])
            if not (_TOKEN.fullmatch(value) and 0 < lifetime < math.inf):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            # Without the reply: it may hold a token.
            raise ReplyError(
                f"{self._token_url} answered 200 without a usable access_token and expires_in",
                api=API,
                endpoint=_ENDPOINT,
                status=200,
                hint=TokenUrlError.hint,
            ) from None
        margin = min(_LONGEST_MARGIN, lifetime * _MARGIN_SHARE)
        return Token(value=value, refresh_at=self._clock() + lifetime - margin)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
