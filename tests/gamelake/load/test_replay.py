"""Rejected rows, checked again after the contract was changed or the load of their day is past."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gamelake import registry
from gamelake.cli.main import main
from gamelake.days import format_day
from gamelake.fields import FieldType
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Draft
from gamelake.lake.parts import PartStage
from gamelake.lake.table import Table
from gamelake.load.apply_events import apply_events
from gamelake.load.errors import ContractError
from gamelake.load.replay import ReplayError, replay
from tests.support.inbox_events import event, put
from tests.support.loads import DAY, GAMES, REGISTRY, Loads, check_whole

if TYPE_CHECKING:
    from gamelake.registry import Entity

TODAY = format_day(DAY)
POPSCORE = 9_000_000
POPULARITY = "popularity_primitives"


def lenient(name: str, **changes: Any) -> Entity:
    """An entity whose contract was changed: these fields have other types, and no field but the id has a rule."""
    entity = REGISTRY[name]
    return replace(entity, fields={**entity.fields, **changes}, rules={"id": entity.rules["id"]})


def bad_games(loads: Loads, count: int = 2) -> list[int]:
    """The ids of games that have a text for a number now."""
    ids = loads.ids()[10 : 10 + count]
    loads.sandbox.upsert("games", [{"id": each, "hypes": "many"} for each in ids])
    return ids


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
def test_rows_that_pass_the_new_contract_are_added_once(incremental: bool, loads: Loads) -> None:
    bad_games(loads)
    loads.load(run_id="before")
    if incremental:
        loads.load(run_id="night")
    before = loads.newest()
    assert [str(each) for each in replay(loads.store, REGISTRY["games"])] == [
        f"igdb.games {TODAY}: 0 added; 0 passed, but the table has a row of that id; 2 break the contract still "
        "(the first one: Expected `int | null`, got `str` - at `$.hypes`)"
    ]
    games = lenient("games", hypes=FieldType.STRING)
    (outcome,) = replay(loads.store, games)
    assert (outcome.added, outcome.present, outcome.refused) == (2, 0, 0)
    after = loads.newest()
    assert (after.version, after.row_count, after.source_count) == (before.version + 1, GAMES, GAMES)
    assert (after.cursor, after.mode, after.rejected_key) == (before.cursor, before.mode, before.rejected_key)
    assert (after.summary.rows_read, after.summary.proof) == (2, before.summary.proof)
    assert after.summary.seconds > 0
    assert set(loads.table_rows()) == set(loads.source_rows())
    check_whole(loads.store)
    (again,) = replay(loads.store, games)
    assert (again.added, again.present, again.version) == (0, 2, None)
    assert loads.newest().version == after.version


def test_only_rows_of_ids_that_the_table_lacks_are_added(loads: Loads) -> None:
    first, second = bad_games(loads)
    loads.load(run_id="before")
    # A row that is rejected while its old version is in the table: the old one stays what the table shows.
    loads.sandbox.upsert("games", [{"id": first, "hypes": 5}])
    loads.load(run_id="good")
    loads.sandbox.upsert("games", [{"id": first, "hypes": "many again"}])
    loads.load(run_id="night")
    (outcome,) = replay(loads.store, lenient("games", hypes=FieldType.STRING))
    assert (outcome.added, outcome.present) == (1, 1)
    assert loads.table_rows()[first]["hypes"] == 5
    assert loads.table_rows()[second]["hypes"] == "many"


def test_rows_are_added_to_the_load_and_events_are_applied_again_on_top(loads: Loads) -> None:
    games = lenient("games", hypes=FieldType.STRING)
    bad = bad_games(loads)
    loads.load(run_id="before")
    load = loads.newest()
    began = int(load.cursor or 0)
    for age, row_id in ((10, 99_998), (20, 99_999)):
        row = {"id": row_id, "name": "By an event", "updated_at": began + age}
        put(loads.store, games.table, event("create", row, began + age))
        apply_events(loads.store, games)
    (outcome,) = replay(loads.store, games)
    after = loads.newest()
    assert (outcome.added, after.version, after.mode) == (2, 4, load.mode)
    assert (after.row_count, after.source_count, after.summary.proof) == (GAMES, GAMES, "counted")
    assert set(loads.table_rows()) == set(loads.source_rows())
    assert [each.version for each in Table(loads.store, games.table).history(events=False)] == [4, 1]
    (applied,) = apply_events(loads.store, games)
    assert (applied.created, applied.through) == (2, 2)
    assert set(loads.table_rows()) == {*loads.source_rows(), 99_998, 99_999}
    assert [each.added for each in replay(loads.store, games)] == [0]
    assert set(bad) < set(loads.table_rows())
    check_whole(loads.store)


def test_what_an_older_load_rejected_is_not_replayed(loads: Loads) -> None:
    (bad,) = bad_games(loads, 1)
    loads.load(run_id="before")
    loads.sandbox.delete("games", [bad])
    loads.load(run_id="night")
    games = lenient("games", hypes=FieldType.STRING)
    assert [each.added for each in replay(loads.store, games)] == [0]
    with pytest.raises(ReplayError, match=f"found --day 2026-11-20, expected {TODAY}, the day of the newest load"):
        replay(loads.store, games, "2026-11-20")


def popularity(loads: Loads, ids: range, **changes: Any) -> None:
    value = {"game_id": 7, "popularity_type": 3, "value": 0.5}
    loads.sandbox.upsert(POPULARITY, [{"id": POPSCORE + each, **value, **changes} for each in ids])


@pytest.fixture
def two_days(loads: Loads) -> Loads:
    """Two days of popularity; the load of the first one rejected one row, that of the second another."""
    for day, bad in ((DAY, 0), (DAY + timedelta(days=1), 1)):
        loads.sandbox.advance(day)
        popularity(loads, range(300))
        popularity(loads, range(bad, bad + 1), value=-0.5)
        assert loads.load("popscore", day=day, run_id=f"run-{day}").rejected == 1
    return loads


def test_a_past_day_of_a_time_series_is_replayed_into_that_day(two_days: Loads) -> None:
    before = two_days.newest("popscore")
    (outcome,) = replay(two_days.store, lenient("popscore"), TODAY)
    assert (outcome.day, outcome.added, outcome.version) == (TODAY, 1, before.version + 1)
    after = two_days.newest("popscore")
    added = after.files[-1]
    assert (added.partition, added.rows, added.min_id) == (TODAY, 1, POPSCORE)
    assert (after.partition, after.row_count) == (before.partition, before.row_count), "those of the newest day"
    assert after.files[:-1] == before.files
    check_whole(two_days.store, "popscore")


def test_every_day_is_replayed_and_a_second_time_none(two_days: Loads) -> None:
    before = two_days.newest("popscore")
    outcomes = replay(two_days.store, lenient("popscore"))
    assert [(each.day, each.added) for each in outcomes] == [(TODAY, 1), ("2026-11-22", 1)]
    after = two_days.newest("popscore")
    assert (after.version, after.row_count) == (before.version + 2, before.row_count + 1)
    assert [each.added for each in replay(two_days.store, lenient("popscore"))] == [0, 0]


def test_a_day_is_replayed_although_the_day_before_was_loaded_last(two_days: Loads) -> None:
    table = Table(two_days.store, TableName("igdb", "popscore"))
    first = table.read(1)
    again = {name: getattr(first, name) for name in Draft.__struct_fields__}
    last = two_days.newest("popscore")
    # As a run of the first day that is cleared in the night after it, when the second day is loaded already.
    same = {"cursor": last.cursor, "files": last.files, "rejected_key": None}
    table.commit(lambda _: Draft(**again | same))
    (outcome,) = replay(two_days.store, lenient("popscore"), "2026-11-22")
    assert (outcome.added, outcome.present) == (1, 0)


def test_rows_of_a_load_that_committed_nothing_are_not_replayed(loads: Loads) -> None:
    popularity(loads, range(300))
    loads.load("popscore", run_id="good")
    popularity(loads, range(300, 600), value=-0.5)
    with pytest.raises(ContractError):
        loads.load("popscore", run_id="bad")
    assert [each.added for each in replay(loads.store, lenient("popscore"))] == [0]
    with pytest.raises(ReplayError, match="found no commit of 2026-11-20, expected a day that was loaded"):
        replay(loads.store, lenient("popscore"), "2026-11-20")


def test_a_load_that_commits_meanwhile_wins(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    (bad,) = bad_games(loads, 1)
    loads.load(run_id="before")

    def load_first(*given: Any, **options: Any) -> Any:
        loads.sandbox.upsert("games", [{"id": bad, "hypes": 6}])
        loads.load(run_id="night")
        return PartStage(*given, **options)

    monkeypatch.setattr("gamelake.load.replay.PartStage", load_first)
    with pytest.raises(ReplayError, match="another load committed while the rows were checked"):
        replay(loads.store, lenient("games", hypes=FieldType.STRING))
    monkeypatch.undo()
    assert loads.table_rows()[bad]["hypes"] == 6
    assert [each.added for each in replay(loads.store, lenient("games", hypes=FieldType.STRING))] == [0]


def test_a_load_after_a_replay_replaces_its_rows(loads: Loads) -> None:
    (bad,) = bad_games(loads, 1)
    loads.load(run_id="before")
    replay(loads.store, lenient("games", hypes=FieldType.STRING))
    loads.sandbox.upsert("games", [{"id": bad, "hypes": 6}])
    night = loads.load(run_id="night")
    assert (night.rejected, night.row_count, night.source_count) == (0, GAMES, GAMES)
    assert loads.table_rows() == loads.source_rows()


def test_the_command(two_days: Loads, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GAMELAKE_URI", two_days.store.uri)
    assert main(["lake", "replay", "igdb.popscore"]) == 0
    assert capsys.readouterr().out.startswith(
        f"igdb.popscore {TODAY}: 0 added; 0 passed, but the table has a row of that id;"
    )
    monkeypatch.setattr(registry, "load_entities", lambda: (lenient("popscore"), REGISTRY["genres"]))
    assert main(["lake", "replay", "igdb.popscore", "--day", TODAY]) == 0
    assert capsys.readouterr().out == (
        f"igdb.popscore {TODAY}: 1 added as version 3; 0 passed, but the table has a row of that id; "
        "0 break the contract still\nThe marts show these rows once `transform` has run again.\n"
    )
    assert main(["lake", "replay", "igdb.popscore", "--day", TODAY]) == 0
    assert "igdb.popscore: no row to add; `gamelake lake rejected igdb.popscore` lists all" in capsys.readouterr().out
    assert main(["lake", "replay", "igdb.genres"]) == 1
    assert capsys.readouterr().err == "igdb.genres: nothing is committed yet; run a load first\n"
    assert main(["lake", "replay", "igdb.popscore", "--day", "yesterday"]) == 2
    assert "found 'yesterday', expected a Korean day" in capsys.readouterr().err


@pytest.mark.parametrize(("old", "new"), [('"Game 7"', '"\udcff"'), ('"id": 10,', '"id": 900000,')])
def test_rows_without_an_id_of_their_own_stay_rejected(old: str, new: str, loads: Loads) -> None:
    loads.replace(old, new)
    loads.load()
    (outcome,) = replay(loads.store, lenient("games"))
    assert (outcome.added, outcome.refused) == (0, 1)


def test_rejected_rows_that_expired_are_named(two_days: Loads) -> None:
    for info in list(two_days.store.list("raw/igdb/popscore/_rejected/")):
        two_days.store.delete(info.key)
    with pytest.raises(ReplayError, match="is not there: rejected rows are kept for 30 days"):
        replay(two_days.store, lenient("popscore"), TODAY)
    assert replay(two_days.store, lenient("popscore")) == []
