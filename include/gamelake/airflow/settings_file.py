"""Import the connections, pools and Variables of `airflow_settings.yaml` into an Airflow.

    gamelake settings import                          # into the metadata database of this Airflow
    gamelake settings import --cli /path/to/airflow   # into any other, by its own command
    IGDB_CLIENT_ID=… IGDB_CLIENT_SECRET=… gamelake settings import     # for the real API, either way

The file is in the astro CLI's schema, which Airflow itself does not read. What it defines
replaces what the database has; everything else stays. So the command may run at every start.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SETTINGS_PATH = REPOSITORY / "airflow_settings.yaml"

IGDB_CONNECTION = "igdb_default"
REAL_API_URL = "https://api.igdb.com/v4"
REAL_TOKEN_URL = "https://id.twitch.tv/oauth2/token"  # noqa: S105 - an address

# The astro CLI's names for the parts of a connection, and Airflow's: those of its JSON form in `AIRFLOW_CONN_…`.
_CONNECTION_KEYS = {
    "conn_type": "conn_type",
    "conn_host": "host",
    "conn_schema": "schema",
    "conn_login": "login",
    "conn_password": "password",
    "conn_port": "port",
    "conn_extra": "extra",
}


class SettingsError(ValueError):
    """Invalid settings; the message names the place, the value (never a secret) and what was expected."""


@dataclass(frozen=True)
class Pool:
    """How many tasks may work at a time."""

    slots: int
    description: str


@dataclass(frozen=True)
class Settings:
    """What the file defines, by name. A connection is in Airflow's JSON form, without the parts that it leaves out."""

    connections: Mapping[str, Mapping[str, Any]]
    pools: Mapping[str, Pool]
    variables: Mapping[str, str]


def load_settings(path: Path = SETTINGS_PATH) -> Settings:
    """Read and check a settings file. Raises: SettingsError."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        # Its own message would quote the line, which may hold a password.
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise SettingsError(f"{path.name}: line {line}: found something that is not YAML") from None
    top = _section(document, path.name, {"airflow"}, required={"airflow"})
    airflow = _section(top["airflow"], "airflow", {"connections", "pools", "variables"})
    return Settings(
        connections=dict(_connection(*each) for each in _items(airflow, "connections", "conn_id")),
        pools=dict(_pool(*each) for each in _items(airflow, "pools", "pool_name")),
        variables=dict(_variable(*each) for each in _items(airflow, "variables", "variable_name")),
    )


def connections(settings: Settings, environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the connections for this environment, by id, in the JSON form that `AIRFLOW_CONN_<ID>` takes.

    `IGDB_CLIENT_ID` with `IGDB_CLIENT_SECRET` names an account: `igdb_default` then leads to the real API.
    `IGDB_BASE_URL` and `IGDB_TOKEN_URL` lead to any other server, with or without an account. An empty variable counts
    as absent.

    Raises:
        SettingsError: only one half of the account is set.
    """
    found = {conn_id: dict(connection) for conn_id, connection in settings.connections.items()}
    if IGDB_CONNECTION in found:
        found[IGDB_CONNECTION] = _in_environment(found[IGDB_CONNECTION], environ)
    return found


def apply(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """Write the settings to the metadata database.

    Returns:
        A line for each row that was written, without secrets.

    Raises:
        SettingsError: the settings are invalid, or the database has no tables.
    """
    imported = connections(settings, environ)
    # Airflow takes two seconds to import, and the reader above is used without it.
    from airflow.models import Connection, Variable
    from airflow.models import Pool as PoolRow
    from airflow.utils.session import create_session
    from sqlalchemy import inspect, select

    lines = []
    with create_session() as session:
        if not inspect(session.get_bind()).has_table(Connection.__tablename__):
            raise SettingsError(
                "Airflow's database has no tables yet: run `airflow db migrate`; on a laptop `make settings`"
            )
        for conn_id, connection in imported.items():
            row = Connection(conn_id=conn_id, **_columns(connection))
            # Merged by primary key: without it a second row of the same id would be refused.
            if (known := session.scalar(select(Connection.id).where(Connection.conn_id == conn_id))) is not None:
                row.id = known
            session.merge(row)
            lines.append(f"connection {conn_id}: {connection['conn_type']}, {connection.get('host', 'no host')}")
        for name, pool in settings.pools.items():
            PoolRow.create_or_update_pool(name, pool.slots, pool.description, include_deferred=False, session=session)
            lines.append(f"pool {name}: {pool.slots} slot{'s' * (pool.slots != 1)}")
        for key, value in settings.variables.items():
            Variable.set(key, value, session=session)
            lines.append(f"variable {key}")
    return lines


def apply_by_cli(settings: Settings, environ: Mapping[str, str], cli: str) -> list[str]:
    """Import the settings with an Airflow command, which may be of another environment and version.

    The command reads them from files that only this user can read, and that are deleted afterwards.

    Returns:
        As `apply`.

    Raises:
        SettingsError: the import failed; the message leaves out values that may be secret.
    """
    imported = {name: _columns(connection) for name, connection in connections(settings, environ).items()}
    pools = {
        name: {"slots": pool.slots, "description": pool.description, "include_deferred": False}
        for name, pool in settings.pools.items()
    }
    imports: tuple[tuple[str, Mapping[str, Any], list[str]], ...] = (
        ("connections", imported, ["--overwrite"]),
        ("pools", pools, []),
        ("variables", settings.variables, ["--action-on-existing-key", "overwrite"]),
    )
    lines = []
    with tempfile.TemporaryDirectory(prefix="gamelake-") as folder:  # of mode 700
        for kind, content, flags in imports:
            if content:
                file = Path(folder) / f"{kind}.json"
                file.write_text(json.dumps(content), encoding="utf-8")
                _import_by_cli([*_command(cli), kind, "import", *flags, str(file)], kind, content)
            lines += [f"{kind.removesuffix('s')} {name}" for name in content]
    return lines


def _command(cli: str) -> list[str]:
    """Split an Airflow command into words. The path of a program is one word, also with spaces in it.

    Raises: SettingsError, if there is no such program.
    """
    try:
        words = [cli] if shutil.which(cli) else shlex.split(cli)
    except ValueError:  # a quote is not closed
        words = []
    if not words or not shutil.which(words[0]):
        raise SettingsError(
            f"--cli: found {(words[0] if words else cli)!r}, expected an Airflow command that can be run, such as "
            "/path/to/airflow"
        )
    return words


def _import_by_cli(command: list[str], kind: str, content: Mapping[str, Any]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the user's own command
    # Airflow prints what it refused, and exits with 0.
    refused = [name for name in content if kind == "connections" and f"Imported connection {name}" not in result.stdout]
    if result.returncode or refused or "failed to be updated" in result.stdout:
        output = (result.stdout + result.stderr).strip().splitlines()[-3:]
        raise SettingsError(
            f"{' '.join(command[:-1])}: exit status {result.returncode}, expected all of {', '.join(content)} "
            f"to be imported; it printed: {_without_secrets(' / '.join(output), content)}"
        )


def _without_secrets(text: str, content: Any) -> str:
    """Remove every value of the content from a text: each of them may be a secret."""
    for value in content.values() if isinstance(content, dict) else [content]:
        if isinstance(value, dict):
            text = _without_secrets(text, value)
        elif isinstance(value, str) and value:
            text = text.replace(value, "***")
    return text


def _in_environment(connection: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    client_id, client_secret = environ.get("IGDB_CLIENT_ID"), environ.get("IGDB_CLIENT_SECRET")
    if bool(client_id) != bool(client_secret):
        missing = "IGDB_CLIENT_SECRET" if client_id else "IGDB_CLIENT_ID"
        raise SettingsError(f"{missing}: not set, expected both halves of the account, or neither for the sandbox")
    extra = dict(connection.get("extra", {}))
    changed = {**connection, "extra": extra}
    if client_id:
        changed |= {"host": REAL_API_URL, "login": client_id, "password": client_secret}
        extra["token_url"] = REAL_TOKEN_URL
    if base_url := environ.get("IGDB_BASE_URL"):
        changed["host"] = base_url
    if token_url := environ.get("IGDB_TOKEN_URL"):
        extra["token_url"] = token_url
    return changed


def _columns(connection: Mapping[str, Any]) -> dict[str, Any]:
    return {**connection, "extra": json.dumps(connection["extra"])} if "extra" in connection else dict(connection)


def _connection(name: str, item: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    _section(item, where, {"conn_id", *_CONNECTION_KEYS}, required={"conn_type"})
    found = {ours: item[theirs] for theirs, ours in _CONNECTION_KEYS.items() if item.get(theirs) is not None}
    if not isinstance(found.get("extra", {}), dict):
        # The value stays out of the message: an extra may hold a token.
        raise SettingsError(f"{where}: conn_extra: found {type(found['extra']).__name__}, expected a mapping")
    return name, found


def _pool(name: str, item: Mapping[str, Any], where: str) -> tuple[str, Pool]:
    _section(item, where, {"pool_name", "pool_slot", "pool_description"}, required={"pool_slot"})
    slots = item["pool_slot"]
    if type(slots) is not int or slots < 1:
        raise SettingsError(f"{where}: pool_slot: found {slots!r}, expected a whole number of at least 1")
    return name, Pool(slots, item.get("pool_description") or "")


def _variable(name: str, item: Mapping[str, Any], where: str) -> tuple[str, str]:
    _section(item, where, {"variable_name", "variable_value"}, required={"variable_value"})
    return name, str(item["variable_value"])


def _items(airflow: Mapping[str, Any], kind: str, key: str) -> list[tuple[str, Mapping[str, Any], str]]:
    """Return the named items of a list: (name, item, where it is). Raises: SettingsError."""
    items = airflow.get(kind) or []
    if not isinstance(items, list):
        raise SettingsError(f"airflow: {kind}: found {type(items).__name__}, expected a list")
    names: set[str] = set()
    found = []
    for number, item in enumerate(items):
        name = item.get(key) if isinstance(item, dict) else None
        if not isinstance(name, str) or not name or name in names:
            raise SettingsError(f"airflow: {kind}[{number}]: {key}: found {name!r}, expected a name of its own")
        names.add(name)
        found.append((name, item, f"airflow: {kind}: {name}"))
    return found


def _section(value: Any, where: str, allowed: set[str], required: Sequence[str] | set[str] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(
            f"{where}: found {type(value).__name__}, expected a mapping with {', '.join(sorted(allowed))}"
        )
    if unknown := sorted(set(value) - allowed):
        raise SettingsError(f"{where}: found the key {unknown[0]!r}, expected one of {', '.join(sorted(allowed))}")
    if missing := sorted(set(required) - set(value)):
        raise SettingsError(f"{where}: found no {missing[0]}, expected one")
    return value
