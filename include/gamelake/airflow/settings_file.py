"""Import the connections and pools of `airflow_settings.yaml` into the metadata database of this Airflow.

    gamelake settings import
    IGDB_CLIENT_ID=… IGDB_CLIENT_SECRET=… gamelake settings import     # for the real API

The file is in the astro CLI's schema, which Airflow itself does not read. What it defines replaces what the database
has; everything else stays. A connection to the sandbox, or one without a value, replaces no connection of the user's
own. So the command may run at every start.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gamelake.paths import REPOSITORY, airflow_command
from gamelake.urls import without_secrets
from igdb.addresses import DEFAULT_BASE_URL, DEFAULT_TOKEN_URL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from gamelake.settings import Settings

SETTINGS_PATH = REPOSITORY / "airflow_settings.yaml"

IGDB_CONNECTION = "igdb_default"
RAWG_CONNECTION = "rawg_default"

_CHOOSES = {
    IGDB_CONNECTION: ("igdb_client_id", "igdb_client_secret", "igdb_base_url", "igdb_token_url"),
    RAWG_CONNECTION: ("rawg_api_key", "rawg_base_url"),
}
"""The settings that choose an account or a server, by the connection that then leads to it."""


class SettingsFileError(ValueError):
    """The file is invalid, or its import failed; the message has the place and what was expected, and no secret."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class Connection(_Entry):
    """A connection, in the words of the astro CLI."""

    conn_id: str = Field(min_length=1)
    conn_type: str
    conn_host: str | None = None
    conn_schema: str | None = None
    conn_login: str | None = None
    conn_password: str | None = None
    conn_port: int | None = None
    conn_extra: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form that `AIRFLOW_CONN_<ID>` takes, without the parts that the file leaves out."""
        fields = self.model_dump(exclude={"conn_id", "conn_type"}, exclude_none=True)
        return {"conn_type": self.conn_type} | {name.removeprefix("conn_"): value for name, value in fields.items()}


class Pool(_Entry):
    """How many tasks may work at a time."""

    pool_name: str = Field(min_length=1)
    pool_slot: int = Field(ge=1, strict=True)
    pool_description: Annotated[str, BeforeValidator(lambda text: text or "")] = ""


def _unique(entries: list[Any]) -> list[Any]:
    names = [next(iter(entry.model_dump().values())) for entry in entries]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"found {repeated[0]} twice, expected different names")
    return entries


_empty_if_null = BeforeValidator(lambda entries: entries or [])


class SettingsFile(_Entry):
    """What the file defines."""

    connections: Annotated[list[Connection], _empty_if_null, AfterValidator(_unique)] = []
    pools: Annotated[list[Pool], _empty_if_null, AfterValidator(_unique)] = []


class _Document(_Entry):
    airflow: SettingsFile


def load_settings(path: Path = SETTINGS_PATH) -> SettingsFile:
    """Read and validate a settings file. Raises: SettingsFileError."""
    try:
        return _Document.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).airflow
    except yaml.YAMLError as error:
        # Its own message would quote the line, which may contain a password.
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise SettingsFileError(f"{path.name}: line {line}: found something that is not YAML") from None
    except ValidationError as error:
        # The value stays out of the message: it may be a secret.
        first = error.errors()[0]
        place = "".join(f"[{each}]" if isinstance(each, int) else f": {each}" for each in first["loc"])
        found = "" if first["type"] == "missing" else f"found {type(first['input']).__name__}: "
        raise SettingsFileError(f"{path.name}{place}: {found}{first['msg']}") from None


def is_set(conn_id: str, settings: Settings) -> bool:
    """Return whether the environment sets an account or a server for a connection."""
    return any(getattr(settings, name) for name in _CHOOSES.get(conn_id, ()))


def is_own(conn_id: str, host: str | None, login: str | None, *, sandbox: str | None = None) -> bool:
    """Return whether a connection is the user's, and not one to a sandbox, here or at a URL."""
    ours = {connection.conn_id: connection.conn_login for connection in load_settings().connections}
    sandboxes = {"127.0.0.1", "localhost", "::1", urlsplit(sandbox or "").hostname} - {None}
    return urlsplit(host or "").hostname not in sandboxes or (login or None) != ours.get(conn_id)


def _has_choice(conn_id: str, connection: Mapping[str, Any], *, sandbox: str | None) -> bool:
    """Return whether a person chose what a connection has: it is no sandbox's, or, of another service, has a value."""
    if conn_id in _CHOOSES:
        return is_own(conn_id, connection.get("host"), connection.get("login"), sandbox=sandbox)
    extra = connection.get("extra") or {}
    values = json.loads(extra) if isinstance(extra, str) else extra
    return any(values.values()) or any(connection.get(name) for name in ("host", "schema", "login", "password", "port"))


def _is_default(conn_id: str, connection: Mapping[str, Any], settings: Settings, *, sandbox: str | None = None) -> bool:
    """Return whether neither the file nor the environment has a choice for a connection."""
    return not is_set(conn_id, settings) and not _has_choice(conn_id, connection, sandbox=sandbox)


def kept(conn_id: str, host: str | None) -> str:
    """Return a line on a connection that is kept, and how to get the one of the file again.

    Args:
        conn_id: The connection.
        host: Its host, if it has one.
    """
    is_source = conn_id in _CHOOSES
    where = f" (host {without_secrets(host or 'of the API')})" if is_source else ""
    other = "the sandbox" if is_source else f"the one of {SETTINGS_PATH.name}"
    return (
        f"connection {conn_id}: kept, it is your own{where}. For {other} again delete it "
        f"(`{airflow_command()} connections delete {conn_id}`, or in the web UI), then run this command again"
    )


def connections(file: SettingsFile, settings: Settings, *, sandbox: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the connections by id, in the JSON form that `AIRFLOW_CONN_<ID>` takes.

    `IGDB_CLIENT_ID` with `IGDB_CLIENT_SECRET` names an account: `igdb_default` then leads to the real API.
    `IGDB_BASE_URL` and `IGDB_TOKEN_URL` lead to any other server, with or without an account. `RAWG_API_KEY` and
    `RAWG_BASE_URL` do the same to `rawg_default`.

    Args:
        file: The settings file.
        settings: What the environment sets.
        sandbox: The URL of the sandbox, to which the other ones lead. By default the file has it.

    Raises:
        SettingsFileError: Only one half of the account is set.
    """
    found = {connection.conn_id: connection.as_json() for connection in file.connections}
    if igdb := found.get(IGDB_CONNECTION):
        if sandbox and _is_default(IGDB_CONNECTION, igdb, settings):
            token_url = f"{sandbox}/oauth2/token"
            igdb |= {"host": f"{sandbox}/v4", "extra": {**igdb.get("extra", {}), "token_url": token_url}}
        _use_account(igdb, settings)
    if rawg := found.get(RAWG_CONNECTION):
        if sandbox and _is_default(RAWG_CONNECTION, rawg, settings):
            rawg["host"] = f"{sandbox}/api"
        _use_key(rawg, settings)
    return found


def _use_account(connection: dict[str, Any], settings: Settings) -> None:
    client_id, client_secret = settings.igdb_client_id, settings.igdb_client_secret
    if bool(client_id) != bool(client_secret):
        missing = "IGDB_CLIENT_SECRET" if client_id else "IGDB_CLIENT_ID"
        raise SettingsFileError(f"{missing}: not set, expected both halves of the account, or neither for the sandbox")
    base_url, token_url = settings.igdb_base_url, settings.igdb_token_url
    if client_id:
        base_url, token_url = base_url or DEFAULT_BASE_URL, token_url or DEFAULT_TOKEN_URL
        connection |= {"login": client_id, "password": client_secret}
    if base_url:
        connection["host"] = base_url
    if token_url:
        connection["extra"] = {**connection.get("extra", {}), "token_url": token_url}


def _use_key(connection: dict[str, Any], settings: Settings) -> None:
    if settings.rawg_api_key:
        from rawg.settings import DEFAULT_BASE_URL as RAWG_URL  # it imports an HTTP client, which others need not

        # The pace and the quota of the sandbox are not the real ones: the defaults of the connection type are.
        extra = dict.fromkeys(connection.get("extra", {}))
        connection |= {"host": RAWG_URL, "password": settings.rawg_api_key, "extra": extra}
    if settings.rawg_base_url:
        connection["host"] = settings.rawg_base_url


def apply(file: SettingsFile, settings: Settings, *, sandbox: str | None = None) -> list[str]:
    """Write the settings to the metadata database.

    A connection that leads to the sandbox, or that has no value, does not replace one of the user's own.

    Args:
        file: The settings file.
        settings: What the environment sets.
        sandbox: The URL of the sandbox. By default the file has it.

    Returns:
        A line for each row that was written or kept, without secrets.

    Raises:
        SettingsFileError: The account is incomplete, the database has no tables, or a kept connection cannot be read.
    """
    imported = connections(file, settings, sandbox=sandbox)
    # Airflow takes two seconds to import, and the reader above is used without it.
    from airflow.models import Connection as ConnectionRow
    from airflow.models import Pool as PoolRow
    from airflow.utils.session import create_session
    from sqlalchemy import delete, inspect, select

    lines = []
    with create_session() as session:
        database = session.get_bind()
        if not inspect(database).has_table(ConnectionRow.__tablename__):
            raise SettingsFileError(
                f"Airflow's database {database.engine.url} has no tables yet: run `airflow db migrate`; on a laptop "
                "`make settings`"
            )
        for conn_id, connection in imported.items():
            columns = select(ConnectionRow.id, ConnectionRow.host, ConnectionRow.login)  # none of them is encrypted
            stored = session.execute(columns.where(ConnectionRow.conn_id == conn_id)).one_or_none()
            if (
                stored
                and _is_default(conn_id, connection, settings, sandbox=sandbox)
                # One to the sandbox needs no key. One that the key does not fit is told now, and not by each load.
                and (conn_id not in _CHOOSES or is_own(conn_id, stored.host, stored.login, sandbox=sandbox))
                and _has_choice(conn_id, json.loads(stored_json(conn_id, session)), sandbox=sandbox)
            ):
                lines.append(kept(conn_id, stored.host))
                continue
            row = ConnectionRow(conn_id=conn_id, **_columns(connection))
            # Deleted without being read: a stored row that this Fernet key does not decrypt cannot be loaded.
            session.execute(delete(ConnectionRow).where(ConnectionRow.conn_id == conn_id))
            session.add(row)
            old = stored.host if stored else None
            before = f", in place of {without_secrets(old)}" if old and old != connection.get("host") else ""
            host = without_secrets(connection.get("host", "no host"))
            lines.append(f"connection {conn_id}: {connection['conn_type']}, {host}{before}")
        for pool in file.pools:
            PoolRow.create_or_update_pool(
                pool.pool_name, pool.pool_slot, pool.pool_description, include_deferred=False, session=session
            )
            lines.append(f"pool {pool.pool_name}: {pool.pool_slot} slot{'s' * (pool.pool_slot != 1)}")
    return lines


def stored_json(conn_id: str, session: Session) -> str:
    """Return a connection of the metadata database as JSON.

    Raises: SettingsFileError, if this Airflow's Fernet key does not decrypt it.
    """
    from airflow.models import Connection as ConnectionRow
    from cryptography.fernet import InvalidToken
    from sqlalchemy import select

    try:
        return session.scalars(select(ConnectionRow).where(ConnectionRow.conn_id == conn_id)).one().as_json()
    except (InvalidToken, ValueError) as error:
        statement = f"delete from connection where conn_id = '{conn_id}'"  # noqa: S608 - a text for people
        raise SettingsFileError(
            f"connection {conn_id}: it is your own, and Airflow's Fernet key (AIRFLOW__CORE__FERNET_KEY) does not "
            "decrypt it. Set the key that it was stored with. Without that key, Airflow cannot delete it either: run "
            f"`{statement}` in Airflow's database, and store it again if it is still to be used"
        ) from error


def _columns(connection: Mapping[str, Any]) -> dict[str, Any]:
    return {**connection, "extra": json.dumps(connection["extra"])} if "extra" in connection else dict(connection)
