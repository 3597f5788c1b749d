"""The settings of IGDB in an Airflow connection, validated when they are read. Imports no Airflow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from apiclient.connections import MASK, check_rate, number, read_extra, whole_number
from apiclient.errors import FieldError
from igdb.addresses import DEFAULT_BASE_URL, DEFAULT_TOKEN_URL, base_url, check_pair
from igdb.client import IgdbClient
from igdb.tokens import DEFAULT_MAX_ATTEMPTS, ClientCredentials, StaticToken

if TYPE_CHECKING:
    from igdb.tokens import TokenSource

DEFAULT_REQUESTS_PER_SECOND = 4.0
DEFAULT_MAX_OPEN_REQUESTS = 8

_KEYS = {"token_url", "static_token", "requests_per_second", "max_open_requests"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IgdbSettings:
    """A connection of type `igdb`. Building one that cannot work raises FieldError.

    `client_secret` may be empty if there is a `static_token`, which is used in place of minted tokens. `conn_id` is for
    errors.
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
            raise FieldError(self.conn_id, "login", "", "the client id of a Twitch application")
        if not self.client_secret and not self.static_token:
            raise FieldError(self.conn_id, "password", "", "the client secret, or a static_token in the extra")
        for key, secret in (("password", self.client_secret), ("static_token", self.static_token)):
            if secret == MASK:
                raise FieldError(self.conn_id, key, secret, "the secret itself: Airflow shows *** in its place")
        check_pair(
            self.conn_id,
            base_url=self.base_url,
            token_url=self.token_url,
            sends_secret=not self.static_token,
        )
        check_rate(self.conn_id, self.requests_per_second)
        if self.max_open_requests < 1:
            raise FieldError(self.conn_id, "max_open_requests", self.max_open_requests, "1 or more")

    @classmethod
    def from_connection(cls, connection: Any) -> Self:
        """Read an Airflow connection, of the task SDK or of the models: both have the same attributes."""
        conn_id = connection.conn_id
        extra = read_extra(conn_id, connection.extra, _KEYS)
        return cls(
            conn_id=conn_id,
            client_id=(connection.login or "").strip(),
            client_secret=(connection.password or "").strip(),
            base_url=base_url(connection),
            token_url=extra.get("token_url", DEFAULT_TOKEN_URL),
            static_token=str(extra.get("static_token", "")).strip(),
            requests_per_second=number(conn_id, extra, "requests_per_second", DEFAULT_REQUESTS_PER_SECOND),
            max_open_requests=whole_number(conn_id, extra, "max_open_requests", DEFAULT_MAX_OPEN_REQUESTS),
        )

    def tokens(self, *, max_attempts: int = DEFAULT_MAX_ATTEMPTS) -> TokenSource:
        """Return the static token if there is one, else tokens minted with the id and secret."""
        if self.static_token:
            return StaticToken(self.static_token)
        return ClientCredentials(
            token_url=self.token_url,
            client_id=self.client_id,
            client_secret=self.client_secret,
            max_attempts=max_attempts,
        )

    def client(self, *, max_attempts: int = 6) -> IgdbClient:
        """Return a client that is not entered yet. `max_attempts` counts the first one."""
        return IgdbClient(
            base_url=self.base_url,
            client_id=self.client_id,
            tokens=self.tokens(max_attempts=min(max_attempts, DEFAULT_MAX_ATTEMPTS)),
            requests_per_second=self.requests_per_second,
            max_open_requests=self.max_open_requests,
            max_attempts=max_attempts,
        )
