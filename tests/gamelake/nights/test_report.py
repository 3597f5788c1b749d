"""What a page shows of a night: from a lake whose figures are known, with the faults that nights have."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.incidents.documents import Fault
from gamelake.incidents.incidents import Incidents
from gamelake.lake.keys import LoadRun, TableName
from gamelake.lake.manifest import Proof, Unproven
from gamelake.lake.rejected import keep_rejected
from gamelake.lake.store import StoreError
from gamelake.marts.documents import INPUTS, POINTER, RECORD, Action
from gamelake.marts.pointer import publication_key
from gamelake.nights.documents import LoadStatus, MartsStatus, NightStatus
from gamelake.nights.report import NIGHTS, NightReports
from gamelake.registry import load_sources, loaded_sources
from tests.support.captured import apply_snapshot
from tests.support.night_lake import ENTITIES, NAMES, NightLake, days, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import ObjectInfo, Store
    from gamelake.nights.documents import Night, Nights

DAY = "2026-11-21"
NOON = moment(DAY, "12:00")


@pytest.fixture
def lake(store: Store) -> NightLake:
    return NightLake(store)


def report(lake: NightLake, *, now: datetime = NOON, **options: Any) -> Nights:
    return NightReports(lake.store, loaded_sources(), clock=lambda: now, **options).nights()


def night(lake: NightLake, day: str = DAY, *, now: datetime = NOON) -> Night:
    return NightReports(lake.store, loaded_sources(), clock=lambda: now).night(date.fromisoformat(day))


def test_a_load_that_failed_is_shown_with_its_cause(lake: NightLake) -> None:
    lake.night("2026-11-20")
    lake.night(DAY, without=("genres",))
    cause = "RAWG does not know this key\nwhat to do: change it."
    fault = Fault(scope="load.igdb", kind="refused", night=DAY, part="genres", cause=cause)
    Incidents(lake.store).fail(fault)
    (found,) = [each for each in night(lake).loads if each.entity == "genres"]
    assert str(found.note).startswith("No load of this day was committed.")
    assert "It failed: RAWG does not know this key; what to do: change it. The lake has no rows" in str(found.note)
    assert "실패 원인(오류 원문): RAWG does not know this key; what to do: change it. 레이크에" in str(found.note_ko)
    (found,) = [each for each in night(lake, now=moment(DAY, "04:05")).loads if each.entity == "genres"]
    assert found.note == "Not loaded yet. It failed: RAWG does not know this key; what to do: change it."
    (found,) = [each for each in night(lake, "2026-11-20").loads if each.entity == "genres"]
    assert found.note is None


def test_a_night_without_a_fault_is_complete_and_has_the_figures_of_the_lake(lake: NightLake) -> None:
    lake.night("2026-11-20")
    lake.night(DAY, rows_read=7, requests=3, seconds=2.0)
    shown = report(lake, rates={"igdb": 4.0})
    assert shown.night.status is NightStatus.COMPLETE
    assert shown.night.warnings == ()
    assert (shown.problems, shown.off) == ((), ("rawg",))
    assert (shown.night.rows_read, shown.night.requests) == (7 * len(NAMES), 3 * len(NAMES))
    assert [load.entity for load in shown.night.loads] == list(NAMES)
    first = shown.night.loads[0]
    assert first.pace == pytest.approx(3 / 8)
    assert first.started_at == first.commit.committed_at - timedelta(seconds=2)  # type: ignore[union-attr]
    marts = shown.night.marts
    assert (marts.status, marts.published_at, marts.is_shown) == (MartsStatus.PUBLISHED, moment(DAY, "04:17"), True)
    assert (marts.marts, marts.rows) == (1, 5000)
    assert [mark.status for mark in shown.marks][-3:] == [
        NightStatus.BEFORE, NightStatus.COMPLETE, NightStatus.COMPLETE
    ]  # fmt: skip
    assert len(shown.marks) == NIGHTS


@pytest.mark.parametrize(
    ("changes", "status", "warning"),
    [
        ({"rows_rejected": 2, "source_count": 1002}, LoadStatus.COMPLETE, "2 rows broke the contract"),
        ({"undeclared": {"hue": 3}}, LoadStatus.COMPLETE, "hue"),
        (
            {"proof": Proof.UNPROVEN, "unproven": (Unproven(0, None, 1, 2),)},
            LoadStatus.UNPROVEN,
            "miscounts 1 id range",
        ),
        ({"shrink_allowed": True}, LoadStatus.COMPLETE, "an operator allowed it"),
        ({"cursor_set_back": True}, LoadStatus.COMPLETE, "wrong watermark"),
        ({"proof": Proof.NONE, "source_count": None}, LoadStatus.UNCOUNTED, None),
        ({"proof": Proof.PAGED, "proof_reason": "why", "source_count": None}, LoadStatus.UNCOUNTED, None),
        ({"proof": Proof.PARTIAL, "proof_reason": "why", "source_count": None}, LoadStatus.PARTIAL, None),
    ],
)
def test_what_a_person_should_look_at_is_a_warning(
    lake: NightLake, changes: dict[str, Any], status: LoadStatus, warning: str | None
) -> None:
    lake.loads(DAY, without={"games"})
    lake.load(ENTITIES["games"], DAY, at=moment(DAY, "04:09"), **changes)
    lake.publish(lake.build(DAY, at=moment(DAY, "04:16")), at=moment(DAY, "04:17"))
    found = night(lake)
    (games,) = [load for load in found.loads if load.entity == "games"]
    assert games.status is status
    assert found.status is (NightStatus.WARNING if warning else NightStatus.COMPLETE)
    assert len(found.warnings) == bool(warning)
    assert all(warning in line for line in found.warnings if warning)


@pytest.mark.parametrize(("clock", "status"), [("04:30", NightStatus.RUNNING), ("10:01", NightStatus.INCOMPLETE)])
def test_a_load_that_is_missing_is_waited_for_and_then_late(lake: NightLake, clock: str, status: NightStatus) -> None:
    lake.night("2026-11-20")
    lake.loads(DAY, without={"games"})
    found = night(lake, now=moment(DAY, clock))
    assert found.status is status
    (games,) = [load for load in found.loads if load.commit is None]
    waits = status is NightStatus.RUNNING
    assert games.status is (LoadStatus.WAITING if waits else LoadStatus.MISSING)
    assert found.marts.status is (MartsStatus.WAITING if waits else MartsStatus.MISSING)
    assert "games" in str(found.marts.note)


def test_a_missing_night_states_what_it_costs(lake: NightLake) -> None:
    for day in ("2026-11-18", "2026-11-20", DAY):
        lake.night(day)
    found = night(lake, "2026-11-19")
    assert found.status is NightStatus.MISSED
    notes = {load.kind: str(load.note) for load in found.loads}
    assert "cannot be read later" in notes["time_series"]
    assert "A later load has read" in notes["incremental"]
    mark = {each.day: each for each in report(lake).marks}[date(2026, 11, 19)]
    assert (mark.status, mark.complete, mark.expected) == (NightStatus.MISSED, 0, len(NAMES))


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (f"_rejected/dt={DAY}/1.jsonl", f"kept at raw/igdb/games/_rejected/dt={DAY}/1.jsonl"),
        (f"dt={DAY}/run/part-00000.jsonl.gz", "stored rows and did not commit them"),
        ("dt=2026-11-20/run/part-00000.jsonl.gz", "has no rows"),
    ],
)
def test_a_missing_load_shows_what_it_left(lake: NightLake, left: str, told: str) -> None:
    lake.night("2026-11-20")
    lake.loads(DAY, without={"games"})
    lake.store.put(f"raw/igdb/games/{left}", b"{}")
    for found in (night(lake), report(lake).night):
        (games,) = [load for load in found.loads if load.commit is None]
        assert told in str(games.note)
        assert any(told in line for line in found.warnings)


def test_a_table_is_named_with_its_source(lake: NightLake) -> None:
    """Two sources have a table of games: a name without its source is of either."""
    lake.night("2026-11-20")
    lake.loads(DAY, without={"covers"}, rows_rejected=2)
    found = night(lake)
    assert "igdb.games: 2 rows broke the contract and were left out; `gamelake lake rejected igdb.games`" in str(
        next(line for line in found.warnings if "igdb.games" in line)
    )
    assert all(line.startswith("igdb.") for line in found.warnings)
    assert "igdb.covers" in str(found.marts.note)
    assert {load.table for load in found.loads} == {f"igdb.{name}" for name in NAMES}
    assert report(lake).marks[-1].reason == "no load of igdb.covers"


def test_a_table_is_expected_from_its_first_load_on(lake: NightLake) -> None:
    lake.loads("2026-11-20", without={"themes"})
    lake.loads(DAY)
    assert "themes" not in [load.entity for load in night(lake, "2026-11-20").loads]
    assert "themes" in [load.entity for load in night(lake).loads]


def test_the_marts_of_a_night_have_a_reason_where_readers_do_not_have_them(lake: NightLake) -> None:
    lake.night("2026-11-20")
    lake.loads(DAY)
    lake.store.put(f"marts/dt={DAY}/run/{INPUTS}", b"{}")
    assert night(lake, now=moment(DAY, "04:30")).marts.status is MartsStatus.WAITING
    failed = night(lake)
    assert (failed.marts.status, failed.status) == (MartsStatus.UNFINISHED, NightStatus.INCOMPLETE)
    made = lake.build(DAY, at=moment(DAY, "13:00"))
    built = night(lake).marts
    assert (built.status, "publish has not run, it failed" in str(built.note)) == (MartsStatus.BUILT, True)
    lake.publish(made, at=moment(DAY, "13:01"))
    assert night(lake).status is NightStatus.COMPLETE


def test_marts_that_readers_did_not_get_have_the_reason_of_then(lake: NightLake) -> None:
    """What readers have since tells nothing of why a build was not published."""
    lake.loads("2026-11-20")
    lake.build("2026-11-20", at=moment("2026-11-20", "04:16"))
    lake.night(DAY)
    assert "publish has not run, it failed" in str(night(lake, "2026-11-20").marts.note)
    lake.build("2026-11-20", at=moment(DAY, "09:00"), run="again")
    assert f"readers had the marts of {DAY}, which is later" in str(night(lake, "2026-11-20").marts.note)


def test_a_rollback_and_a_day_left_out_are_warnings(lake: NightLake) -> None:
    before = lake.night("2026-11-20")
    lake.loads(DAY)
    reason = "row 3 has no id"
    made = lake.build(DAY, at=moment(DAY, "04:16"), days_left_out={"2026-11-20": reason})
    lake.publish(made, at=moment(DAY, "04:17"))
    assert reason in night(lake, "2026-11-20").warnings[0]
    lake.publish(before, at=moment(DAY, "09:00"), action=Action.ROLLBACK, reason="wrong ranks")
    found = night(lake)
    assert found.status is NightStatus.WARNING
    assert not found.marts.is_shown
    assert "wrong ranks" in found.warnings[0]


def test_a_table_left_out_is_a_warning(lake: NightLake) -> None:
    lake.loads(DAY)
    made = lake.build(DAY, at=moment(DAY, "04:16"), tables_left_out={"rawg.genres": "a part is cut"})
    lake.publish(made, at=moment(DAY, "04:17"))
    found = night(lake)
    assert found.status is NightStatus.WARNING
    assert ["rawg.genres" in each and "a part is cut" in each for each in found.warnings] == [True]


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"format_version": 9}', None])
def test_a_damaged_document_is_a_row_and_no_error(lake: NightLake, damage: bytes | None) -> None:
    lake.night("2026-11-20")
    made = lake.night(DAY)
    sound = report(lake)
    games = TableName("igdb", "games")
    keys = [
        games.manifest_key(2),
        POINTER,
        f"{made.generation}/{INPUTS}",
        f"{made.generation}/{RECORD}",
        publication_key(2),
    ]
    for key in keys:
        kept = lake.store.get(key)
        if damage is None:
            lake.store.delete(key)
        else:
            lake.store.put(key, damage)
        shown = report(lake)
        assert len(shown.marks) == NIGHTS
        if key == games.manifest_key(2) and damage is not None:
            (row,) = [load for load in shown.night.loads if load.entity == "games"]
            assert row.status is LoadStatus.DAMAGED
        assert shown.problems or damage is None
        lake.store.put(key, kept)
    again = report(lake)
    assert (again.night.loads, again.night.status) == (sound.night.loads, NightStatus.COMPLETE)


def test_the_figures_of_old_commits_come_with_the_generation(lake: NightLake) -> None:
    """A page needs no request for each of them."""
    for day in days("2026-11-12", 10):
        lake.night(day)
    got: list[str] = []
    original = lake.store.get

    def get(key: str) -> bytes:
        got.append(key)
        return original(key)

    lake.store.get = get  # type: ignore[method-assign]
    reports = NightReports(lake.store, loaded_sources(), clock=lambda: NOON)
    reports.nights()
    manifests = [key for key in got if "_manifests" in key]
    assert len(manifests) == len(NAMES), "the newest of each table"
    assert len(got) <= 2 * len(NAMES) + 30
    assert [mark.status for mark in reports.nights().marks].count(NightStatus.COMPLETE) == 10


def test_no_view_lists_the_old_commits(lake: NightLake) -> None:
    """With events applied every 15 minutes a table has 35,000 a year: lists of a scrape a minute cost dollars."""
    for day in days("2026-11-12", 10):
        lake.night(day)
    listed: list[str] = []
    original = lake.store.list

    def count(prefix: str, **more: Any) -> Iterator[ObjectInfo]:
        for info in original(prefix, **more):
            listed.append(info.key)
            yield info

    lake.store.list = count  # type: ignore[method-assign]
    reports = NightReports(lake.store, loaded_sources(), clock=lambda: NOON)
    for _ in range(2):
        reports._view = None  # as after some seconds
        assert [mark.status for mark in reports.nights().marks].count(NightStatus.COMPLETE) == 10
        assert len([key for key in listed if "/_manifests/" in key]) == len(NAMES)
        listed.clear()
    games = ENTITIES["games"].table
    lake.store.delete(games.manifest_key(10))
    reports._view = None
    reports.nights()
    assert {key for key in listed if key.startswith(games.manifests_prefix)} == {
        games.manifest_key(version) for version in range(1, 10)
    }, "all of them, where the newest one is lost"


def test_a_lake_that_was_made_again_is_shown_as_it_is(lake: NightLake, store: Store) -> None:
    lake.night(DAY)
    reports = NightReports(store, loaded_sources(), clock=lambda: NOON)
    assert reports.nights().night.status is NightStatus.COMPLETE
    for info in list(store.list("")):
        store.delete(info.key)
    NightLake(store).loads("2026-11-20", rows_read=99)
    reports._view = None  # as after some seconds
    shown = reports.nights()
    assert (shown.night.status, shown.shown_day) == (NightStatus.MISSED, None)
    assert reports.night(date(2026, 11, 20)).rows_read == 99 * len(NAMES)


def test_an_empty_lake_has_no_nights(lake: NightLake) -> None:
    shown = report(lake)
    assert {mark.status for mark in shown.marks} == {NightStatus.BEFORE}
    assert shown.night.status is NightStatus.BEFORE


def test_a_store_that_fails_is_an_error(lake: NightLake) -> None:
    def fail(*_args: Any, **_more: Any) -> Any:
        raise StoreError("ListObjectsV2", "raw/", "no credentials")

    lake.store.list = fail  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        report(lake)


def test_few_threads_wait_for_a_store_that_does_not_answer(lake: NightLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamelake.nights.report.WAIT_SECONDS", 0.01)
    reports = NightReports(lake.store, loaded_sources(), clock=lambda: NOON)
    with reports._lock, pytest.raises(StoreError):  # as another request, which is still reading
        reports.nights()
    assert len(reports.nights().marks) == NIGHTS


def test_a_run_shows_what_it_left_in_the_lake(lake: NightLake) -> None:
    lake.night(DAY)
    reports = NightReports(lake.store, loaded_sources(), clock=lambda: NOON)
    load = reports.run("igdb_games", f"scheduled__{DAY}")
    assert load.load is not None
    assert (load.load.entity, load.night) == ("games", date(2026, 11, 21))
    assert reports.run("igdb_games", "another").load is None
    build = reports.run("transform", "run")
    assert build.marts is not None
    assert build.marts.status is MartsStatus.PUBLISHED
    for dag_id, run_id in (("transform", "ru"), ("lake_audit", "run"), ("<img src=x>", "../..")):
        found = reports.run(dag_id, run_id)
        assert (found.load, found.marts) == (None, None)
        assert found.note


def test_a_table_of_every_week_is_expected_once_a_week(lake: NightLake) -> None:
    for day in days("2026-11-10", 12):
        lake.night(day, without=() if day == "2026-11-10" else {"themes"})
    weekly = replace(ENTITIES["themes"], schedule="0 5 * * 2", gates_transform=False)
    source = load_sources()["igdb"]
    sources = {"igdb": replace(source, entities={**source.entities, "themes": weekly})}
    reports = NightReports(lake.store, sources, clock=lambda: NOON)
    shown = {day: reports.night(date.fromisoformat(day)) for day in days("2026-11-10", 12)}
    expected = [day for day, each in shown.items() if "themes" in [load.entity for load in each.loads]]
    assert expected == ["2026-11-10", *days("2026-11-17", 5)]
    assert shown["2026-11-16"].status is NightStatus.COMPLETE
    assert shown["2026-11-17"].status is NightStatus.WARNING, "the marts do not wait for it"


def test_the_nights_begin_with_the_first_load_of_a_table_of_every_night(lake: NightLake) -> None:
    """A scheduler that is switched on loads weekly tables for the day of their last schedule first."""
    lake.loads("2026-11-17", without=set(NAMES) - {"themes"})
    lake.night(DAY)
    weekly = replace(ENTITIES["themes"], schedule="0 4 * * 2", gates_transform=False)
    source = load_sources()["igdb"]
    sources = {"igdb": replace(source, entities={**source.entities, "themes": weekly})}
    shown = NightReports(lake.store, sources, clock=lambda: NOON).nights()
    assert {mark.status for mark in shown.marks[:-1]} == {NightStatus.BEFORE}


def test_tables_of_changes_have_no_night(lake: NightLake, scratch: None) -> None:
    lake.night("2026-11-20")
    lake.night(DAY)
    shop = load_sources()["shop"]
    order = {"id": 7, "status": "paid", "currency": "EUR", "ordered_at": "2026-11-20T10:00:00Z"}
    apply_snapshot(lake.store, shop.entities["orders"], [order])  # on a later day than that of the loads
    found = NightReports(lake.store, dict(loaded_sources()) | {"shop": shop}, clock=lambda: NOON).nights()
    assert found.night == report(lake).night
    assert [(str(mark.day), mark.expected) for mark in found.marks[-2:]] == [
        (str(mark.day), mark.expected) for mark in report(lake).marks[-2:]
    ]
    assert (found.off, report(lake).captured) == (("rawg",), ())
    items, orders = sorted(found.captured, key=lambda each: each.entity)
    assert (items.entity, items.version, items.rows, items.changed_at) == ("order_items", None, None, None)
    assert (orders.entity, orders.origin, orders.version, orders.rows) == ("orders", "public.orders", 1, 1)
    assert str(orders.changed_at).startswith("2026-11-30 02:00")
    assert orders.rejected_at is None
    at = datetime(2026, 11, 30, 3, tzinfo=UTC)
    run = LoadRun(shop.entities["orders"].table, DAY, "changes")
    keep_rejected(lake.store, run, time_ns=int(at.timestamp()) * 10**9, rows=[{"reason": "x", "id": 7, "row": {}}])
    (_, orders) = sorted(
        NightReports(lake.store, {"shop": shop}, clock=lambda: NOON).nights().captured, key=str
    )  # items first
    assert orders.rejected_at == at
    lake.store.put("raw/shop/orders/_manifests/00000000000000000002.json", b"{")
    found = NightReports(lake.store, {"shop": shop}, clock=lambda: NOON).nights()
    assert any("raw/shop/orders/_manifests" in each for each in found.problems)
