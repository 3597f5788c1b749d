"""The settings of RAWG in an Airflow connection, validated when they are read. Imports no Airflow.

The key is sent to the host of the connection and to no other, over `https://`. `http://` is for this machine only,
where a sandbox or a debugging proxy runs: the key is a part of each address, and anyone on the way could read it. The
key of the sandbox is no secret, and may go to a sandbox on another machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from apiclient.client import allow
from apiclient.connections import MASK, base_url, check_rate, number, parse_url, read_extra, whole_number
from apiclient.errors import FieldError
from apiclient.hosts import is_this_machine
from rawg.client import DEFAULT_MAX_ATTEMPTS, DEFAULT_REQUESTS_PER_SECOND, RawgClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DEFAULT_BASE_URL = "https://api.rawg.io/api"
DEFAULT_MONTHLY_REQUESTS = 20_000
LEAST_MONTHLY_REQUESTS = 31
"""One a day: with fewer, no day has any."""

SANDBOX_KEY = "rawg-sandbox-key"
"""The key that the local RAWG takes. The real API does not know it."""

_SECRETS = "the key is the password"
_KEYS = {"requests_per_second", "monthly_requests"}
# Replies are searched for the key: a shorter one could be a part of a game's name.
_KEY = re.compile("[!-~]{8,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawgSettings:
    """A connection of type `rawg`. Building one that cannot work raises FieldError.

    `monthly_requests` is the quota of the account's plan; the client does not count it. `conn_id` is for errors.
    """

    conn_id: str
    key: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND
    monthly_requests: int = DEFAULT_MONTHLY_REQUESTS

    def __post_init__(self) -> None:
        if not self.key:
            raise FieldError(self.conn_id, "password", "", "the key of a RAWG account")
        if self.key == MASK:
            raise FieldError(self.conn_id, "password", self.key, "the key itself: Airflow shows *** in its place")
        if not _KEY.fullmatch(self.key):
            # Without the value: it is a secret.
            expected = "the key of a RAWG account: 8 or more letters and digits without blanks"
            raise FieldError(self.conn_id, "password", MASK, expected)
        url = parse_url(self.conn_id, "host", self.base_url, example=DEFAULT_BASE_URL, secrets=_SECRETS)
        if url.scheme == "http" and not is_this_machine(url) and self.key != SANDBOX_KEY:
            raise FieldError(
                self.conn_id,
                "host",
                self.base_url,
                f"https, as in {DEFAULT_BASE_URL}: the key would cross the network unencrypted",
            )
        check_rate(self.conn_id, self.requests_per_second)
        if self.monthly_requests < LEAST_MONTHLY_REQUESTS:
            expected = f"{LEAST_MONTHLY_REQUESTS} or more: its days share the requests of a month"
            raise FieldError(self.conn_id, "monthly_requests", self.monthly_requests, expected)

    @classmethod
    def from_connection(cls, connection: Any) -> Self:
        """Read an Airflow connection, of the task SDK or of the models: both have the same attributes."""
        conn_id = connection.conn_id
        extra = read_extra(conn_id, connection.extra, _KEYS)
        return cls(
            conn_id=conn_id,
            key=(connection.password or "").strip(),
            base_url=base_url(connection, default=DEFAULT_BASE_URL, secrets=_SECRETS),
            requests_per_second=number(conn_id, extra, "requests_per_second", DEFAULT_REQUESTS_PER_SECOND),
            monthly_requests=whole_number(conn_id, extra, "monthly_requests", DEFAULT_MONTHLY_REQUESTS),
        )

    def client(
        self, *, max_attempts: int = DEFAULT_MAX_ATTEMPTS, before_request: Callable[[], Awaitable[None]] = allow
    ) -> RawgClient:
        """Return a client that is not entered yet; the arguments are those of `RawgClient`."""
        return RawgClient(
            base_url=self.base_url,
            key=self.key,
            requests_per_second=self.requests_per_second,
            max_attempts=max_attempts,
            before_request=before_request,
        )
