"""What those who wait for the asset `marts` are told: only what readers see, in real runs of Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gamelake.lake.factory import open_store
from tests.support.command import environment_without
from tests.support.generations import current_generation, finished

DAGS = Path(__file__).with_name("dags")


@pytest.mark.e2e
def test_a_day_that_is_not_published_is_skipped_and_sends_no_event(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    newer, older = finished(store, "2026-11-29"), finished(store, "2026-11-28")
    table = f"{older}/_spark/1a2b3c4d/inputs.json"
    store.put(table, b"{}")
    environment = environment_without("AIRFLOW", "GAMELAKE")
    environment |= {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "GENERATIONS": f"{newer} {older} {newer}",
        "GAMELAKE_URI": store.uri,
        "OUTCOME": str(tmp_path / "outcome.json"),
    }
    command = [sys.executable, str(DAGS / "publishing.py")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-5000:]
    outcome = json.loads((tmp_path / "outcome.json").read_text())
    published, not_published, again = outcome["runs"]
    reason = "not published: readers already have 2026-11-29, which is later than 2026-11-28"

    assert [run["state"] for run in outcome["runs"]] == ["success"] * 3
    assert published["tasks"] == again["tasks"] == {"publish": "success", "clean_up": "success"}
    assert not_published["tasks"] == {"publish": "skipped", "clean_up": "success"}
    assert reason in ran.stdout + ran.stderr, "the log has the reason"
    assert (not_published["returned"]["published"], not_published["returned"]["reason"]) == (False, reason)
    assert [info.key for info in store.list(table)] == [], "clean_up ran anyway"
    assert [event[:2] for event in outcome["events"]] == [["marts", "2026-11-29"]] * 2
    assert {event[2]["generation"] for event in outcome["events"]} == {newer}
    assert current_generation(store).generation == newer
