"""The API that the user has chosen: by an account of IGDB, a server, or a connection in the environment."""

from __future__ import annotations

import json
import os

from gamelake.airflow.settings_file import IGDB_CONNECTION, SettingsFileError, connections, load_settings
from gamelake.settings import read_settings

CONNECTION_VARIABLE = "AIRFLOW_CONN_IGDB_DEFAULT"


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


def export() -> None:
    """Make the user's account the connection of this process and its children. Raises: AccountError."""
    if os.environ.get(CONNECTION_VARIABLE):
        return
    try:
        os.environ[CONNECTION_VARIABLE] = json.dumps(connections(load_settings(), read_settings())[IGDB_CONNECTION])
    except SettingsFileError as error:
        raise AccountError(str(error)) from error


def check() -> str:
    """Ask the API for one row, once, and return its answer as a sentence. Raises: AccountError."""
    was_set = os.environ.get(CONNECTION_VARIABLE)
    export()  # the database may be missing
    from igdb.hook import IgdbHook

    try:
        answers, text = IgdbHook(IGDB_CONNECTION).test_connection()
    finally:
        if not was_set:
            del os.environ[CONNECTION_VARIABLE]
    if not answers:
        raise AccountError(text)
    return text
