"""What an Airflow connection says about IGDB, checked when it is read. No Airflow in it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from igdb.client import IgdbClient
from igdb.errors import SettingsError
from igdb.tokens import ClientCredentials, StaticToken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igdb.tokens import TokenSource

DEFAULT_BASE_URL = "https://api.igdb.com/v4"
DEFAULT_TOKEN_URL = "https://id.twitch.tv/oauth2/token"  # noqa: S105 - an address
DEFAULT_REQUESTS_PER_SECOND = 4.0
DEFAULT_MAX_OPEN_REQUESTS = 8

_KEYS = {"token_url", "static_token", "requests_per_second", "max_open_requests"}
# What Airflow shows in the place of a secret, and what is stored when someone copies it from there.
_MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class IgdbSettings:
    """A connection of type `igdb`. Building one that cannot work raises SettingsError.

    `client_secret` may be empty if there is a `static_token`, which then is sent as it is. `conn_id` is for errors.
    """

    conn_id: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    base_url: str = DEFAULT_BASE_URL
    token_url: str = DEFAULT_TOKEN_URL
    static_token: str = field(default="", repr=False)
    requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND
    max_open_requests: int = DEFAULT_MAX_OPEN_REQUESTS

    def __post_init__(self) -> None:
        if not self.client_id:
            raise SettingsError(self.conn_id, "login", "", "the client id of a Twitch application")
        if not self.client_secret and not self.static_token:
            raise SettingsError(self.conn_id, "password", "", "the client secret, or a static_token in the extra")
        for key, secret in (("password", self.client_secret), ("static_token", self.static_token)):
            if secret == _MASK:
                raise SettingsError(self.conn_id, key, secret, "the secret itself: Airflow shows *** in its place")
        for key, url in (("host", self.base_url), ("token_url", self.token_url)):
            self._check_url(key, url)
        if not (math.isfinite(self.requests_per_second) and self.requests_per_second > 0):
            raise SettingsError(self.conn_id, "requests_per_second", self.requests_per_second, "a number above 0")
        if self.max_open_requests < 1:
            raise SettingsError(self.conn_id, "max_open_requests", self.max_open_requests, "1 or more")

    @classmethod
    def from_connection(cls, connection: Any) -> Self:
        """From an Airflow connection, of the task SDK or of the models: both have the same attributes."""
        conn_id = connection.conn_id
        extra = _extra(conn_id, connection.extra)
        return cls(
            conn_id=conn_id,
            client_id=(connection.login or "").strip(),
            client_secret=(connection.password or "").strip(),
            base_url=_base_url(connection),
            token_url=extra.get("token_url", DEFAULT_TOKEN_URL),
            static_token=str(extra.get("static_token", "")).strip(),
            requests_per_second=_number(conn_id, extra, "requests_per_second", DEFAULT_REQUESTS_PER_SECOND),
            max_open_requests=_whole_number(conn_id, extra, "max_open_requests", DEFAULT_MAX_OPEN_REQUESTS),
        )

    def tokens(self) -> TokenSource:
        """The static token if there is one, else tokens minted with the id and secret."""
        if self.static_token:
            return StaticToken(self.static_token)
        return ClientCredentials(token_url=self.token_url, client_id=self.client_id, client_secret=self.client_secret)

    def client(self, *, max_attempts: int = 6) -> IgdbClient:
        """A client that is yet to be entered."""
        return IgdbClient(
            base_url=self.base_url,
            client_id=self.client_id,
            tokens=self.tokens(),
            requests_per_second=self.requests_per_second,
            max_open_requests=self.max_open_requests,
            max_attempts=max_attempts,
        )

    def _check_url(self, key: str, url: object) -> None:
        expected = f"a URL such as {DEFAULT_BASE_URL if key == 'host' else DEFAULT_TOKEN_URL}"
        if not isinstance(url, str):
            raise SettingsError(self.conn_id, key, url, expected)
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise SettingsError(self.conn_id, key, url, expected) from None
        if parts.username or parts.password:
            # Without the value: it may hold a secret.
            raise SettingsError(self.conn_id, key, _MASK, "a URL without a user; id and secret are login and password")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise SettingsError(self.conn_id, key, url, expected)


def _base_url(connection: Any) -> str:
    """The base URL, however the connection was written.

    A form or JSON gives it whole in `host`; the URI `igdb://id:secret@127.0.0.1:8900/v4` splits it into host, port and
    schema (Airflow's word for the path).
    """
    host = (connection.host or "").strip()
    if not host:
        return DEFAULT_BASE_URL
    scheme, _, rest = (host if "://" in host else f"https://{host}").partition("://")
    url = f"{scheme}://{rest.rstrip('/')}"
    if connection.port:
        url += f":{connection.port}"
    path = (connection.schema or "").strip("/")
    return f"{url}/{path}" if path else url


def _extra(conn_id: str, text: str | None) -> dict[str, Any]:
    """The extra's own keys; null and empty, which a form sends for fields left alone, count as absent."""
    if not text:
        return {}
    try:
        extra = json.loads(text)
    except ValueError:
        # Without the value: it may hold a secret.
        raise SettingsError(conn_id, "extra", "no JSON", "a JSON object") from None
    if not isinstance(extra, dict):
        raise SettingsError(conn_id, "extra", type(extra).__name__, "a JSON object")
    if unknown := sorted(extra.keys() - _KEYS):
        raise SettingsError(conn_id, "extra", unknown, f"no other keys than {sorted(_KEYS)}")
    return {key: value for key, value in extra.items() if value not in (None, "")}


def _number(conn_id: str, extra: Mapping[str, Any], key: str, default: float) -> float:
    # A connection given as a URI holds its numbers as text.
    found = extra.get(key, default)
    try:
        if isinstance(found, bool):
            raise TypeError
        return float(found)
    except (TypeError, ValueError):
        raise SettingsError(conn_id, key, found, "a number") from None


def _whole_number(conn_id: str, extra: Mapping[str, Any], key: str, default: int) -> int:
    number = _number(conn_id, extra, key, default)
    if not number.is_integer():
        raise SettingsError(conn_id, key, extra.get(key), "a whole number")
    return int(number)
