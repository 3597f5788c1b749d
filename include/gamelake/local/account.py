"""The user's own way to the API: an account of IGDB, or a connection that the environment has."""

from __future__ import annotations

import json
import os

from gamelake.airflow.settings_file import IGDB_CONNECTION, SettingsFileError, connections, load_settings
from gamelake.settings import read_settings

CONNECTION_VARIABLE = "AIRFLOW_CONN_IGDB_DEFAULT"


class AccountError(RuntimeError):
    """The API cannot be reached, or refuses the account; the message says what to do."""


def is_given() -> bool:
    """Whether the user has named an account or a connection; without one the sandbox answers."""
    return any(os.environ.get(name) for name in ("IGDB_CLIENT_ID", "IGDB_CLIENT_SECRET", CONNECTION_VARIABLE))


def export() -> None:
    """Make the user's account the connection of this process and its children. Raises: AccountError."""
    if os.environ.get(CONNECTION_VARIABLE):
        return
    try:
        os.environ[CONNECTION_VARIABLE] = json.dumps(connections(load_settings(), read_settings())[IGDB_CONNECTION])
    except SettingsFileError as error:
        raise AccountError(str(error)) from error


def check() -> str:
    """Ask the API for one row, once. Returns: what it answered, in words. Raises: AccountError."""
    given = os.environ.get(CONNECTION_VARIABLE)
    export()  # the database may not be there yet
    from igdb.hook import IgdbHook

    try:
        answers, text = IgdbHook(IGDB_CONNECTION).test_connection()
    finally:
        if not given:
            del os.environ[CONNECTION_VARIABLE]
    if not answers:
        raise AccountError(text)
    return text
