"""A night in which RAWG fails in each of its ways: IGDB's marts are published on time, and the reason is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from gamelake.days import day_of, format_day
from gamelake.incidents.incidents import Incidents
from gamelake.lake.factory import open_store
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Proof
from gamelake.lake.table import Table
from gamelake.marts.pointer import current
from gamelake.registry import load_sources
from sandbox.igdb import Fault, Sandbox, World
from sandbox.igdb.replies import Reply
from sandbox.rawg import KEY, RawgSandbox
from tests.support.airflow import Airflow, airflow_environment, ready_made, running_airflow
from tests.support.receiver import running_webhook

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

pytestmark = [pytest.mark.e2e, pytest.mark.long]

DAY = day_of(datetime.now(UTC) - timedelta(hours=4))
NIGHT = format_day(DAY)
IGDB = [entity.dag_id for entity in load_sources()["igdb"].entities.values()]
REFUSED, SPENT, DOWN, HANGING = "rawg_publishers", "rawg_games", "rawg_platforms", "rawg_genres"
RAWG = [REFUSED, SPENT, DOWN, HANGING]


class RefusingRawg(RawgSandbox):
    """It does not know the key where it is asked for publishers."""

    refuses = True

    def _answer(self, world: Any, asked: Any) -> Reply:
        if self.refuses and asked.path == "publishers":
            return Reply(401, b'{"error": "The API key is not found"}')
        return super()._answer(world, asked)


def test_igdb_is_published_on_time_and_the_reason_is_shown(tmp_path: Path) -> None:
    igdb = Sandbox(World.generate(seed=5, games=400, first_day=DAY, today=DAY, popularity_per_game=1), latency=0.0)
    rawg = RefusingRawg(igdb)
    rawg.faults.add(
        Fault("status", status=401, times=None, endpoint="games"),
        Fault("status", status=503, times=None, endpoint="platforms"),
        Fault("hang", seconds=600, times=None, endpoint="genres"),
    )
    store = open_store((tmp_path / "lake").as_uri())
    with rawg.running() as url, running_webhook() as webhook:
        connection = {"conn_type": "rawg", "host": url, "password": KEY, "extra": {"requests_per_second": 200}}
        environment = airflow_environment(tmp_path, lake=store.uri, igdb=ready_made(url.removesuffix("/api"))) | {
            "GAMELAKE_OPTIONAL_SOURCES": "rawg",
            "AIRFLOW_CONN_RAWG_DEFAULT": json.dumps(connection),
            "GAMELAKE_NOTIFY": "hook",
            "AIRFLOW_CONN_HOOK": webhook.connection(),
        }
        with running_airflow(tmp_path, environment) as airflow:
            airflow.unpause(*RAWG)
            for dag_id in RAWG:
                airflow.wait(lambda dag_id=dag_id: start(airflow, dag_id), 60, f"{dag_id} has a run")  # type: ignore[misc]
            airflow.unpause("transform", *IGDB)
            airflow.wait(lambda: airflow.state("transform", NIGHT) == "success", 900, "the marts are published")
            generation = current(store)
            assert generation is not None
            assert str(generation.day) == NIGHT
            states = {airflow.state(dag_id, NIGHT) for dag_id in (DOWN, HANGING)}
            assert states <= {"running", "queued", "failed"}, "neither of them held it up"
            # One load of RAWG runs at a time: these may wait for the one that hangs.
            airflow.wait(lambda: airflow.state(REFUSED, NIGHT) == "failed", 600, "the refused load fails")
            airflow.wait(lambda: airflow.state(SPENT, NIGHT) == "success", 600, "the end of the quota is a normal end")

            airflow.wait(lambda: "opened" in webhook.events, 60, "the message arrives")
            check_what_is_told(webhook.got[0]["text"])
            check_the_page(airflow)
            check_the_logs(airflow)
            check_the_end_of_the_quota(store)

            rawg.refuses = False
            rawg.faults.clear()
            airflow.clear(REFUSED, NIGHT)
            airflow.wait(lambda: airflow.state(REFUSED, NIGHT) == "success", 600, "RAWG answers again")
            airflow.wait(lambda: "over" in webhook.events, 60, "the end is told")

    assert webhook.events == ["opened", "over"]
    assert Incidents(store).open() == []


def start(airflow: Airflow, dag_id: str) -> bool:
    """Whether there is a run of the night: one of its schedule, or else one that this starts."""
    if not airflow.all_runs(dag_id):  # the scheduler makes that of the last schedule: on a Monday it is of this night
        return False
    if airflow.state(dag_id, NIGHT) == "none":
        airflow.trigger(dag_id, NIGHT)
    return airflow.state(dag_id, NIGHT) != "none"


def check_what_is_told(text: str) -> None:
    lines = text.splitlines()
    assert lines[0] == "[P1] rawg refuses the loads: publishers and perhaps others"
    assert lines[1].startswith("Cause: ")
    assert "RAWG does not know this key" in text
    assert lines[-1] == "Runbook: docs/guides/runbooks/rotate-source-secrets.md"


def check_the_page(airflow: Airflow) -> None:
    """What the page Last night gets."""
    reply = httpx.get(
        f"{airflow.address}/gamelake/api/nights", headers={"Authorization": f"Bearer {airflow.token}"}, timeout=60
    )
    night = reply.json()["night"]
    assert night["marts"]["status"] == "published"
    loads = {f"{load['source']}_{load['entity']}": load for load in night["loads"]}
    assert "RAWG does not know this key" in loads[REFUSED]["note"]
    assert loads[SPENT]["commit"]["proof_reason"].startswith(
        "0 of 0 rows were read: RAWG's quota of this month is spent"
    )
    assert all(loads[dag_id]["status"] in {"waiting", "missing"} for dag_id in (REFUSED, DOWN, HANGING))
    assert not [dag_id for dag_id in RAWG if loads[dag_id]["is_required"]]
    assert all(loads[dag_id]["commit"] for dag_id in IGDB)


def check_the_logs(airflow: Airflow) -> None:
    """What the first load of each table logs: that of the last Monday, where its run of the night waits for it."""
    for dag_id, sentence in (
        (REFUSED, "RAWG does not know this key"),
        (SPENT, "RAWG's quota of this month is spent"),
        (DOWN, "status 503"),
    ):
        run = min(airflow.all_runs(dag_id), key=lambda each: each["run_after"])
        airflow.wait(lambda run=run: airflow.has_begun(run, "extract_load"), 600, f"{dag_id} begins")  # type: ignore[misc]
        airflow.wait(
            lambda run=run, sentence=sentence: sentence in airflow.log_of(run, "extract_load"),  # type: ignore[misc]
            120,
            f"{dag_id} logs {sentence!r}",
        )


def check_the_end_of_the_quota(store: Store) -> None:
    commit = Table(store, TableName("rawg", "games")).latest()
    assert commit is not None
    assert (commit.summary.proof, commit.row_count) == (Proof.PARTIAL, 0)
