"""The asset events and the lineage of loads, in real runs of Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.days import day_of, format_day
from gamelake.lake.factory import open_store
from gamelake.lake.lineage_events import read
from gamelake.load.report import LoadReport
from tests.support.command import environment_without
from tests.support.loads import small_sandbox
from tests.support.receiver import running_webhook
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from gamelake.lake.store import Store

LOADING = Path(__file__).parent / "dags" / "loading.py"
KEY = "a-secret-key-of-the-receiver"


@dataclass(frozen=True)
class Ran:
    """Two loads, of which the second one failed."""

    store: Store
    outcome: dict[str, Any]
    api: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The receiver of their lineage does not answer."""
    folder = tmp_path_factory.mktemp("loads")
    store = open_store((folder / "lake").as_uri())
    environment = environment_without("AIRFLOW", "GAMELAKE")
    with small_sandbox(9) as (_, url), running_webhook() as receiver:
        receiver.hangs = True
        account = {"login": "sandbox", "password": "sandbox-secret", "extra": {"token_url": f"{url}/oauth2/token"}}
        connection = {"conn_type": "igdb", "host": f"{url}/v4"} | account
        forward = {"type": "http", "url": receiver.address, "auth": {"type": "api_key", "apiKey": KEY}}
        transport = {"type": "gamelake.airflow.lineage_transport.LakeTransport", "forward": forward}
        environment |= {
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(LOADING.parent),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD": "True",
            "AIRFLOW_CONN_IGDB_DEFAULT": json.dumps(connection),
            "GAMELAKE_URI": store.uri,
            "XDG_CACHE_HOME": str(folder),
            "DAYS": "2026-11-21 2026-11-19",
            "OUTCOME": str(folder / "outcome.json"),
        }
        done = subprocess.run([sys.executable, LOADING], env=environment, capture_output=True, text=True, check=False)
        receiver.released.set()
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return Ran(store, json.loads((folder / "outcome.json").read_text()), url)


@pytest.mark.slow
def test_a_load_leaves_an_event_with_its_figures_and_a_failed_one_leaves_none(ran: Ran) -> None:
    commit = newest_commit(ran.store, "genres")
    report = asdict(LoadReport.of(commit, files=commit.files, warnings=[]))
    assert ran.outcome == {"states": ["success", "failed"], "events": [["raw_igdb_genres", "2026-11-21", report]]}


@pytest.mark.slow
def test_a_load_names_the_api_and_its_table_in_its_lineage(ran: Ran) -> None:
    (load,) = [json.loads(line) for line in read(ran.store, format_day(day_of(datetime.now(UTC))))]
    assert load["job"]["name"] == "igdb_genres.extract_load"
    assert [(each["namespace"], each["name"]) for each in load["inputs"]] == [(ran.api, "/v4/genres")]
    (output,) = load["outputs"]
    assert (output["namespace"], output["name"]) == ("file", ran.store.url("raw/igdb/genres"))
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == newest_commit(ran.store, "genres").row_count
    for secret in ("sandbox-secret", KEY):
        assert secret not in json.dumps(load)
