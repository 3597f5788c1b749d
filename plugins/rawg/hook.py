"""An Airflow connection of type `rawg` as a client.

async with RawgHook("rawg_default").client() as client:
    page = await client.page("genres")
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from apiclient.client import allow
from apiclient.errors import ApiError, ProxyError, UnreachableError
from apiclient.hook import ENVIRONMENT, ApiHook
from rawg.errors import AuthError, QuotaSpentError, RateLimitError, RawgError, UnexpectedStatusError
from rawg.settings import RawgSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from rawg.client import RawgClient

# A short list that every plan may read.
_PROBE_PATH = "genres"


class RawgHook(ApiHook[RawgSettings]):
    """Connection fields: host = base URL of the API, password = key.

    The extra may hold `requests_per_second` and `monthly_requests`; the form and the defaults of all of them are in
    `rawg.provider` and `rawg.settings`.
    """

    conn_name_attr = "rawg_conn_id"
    default_conn_name = "rawg_default"
    conn_type = "rawg"
    hook_name = "RAWG"
    api_error = RawgError
    json_form = '{"conn_type": "rawg", "host": …, "password": …, "extra": {…}}'
    in_airflow: ClassVar[Mapping[type[ApiError], str]] = {
        AuthError: "the key is the password of {connection}; where connections are imported, RAWG_API_KEY sets it",
        QuotaSpentError: "monthly_requests in the extra of {connection} is the quota of the plan",
        RateLimitError: "tasks of one key share a pool of one slot, rawg_api; requests_per_second is in the extra of "
        "{connection}",
        UnexpectedStatusError: "it is the host of {connection}; where connections are imported, RAWG_BASE_URL sets it",
        ProxyError: ENVIRONMENT,
        UnreachableError: "the address is the host of {connection}; where connections are imported, RAWG_BASE_URL sets "
        "it; " + ENVIRONMENT,
    }

    def __init__(self, rawg_conn_id: str = default_conn_name) -> None:
        super().__init__(rawg_conn_id)

    @asynccontextmanager
    async def client(self, *, before_request: Callable[[], Awaitable[None]] = allow) -> AsyncIterator[RawgClient]:
        """Provide a client of this connection, open as long as the context.

        Args:
            before_request: Called before each request, retries included. An error of it is raised, and nothing is sent.

        Raises:
            FieldError: The connection has a value that is not allowed.
            RawgError: There is no such connection.
        """
        settings = await self.settings()
        async with self.open(settings.client(before_request=before_request)) as client:
            yield client

    def read(self, connection: Any) -> RawgSettings:
        """Return the settings in a connection. Raises FieldError."""
        return RawgSettings.from_connection(connection)

    async def probe(self, settings: RawgSettings, connection: str) -> str:
        """Ask for one genre, and return the answer as a sentence. Raises ApiError."""
        async with self.open(settings.client(max_attempts=1), connection) as client:
            page = await client.page(_PROBE_PATH, page_size=1)
        return f"{settings.base_url} answers and accepts the key: {page.count:,} {_PROBE_PATH}"
