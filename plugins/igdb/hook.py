"""An Airflow connection of type `igdb` as a client.

async with IgdbHook("igdb_default").client() as client:
    reply = await client.query("games", Query(limit=10))
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from apiclient.errors import ApiError, ProxyError, UnreachableError
from apiclient.hook import ENVIRONMENT, ApiHook
from igdb.apicalypse import Query
from igdb.errors import AuthError, IgdbError, RateLimitError, TokenError, TokenUrlError, UnexpectedStatusError
from igdb.settings import IgdbSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from igdb.client import IgdbClient

# Any endpoint would do; this one answers for every account.
_PROBE_ENDPOINT = "games"


class IgdbHook(ApiHook[IgdbSettings]):
    """Connection fields: host = base URL of the API, login = client id, password = client secret.

    The extra may hold `token_url`, `static_token`, `requests_per_second` and `max_open_requests`; the form and the
    defaults of all of them are in `igdb.provider` and `igdb.settings`.
    """

    conn_name_attr = "igdb_conn_id"
    default_conn_name = "igdb_default"
    conn_type = "igdb"
    hook_name = "IGDB"
    api_error = IgdbError
    json_form = '{"conn_type": "igdb", "host": …, "login": …, "password": …, "extra": {…}}'
    in_airflow: ClassVar[Mapping[type[ApiError], str]] = {
        AuthError: "they are login, password and static_token of {connection}, for tokens of its token_url; where "
        "connections are imported, IGDB_CLIENT_ID, IGDB_CLIENT_SECRET and IGDB_TOKEN_URL set them",
        TokenUrlError: "it is the token_url of {connection}; where connections are imported, IGDB_TOKEN_URL sets it",
        TokenError: "clear the task to run it again",
        RateLimitError: "tasks of one client id share a pool of one slot, igdb_api; requests_per_second is in the "
        "extra of {connection}",
        UnexpectedStatusError: "it is the host of {connection}; where connections are imported, IGDB_BASE_URL sets it",
        ProxyError: ENVIRONMENT,
        UnreachableError: "the addresses are host and token_url of {connection}; where connections are imported, "
        "IGDB_BASE_URL and IGDB_TOKEN_URL set them; " + ENVIRONMENT,
    }

    def __init__(self, igdb_conn_id: str = default_conn_name) -> None:
        super().__init__(igdb_conn_id)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[IgdbClient]:
        """Provide a client of this connection, open as long as the context.

        Raises:
            FieldError: The connection has a value that is not allowed.
            IgdbError: There is no such connection.
        """
        settings = await self.settings()
        async with self.open(settings.client()) as client:
            yield client

    def read(self, connection: Any) -> IgdbSettings:
        """Return the settings in a connection. Raises FieldError."""
        return IgdbSettings.from_connection(connection)

    async def probe(self, settings: IgdbSettings, connection: str) -> str:
        """Ask for one row, and return the answer as a sentence. Raises ApiError."""
        async with self.open(settings.client(max_attempts=1), connection) as client:
            reply = await client.query(_PROBE_ENDPOINT, Query(fields="id", limit=1), list)
        rows = "an unknown number of" if reply.total is None else f"{reply.total:,}"
        token = "the static token" if settings.static_token else "the client id and secret"
        return f"{settings.base_url} answers and accepts {token}: {rows} rows in /{_PROBE_ENDPOINT}"
