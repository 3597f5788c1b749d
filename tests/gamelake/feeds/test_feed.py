from __future__ import annotations

import json
import resource
import shutil
import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.feeds import feed as feeds
from gamelake.feeds import rows
from gamelake.feeds.audit import audit_feed
from gamelake.feeds.check import check_feed
from gamelake.feeds.documents import FeedError, Step, prefix_of, step_key, steps_prefix
from gamelake.feeds.envelope import Op
from gamelake.feeds.feed import Feed, MissingStepsError, has_feed, make_all, make_missing
from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.table import Table
from gamelake.registry import load_sources
from tests.support.feed_tables import GAMES, commit, load_whole
from tests.support.kills import Steps, in_child
from tests.support.stores import FLAT_STORES, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from gamelake.lake.store import Store

IGDB = load_sources()["igdb"].entities


@pytest.fixture(params=FLAT_STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, request, tmp_path) as store:
        yield store


@pytest.fixture
def lake(tmp_path: Path) -> Store:
    return open_store((tmp_path / "lake").as_uri())


def game(row_id: int, **fields: Any) -> dict[str, Any]:
    return {"id": row_id, "name": f"Game {row_id}", **fields}


def steps_of(store: Store) -> list[tuple[int | None, int, int]]:
    return [(step.from_version, step.to_version, step.rows) for step in Feed(store, GAMES.table).steps()]


def now_of(store: Store) -> datetime:
    return max(info.modified for info in store.list(""))


def test_a_step_has_what_one_commit_changed(store: Store, tmp_path: Path) -> None:
    load_whole(store, tmp_path, game(1), game(2, hypes=5, genres=[4, 5]), game(3))
    second = game(2, hypes=6, genres=[5, 4], updated_at=1_763_665_200)
    last = load_whole(store, tmp_path, game(1), second, game(4), partition="2026-11-22")
    first, made = make_missing(store, GAMES)
    assert (first.from_version, first.to_version, first.rows) == (None, 1, 0)
    assert (made.created, made.updated, made.deleted) == (1, 1, 1)
    assert made.fields == {"hypes": 1, "updated_at": 1}
    assert make_missing(store, GAMES) == []
    changes = list(Feed(store, GAMES.table).changes(made))
    assert [(change.id, change.op) for change in changes] == [(2, Op.UPDATED), (3, Op.DELETED), (4, Op.CREATED)]
    (line, *_) = feeds.read_changes(store, made)
    committed = int(last.committed_at.timestamp() * 1000)
    assert json.loads(line) == {
        "op": "u",
        "id": 2,
        "before": game(2, hypes=5, genres=[4, 5]),
        "after": second,
        "changed": ["hypes", "updated_at"],
        "version": 2,
        "partition": "2026-11-22",
        "ts_ms": committed,
        "source": {
            "version": "1",
            "connector": "gamelake",
            "name": "igdb",
            "ts_ms": 1_763_665_200_000,
            "snapshot": "false",
            "db": "igdb",
            "table": "games",
        },
    }
    assert list(audit_feed(store, GAMES.table, now=now_of(store), verify=True)) == []


def test_a_commit_that_changes_nothing_reads_no_part(
    lake: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_whole(lake, tmp_path, game(1))
    commit(lake, tmp_path, [], {1: game(1)})
    monkeypatch.setattr("gamelake.feeds.rows.read_rows", None)
    assert [step.rows for step in make_missing(lake, GAMES)] == [0, 0]


def test_rows_wait_on_the_disk_where_memory_is_full(
    lake: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commits whose rows are in opposite order."""
    monkeypatch.setattr(rows, "WAITING_BYTES", 100)
    monkeypatch.setattr(rows, "TURN", 2)
    load_whole(lake, tmp_path, *(game(row_id) for row_id in range(40)))
    load_whole(lake, tmp_path, *(game(row_id, hypes=row_id % 10) for row_id in reversed(range(10, 50))))
    load_whole(lake, tmp_path, *(game(row_id, hypes=row_id % 10) for row_id in range(10, 50)))
    _, made, same = make_missing(lake, GAMES)
    assert (made.created, made.updated, made.deleted, same.rows) == (10, 30, 10, 0)
    for change in Feed(lake, GAMES.table).changes(made):
        assert change.before == (game(change.id) if change.id < 40 else None)
        assert change.after == (game(change.id, hypes=change.id % 10) if change.id >= 10 else None)


def test_a_full_temporary_folder_is_named(lake: Store, tmp_path: Path) -> None:
    load_whole(lake, tmp_path)
    load_whole(lake, tmp_path, *(game(row_id, name="x" * 100) for row_id in range(200)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(MissingStepsError) as failed:
            make_all(lake, [GAMES])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "set TMPDIR to another folder" in str(failed.value.failures[str(GAMES)])
    assert make_missing(lake, GAMES)[-1].created == 200


def test_rows_that_are_many_go_to_several_parts(lake: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "PART_BYTES", 1_000)
    load_whole(lake, tmp_path)
    load_whole(lake, tmp_path, *(game(row_id) for row_id in range(30)))
    step = make_missing(lake, GAMES)[-1]
    assert len(step.files) > 2
    assert [change.id for change in Feed(lake, GAMES.table).changes(step)] == [*range(30)]


def test_a_kill_at_any_step_loses_and_repeats_nothing(lake: Store, tmp_path: Path) -> None:
    load_whole(lake, tmp_path, game(1), game(2))
    load_whole(lake, tmp_path, game(1, hypes=1), game(3))
    commit(lake, tmp_path, [([game(3, hypes=2)], None)], {1: game(1), 3: game(3)})

    def make(kill_at: int) -> int:
        Steps(kill_at).watch_disk(tmp_path / "lake" / "feeds")
        return len(make_missing(lake, GAMES))

    for kill_at in range(1, 100):
        shutil.rmtree(tmp_path / "lake" / "feeds", ignore_errors=True)
        if in_child(partial(make, kill_at)) is not None:
            break
        make_missing(lake, GAMES)
        assert steps_of(lake) == [(None, 1, 0), (1, 2, 3), (2, 3, 1)]
        assert list(audit_feed(lake, GAMES.table, now=now_of(lake), verify=True)) == []
    assert kill_at > 10


def test_of_several_writers_each_step_has_one(lake: Store, tmp_path: Path) -> None:
    for number in range(8):
        load_whole(lake, tmp_path, *(game(row_id) for row_id in range(number)))
    made: list[Step] = []
    threads = [threading.Thread(target=lambda: made.extend(make_missing(lake, GAMES))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(step.number for step in made) == [*range(1, 9)]
    assert steps_of(lake) == [(None, 1, 0), *((version, version + 1, 1) for version in range(1, 8))]


def test_versions_that_cannot_be_told_apart_are_one_step(lake: Store, tmp_path: Path) -> None:
    one, two = game(1), game(2)
    load_whole(lake, tmp_path, one, two)
    make_missing(lake, GAMES)
    (changed,) = set(commit(lake, tmp_path, [([game(2, hypes=1)], None)], {1: one, 2: two}).files) - set(
        load(lake, 1).files
    )
    commit(lake, tmp_path, [([game(2, hypes=2)], IdRange(2, 3))], {1: one, 2: two})
    lake.delete(changed.key)
    (step,) = make_missing(lake, GAMES)
    assert (step.from_version, step.to_version, step.fields) == (1, 3, {"hypes": 1})
    assert step.reason is not None
    assert changed.key in step.reason


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_feed_whose_last_version_is_lost_begins_again(lake: Store, tmp_path: Path, how: str) -> None:
    (part,) = load_whole(lake, tmp_path, game(1)).files
    make_missing(lake, GAMES)
    load_whole(lake, tmp_path, game(1, hypes=1))
    load_whole(lake, tmp_path, game(1, hypes=2))
    if how == "missing":
        lake.delete(part.key)
    else:
        lake.put(part.key, lake.get(part.key)[:-5])
    again, step = make_missing(lake, GAMES)
    assert (again.from_version, again.to_version) == (None, 2)
    assert (again.reason or "").startswith("what changed since version 1 is not known: ")
    assert (step.from_version, step.to_version, step.rows) == (2, 3, 1)


@pytest.mark.parametrize("loads", [1, 2, 3])
def test_a_table_that_is_lost_and_loaded_again_begins_its_feed_again(lake: Store, tmp_path: Path, loads: int) -> None:
    load_whole(lake, tmp_path, game(1))
    load_whole(lake, tmp_path, game(1, hypes=1))
    make_missing(lake, GAMES)
    for info in list(lake.list("raw/")):
        lake.delete(info.key)
    for hypes in range(loads):
        load_whole(lake, tmp_path, game(2, hypes=hypes))
    again, *made = make_missing(lake, GAMES)
    assert (again.number, again.from_version, again.to_version) == (3, None, 1)
    assert (again.reason or "").startswith("the table does not have the version 2 of ")
    assert [(step.from_version, step.to_version, step.updated) for step in made] == [
        (version, version + 1, 1) for version in range(1, loads)
    ]
    assert make_missing(lake, GAMES) == []
    assert check_feed(lake, GAMES).differing == 0


def load(store: Store, version: int) -> Any:
    return Table(store, GAMES.table).read(version)


def test_a_feed_begins_with_the_oldest_version_that_has_all_parts(lake: Store, tmp_path: Path) -> None:
    first, *_ = [load_whole(lake, tmp_path, game(1, hypes=hypes)) for hypes in range(3)]
    lake.delete(first.files[0].key)
    assert [step.to_version for step in make_missing(lake, GAMES)] == [2, 3]


def test_a_table_that_fails_does_not_stop_the_others(lake: Store, tmp_path: Path) -> None:
    (part,) = load_whole(lake, tmp_path, game(1)).files
    lake.delete(part.key)
    other = IGDB["platforms"]
    Table(lake, other.table).commit(lambda _: commit_of_nothing())
    with pytest.raises(MissingStepsError, match=r"feeds lack .*\n  igdb\.games: files: found 'a part missing"):
        make_all(lake, IGDB.values())
    assert Feed(lake, other.table).numbers() == [1]


def commit_of_nothing() -> Draft:
    return Draft(
        run_id="r", partition="2026-11-21", mode=Mode.SNAPSHOT, cursor=None, source_count=0, row_count=0, files=()
    )


def test_every_table_has_a_feed_but_a_time_series() -> None:
    assert [name for name, entity in IGDB.items() if not has_feed(entity)] == ["popscore"]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"created": 1}, "files.rows"),
        ({"from_version": 2}, "to_version"),
        ({"number": 0}, "number"),
        ({"entity": "genres"}, "source, entity, number"),
        ({"more": 1}, "more"),
    ],
)
def test_a_damaged_step_is_named(lake: Store, tmp_path: Path, change: Any, key: str) -> None:
    load_whole(lake, tmp_path, game(1))
    load_whole(lake, tmp_path, game(1))
    make_missing(lake, GAMES)
    stored = step_key(GAMES.table, 2)
    lake.put(stored, json.dumps(json.loads(lake.get(stored)) | change).encode())
    with pytest.raises(FeedError, match=rf"^{stored}: {key}: found"):
        make_missing(lake, GAMES)
    found = list(audit_feed(lake, GAMES.table, now=now_of(lake)))
    assert [(each.problem.value, each.key) for each in found] == [("damaged", stored)]


def test_a_step_that_is_made_while_the_audit_looks_is_whole(lake: Store, tmp_path: Path) -> None:
    load_whole(lake, tmp_path, game(1))
    make_missing(lake, GAMES)
    load_whole(lake, tmp_path, game(1), game(2))
    slow: Any = MadeMeanwhile(lake)
    assert list(audit_feed(slow, GAMES.table, now=now_of(lake), verify=True)) == []
    assert [rows for *_, rows in steps_of(lake)] == [0, 1]


class MadeMeanwhile:
    """A store in which a step is made, once the parts are listed and before the steps are."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def list(self, prefix: str, **options: Any) -> Any:
        if prefix == steps_prefix(GAMES.table):
            make_missing(self._store, GAMES)
        return self._store.list(prefix, **options)


def test_the_audit_finds_what_is_missing_and_what_nothing_needs(lake: Store, tmp_path: Path) -> None:
    for hypes in range(4):
        load_whole(lake, tmp_path, game(1, hypes=hypes))
    steps = make_missing(lake, GAMES)
    orphan = f"{prefix_of(GAMES.table)}dt=2026-11-21/killed.jsonl.gz"
    lake.put(orphan, b"x")
    now = now_of(lake)

    def found(**options: Any) -> list[tuple[str, str]]:
        return [(each.problem.value, each.key) for each in audit_feed(lake, GAMES.table, **{"now": now, **options})]

    assert found() == [("orphan", orphan)]
    old = [step_key(GAMES.table, number) for number in (1, 2, 3)]
    parts = [step.files[0].key for step in steps[1:3]]
    assert sorted(found(now=now + timedelta(days=401))) == sorted(("orphan", key) for key in (*old, *parts, orphan))
    last = steps[3].files[0].key
    lake.delete(old[1])
    lake.delete(last)
    assert found() == [("missing", old[1]), ("missing", last)]
