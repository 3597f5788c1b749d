"""The laptop's Airflow: its folders and its settings.

Nothing here imports Airflow: every call of the launcher runs this module.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gamelake.airflow.settings_file import RAWG_CONNECTION
from gamelake.local import account
from gamelake.local.state import read_state, write_state
from gamelake.paths import REPOSITORY
from gamelake.proxies import without_proxy
from gamelake.registry import switched_on
from gamelake.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

LOCAL = read_settings().gamelake_local
AIRFLOW_HOME = LOCAL / "airflow"
LOGS = LOCAL / "logs"
PORTS = LOCAL / "ports.json"
PASSWORDS = LOCAL / "passwords.json"
LAUNCHER = Path(sys.prefix) / "bin" / "airflow"

USER = "admin"
HOST = "127.0.0.1"

API_PORT = "AIRFLOW__API__PORT"
SANDBOX_PORT = "GAMELAKE_SANDBOX_PORT"
FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"
DEFAULT_PORTS = {API_PORT: 8080, SANDBOX_PORT: 8900}
"""The variables that choose a port, and the port without them."""

_DAG_BUNDLES = json.dumps(
    [{"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}]
)
"""Airflow's default: the DAGs are in the DAGs folder."""


def environment() -> dict[str, str]:
    """Return the settings of an Airflow process in this repository.

    Variables of the user override them, except where the files are, what runs tasks, and the key of the connections: a
    shell may have those of another project, whose database would be migrated.

    Raises: SettingsError.
    """
    if os.environ.get("GAMELAKE_OPTIONAL_SOURCES"):
        switched_on()  # each DAG file would raise the same error
    home = _airflow_home()
    port = str(chosen_port(API_PORT))
    defaults = {
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Each slot is a process of 100 MB; the API's pool lets one load run at a time in any case.
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(PASSWORDS),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        # By default a try fails when the API server answers after 5 s, as on a busy machine where `make up` starts all.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__API__HOST": HOST,
        API_PORT: port,
        # By default each process makes its own, and Airflow's parts would refuse each other's tokens.
        "AIRFLOW__API__SECRET_KEY": _secret(LOCAL / "api_secret.key", lambda: secrets.token_urlsafe(64)),
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(LOCAL / "jwt_secret.key", lambda: secrets.token_urlsafe(64)),
        "AIRFLOW__API__INSTANCE_NAME": "gamelake",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": HOST,
        # Its default is in the repository, which another user may only read.
        "GAMELAKE_DUCKDB": str(LOCAL / "scratch" / "gamelake.duckdb"),
        # Its default is one folder below /tmp for all users of the machine.
        "AIRFLOW__COSMOS__CACHE_DIR": str(LOCAL / "cosmos"),
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__COSMOS__DBT_DOCS_PROJECTS": json.dumps(
            {"gamelake": {"dir": str(REPOSITORY / "dbt" / "target"), "name": "dbt docs"}}
        ),
        # One variable for both: without the address there is no one to send to.
        "AIRFLOW__METRICS__OTEL_ON": str("OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ),
        # What holds once lineage is switched on by AIRFLOW__OPENLINEAGE__TRANSPORT: docs/guides/lineage.md.
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "gamelake",
        "AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD": "True",
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "5",
        "AIRFLOW__OPENLINEAGE__DISABLED_FOR_OPERATORS": "gamelake.airflow.dbt_build.ModelState",
        "DO_NOT_TRACK": "1",
    }
    # `standalone` calls its parts by name: they must be those of this virtual environment.
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    # Children have another working directory, so relative folders become absolute here.
    fixed = {
        "PATH": path,
        "GAMELAKE_LOCAL": str(LOCAL),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(home / "airflow.cfg"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"sqlite+aiosqlite:///{home}/airflow.db",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "gamelake.local.sqlite.CONNECT_ARGS",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": "gamelake.local.sqlite.CONNECT_ARGS",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_SCHEMA": "",
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": _DAG_BUNDLES,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        FERNET_KEY: _fernet_keys(os.environ.get(FERNET_KEY, "")),
    }
    found = {**defaults, **_optional_sources(), **os.environ}
    # Tasks call the API server of this machine, and loads its sandbox.
    return {**found, **_absolute_paths(), **fixed, **without_proxy(HOST, "localhost")}


def _absolute_paths() -> dict[str, str]:
    """Return the variables that name a folder or file, as `read_settings` takes them in this working directory."""
    return {
        name.upper(): str(value)
        for name, value in read_settings()
        if isinstance(value, Path) and os.environ.get(name.upper())
    }


def _airflow_home() -> Path:
    home = AIRFLOW_HOME.expanduser().resolve()
    # The path becomes part of the URL of the SQLite database, and of settings in which Airflow expands variables.
    if wrong := sorted(set(str(home)) & set("?%$")):
        raise SettingsError(
            f"GAMELAKE_LOCAL: found {str(home)!r}, expected a path without {wrong[0]!r}, which Airflow cannot use "
            "there; name another folder"
        )
    private_folder()  # by default it has this folder in it
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"GAMELAKE_LOCAL: cannot make {home}: {error.strerror}; expected a folder that this user may write"
        ) from error
    return home


def chosen_port(variable: str) -> int:
    """Return the port that a variable chooses; else the one that this clone remembers; else the default.

    Raises: SettingsError.
    """
    return set_port(variable) or int(_remembered_ports().get(variable, DEFAULT_PORTS[variable]))


def set_port(variable: str) -> int | None:
    """Return the port that a variable sets, None if it is not set. Raises: SettingsError."""
    port: int | None = getattr(read_settings(), variable.lower())
    return port


def remember_port(variable: str, port: int) -> None:
    """Choose a port for this clone from now on."""
    private_folder()
    write_state(PORTS, {**_remembered_ports(), variable: port})


def _remembered_ports() -> dict[str, int]:
    return read_state(PORTS) or {}


def sandbox_url() -> str:
    """Return where the sandbox of `make up` answers."""
    return f"http://{HOST}:{chosen_port(SANDBOX_PORT)}"


def _optional_sources() -> dict[str, str]:
    """Return the optional sources that answer here: RAWG by a key, a server or a connection, or by the sandbox."""
    is_loaded = account.is_given(RAWG_CONNECTION) or not account.is_given()
    return {"GAMELAKE_OPTIONAL_SOURCES": "rawg"} if is_loaded else {}


def private_folder() -> Path:
    """Return LOCAL, and make it if it is missing. Only its owner may read it: it has keys and passwords.

    Raises: SettingsError, if it cannot be made or is another user's.
    """
    try:
        LOCAL.mkdir(mode=0o700, parents=True, exist_ok=True)
        if LOCAL == REPOSITORY / ".local":
            LOCAL.chmod(0o700)
        with tempfile.TemporaryFile(dir=LOCAL):
            pass
    except OSError as error:
        raise SettingsError(
            f"GAMELAKE_LOCAL: cannot write in {LOCAL}: {error.strerror}; expected a folder that this user may write"
        ) from error
    return LOCAL


def _fernet_key() -> str:
    """Return the key that encrypts connections in the database."""
    return _secret(LOCAL / "fernet.key", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())


def _fernet_keys(given: str) -> str:
    """Return the keys that decrypt connections: the given ones if they have this laptop's, as while it is replaced."""
    own = _fernet_key()
    return given if own in given.split(",") else own


def password() -> str:
    """Return the password of the web UI's user, in the file that Airflow reads: made once for this clone."""
    if PASSWORDS.exists() and not (read_state(PASSWORDS) or {}).get(USER):
        PASSWORDS.unlink()  # incomplete
    found = json.loads(_secret(PASSWORDS, lambda: json.dumps({USER: secrets.token_urlsafe(12)})))
    return str(found[USER])


def _secret(path: Path, make: Callable[[], str]) -> str:
    """Return the text of a file that is made once, readable by its owner only."""
    if not path.exists():
        private_folder()
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(make())
        try:
            os.link(draft, path)  # fails if another process was first
        except FileExistsError:
            pass
        except OSError as error:
            raise SettingsError(
                f"GAMELAKE_LOCAL: cannot make a hard link in {path.parent}: {error.strerror}; expected a folder on a "
                "disk whose file system has hard links, which FAT and exFAT do not"
            ) from error
        finally:
            draft.unlink()
    return path.read_text(encoding="utf-8")


def write_launcher() -> None:
    """Make `airflow` of this virtual environment use this repository's settings in every shell."""
    LAUNCHER.write_text(
        "#!/bin/sh\n"
        "# Written by `make setup`: Airflow with this repository's settings; gamelake/local/environment.py has them.\n"
        "unset PYTHONHOME PYTHONPATH PYTHONWARNINGS  # of another Python or project\n"
        f'exec {shlex.quote(sys.executable)} -m gamelake.cli laptop airflow "$@"\n',
        encoding="utf-8",
    )
    LAUNCHER.chmod(0o755)


def use_quietly() -> None:
    """Make this process an Airflow of this repository, without a log line for each of Alembic's hundred steps."""
    os.environ.update({**environment(), "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"})
