"""The operator of loads, with the second source of the tests behind it."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from apiclient.errors import ServerError
from gamelake.airflow.load_dags import load_dag
from gamelake.airflow.load_operator import LoadEntityOperator
from gamelake.registry import load_sources
from tests.support.load_tasks import context_of, execute, only_task
from tests.support.second_source.server import MORNING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.second_source.server import Boardgames

SUNDAY, MONDAY, TUESDAY = "2026-11-22", "2026-11-23", "2026-11-24"


@pytest.fixture
def task(boardgames: Boardgames, tmp_path: Path) -> LoadEntityOperator:
    """Loads 250 games."""
    boardgames.rows["games"] = {row_id: {"id": row_id, "name": f"Game {row_id}"} for row_id in range(1, 251)}
    source = load_sources()["boardgames"]
    lake_uri = (tmp_path / "lake").as_uri()
    dag = load_dag(source, source.entities["games"], lake_uri=lake_uri, full_refresh_weekday=0, doc_md="A test.")
    return only_task(dag)


@pytest.mark.parametrize(
    ("run_type", "partition", "asked", "mode"),
    [
        ("scheduled", MONDAY, False, "full"),
        ("scheduled", TUESDAY, False, "incremental"),
        ("backfill", MONDAY, False, "incremental"),
        ("manual", MONDAY, False, "incremental"),
        ("backfill", TUESDAY, True, "full"),
        ("manual", TUESDAY, True, "full"),
    ],
)
async def test_scheduled_mondays_are_full_and_others_if_asked(
    task: LoadEntityOperator,
    boardgames: Boardgames,
    run_type: str,
    partition: str,
    asked: bool,
    mode: str,
) -> None:
    boardgames.clock = MORNING - timedelta(days=1)
    await execute(task, context_of(SUNDAY, run_id="the first"))
    boardgames.clock = MORNING + timedelta(days=1)
    figures = await execute(task, context_of(partition, run_type=run_type, full_refresh=asked))
    assert (figures["mode"], figures["partition"]) == (mode, partition)


async def test_figures_become_the_event_and_the_pointer_is_invalidated(
    task: LoadEntityOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    invalidated: list[Any] = []
    threads = []

    def invalidate(keys: list[str], *, change: str) -> None:
        threads.append(threading.current_thread())
        invalidated.append((keys, change))

    monkeypatch.setattr("gamelake.airflow.stores.invalidate_changed", invalidate)
    context = context_of(None, date=MONDAY)
    figures = await execute(task, context)
    event = context["outlet_events"][task.outlets[0]]
    assert event.extra == figures
    assert event.partition_keys == {MONDAY}
    assert invalidated == [(["raw/boardgames/games/_manifest.json"], "boardgames.games version 1")]
    assert threads != [threading.main_thread()], "it waits, and the loop must not"


async def test_a_run_with_a_partition_key_keeps_its_own(task: LoadEntityOperator) -> None:
    context = context_of(MONDAY)
    await execute(task, context)
    assert context["outlet_events"][task.outlets[0]].partition_keys == set()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "tomorrow", "2026-12-01"])
async def test_a_day_that_cannot_be_read_is_not_retried(task: LoadEntityOperator, day: str) -> None:
    with pytest.raises(AirflowFailException, match=rf"^not retried: .*{day}"):
        await execute(task, context_of(None, date=day))


async def test_a_held_load_is_not_retried_unless_it_is_allowed(
    task: LoadEntityOperator,
    boardgames: Boardgames,
) -> None:
    await execute(task, context_of(MONDAY))
    del boardgames.rows["games"][250], boardgames.rows["games"][249]
    boardgames.rows["games"] = dict(list(boardgames.rows["games"].items())[:100])
    again: dict[str, Any] = {"full_refresh": True, "run_id": "again"}
    with pytest.raises(AirflowFailException, match=r"^not retried: .*Held: nothing was committed"):
        await execute(task, context_of(MONDAY, **again))
    figures = await execute(task, context_of(MONDAY, allow_shrink=True, **again))
    assert figures["row_count"] == 100


async def test_a_refused_account_is_not_retried_and_a_failing_source_is(
    task: LoadEntityOperator,
    boardgames: Boardgames,
) -> None:
    boardgames.failing = [503] * 3
    with pytest.raises(ServerError):
        await execute(task, context_of(MONDAY))
    boardgames.failing = [401]
    with pytest.raises(AirflowFailException, match=r"^not retried: Boardgames games: status 401"):
        await execute(task, context_of(MONDAY))


async def test_an_unknown_option_of_a_source_is_not_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "igdb", "host": "http://127.0.0.1:9", "login": "id", "password": "secret"}
    monkeypatch.setenv("AIRFLOW_CONN_IGDB_DEFAULT", json.dumps(connection))
    source = load_sources()["igdb"]
    genres = replace(source.entities["genres"], options={"endpoint": "genres", "filtr": "id > 3"})
    dag = load_dag(source, genres, lake_uri=tmp_path.as_uri(), full_refresh_weekday=0, doc_md="A test.")
    with pytest.raises(AirflowFailException, match=r"^not retried: .*igdb\.genres\.options\.filtr"):
        await execute(only_task(dag), context_of(MONDAY))


@pytest.mark.parametrize("weekday", [7, -1, "0"])
def test_a_weekday_that_does_not_exist_is_refused(task: LoadEntityOperator, weekday: Any) -> None:
    with pytest.raises(ValueError, match=f"full_refresh_weekday: found {weekday!r}, expected 0"):
        LoadEntityOperator(
            task_id="load", source=task.source, entity=task.entity, lake_uri="", full_refresh_weekday=weekday
        )


def test_the_lake_uri_is_a_template(task: LoadEntityOperator) -> None:
    assert list(task.template_fields) == ["lake_uri"]
