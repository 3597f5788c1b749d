"""A night that fails under a real scheduler: one message that a person can act on, and one when it is over."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gamelake.days import day_of, format_day
from gamelake.incidents.incidents import Incidents
from gamelake.lake.factory import open_store
from sandbox.igdb import Sandbox, World
from tests.support.airflow import airflow_environment, ready_made, running_airflow
from tests.support.receiver import running_webhook

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

TODAY = day_of(datetime.now(UTC) - timedelta(hours=4))
DAG, KEY = "igdb_genres", format_day(TODAY)


def test_a_held_load_is_announced_and_is_over_when_it_succeeds(tmp_path: Path) -> None:
    world = World.generate(seed=5, games=600, first_day=TODAY, today=TODAY, popularity_per_game=1)
    sandbox = Sandbox(world, latency=0.0)
    store = open_store((tmp_path / "lake").as_uri())
    with sandbox.running() as url, running_webhook() as webhook:
        environment = airflow_environment(tmp_path, lake=store.uri, igdb=ready_made(url))
        environment |= {"GAMELAKE_NOTIFY": "hook", "AIRFLOW_CONN_HOOK": webhook.connection(), "TMPDIR": str(tmp_path)}
        with running_airflow(tmp_path, environment) as airflow:
            airflow.unpause(DAG)
            airflow.wait(lambda: airflow.state(DAG, KEY) == "success", 300, f"{DAG} {KEY} succeeds")
            assert webhook.got == [], "a quiet night"

            rows = list(sandbox.rows("genres"))
            sandbox.delete("genres", [row["id"] for row in rows])
            airflow.trigger(DAG, KEY)
            airflow.wait(lambda: airflow.state(DAG, KEY) == "failed", 300, f"{DAG} {KEY} is held")
            airflow.wait(lambda: bool(webhook.got), 60, "the message arrives")
            # The DAG's own callback comes after the task's, from the DAG processor.
            callback = f"Executing on_failure dag callback.*{DAG}"
            logs = tmp_path / "airflow" / "logs" / "dag_processor"
            airflow.wait(
                lambda: any(re.search(callback, log.read_text("utf-8")) for log in logs.rglob("*.log")), 120, "it ran"
            )
            (opened,) = webhook.got
            check_that_a_person_can_act(opened["text"], airflow.address)

            sandbox.upsert("genres", rows)
            run = max(airflow.runs(DAG, KEY), key=lambda each: each["run_after"])
            airflow.call("POST", f"/dags/{DAG}/dagRuns/{run['dag_run_id']}/clear", {"dry_run": False})
            airflow.wait(lambda: len(webhook.got) == 2, 300, "the second message arrives")

    assert webhook.events == ["opened", "over"]
    assert "Every night that failed was made up for." in webhook.got[1]["text"]
    assert Incidents(store).open() == []


def check_that_a_person_can_act(text: str, address: str) -> None:
    lines = text.splitlines()
    assert lines[0] == "[P0] The load of igdb.genres was held: it would lose too many rows"
    assert lines[1].startswith("Cause: igdb.genres: the source shows no rows; the table had ")
    assert "No marts are published yet." in lines
    assert any(line.startswith("Do: Ask the source") for line in lines)
    port = address.rpartition(":")[2]
    assert re.search(rf"Task log: http://127\.0\.0\.1:{port}/dags/{DAG}/runs/\S+/tasks/extract_load", text)
    assert f"Last night: http://127.0.0.1:{port}/plugin/last-night?day={KEY}" in lines
    assert lines[-1] == "Runbook: docs/guides/runbooks/held-load.md"
    assert "Traceback" not in text
