"""ApiHook: an Airflow connection as a client, with a test by one request and hints where in Airflow a setting is."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from apiclient.errors import ApiError, FieldError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

SettingsT = TypeVar("SettingsT")
ClientT = TypeVar("ClientT")

_TESTED = "this connection"

ENVIRONMENT = "that is the environment of Airflow's workers and of its API server"
"""Where the variables of a proxy are, for `in_airflow`."""


class ApiHook(BaseHook, ABC, Generic[SettingsT]):
    """What the hooks of all API clients have in common. A client knows no Airflow.

    A subclass has `conn_type` and `hook_name`, reads its settings in `read`, and asks once in `probe`.
    """

    conn_type: ClassVar[str]
    api_error: ClassVar[type[ApiError]]
    """The class of the error for a connection that does not exist."""
    json_form: ClassVar[str]
    """The keys of the connection as JSON, for the error of a variable that Airflow cannot read."""
    in_airflow: ClassVar[Mapping[type[ApiError], str]]
    """What an error's hint gains: where in Airflow the setting is; `{connection}` names the connection."""

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    @abstractmethod
    def read(self, connection: Any) -> SettingsT:
        """Return the settings in a connection. Raises FieldError."""

    @abstractmethod
    async def probe(self, settings: SettingsT, connection: str) -> str:
        """Send one request, and return the answer as a sentence; `connection` is for `open`. Raises ApiError."""

    async def settings(self) -> SettingsT:
        """Return the settings of the connection.

        Raises:
            FieldError: The connection has a value that is not allowed.
            ApiError: There is no such connection.
        """
        # On a thread: Airflow's async getter finds no stored connection under `airflow dags test`, and its sync getter
        # would block the event loop.
        return await asyncio.to_thread(self._settings)

    @asynccontextmanager
    async def open(
        self, client: AbstractAsyncContextManager[ClientT], connection: str | None = None
    ) -> AsyncIterator[ClientT]:
        """Open a client; an error that leaves the context gets a hint where in Airflow the setting is."""
        try:
            async with client as opened:
                yield opened
        except ApiError as error:
            if where := next((text for kind, text in self.in_airflow.items() if isinstance(error, kind)), None):
                name = connection or f"the connection {self.conn_id}"
                error.hint = f"{error.hint}. In Airflow {where.format(connection=name)}"
            raise

    def ask_once(self) -> str:
        """Send one request, once, because a person is waiting. Returns: the answer as a sentence. Raises: ApiError."""
        return self._ask_once(f"the connection {self.conn_id}")

    def test_connection(self) -> tuple[bool, str]:
        """Send one request, once; the "Test" button of the connection form calls this.

        Airflow then gives the connection a random id, so that no answer names it.
        """
        try:
            return True, self._ask_once(_TESTED)
        except ApiError as error:
            if isinstance(error, FieldError):
                error.endpoint = _TESTED
            return False, error.brief()

    def _ask_once(self, connection: str) -> str:
        settings = self._settings()
        # On another thread, because the caller may have a running event loop.
        with ThreadPoolExecutor(max_workers=1) as executor:
            return executor.submit(asyncio.run, self.probe(settings, connection)).result()

    def _settings(self) -> SettingsT:
        try:
            connection = self.get_connection(self.conn_id)
        except AirflowNotFoundException:
            raise self._missing() from None
        # Read for its side effect: Airflow then masks the secret values of the extra in its logs.
        _ = connection.extra_dejson
        return self.read(connection)

    def _missing(self) -> ApiError:
        variable = f"AIRFLOW_CONN_{self.conn_id.upper()}"
        endpoint = f"connection {self.conn_id!r}"
        if os.environ.get(variable):  # Airflow ignores a variable that it cannot read, without a message
            return self.api_error(
                f"{variable} is set, and Airflow cannot read it",
                endpoint=endpoint,
                hint=f"write it as JSON, {self.json_form}, without other keys, or as a URI, {self.conn_type}://…, "
                "whose values are percent-encoded; or unset it",
            )
        return self.api_error(
            "this Airflow has no such connection",
            endpoint=endpoint,
            hint="`make settings` writes the connections of airflow_settings.yaml; or set "
            f"{variable} in the environment, or add it in the UI under Admin > Connections",
        )
