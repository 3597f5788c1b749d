"""One bad night is one night: a damaged document of an earlier day is named in a warning, and builds go on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gamelake.cli.main import main
from gamelake.lake.documents import DocumentError
from gamelake.lake.factory import open_store
from gamelake.lake.findings import Problem
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.table import Table
from gamelake.marts import pointer
from gamelake.marts.audit import KEEP_PUBLISHED, audit_generations
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import HISTORY, INPUTS, POINTER, PUBLICATIONS, RECORD, Action, Publication, encode, read
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.reader import NotPublishedError, open_marts
from gamelake.marts.rollback import generations, rollback, rollforward
from gamelake.registry import load_sources
from tests.support.generations import COPY, current_generation, finished, published

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

ENTITIES = [load_sources()["igdb"].entities[name] for name in ("genres", "popscore")]
DAYS = [date(2026, 11, day) for day in (18, 19, 20)]
NEXT = date(2026, 11, 21)
LATER = datetime.now(UTC) + timedelta(days=100)


def commit(store: Store, day: date) -> None:
    draft = Draft(
        run_id="r", partition=str(day), mode=Mode.SNAPSHOT, cursor=None, source_count=0, row_count=0, files=()
    )
    for entity in ENTITIES:
        Table(store, entity.table).commit(lambda _: draft)


def build(store: Store, day: date, run_id: str = "r") -> str:
    key = open_generation(store, ENTITIES, day=day, run_id=run_id)
    assert publish(store, key, {}).is_published
    return key


def previous_of(store: Store, generation: str) -> str | None:
    return read(store, f"{generation}/{INPUTS}", Inputs).run[0].previous


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "lake").as_uri())


@pytest.fixture
def nights(store: Store) -> list[str]:
    """The generations of three nights; the loads of a fourth one are done."""
    for day in (*DAYS, NEXT):
        commit(store, day)
    return [build(store, day) for day in DAYS]


@pytest.mark.parametrize(
    ("damaged", "warned"),
    [
        (f"marts/dt={DAYS[2]}/r/{RECORD}", False),  # the pointer is a copy of it
        (f"marts/dt={DAYS[2]}/r/{INPUTS}", False),  # its commits are read from the manifests
        (f"marts/dt={DAYS[2]}/r/{HISTORY}", True),
        (pointer.publication_key(2), False),
        (pointer.publication_key(3), True),
    ],
)
def test_the_next_night_is_published(
    store: Store, nights: list[str], damaged: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(damaged, b"{")
    built = build(store, NEXT)
    assert pointer.current(store) == pointer.record_of(store, built)
    assert previous_of(store, built) == nights[2]
    newest = pointer.newest(store)
    assert newest
    assert (newest.number, newest.generation, newest.replaced) == (4, built, nights[2])
    assert (damaged in caplog.text) is warned


def test_a_damaged_generation_is_left_out(store: Store, nights: list[str], caplog: pytest.LogCaptureFixture) -> None:
    store.put(f"{nights[1]}/{RECORD}", b"{")
    assert [each.generation for each in pointer.by_day(store)] == [nights[2], nights[0]]
    assert f"{nights[1]}/{RECORD}" in caplog.text
    assert open_marts(store, day=DAYS[1]).generation.generation == nights[0]
    assert [each.document.generation for each in generations(store)] == [nights[2], nights[0]]
    assert previous_of(store, build(store, DAYS[2], "again")) == nights[0]
    with pytest.raises(DocumentError):
        rollback(store, nights[1], by="hana")

    store.put(f"{nights[1]}/{INPUTS}", b"{")
    assert previous_of(store, build(store, DAYS[2], "and again")) == nights[0], "the published one names it"
    rollback(store, nights[2], by="hana")
    assert [each.generation for each in pointer.by_day(store)] == [nights[2]]


def test_the_day_of_a_damaged_generation_is_built_again(store: Store, nights: list[str]) -> None:
    store.put(f"{nights[2]}/{RECORD}", b"{")
    built = build(store, DAYS[2], "again")
    assert (pointer.current(store), previous_of(store, built)) == (pointer.record_of(store, built), nights[1])


def test_a_lost_pointer_is_written_again_by_the_next_build(store: Store, nights: list[str]) -> None:
    """Else it compares no rank with the day before, builds all days again, and hides the earlier days from readers."""
    store.delete(POINTER)
    built = build(store, NEXT)
    assert previous_of(store, built) == nights[2]
    assert [each.generation for each in pointer.by_day(store)] == [built, *nights[::-1]]

    store.delete(POINTER)
    store.delete(f"{built}/{RECORD}")
    assert previous_of(store, build(store, NEXT, "again")) is None, "what readers had is not known"


def test_a_damaged_pointer_is_written_again_by_a_rollforward(store: Store, nights: list[str]) -> None:
    store.put(POINTER, b"{")
    with pytest.raises(DocumentError) as raised:
        open_generation(store, ENTITIES, day=NEXT, run_id="r")
    assert "make generations" in raised.value.expected
    assert [finding.key for finding in audit_generations(store, now=LATER)] == [POINTER]
    rollforward(store, by="hana")
    assert pointer.current(store) == pointer.record_of(store, nights[2])


def test_the_audit_removes_no_day_while_a_listing_is_damaged(store: Store, nights: list[str]) -> None:
    day = "marts/history/popularity/day=2026-11-18/any.parquet"
    store.put(day, b"day")
    listing = f"{nights[0]}/{HISTORY}"
    whole = store.get(listing)
    store.put(listing, b"{")
    assert [(each.problem, each.key) for each in audit_generations(store, now=LATER)] == [(Problem.DAMAGED, listing)]
    store.put(listing, whole)
    assert [each.key for each in audit_generations(store, now=LATER)] == [day]


@pytest.mark.parametrize(
    "name", ["README.md", f"{3:020} (copy).json", f"{3:020}.json~", f"old/{9:020}.json", "99.json"]
)
def test_other_files_beside_the_publications_count_for_nothing(store: Store, nights: list[str], name: str) -> None:
    store.put(f"{PUBLICATIONS}{name}", store.get(pointer.publication_key(1)))
    built = build(store, NEXT)
    assert pointer.current(store) == pointer.record_of(store, built)
    assert [each.number for each in pointer.history(store)] == [4, 3, 2, 1]


def test_a_publication_with_the_number_of_another_one_is_left_out(store: Store, nights: list[str]) -> None:
    store.put(pointer.publication_key(3), store.get(pointer.publication_key(1)))
    built = build(store, NEXT)
    assert pointer.current(store) == pointer.record_of(store, built)
    assert [each.number for each in pointer.history(store)] == [4, 2, 1]


def test_a_damaged_document_never_replaces_a_good_pointer(store: Store, nights: list[str]) -> None:
    good = store.get(POINTER)
    store.put(f"{nights[2]}/{RECORD}", b"{")
    with pytest.raises(DocumentError):
        publish(store, nights[1], {})  # it changes nothing, and looks at the pointer
    assert store.get(POINTER) == good


@pytest.mark.parametrize("name", [RECORD, HISTORY, INPUTS])
def test_the_audit_names_what_the_shown_generation_lacks(store: Store, nights: list[str], name: str) -> None:
    key = f"{nights[2]}/{name}"
    store.delete(key)
    assert [(each.problem, each.key) for each in audit_generations(store, now=LATER)] == [(Problem.MISSING, key)]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_audit_names_a_damaged_publication_for_a_week(store: Store, nights: list[str], number: int) -> None:
    key = pointer.publication_key(number)
    store.put(key, b"{")
    found = [(each.problem, each.key) for each in audit_generations(store, now=datetime.now(UTC))]
    assert found == [(Problem.DAMAGED, key)]
    assert not list(audit_generations(store, now=LATER))


def test_the_audit_names_a_lost_publication(store: Store, nights: list[str]) -> None:
    key = pointer.publication_key(2)
    store.delete(key)
    found = [(each.problem, each.key) for each in audit_generations(store, now=datetime.now(UTC))]
    assert found == [(Problem.MISSING, key)]


@pytest.mark.parametrize("is_rolled_back", [False, True])
def test_a_lost_newest_publication_moves_no_reader_back(
    store: Store, nights: list[str], is_rolled_back: bool, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """Deleted by hand. The next writer, which finds nothing to publish, creates it again."""
    if is_rolled_back:
        rollback(store, nights[0], by="hana", reason="scores are 0")
    newest, *_ = pointer.history(store)
    key = pointer.publication_key(newest.number)
    whole = store.get(key)
    store.delete(key)
    assert next(pointer.history(store)) == newest
    [finding] = audit_generations(store, now=LATER)
    assert (finding.problem, finding.key) == (Problem.MISSING, key)
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    assert main(["marts", "list"]) == 0
    assert f"{key} is lost: `{pointer.repair(store, newest)}`" in capsys.readouterr().out
    assert not publish(store, nights[1], {}).is_published
    shown = pointer.current(store)
    assert shown
    assert (shown.generation, store.get(key)) == (newest.generation, whole)
    assert not list(audit_generations(store, now=LATER))


@pytest.mark.parametrize("is_pointer_moved", [False, True])
def test_a_publication_that_still_writes_its_copies_is_no_finding(store: Store, is_pointer_moved: bool) -> None:
    """An audit that began then called the pointer damaged, and copies missing."""
    published(store, "2026-11-19")
    key = finished(store, "2026-11-20", copies=(COPY, "marts/dim_companies.parquet"))
    now = datetime.now(UTC).replace(microsecond=0)
    made = Publication(
        number=2, action=Action.PUBLISH, generation=key, day=date(2026, 11, 20), at=now, by="r", replaced=None
    )
    store.put(pointer.publication_key(2), encode(made))
    if is_pointer_moved:
        store.put(POINTER, store.get(f"{key}/{RECORD}"))
    assert not list(audit_generations(store, now=now + timedelta(minutes=1)))
    assert not list(audit_generations(store, now=now - timedelta(minutes=1))), "an audit that began before it"
    assert list(audit_generations(store, now=now + timedelta(hours=1))), "killed there"
    pointer.refresh(store)
    assert not list(audit_generations(store, now=now + timedelta(hours=1)))


def test_several_lost_newest_publications_are_named(store: Store, nights: list[str]) -> None:
    for number in (2, 3):
        store.delete(pointer.publication_key(number))
    named = {pointer.publication_key(number) for number in (2, 3)}
    assert {each.key for each in audit_generations(store, now=datetime.now(UTC))} == named
    assert build(store, NEXT) == current_generation(store).generation
    assert [each.number for each in pointer.history(store)] == [4, 3, 1]
    assert {each.key for each in audit_generations(store, now=datetime.now(UTC))} == {pointer.publication_key(2)}


@pytest.mark.parametrize("data", [None, b"", b"<html>"])
def test_the_audit_names_a_copy_that_readers_of_fixed_paths_lack(store: Store, data: bytes | None) -> None:
    published(store, "2026-11-20")
    store.delete(COPY)
    if data is not None:
        store.put(COPY, data)
    reasons = {each.key: each.reason for each in audit_generations(store, now=LATER)}
    assert "make rollforward" in reasons[COPY]


def test_a_verifying_audit_reads_what_readers_have(store: Store) -> None:
    [generation] = published(store, "2026-11-20")
    keys = {f"{generation}/dim_games.parquet", COPY}
    assert not list(audit_generations(store, now=LATER, verify=True))
    for key in keys:
        store.put(key, bytes(len(generation)))  # of the same size
    assert not keys & {each.key for each in audit_generations(store, now=LATER)}
    assert keys <= {each.key for each in audit_generations(store, now=LATER, verify=True)}


def test_a_lost_pointer_after_a_rollback_is_not_rolled_forward(store: Store, nights: list[str]) -> None:
    rollback(store, None, by="hana")
    store.delete(POINTER)
    [finding] = audit_generations(store, now=LATER)
    with pytest.raises(NotPublishedError) as raised:
        open_marts(store)
    command = f"make rollback TO={nights[1]}"
    assert (command in finding.reason, command in str(raised.value)) == (True, True)
    rollback(store, nights[1], by="hana")
    assert pointer.current(store) == pointer.record_of(store, nights[1])


@pytest.mark.parametrize("removed", [HISTORY, ""])
def test_the_audit_removes_no_day_while_a_listing_is_missing(store: Store, nights: list[str], removed: str) -> None:
    store.put("marts/history/popularity/day=2026-11-18/any.parquet", b"day")
    for info in list(store.list(f"{nights[2]}/{removed}")):
        store.delete(info.key)
    assert not [each for each in audit_generations(store, now=LATER) if each.problem is Problem.ORPHAN]


def test_past_days_that_are_built_again_take_no_place_of_what_readers_had(store: Store, nights: list[str]) -> None:
    for number in range(KEEP_PUBLISHED):
        rebuilt = open_generation(store, ENTITIES, day=DAYS[0], run_id=f"again {number}")
        assert not publish(store, rebuilt, {}).is_published
    removed = {each.key.rpartition("/")[0] for each in audit_generations(store, now=LATER)}
    assert len(removed) == len(nights), "of all builds the ten newest stay"
    assert not removed & set(nights)


def test_the_audit_keeps_what_the_newest_publication_shows(store: Store, nights: list[str]) -> None:
    """A rollback that was killed before it moved the pointer."""
    for number in range(KEEP_PUBLISHED):
        build(store, NEXT, str(number))
    newest = pointer.newest(store)
    assert newest
    number = newest.number + 1
    killed = msgspec.structs.replace(newest, action=Action.ROLLBACK, number=number, generation=nights[0])
    store.put(pointer.publication_key(number), encode(killed))
    findings = list(audit_generations(store, now=LATER))
    assert [each.key for each in findings if each.problem is not Problem.ORPHAN] == [POINTER]
    assert not [each.key for each in findings if each.key.startswith(f"{nights[0]}/")]
