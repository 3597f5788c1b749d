"""What the task of a load makes of its run; that the DAGs parse is for test_policy."""

from __future__ import annotations

import importlib.util
import threading
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from gamelake.limits import Allow
from gamelake.load.errors import ContractError, HeldError, LoadRefused
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources

MONDAY, TUESDAY = "2026-11-23", "2026-11-24"


def imported():
    spec = importlib.util.spec_from_file_location("extract_load", REPOSITORY / "dags" / "extract_load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def module(monkeypatch):
    monkeypatch.delenv("GAMELAKE_FULL_REFRESH_WEEKDAY", raising=False)
    return imported()


@pytest.mark.parametrize(("said", "weekday"), [("", "0"), (" 6 ", "6"), ("never", "never")])
def test_the_weekday_of_full_reads(monkeypatch, said, weekday):
    monkeypatch.setenv("GAMELAKE_FULL_REFRESH_WEEKDAY", said)
    assert weekday == imported().FULL_REFRESH_WEEKDAY


@pytest.mark.parametrize("said", ["monday", "7", "-1", "00"])
def test_a_weekday_that_is_none_is_refused(monkeypatch, said):
    monkeypatch.setenv("GAMELAKE_FULL_REFRESH_WEEKDAY", said)
    with pytest.raises(ValueError, match=f"GAMELAKE_FULL_REFRESH_WEEKDAY: found '{said}', expected 0"):
        imported()


@pytest.mark.parametrize(
    ("run_type", "day", "asked", "full"),
    [
        ("scheduled", MONDAY, False, True),
        ("scheduled", TUESDAY, False, False),
        ("backfill", MONDAY, False, False),
        ("manual", MONDAY, False, False),
        ("backfill", TUESDAY, True, True),
        ("manual", TUESDAY, True, True),
    ],
)
async def test_scheduled_mondays_are_full_and_others_if_asked(
    module, tmp_path, monkeypatch, run_type, day, asked, full
):
    given = {}
    threads = []

    def invalidate(keys, *, change):
        threads.append(threading.current_thread())
        given.update(invalidated=keys, change=change)

    class Load:
        def __init__(self, _client, _store, entity, **options):
            given.update(options, entity=entity.name)

        async def run(self):
            return SimpleNamespace(version=7, as_dict=lambda: {"partition": day})

    monkeypatch.setattr("gamelake.load.load.Load", Load)
    monkeypatch.setattr("gamelake.airflow.stores.invalidate_changed", invalidate)
    context = {
        "dag_run": SimpleNamespace(partition_key=day, run_type=run_type, run_id="a run"),
        "params": {"full_refresh": asked, "date": None},
    }
    games = load_sources()["igdb"].entities["games"]
    figures = await module.load(None, entity=games, lake_uri=tmp_path.as_uri(), context=context)
    assert figures == {"partition": day}
    assert (given["entity"], str(given["day"]), given["run_id"]) == ("games", day, "a run")
    assert given["full_refresh"] is full
    assert (given["invalidated"], given["change"]) == (["raw/igdb/games/_manifest.json"], "igdb.games version 7")
    assert threads != [threading.main_thread()]  # it waits, and this loop must not


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "tomorrow"])
async def test_a_day_that_cannot_be_is_not_tried_again(module, tmp_path, day):
    run = SimpleNamespace(partition_key=None, run_type="manual", run_id="a run")
    context = {"dag_run": run, "params": {"full_refresh": False, "date": day}}
    games = load_sources()["igdb"].entities["games"]
    with pytest.raises(AirflowFailException, match=rf"^not retried: date: found '{day}', expected a Korean day"):
        await module.load(None, entity=games, lake_uri=tmp_path.as_uri(), context=context)


@pytest.mark.parametrize(
    "error",
    [
        HeldError("games", "games: the source shows no rows; the table had 9 in the last 7 days."),
        ContractError("genres", 9, 23, 1, "a reason", "a key"),
        LoadRefused("genres: date 2026-11-19 can no longer be read"),
    ],
    ids=["held", "contract", "refused"],
)
async def test_what_is_held_is_not_tried_again(module, tmp_path, monkeypatch, error):
    given = {}

    class Load:
        def __init__(self, *_args, **options):
            given.update(options)

        async def run(self):
            raise error

    monkeypatch.setattr("gamelake.load.load.Load", Load)
    run = SimpleNamespace(partition_key=TUESDAY, run_type="manual", run_id="a run")
    params = {"full_refresh": False, "date": None, "allow_shrink": True, "allow_unproven": False}
    games = load_sources()["igdb"].entities["games"]
    with pytest.raises(AirflowFailException, match=r"^not retried: g") as caught:
        await module.load(None, entity=games, lake_uri=tmp_path.as_uri(), context={"dag_run": run, "params": params})
    assert str(error) in str(caught.value)
    assert given["allow"] == Allow(shrink=True)
