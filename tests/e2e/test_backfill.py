"""Past days through a real scheduler, asked for as people do: by `airflow backfill create`, and by the param `date`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.days import bounds_of, day_of, format_day
from gamelake.lake.factory import open_store
from gamelake.lake.manifest import Mode
from gamelake.lake.table import Table
from sandbox.igdb import Sandbox, World
from tests.support.airflow import account, airflow_environment, ready_made, running_airflow
from tests.support.loads import source_rows, table_rows
from tests.support.tables import IGDB_GAMES, newest_commit

if TYPE_CHECKING:
    from gamelake.lake.store import Store
    from tests.support.airflow import Airflow

pytestmark = [pytest.mark.e2e, pytest.mark.long]

# The day of the last 04:00 in Korea: what a scheduler runs first when the DAGs are unpaused.
TODAY = day_of(datetime.now(UTC) - timedelta(hours=4))
ONE_AGO, TWO_AGO, THREE_AGO = (TODAY - timedelta(days=days) for days in (1, 2, 3))
REFUSED = "can no longer be read: the source shows its rows as of"


@pytest.mark.parametrize("igdb", [ready_made, account])
def test_past_days(tmp_path: Path, igdb: Any) -> None:
    world = World.generate(seed=5, games=600, first_day=THREE_AGO, today=TODAY, popularity_per_game=1)
    sandbox = Sandbox(world, latency=0.0)
    store = open_store((tmp_path / "lake").as_uri())
    with sandbox.running() as url:
        environment = airflow_environment(tmp_path, lake=store.uri, igdb=igdb(url))
        # A scheduled run of that weekday would read everything.
        environment["GAMELAKE_FULL_REFRESH_WEEKDAY"] = str(ONE_AGO.weekday())
        with running_airflow(tmp_path, environment) as airflow:
            airflow.unpause("igdb_games", "igdb_genres", "igdb_popscore")
            for dag_id in ("igdb_games", "igdb_genres", "igdb_popscore"):
                wait_for(airflow, dag_id, TODAY, "success")
            check_a_backfill_reads_its_days_again(airflow, store, sandbox)
            check_a_date_does_so_too(airflow, store, sandbox)
            check_what_has_no_past_is_refused(airflow, store)
            check_a_day_that_was_loaded_is_read_again_on_request(airflow, store, sandbox)


def check_a_backfill_reads_its_days_again(airflow: Airflow, store: Store, sandbox: Sandbox) -> None:
    before = newest_commit(store, "games")
    changed = [change_unseen(sandbox, day) for day in (TWO_AGO, ONE_AGO)]
    backfill(airflow, "igdb_games", TWO_AGO, TODAY)
    for day in (TWO_AGO, ONE_AGO):
        wait_for(airflow, "igdb_games", day, "success")
    assert len(airflow.all_runs("igdb_games")) == 3, "the end of a backfill is not included"
    rows = table_rows(store)
    assert [rows[game]["name"] for game in changed] == [f"Unseen on {day}" for day in (TWO_AGO, ONE_AGO)]
    after = newest_commit(store, "games")
    assert (after.mode, after.cursor) == (Mode.INCREMENTAL, before.cursor)
    assert {after.partition, Table(store, IGDB_GAMES).read(after.version - 1).partition} == {
        format_day(TWO_AGO),
        format_day(ONE_AGO),
    }


def check_a_date_does_so_too(airflow: Airflow, store: Store, sandbox: Sandbox) -> None:
    before = newest_commit(store, "games")
    changed = change_unseen(sandbox, TWO_AGO)
    run = trigger(airflow, "igdb_games", TWO_AGO, "success")
    assert run["partition_key"] is None
    assert table_rows(store)[changed]["name"] == f"Unseen on {TWO_AGO}"
    after = newest_commit(store, "games")
    assert (after.version, after.mode, after.cursor) == (before.version + 1, Mode.INCREMENTAL, before.cursor)
    assert after.partition == format_day(TWO_AGO)
    assert table_rows(store).keys() == source_rows(sandbox).keys()


def check_what_has_no_past_is_refused(airflow: Airflow, store: Store) -> None:
    before = {name: newest_commit(store, name) for name in ("genres", "popscore")}
    backfill(airflow, "igdb_genres", TWO_AGO, ONE_AGO)  # one day ago can be read until 04:00
    wait_for(airflow, "igdb_genres", TWO_AGO, "failed")
    (backfilled,) = airflow.runs("igdb_genres", format_day(TWO_AGO))
    for run in (backfilled, trigger(airflow, "igdb_popscore", THREE_AGO, "failed")):
        assert REFUSED in airflow.log_of(run, "extract_load")
        path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances/extract_load"
        assert airflow.call("GET", path)["try_number"] == 1, "an error that would come again is not retried"
    assert {name: newest_commit(store, name) for name in ("genres", "popscore")} == before


def check_a_day_that_was_loaded_is_read_again_on_request(airflow: Airflow, store: Store, sandbox: Sandbox) -> None:
    again = change_unseen(sandbox, ONE_AGO)
    backfill(airflow, "igdb_games", ONE_AGO, TODAY, "--reprocess-behavior", "completed")
    airflow.wait(lambda: len(airflow.runs("igdb_games", format_day(ONE_AGO))) == 2, 60, "a second run of that day")
    wait_for(airflow, "igdb_games", ONE_AGO, "success")
    assert table_rows(store)[again]["name"] == f"Unseen on {ONE_AGO}"


def change_unseen(sandbox: Sandbox, day: date) -> int:
    """Change a game of a past day without moving its `updated_at`, so that only a read of that day brings it."""
    start, end = (int(moment.timestamp()) for moment in bounds_of(day))
    names = f"Unseen on {day}"
    row = next(row for row in sandbox.rows("games") if start <= row["updated_at"] < end and row["name"] != names)
    sandbox.upsert("games", [{"id": row["id"], "name": names, "updated_at": row["updated_at"]}])
    return int(row["id"])


def backfill(airflow: Airflow, dag_id: str, first: date, end: date, *options: str) -> None:
    def none_runs() -> bool:
        backfills = airflow.call("GET", f"/backfills?dag_id={dag_id}")["backfills"]
        return all(each["completed_at"] for each in backfills)

    # One at a time; the scheduler looks every half minute whether one has ended.
    airflow.wait(none_runs, 90, f"no backfill of {dag_id} is running")
    days = ["--from-date", format_day(first), "--to-date", format_day(end)]
    airflow.command("backfill", "create", "--dag-id", dag_id, *days, *options)


def trigger(airflow: Airflow, dag_id: str, day: date, state: str) -> dict[str, Any]:
    """Run a DAG by hand with the param `date`. Returns: the run, once it has come to that state."""
    airflow.command(
        "dags", "trigger", dag_id, "--conf", json.dumps({"date": format_day(day)}), "--run-id", f"by-hand-{day}"
    )
    runs: list[dict[str, Any]] = []

    def ended() -> bool:
        runs[:] = [run for run in airflow.all_runs(dag_id) if run["dag_run_id"] == f"by-hand-{day}"]
        return runs[0]["state"] in {"success", "failed"}

    airflow.wait(ended, 90, f"{dag_id} by hand for {day}")
    assert runs[0]["state"] == state
    return runs[0]


def wait_for(airflow: Airflow, dag_id: str, day: date, state: str) -> None:
    key = format_day(day)
    airflow.wait(lambda: airflow.state(dag_id, key) in {"success", "failed"}, 120, f"{dag_id} of {key} has ended")
    assert airflow.state(dag_id, key) == state
