"""Which commits `_inputs.json` lists: those that the build's commit follows, and none of a later day."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from gamelake.days import parse_day
from gamelake.lake.factory import open_store
from gamelake.lake.manifest import ManifestError, Mode, Proof, Summary
from gamelake.lake.table import Table
from gamelake.marts.commits import commit_inputs, commits_as_of, newest_day
from gamelake.marts.errors import TransformError
from gamelake.registry import load_sources
from tests.support.captured import apply_snapshot
from tests.support.commits import commit, make_part

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.marts.build_inputs import CommitInput

GENRES = load_sources()["igdb"].entities["genres"]


def load(store: Store, *days: int) -> None:
    for day in days:
        summary = Summary(rows_read=day, undeclared={"b": 2, "a": 3}, proof=Proof.COUNTED)
        table, partition = Table(store, GENRES.table), f"2026-11-{day}"
        commit(table, run_id=f"run-{day}", partition=partition, mode=Mode.SNAPSHOT, cursor=None, summary=summary)


def commits(store: Store, day: int, known: list[CommitInput] | None = None) -> list[CommitInput]:
    at = date(2026, 11, day)
    read = commits_as_of(store, [GENRES], at)[0][str(GENRES)]
    return commit_inputs(store, GENRES, read, day=at, known=known or [])


def test_each_commit_has_the_figures_of_its_load(store: Store) -> None:
    load(store, 19, 20)
    first, second = commits(store, 20)
    assert [(each.version, each.partition, each.is_read) for each in (first, second)] == [
        (1, "2026-11-19", False),
        (2, "2026-11-20", True),
    ]
    assert (second.rows_read, second.undeclared_fields, second.undeclared_values) == (20, ("a", "b"), 5)
    assert (second.mode, second.proof) == ("snapshot", "counted")


def test_a_past_day_has_the_same_commits_as_on_that_day(store: Store) -> None:
    load(store, 19, 20)
    before = commits(store, 20)
    load(store, 21)
    later = commits(store, 21, before)
    assert [each.version for each in later] == [1, 2, 3]
    assert commits(store, 20, later) == before == commits(store, 20)


def test_a_commit_that_an_earlier_build_left_out_is_read(store: Store) -> None:
    """The earlier build was of a day that was loaded again after a later one."""
    load(store, 19, 21, 20)
    known = commits(store, 20)
    assert [each.version for each in known] == [1, 3]
    load(store, 22)
    assert [each.version for each in commits(store, 22, known)] == [1, 2, 3, 4]


def test_known_commits_of_another_lake_are_not_used(store: Store, tmp_path: Path) -> None:
    other = open_store((tmp_path / "other").as_uri())
    load(other, 18, 19, 20)
    load(store, 19, 20, 21)
    expected = commits(store, 21)
    assert commits(store, 21, commits(other, 20)) == expected


def test_a_lost_commit_is_missing_alone(store: Store) -> None:
    load(store, 19, 20, 21)
    store.delete(GENRES.table.manifest_key(2))
    assert [each.version for each in commits(store, 21)] == [1, 3]


@pytest.mark.parametrize("broken", ["commit", "lost part", "cut part", "other bytes"])
def test_a_broken_table_of_an_optional_source_stops_no_build(
    store: Store, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    rawg = load_sources()["rawg"].entities["genres"]
    load(store, 19)
    part = make_part(entity="genres", partition="2026-11-19", key="a", claims=((0, None),))
    key, sha256 = f"{rawg.table.prefix}dt=2026-11-19/run/part-00000.jsonl.gz", hashlib.sha256(b"rows").hexdigest()
    part = replace(part, key=key, bytes=4, sha256=sha256)
    store.put(part.key, b"rows")
    table = Table(store, rawg.table)
    made = commit(table, part, run_id="run", partition="2026-11-19", mode=Mode.SNAPSHOT, cursor=None)
    assert set(commits_as_of(store, [GENRES, rawg], date(2026, 11, 19))[0]) == {"igdb.genres", "rawg.genres"}
    if broken == "commit":
        store.put(rawg.table.manifest_key(made.version), b"")
        store.delete(rawg.table.pointer_key)
    elif broken == "lost part":
        store.delete(made.files[0].key)
    else:
        store.put(made.files[0].key, b"row" if broken == "cut part" else b"sowr")
    commits, left_out = commits_as_of(store, [GENRES, rawg], date(2026, 11, 19))
    assert (set(commits), set(left_out)) == ({"igdb.genres"}, {"rawg.genres"})
    assert newest_day(store, [GENRES, rawg]) == date(2026, 11, 19)
    assert "rawg.genres is left out of the build" in caplog.text
    store.put(GENRES.table.manifest_key(1), b"")
    store.delete(GENRES.table.pointer_key)
    with pytest.raises(ManifestError):
        commits_as_of(store, [GENRES, rawg], date(2026, 11, 19))


def test_changes_make_no_day_that_was_loaded(store: Store, scratch: None) -> None:
    orders = load_sources()["shop"].entities["orders"]
    apply_snapshot(
        store, orders, [{"id": 1, "status": "paid", "currency": "EUR", "ordered_at": "2026-11-20T10:00:00Z"}]
    )
    applied = Table(store, orders.table).latest()
    assert applied
    today = parse_day(applied.partition)
    with pytest.raises(TransformError, match="no load was ever committed"):
        newest_day(store, [GENRES, orders])
    load(store, 19)
    assert newest_day(store, [GENRES, orders]) == date(2026, 11, 19)
    assert set(commits_as_of(store, [GENRES, orders], date(2026, 11, 19))[0]) <= {"igdb.genres", "shop.orders"}
    with pytest.raises(TransformError, match="expected 2026-11-19 or earlier"):
        commits_as_of(store, [GENRES, orders], today)
