"""The APIs that the user has chosen: by an account, a server or a connection in the environment, or a stored one.

A connection of the user's own, stored in Airflow's database, counts where the environment chooses nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from gamelake.airflow import settings_file
from gamelake.airflow.settings_file import IGDB_CONNECTION, RAWG_CONNECTION, SettingsFileError
from gamelake.paths import airflow_command
from gamelake.settings import read_settings
from gamelake.urls import without_secrets

if TYPE_CHECKING:
    from pathlib import Path

CONNECTION_VARIABLE = "AIRFLOW_CONN_IGDB_DEFAULT"
RAWG_VARIABLE = "AIRFLOW_CONN_RAWG_DEFAULT"
_BACKEND = "AIRFLOW__SECRETS__BACKEND"


class AccountError(RuntimeError):
    """The API cannot be reached, or refuses the account; the message has what to do."""


def is_set(conn_id: str = IGDB_CONNECTION) -> bool:
    """Return whether the environment chooses an account, a server or a connection."""
    return bool(settings_file.is_set(conn_id, read_settings()) or os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}"))


def is_given(conn_id: str = IGDB_CONNECTION) -> bool:
    """Return whether the user has chosen an API; otherwise a sandbox answers.

    To be called before a process makes its sandbox a connection of the environment.
    """
    return is_set(conn_id) or _is_stored(conn_id)


def check_recorded() -> None:
    """Check that the rows of IGDB_RECORDED, which only the sandbox serves, are what is loaded. Raises: AccountError."""
    if not (folder := read_settings().igdb_recorded) or not is_given():
        return
    names = "the variables of the account (IGDB_*, AIRFLOW_CONN_IGDB_DEFAULT)"
    by = f"unset {names}" if is_set() else f"delete it (`{airflow_command()} connections delete {IGDB_CONNECTION}`)"
    raise AccountError(
        f"IGDB_RECORDED: found {str(folder)!r}, which only the sandbox serves, and your own account or connection of "
        f"IGDB is used. For the sandbox {by}; otherwise unset IGDB_RECORDED"
    )


def told() -> list[str]:
    """Return a line for each stored connection that is used."""
    used = [conn_id for conn_id in (IGDB_CONNECTION, RAWG_CONNECTION) if not is_set(conn_id) and _is_stored(conn_id)]
    return [settings_file.kept(conn_id, (stored(conn_id) or (None, None))[0]) for conn_id in used]


def database() -> Path:
    """Return the file of Airflow's database."""
    return read_settings().gamelake_local / "airflow" / "airflow.db"


def stored(conn_id: str) -> tuple[str | None, str | None] | None:
    """Return host and login of a connection in Airflow's database, None if it has none. Raises: sqlite3.Error."""
    # Airflow's own reader takes seconds to import. A database that is missing is not made.
    with closing(sqlite3.connect(f"{database().as_uri()}?mode=ro", uri=True)) as opened:
        found = opened.execute("select host, login from connection where conn_id = ?", (conn_id,)).fetchone()
    return tuple(found) if found else None


def _is_stored(conn_id: str) -> bool:
    """Return whether Airflow's database has a connection of the user's own."""
    try:
        found = stored(conn_id)
    except sqlite3.Error:  # no database yet, or Airflow itself has the message
        return False
    return found is not None and settings_file.is_own(conn_id, *found)


def export(conn_id: str = IGDB_CONNECTION) -> None:
    """Make what the user has chosen a connection of this process and its children.

    To be called with the settings of this repository's Airflow in the environment.
    Raises: AccountError.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if os.environ.get(variable):
        return
    try:
        os.environ[variable] = _chosen(conn_id)
    except SettingsFileError as error:
        raise AccountError(str(error)) from error


def use(conn_id: str, connection: str) -> None:
    """Make a connection, given as JSON, one of this process and its children.

    Raises: AccountError, if Airflow would use another one: it asks a secrets backend before the environment.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    os.environ[variable] = connection
    if not os.environ.get(_BACKEND):
        return
    from airflow.models import Connection

    found, ours = Connection.get_connection_from_secrets(conn_id), Connection.from_json(connection)
    if (found.host, found.login) != (ours.host, ours.login):
        host = without_secrets(found.host or "of the API")
        raise AccountError(
            f"{_BACKEND}: it has the connection {conn_id}, to the host {host}. Airflow uses that "
            f"in place of the sandbox. Unset {_BACKEND} for this command; to load by an account, set its variables too "
            "(IGDB_CLIENT_ID and IGDB_CLIENT_SECRET, RAWG_API_KEY)"
        )


def in_place_of_sandbox(conn_id: str = IGDB_CONNECTION) -> str | None:
    """Return a sentence on a connection of a secrets backend that Airflow uses in place of the sandbox; None without.

    To be called with the settings of this repository's Airflow in the environment.
    """
    if not os.environ.get(_BACKEND):  # Airflow takes seconds to import
        return None
    from airflow.models import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    with suppress(AirflowNotFoundException):
        found = Connection.get_connection_from_secrets(conn_id)
        if settings_file.is_own(conn_id, found.host, found.login):
            host = without_secrets(found.host or "of the API")
            return f"not used as {conn_id}: {_BACKEND} has that connection, to the host {host}"
    return None


def _chosen(conn_id: str) -> str:
    """Return the connection that the environment chooses, else the stored one. Raises: SettingsFileError."""
    if settings_file.is_set(conn_id, read_settings()):
        return json.dumps(settings_file.connections(settings_file.load_settings(), read_settings())[conn_id])
    from airflow.utils.session import create_session

    with create_session() as session:
        return settings_file.stored_json(conn_id, session)


def check() -> str:
    """Ask the API for one row, once, and return its answer as a sentence. Raises: AccountError."""
    was_set = os.environ.get(CONNECTION_VARIABLE)
    export()  # the database may be missing
    from apiclient.errors import ApiError
    from igdb.hook import IgdbHook

    try:
        return IgdbHook(IGDB_CONNECTION).ask_once()
    except ApiError as error:
        raise AccountError(str(error)) from error  # with the reply: this person may read it
    finally:
        if not was_set:
            del os.environ[CONNECTION_VARIABLE]
