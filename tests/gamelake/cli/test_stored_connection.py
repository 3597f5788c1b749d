"""Commands that ask IGDB find the connection that is stored in the laptop's Airflow."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.support.command import GAMELAKE, environment_without

if TYPE_CHECKING:
    from pathlib import Path

SERVER = "http://127.0.0.2:9"
"""Nothing answers there, and no default names it."""


def test_webhooks_and_a_new_entity_ask_the_server_of_the_stored_connection(tmp_path: Path) -> None:
    found = {
        "GAMELAKE_LOCAL": str(tmp_path / "local"),
        "GAMELAKE_WEBHOOK_SECRET": "a-secret-of-a-test",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    account = {"IGDB_CLIENT_ID": "an-id", "IGDB_CLIENT_SECRET": "a-secret"}
    account |= {"IGDB_BASE_URL": f"{SERVER}/v4", "IGDB_TOKEN_URL": f"{SERVER}/token"}

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        variables = environment_without("AIRFLOW", "IGDB", "GAMELAKE") | found | more
        return subprocess.run([GAMELAKE, *words], env=variables, capture_output=True, text=True, check=False)

    prepared = run("laptop", "prepare", **account)
    assert prepared.returncode == 0, prepared.stderr
    for words in (["webhooks", "list"], ["new", "entity", "no_entity", "--yes"]):
        ran = run(*words)
        assert ran.returncode == 1
        assert "127.0.0.2" in ran.stderr, ran.stderr
