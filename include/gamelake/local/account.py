"""The APIs that the user has chosen: by an account, a server, or a connection in the environment."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gamelake.airflow.settings_file import IGDB_CONNECTION, SettingsFileError, connections, load_settings
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

CONNECTION_VARIABLE = "AIRFLOW_CONN_IGDB_DEFAULT"
RAWG_VARIABLE = "AIRFLOW_CONN_RAWG_DEFAULT"


class AccountError(RuntimeError):
    """The API cannot be reached, or refuses the account; the message has what to do."""


def is_given() -> bool:
    """Return whether the user has set an account, a server or a connection; otherwise a sandbox is started.

    To be called before `environment()` adds the server of this clone's sandbox.
    """
    settings = read_settings()
    return bool(
        settings.igdb_client_id
        or settings.igdb_client_secret
        or settings.igdb_base_url
        or settings.igdb_token_url
        or os.environ.get(CONNECTION_VARIABLE)
    )


def is_rawg_given() -> bool:
    """Return whether the user has set a key, a server or a connection of RAWG. To be called as `is_given`."""
    settings = read_settings()
    return bool(settings.rawg_api_key or settings.rawg_base_url or os.environ.get(RAWG_VARIABLE))


def is_own(conn_id: str, host: str | None, login: str | None) -> bool:
    """Return whether a connection is the user's, and not the one to a sandbox that the settings file writes."""
    ours = {connection.conn_id: connection.conn_login for connection in load_settings().connections}
    is_here = urlsplit(host or "").hostname in {"127.0.0.1", "localhost", "::1"}
    return not is_here or (login or None) != ours.get(conn_id)


def stored(conn_id: str, database: Path) -> tuple[str | None, str | None] | None:
    """Return host and login of a connection in Airflow's database, None if it has none. Raises: sqlite3.Error."""
    with closing(sqlite3.connect(database)) as opened:  # Airflow's own reader takes seconds to import
        found = opened.execute("select host, login from connection where conn_id = ?", (conn_id,)).fetchone()
    return tuple(found) if found else None


def export(conn_id: str = IGDB_CONNECTION) -> None:
    """Make what the user has set a connection of this process and its children. Raises: AccountError."""
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if os.environ.get(variable):
        return
    try:
        os.environ[variable] = json.dumps(connections(load_settings(), read_settings())[conn_id])
    except SettingsFileError as error:
        raise AccountError(str(error)) from error


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
