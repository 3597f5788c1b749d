"""The lake of a command that a person types, reached as the tasks reach it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from gamelake.airflow.stores import CONNECTION, connected_store
from gamelake.lake.factory import lake_location, lake_uri, open_store
from gamelake.lake.location import BucketLocation
from gamelake.lake.store import StoreError

if TYPE_CHECKING:
    from gamelake.lake.store import Store


def command_store() -> Store:
    """Return the lake of a command, reached as the tasks reach it.

    Raises: StoreError, as `connected_store`.
    """
    if not isinstance(lake_location(), BucketLocation):
        return open_store(lake_uri())
    use_stored_connection()
    return connected_store()


def is_empty(store: Store) -> bool:
    """Return whether no lake is there yet: nothing is committed and nothing published. No command begins one."""
    from gamelake.marts.documents import PUBLICATIONS

    return all(next(iter(store.list(prefix)), None) is None for prefix in ("raw/", PUBLICATIONS))


def use_stored_connection(conn_id: str = CONNECTION) -> None:
    """Let this process, which is no task, find a connection where tasks find it: in a secrets backend or the database.

    Outside of a task Airflow's hooks read the environment only, so it is copied there. Without a database only the
    environment is read.
    Raises: StoreError, if the laptop's settings cannot work.
    """
    # Airflow and boto3 would log their search for the connection.
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if os.environ.get(variable):
        return
    added: dict[str, str] = {}
    if "AIRFLOW_HOME" not in os.environ:  # a laptop: its database is that of `make up`
        from gamelake.local.environment import environment
        from gamelake.settings import SettingsError

        try:
            added = {name: value for name, value in environment().items() if name not in os.environ}
        except SettingsError as error:
            raise StoreError("open", lake_uri(), str(error)) from error
    os.environ.update(added)
    try:
        from airflow.models import Connection
        from airflow.sdk.exceptions import AirflowNotFoundException

        with suppress(AirflowNotFoundException):
            os.environ[variable] = Connection.get_connection_from_secrets(conn_id).as_json()
    finally:
        for name in added:
            del os.environ[name]
