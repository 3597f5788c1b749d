"""The laptop's Airflow: where it lives and the settings that it runs with.

Nothing here imports Airflow: the launcher passes through it at every call.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOCAL = Path(os.environ.get("GAMELAKE_LOCAL", REPOSITORY / ".local"))
AIRFLOW_HOME = LOCAL / "airflow"
LOGS = LOCAL / "logs"

SANDBOX_PORT = 8900
LOGIN = {"admin": "admin"}


def environment() -> dict[str, str]:
    """The settings of an Airflow process in this repository; what the user has set wins."""
    port = os.environ.get("AIRFLOW__API__PORT", "8080")
    defaults = {
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Each slot is a process of 100 MB; the API's pool lets one load run at a time in any case.
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__FERNET_KEY": _fernet_key(),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:admin" for user in LOGIN),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(LOCAL / "passwords.json"),
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__COSMOS__DBT_DOCS_PROJECTS": json.dumps(
            {"gamelake": {"dir": str(REPOSITORY / "dbt" / "target"), "name": "dbt docs"}}
        ),
        "DO_NOT_TRACK": "1",
    }
    # `standalone` calls its parts by name, and means this virtual environment's.
    path = f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**defaults, **os.environ, "PATH": path}


def _fernet_key() -> str:
    """The key that encrypts connections in the database: made once, readable by its owner only."""
    path = LOCAL / "fernet.key"
    if not path.exists():
        LOCAL.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))
    return path.read_text(encoding="ascii")


def uses_real_api() -> bool:
    """Whether the user has named an account of IGDB; without one the sandbox answers."""
    return bool(os.environ.get("IGDB_CLIENT_ID") and os.environ.get("IGDB_CLIENT_SECRET"))


def write_launcher() -> None:
    """Make `airflow` of this virtual environment run in this repository's home, whatever shell calls it."""
    launcher = Path(sys.prefix) / "bin" / "airflow"
    launcher.write_text(
        "#!/bin/sh\n"
        "# Written by `make setup`: Airflow with this repository's settings, see include/local/environment.py.\n"
        f'exec "{sys.executable}" -m include.local airflow "$@"\n',
        encoding="utf-8",
    )
    launcher.chmod(0o755)
