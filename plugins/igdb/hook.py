"""An Airflow connection of type `igdb` as a client.

    async with IgdbHook("igdb_default").client() as client:
        reply = await client.query("games", Query(limit=10))

The client knows no Airflow: the hook adds to an error's hint where in Airflow the setting is.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from apiclient.errors import ApiError, ProxyError, UnreachableError
from igdb.apicalypse import Query
from igdb.errors import AuthError, IgdbError, RateLimitError, TokenError, UnexpectedStatusError
from igdb.settings import IgdbSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from igdb.client import IgdbClient

# Any endpoint would do; this one answers for every account.
_PROBE_ENDPOINT = "games"

_ENVIRONMENT = "that is the environment of Airflow's workers and of its API server"
_IN_AIRFLOW: dict[type[ApiError], str] = {
    AuthError: "they are login, password and static_token of the connection {conn_id}; where connections are imported, "
    "IGDB_CLIENT_ID and IGDB_CLIENT_SECRET set them",
    TokenError: "clear the task to run it again",
    RateLimitError: "tasks of one client id share a pool of one slot, igdb_api; requests_per_second is in the extra of "
    "the connection {conn_id}",
    UnexpectedStatusError: "it is the host of the connection {conn_id}",
    ProxyError: _ENVIRONMENT,
    UnreachableError: "the addresses are host and token_url of the connection {conn_id}; " + _ENVIRONMENT,
}


class IgdbHook(BaseHook):
    """Connection fields: host = base URL of the API, login = client id, password = client secret.

    The extra may hold `token_url`, `static_token`, `requests_per_second` and `max_open_requests`; the form and the
    defaults of all of them are in `igdb.provider` and `igdb.settings`.
    """

    conn_name_attr = "igdb_conn_id"
    default_conn_name = "igdb_default"
    conn_type = "igdb"
    hook_name = "IGDB"

    def __init__(self, igdb_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.igdb_conn_id = igdb_conn_id

    @asynccontextmanager
    async def client(self) -> AsyncIterator[IgdbClient]:
        """Provide a client of this connection, open as long as the context.

        Raises:
            FieldError: The connection has a value that is not allowed.
            IgdbError: There is no such connection.
        """
        # On a thread: Airflow's async getter finds no stored connection under `airflow dags test`, and its sync getter
        # would block the event loop.
        async with self._open((await asyncio.to_thread(self._settings)).client()) as client:
            yield client

    @asynccontextmanager
    async def _open(self, client: IgdbClient) -> AsyncIterator[IgdbClient]:
        """Open a client; an error that leaves the context gets a hint where in Airflow the setting is."""
        try:
            async with client:
                yield client
        except ApiError as error:
            if where := next((text for kind, text in _IN_AIRFLOW.items() if isinstance(error, kind)), None):
                error.hint = f"{error.hint}. In Airflow {where.format(conn_id=self.igdb_conn_id)}"
            raise

    def _settings(self) -> IgdbSettings:
        try:
            connection = self.get_connection(self.igdb_conn_id)
        except AirflowNotFoundException:
            raise _missing(self.igdb_conn_id) from None
        # Read for its side effect: Airflow then masks the secret values of the extra in its logs.
        _ = connection.extra_dejson
        return IgdbSettings.from_connection(connection)

    def test_connection(self) -> tuple[bool, str]:
        """Ask for one row, once; the "Test" button of the connection form calls this."""
        try:
            settings = self._settings()
            # On another thread, because the caller may have a running event loop.
            with ThreadPoolExecutor(max_workers=1) as executor:
                return True, executor.submit(asyncio.run, self._probe(settings)).result()
        except ApiError as error:
            return False, error.brief()

    async def _probe(self, settings: IgdbSettings) -> str:
        """Ask the API for one row, once, because a person is waiting. Returns: the answer as a sentence."""
        async with self._open(settings.client(max_attempts=1)) as client:
            reply = await client.query(_PROBE_ENDPOINT, Query(fields="id", limit=1), list)
        rows = "an unknown number of" if reply.total is None else f"{reply.total:,}"
        token = "the static token" if settings.static_token else "the client id and secret"
        return f"{settings.base_url} answers and accepts {token}: {rows} rows in /{_PROBE_ENDPOINT}"


def _missing(conn_id: str) -> IgdbError:
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if os.environ.get(variable):  # Airflow ignores a variable that it cannot read, without a message
        return IgdbError(
            f"{variable} is set, and Airflow cannot read it",
            endpoint=f"connection {conn_id!r}",
            hint='write it as JSON, {"conn_type": "igdb", "host": …, "login": …, "password": …, "extra": {…}}, without '
            "other keys, or as a URI, igdb://…, whose values are percent-encoded; or unset it",
        )
    return IgdbError(
        "this Airflow has no such connection",
        endpoint=f"connection {conn_id!r}",
        hint="`make settings` writes the connections of airflow_settings.yaml; or set "
        f"{variable} in the environment, or add it in the UI under Admin > Connections",
    )
