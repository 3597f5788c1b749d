"""Incidents of the audit and of the brief: each is closed when its cause is removed, before its task runs again."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.airflow.failures import task_callbacks
from gamelake.airflow.repaired import end_what_is_repaired
from gamelake.incidents.documents import Fault
from gamelake.incidents.incidents import Incidents
from gamelake.registry import loaded_entities
from tests.support.generations import published

if TYPE_CHECKING:
    from gamelake.lake.store import Store

DAY = "2026-11-21"


@pytest.fixture
def lake(disk: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("GAMELAKE_URI", disk.uri)
    return disk


def still_open(lake: Store) -> list[str]:
    end_what_is_repaired(lake, loaded_entities())
    return [failure.part for each in Incidents(lake).open() for failure in each.failures]


def context(task: str, *, error: BaseException | None = None, channel: str | None = None, verify: bool = False) -> Any:
    ti = SimpleNamespace(task_id=task, log_url="http://localhost:8080/dags/d/runs/r")
    run = SimpleNamespace(partition_key=DAY, run_id="a run", conf=None, run_type="scheduled")
    given = {
        "params": {"date": None, "verify": verify},
        "ti": ti,
        "dag_run": run,
        "run_id": "a run",
        "exception": error,
    }
    return given | {"task": SimpleNamespace(op_kwargs={"channel": channel} if channel else {})}


@pytest.mark.parametrize("verify", [False, True])
def test_an_audit_is_repeated_while_its_incident_is_open(lake: Store, verify: bool) -> None:
    module: Any = importlib.import_module("dags.lake_audit")
    (key,) = published(lake, DAY)
    mart = f"{key}/dim_games.parquet"
    kept = lake.get(mart)
    lake.delete(mart)
    part = module.part_of(context("audit", verify=verify))
    Incidents(lake).fail(Fault(scope="lake_audit", kind="other", part=part, night=DAY, cause="1 object is missing"))
    assert still_open(lake) == [part]
    lake.put(mart, kept)
    assert still_open(lake) == []


def test_a_damaged_lake_keeps_the_incident_open_and_fails_no_check(lake: Store) -> None:
    published(lake, DAY)
    lake.put("marts/_current.json", b"{")
    Incidents(lake).fail(Fault(scope="lake_audit", kind="other", part="audit", night=DAY, cause="damaged"))
    assert still_open(lake) == ["audit"]


def test_each_channel_of_the_brief_is_a_part_that_ends_with_its_own_success(
    lake: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = importlib.import_module("dags.daily_brief")
    callbacks = task_callbacks("daily_brief", part=module.part_of)
    monkeypatch.setenv("GAMELAKE_NOTIFY", "one,two")
    for channel in ("one", "two"):
        callbacks["on_failure_callback"](context("send", error=OSError("no answer"), channel=channel))
    assert still_open(lake) == ["send.one", "send.two"]
    for task in ("make", "publish_pages"):
        callbacks["on_success_callback"](context(task))
    assert still_open(lake) == ["send.one", "send.two"], "the other tasks succeed each day"
    callbacks["on_success_callback"](context("send", channel="one"))
    assert still_open(lake) == ["send.two"]
    monkeypatch.setenv("GAMELAKE_NOTIFY", "one")
    assert still_open(lake) == [], "the channel is no longer set"
