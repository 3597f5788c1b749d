"""Commands that ask IGDB find the connection that is stored in the laptop's Airflow."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command import GAMELAKE, environment_without

if TYPE_CHECKING:
    from pathlib import Path

SERVER = "http://127.0.0.2:9"
"""Nothing answers there, and no default names it."""
URLS = {"IGDB_BASE_URL": f"{SERVER}/v4", "IGDB_TOKEN_URL": f"{SERVER}/token"}


def run(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command without an account in the environment."""
    found = {
        "GAMELAKE_LOCAL": str(folder / "local"),
        "GAMELAKE_WEBHOOK_SECRET": "a-secret-of-a-test",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    environment = environment_without("AIRFLOW", "IGDB", "GAMELAKE") | found | variables
    return subprocess.run([GAMELAKE, *words], env=environment, capture_output=True, text=True, check=False)


def test_webhooks_ask_the_server_that_airflow_has(tmp_path: Path) -> None:
    """Airflow finds it in a secrets backend, as in its database, which takes long to make."""
    extra = {"token_url": URLS["IGDB_TOKEN_URL"]}
    stored = {"conn_type": "igdb", "host": URLS["IGDB_BASE_URL"], "login": "an-id", "password": "s", "extra": extra}
    file = tmp_path / "connections.json"
    file.write_text(json.dumps({"igdb_default": stored}), encoding="utf-8")
    ran = run(
        tmp_path,
        *("webhooks", "list"),
        AIRFLOW__SECRETS__BACKEND="airflow.secrets.local_filesystem.LocalFilesystemBackend",
        AIRFLOW__SECRETS__BACKEND_KWARGS=json.dumps({"connections_file_path": str(file)}),
    )
    assert ran.returncode == 1
    assert "127.0.0.2" in ran.stderr, ran.stderr


@pytest.mark.slow
def test_webhooks_and_a_new_entity_ask_the_server_of_the_stored_connection(tmp_path: Path) -> None:
    prepared = run(tmp_path, "laptop", "prepare", IGDB_CLIENT_ID="an-id", IGDB_CLIENT_SECRET="a-secret", **URLS)
    assert prepared.returncode == 0, prepared.stderr
    for words in (["webhooks", "list"], ["new", "entity", "no_entity", "--yes"]):
        ran = run(tmp_path, *words)
        assert ran.returncode == 1
        assert "127.0.0.2" in ran.stderr, ran.stderr
