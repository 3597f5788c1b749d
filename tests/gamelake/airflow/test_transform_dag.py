"""What the tasks of `transform` do beside the build; that the DAG parses is for test_policy."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset, PartitionedAssetTimetable
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from gamelake.airflow import transform_dag
from gamelake.airflow.assets import MARTS
from gamelake.feeds.feed import MissingStepsError
from gamelake.lake.factory import open_store
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.store import Store
from gamelake.lake.table import Table
from gamelake.marts import generation
from gamelake.marts.documents import PublishedMart
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources
from gamelake.words import Words
from tests.support.feed_tables import load_whole
from tests.support.generations import document_of

GENRES = load_sources()["igdb"].entities["genres"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What the tasks asked for, in order."""
    found: list[Any] = []

    def open_generation(store: Store, entities: Any, *, day: Any, run_id: Any, sources: Any, fresh: bool) -> Any:
        found.append((store.uri, day, run_id, sources and sources.uri, fresh))
        return "marts/dt=2026-11-21/run"

    def publish(store: Store, name: Any, copies: Any) -> Any:
        found.append((name, sorted(copies)[:1]))
        copy = "marts/dim_games.parquet"
        mart = PublishedMart(name="dim_games", key="any", rows=1, bytes=1, sha256="0" * 64, copy=copy)
        built = document_of(name, day="2026-11-21", marts=(mart,))
        return generation.Outcome(built, 7, None if name.endswith("run") else Words("why not", "이유"))

    monkeypatch.setenv("GAMELAKE_URI", open_store((tmp_path / "lake").as_uri()).uri)
    monkeypatch.setattr(generation, "open_generation", open_generation)
    monkeypatch.setattr(generation, "publish", publish)
    monkeypatch.setattr("gamelake.airflow.stores.invalidate_changed", lambda keys, change: found.append((keys, change)))
    return found


def context(**more: Any) -> dict[str, Any]:
    run = SimpleNamespace(partition_key="2026-11-21", run_id="a run", conf=None)
    return {"dag_run": run, "params": {"date": None, "fresh": False}, **more}


def test_the_feeds_are_made_first_and_a_failure_names_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    load_whole(store, tmp_path, {"id": 1})
    (part,) = load_whole(store, tmp_path, {"id": 1, "hypes": 2}).files
    assert transform_dag.change_feeds.function() == {"igdb.games": 1}
    assert transform_dag.change_feeds.function() == {}
    load_whole(store, tmp_path, {"id": 1, "hypes": 3})
    newest = load_whole(store, tmp_path, {"id": 1, "hypes": 3}).files
    for lost in (part, *newest):
        store.delete(lost.key)
    with pytest.raises(MissingStepsError, match=r"\n  igdb\.games: "):
        transform_dag.change_feeds.function()


@pytest.mark.parametrize("cdn", [None, "https://cdn.example.org/lake"])
def test_sources_come_through_the_cdn_if_one_is_named(
    calls: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cdn: str | None
) -> None:
    monkeypatch.setenv("GAMELAKE_CDN_URL", cdn or "")
    opened = transform_dag.open_generation.function(**context())
    folder = tmp_path / "lake"
    assert opened == {"key": "marts/dt=2026-11-21/run", "url": f"{folder}/marts/dt=2026-11-21/run"}
    assert calls == [(folder.as_uri(), date(2026, 11, 21), "a run", cdn, False)]
    transform_dag.open_generation.function(**context(params={"date": None, "fresh": True}))
    assert calls[1][-1]


def test_a_day_without_its_loads_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAMELAKE_URI", (tmp_path / "lake").as_uri())
    expected = r"no load of igdb.games, .* was committed .* run igdb_games, .* first"
    with pytest.raises(AirflowFailException, match=expected):
        transform_dag.open_generation.function(**context())


@pytest.mark.parametrize("damaged", ["marts/_current.json", GENRES.table.manifest_key(1)])
def test_a_damaged_document_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damaged: str) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    monkeypatch.setattr(transform_dag, "load_entities", lambda: [GENRES])
    draft = Draft(
        run_id="r", partition="2026-11-21", mode=Mode.SNAPSHOT, cursor=None, source_count=0, row_count=0, files=()
    )
    Table(store, GENRES.table).commit(lambda _: draft)
    store.put(damaged, b"{")
    store.delete(GENRES.table.pointer_key)  # the whole copy of the newest commit
    with pytest.raises(AirflowFailException, match=rf"^not retried: {damaged}: document: found"):
        transform_dag.open_generation.function(**context())


def test_what_was_published_is_invalidated(calls: list[Any]) -> None:
    events = {MARTS: SimpleNamespace(extra=None)}
    transform_dag.publish.function("marts/dt=2026-11-21/run", **context(outlet_events=events))
    published, (keys, change) = calls
    assert published == ("marts/dt=2026-11-21/run", ["bridge_game_collection"])
    assert keys == ["marts/_current.json", "marts/dim_games.parquet"]
    assert change == "publication 7 of marts/dt=2026-11-21/run"
    assert events[MARTS].extra == {"generation": "marts/dt=2026-11-21/run", "publication": 7, "sources": {}}


def test_the_dag_of_the_docs_runs_after_each_publication() -> None:
    """An event of a partition starts no DAG whose timetable has no partitions, and `publish` sends no other."""
    text = (REPOSITORY / "docs/reference/read-the-marts.md").read_text("utf-8")
    (example,) = re.findall(r"^```python\n(from datetime import datetime\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    made: dict[str, Any] = {}
    exec(compile(example, "example", "exec"), made)  # noqa: S102 - our own docs

    schedule = made["dag"].schedule

    assert isinstance(schedule, PartitionedAssetTimetable)
    assert schedule.asset_condition == Asset(MARTS.name)


def test_what_was_not_published_is_skipped_with_the_reason(calls: list[Any]) -> None:
    events = {MARTS: SimpleNamespace(extra=None)}
    left: dict[str, Any] = {}
    ti = SimpleNamespace(xcom_push=left.__setitem__)
    with pytest.raises(AirflowSkipException, match=r"^why not$"):
        transform_dag.publish.function("marts/dt=2026-11-21/old", **context(outlet_events=events, ti=ti))
    assert len(calls) == 1, "nothing is invalidated"
    assert events[MARTS].extra is None
    assert left["return_value"]["reason"] == "why not"


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2010-12-31", "tomorrow"])
def test_a_day_that_cannot_be_is_not_tried_again(day: str) -> None:
    with pytest.raises(AirflowFailException, match=rf"^not retried: date: found '{day}', expected a Korean day"):
        transform_dag.open_generation.function(
            dag_run=SimpleNamespace(partition_key=None, run_id="a run", conf=None), params={"date": day}
        )


def test_a_misspelt_param_is_not_tried_again() -> None:
    """Airflow ignores it: the newest day would be built instead."""
    run = SimpleNamespace(partition_key=None, run_id="a run", conf={"dat": "2026-11-21"})
    dag = transform_dag.transform_dag(doc_md="")
    with pytest.raises(AirflowFailException) as failed:
        transform_dag.open_generation.function(dag_run=run, dag=dag, params={"date": None, **run.conf})
    assert str(failed.value) == "not retried: param dat: the DAG has no such param, expected one of date, fresh"
