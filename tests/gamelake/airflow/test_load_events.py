"""The asset events of loads, in real runs of Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from gamelake.lake.factory import open_store
from gamelake.load.report import LoadReport
from tests.support.command import environment_without
from tests.support.loads import small_sandbox
from tests.support.tables import newest_commit

LOADING = Path(__file__).parent / "dags" / "loading.py"


def test_a_load_leaves_an_event_with_its_figures_and_a_failed_one_leaves_none(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    environment = environment_without("AIRFLOW", "GAMELAKE")
    with small_sandbox(9) as (_, url):
        account = {"login": "sandbox", "password": "sandbox-secret", "extra": {"token_url": f"{url}/oauth2/token"}}
        connection = {"conn_type": "igdb", "host": f"{url}/v4"} | account
        environment |= {
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(LOADING.parent),
            "AIRFLOW_CONN_IGDB_DEFAULT": json.dumps(connection),
            "GAMELAKE_URI": store.uri,
            "XDG_CACHE_HOME": str(tmp_path),
            "DAYS": "2026-11-21 2026-11-19",
            "OUTCOME": str(tmp_path / "outcome.json"),
        }
        ran = subprocess.run([sys.executable, LOADING], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-5000:]
    outcome = json.loads((tmp_path / "outcome.json").read_text())
    commit = newest_commit(store, "genres")
    report = asdict(LoadReport.of(commit, files=commit.files, warnings=[]))
    assert outcome == {"states": ["success", "failed"], "events": [["raw_igdb_genres", "2026-11-21", report]]}
