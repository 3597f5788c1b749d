"""The commit protocol: numbers, races, kills and what readers see of them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from gamelake.lake.claims import merge_parts
from gamelake.lake.manifest import Draft, Manifest, ManifestError
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, StoreError
from gamelake.lake.table import Table, TableReader
from tests.support.commits import MakeFile, commit, draft
from tests.support.errors import having
from tests.support.tables import IGDB_GAMES, IGDB_GENRES, newest_commit

if TYPE_CHECKING:
    from gamelake.lake.store import Store


def test_a_table_before_its_first_commit(store: Store) -> None:
    table = Table(store, IGDB_GAMES)
    assert table.latest() is None
    assert table.as_of("2026-11-21") is None
    assert list(table.history()) == []
    with pytest.raises(ObjectNotFoundError):
        table.read(1)


def test_commits_are_numbered_and_stay(store: Store, make_part: MakeFile) -> None:
    table = Table(store, IGDB_GAMES)
    for name in "abc":
        store.put(make_part(name).key, b"x")
    made = [commit(table, make_part(name), run_id=name) for name in "abc"]
    assert [manifest.version for manifest in made] == [1, 2, 3]
    assert table.latest() == made[-1]
    assert [table.read(version) for version in (1, 2, 3)] == made
    assert list(table.history()) == made[::-1]
    assert [file.key[-1] for file in made[-1].files] == ["a", "b", "c"]
    assert store.get(IGDB_GAMES.pointer_key) == store.get(IGDB_GAMES.manifest_key(3))
    assert [info.key for info in store.list("raw/igdb/games/_manifests/")] == [
        IGDB_GAMES.manifest_key(n) for n in (1, 2, 3)
    ]


def test_a_day_as_it_was(store: Store) -> None:
    table = Table(store, IGDB_GAMES)
    for day in ("2026-11-18", "2026-11-20", "2026-11-20", "2026-11-19"):
        commit(table, partition=day)
    found = {day: table.as_of(day) for day in ("2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-12-31")}
    versions = {day: manifest and manifest.version for day, manifest in found.items()}
    # the 19th was loaded last, and then held all that the 20th had
    assert versions == {"2026-11-17": None, "2026-11-18": 1, "2026-11-19": 4, "2026-11-20": 4, "2026-12-31": 4}
    with pytest.raises(ManifestError, check=having(key="partition", found="today")):
        table.as_of("today")


def test_a_day_as_it_stood_before_it_was_read_again(store: Store, make_part: MakeFile) -> None:
    table = Table(store, IGDB_GAMES)
    for number, day in enumerate(("18", "20", "19", "21", "20"), start=1):
        file = make_part(f"part-{number}", partition=f"2026-11-{day}")
        store.put(file.key, b"x")
        commit(table, file, partition=f"2026-11-{day}", run_id=str(number))
    found = {day: table.as_of(f"2026-11-{day}") for day in ("18", "19", "20", "21")}
    # The 19th was loaded after the 20th, and is in no commit without it; the 20th once again after the 21st.
    assert {day: manifest and manifest.version for day, manifest in found.items()} == {
        "18": 1,
        "19": 3,
        "20": 3,
        "21": 5,
    }


def test_days_that_were_loaded_backwards(store: Store, make_part: MakeFile) -> None:
    table = Table(store, IGDB_GAMES)
    for number, day in enumerate(("17", "18", "21", "20", "19", "18"), start=1):  # a backfill from the last day on
        file = make_part(f"part-{number}", partition=f"2026-11-{day}")
        store.put(file.key, b"x")
        commit(table, file, partition=f"2026-11-{day}", run_id=str(number))
    found = {day: table.as_of(f"2026-11-{day}") for day in ("17", "18", "19", "20", "21")}
    assert {day: manifest and manifest.version for day, manifest in found.items()} == {
        "17": 1,
        "18": 2,
        "19": 5,
        "20": 4,  # it went back to version 2 when the 18th was loaded again
        "21": 6,
    }


def test_the_pointer_is_only_a_hint(store: Store) -> None:
    table = Table(store, IGDB_GAMES)
    first, second, third = (commit(table) for _ in range(3))
    for stale in (first, second):
        store.put(IGDB_GAMES.pointer_key, stale.to_json())
        assert table.latest() == third
    store.delete(IGDB_GAMES.pointer_key)
    assert table.latest() == third
    assert commit(table).version == 4
    assert store.get(IGDB_GAMES.pointer_key) == store.get(IGDB_GAMES.manifest_key(4))


def test_a_damaged_pointer_stops_only_readers_that_cannot_list(disk: Store) -> None:
    table = Table(disk, IGDB_GAMES)
    first = commit(table)
    disk.put(IGDB_GAMES.pointer_key, b"{")
    with pytest.raises(ManifestError, match=r"_manifest\.json: document: found .*it is a copy: delete it"):
        TableReader(disk, IGDB_GAMES).latest()
    assert table.latest() == first
    second = commit(table)
    assert TableReader(disk, IGDB_GAMES).latest() == table.latest() == second


@pytest.mark.parametrize("damage", ["lost", "empty"])
def test_a_build_reads_the_copy_of_a_newest_commit_that_is_lost(
    store: Store, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    table = Table(store, IGDB_GAMES)
    commits = [commit(table, partition=day) for day in ("2026-11-20", "2026-11-21")]
    key = IGDB_GAMES.manifest_key(2)
    store.delete(key) if damage == "lost" else store.put(key, b"")
    assert table.as_of("2026-11-21") == commits[1]
    assert list(table.history()) == list(table.history(events=False)) == commits[::-1]
    assert ("version 2 is lost" in caplog.text) is (damage == "lost")


def test_a_commit_under_a_wrong_key_is_refused(disk: Store) -> None:
    table = Table(disk, IGDB_GAMES)
    manifest = commit(table)
    disk.put(IGDB_GAMES.manifest_key(2), manifest.to_json())
    with pytest.raises(ManifestError, check=having(found=1)):
        table.latest()
    disk.put(IGDB_GENRES.manifest_key(1), manifest.to_json())
    with pytest.raises(ManifestError, check=having(found="igdb.games")):
        newest_commit(disk, "genres")


@pytest.mark.parametrize("change", [{"format_version": 3}, {"a_field_of_tomorrow": 1}])
def test_a_commit_of_a_later_version_is_not_to_be_deleted(disk: Store, change: dict[str, Any]) -> None:
    """As after the code was rolled back."""
    document = orjson.loads(commit(Table(disk, IGDB_GAMES)).to_json())
    disk.put(IGDB_GAMES.manifest_key(2), orjson.dumps(document | {"version": 2} | change))
    with pytest.raises(ManifestError) as caught:
        Table(disk, IGDB_GAMES).latest()
    assert "a later version of gamelake wrote it" in str(caught.value)
    assert ("delete it" in str(caught.value)) is ("format_version" not in change)


def test_a_lost_race_is_built_again_on_the_winner(disk: Store, make_part: MakeFile) -> None:
    table, other = Table(disk, IGDB_GAMES), Table(disk, IGDB_GAMES)
    seen = []

    def build(newest: Manifest | None) -> Draft:
        seen.append(newest.version if newest else 0)
        if len(seen) == 1:
            commit(other, make_part("theirs"))
        return draft(*merge_parts(newest.files if newest else (), [make_part("ours")]))

    manifest = table.commit(build)
    assert seen == [0, 1]
    assert manifest.version == 2
    assert [file.key.rpartition("/")[2] for file in manifest.files] == ["theirs", "ours"]


def test_of_concurrent_commits_none_is_lost(store: Store, make_part: MakeFile) -> None:
    writers = 6
    start = Barrier(writers)

    def write(number: int) -> Manifest:
        start.wait()
        return commit(Table(store, IGDB_GAMES), make_part(f"{number}"), run_id=f"{number}")

    with ThreadPoolExecutor(writers) as pool:
        made = list(pool.map(write, range(writers)))
    assert sorted(manifest.version for manifest in made) == list(range(1, writers + 1))
    newest = newest_commit(store)
    assert {file.key[-1] for file in newest.files} == {str(number) for number in range(writers)}
    assert store.get(IGDB_GAMES.pointer_key) == store.get(IGDB_GAMES.manifest_key(writers))


def test_a_slow_writer_does_not_leave_an_old_pointer(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(disk, IGDB_GAMES)
    put = disk.put

    def slow_put(key: str, data: bytes, **options: Any) -> None:
        if key == IGDB_GAMES.pointer_key and Manifest.from_json(data).version == 1:
            monkeypatch.setattr(disk, "put", put)
            commit(Table(disk, IGDB_GAMES))  # a whole commit while our refresh is on its way
        put(key, data, **options)

    monkeypatch.setattr(disk, "put", slow_put)
    assert commit(table).version == 1
    assert Manifest.from_json(disk.get(IGDB_GAMES.pointer_key)).version == 2


def test_a_table_that_never_has_a_free_number_is_an_error(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(key: str, _: bytes, **options: Any) -> None:
        raise ObjectExistsError("put", key, "the key is taken")

    monkeypatch.setattr(disk, "put", taken)
    with pytest.raises(ManifestError, check=having(key="version", found="raw/igdb/games/_manifests/")):
        commit(Table(disk, IGDB_GAMES))


def test_a_build_that_raises_commits_nothing(disk: Store) -> None:
    def build(_: Manifest | None) -> Draft:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        Table(disk, IGDB_GAMES).commit(build)
    assert list(disk.list("")) == []


def test_what_no_longer_counts_is_tagged(store: Store, make_part: MakeFile) -> None:
    table = Table(store, IGDB_GAMES)
    old, kept, new = make_part("old", (0, 9)), make_part("kept", (20, 30)), make_part("new", (0, 9), ((0, 20),))
    for file in (old, kept, new):
        store.put(file.key, b"x", tags={"status": "final"})
    commit(table, old, kept)
    assert store.tags(old.key) == {"status": "final"}
    commit(table, new)
    assert [store.tags(file.key)["status"] for file in (old, kept, new)] == ["outdated", "final", "final"]


def test_what_no_longer_counts_may_be_deleted(disk: Store, make_part: MakeFile) -> None:
    table = Table(disk, IGDB_GAMES)
    commit(table, make_part("lost", (0, 9)))
    assert commit(table, make_part("new", (0, 9), ((0, None),))).version == 2


def test_the_next_commit_tags_what_a_killed_one_left(
    disk: Store, make_part: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(disk, IGDB_GAMES)
    old, new = make_part("old", (0, 9)), make_part("new", (0, 9), ((0, None),))
    for file in (old, new):
        disk.put(file.key, b"x", tags={"status": "final"})
    commit(table, old)

    def killed(*_: Any, **__: Any) -> None:
        raise StoreError("tag", "key", "killed")

    with monkeypatch.context() as patch:
        patch.setattr(disk, "tag", killed)
        with pytest.raises(StoreError):
            commit(table, new)
    assert disk.tags(old.key) == {"status": "final"}
    newest = table.latest()
    assert newest
    assert newest.version == 2  # the commit itself stands
    commit(table)
    assert disk.tags(old.key) == {"status": "outdated"}


def test_what_is_outdated_is_tagged_once(disk: Store, make_part: MakeFile) -> None:
    table = Table(disk, IGDB_GAMES)
    old, new = make_part("old", (0, 9)), make_part("new", (0, 9), ((0, None),))
    for file in (old, new):
        disk.put(file.key, b"x", tags={"status": "final"})
    commit(table, old)
    served_a_week = disk.info(old.key).modified
    commit(table, new)
    outdated = disk.info(old.key).modified
    assert outdated > served_a_week, "its seven days begin when it no longer counts"
    commit(table, new)
    assert disk.info(old.key).modified == outdated


def test_commits_that_were_current_since_a_moment(disk: Store) -> None:
    table = Table(disk, IGDB_GAMES)
    now = datetime.now(UTC)
    for age in (30, 9, 8, 3, 0):
        version = commit(table).version
        path = Path(disk.url(IGDB_GAMES.manifest_key(version)))
        os.utime(path, ((now - timedelta(days=age)).timestamp(),) * 2)
    assert [each.version for each in table.current_since(now - timedelta(days=7))] == [5, 4, 3]
    assert [each.version for each in table.current_since(now - timedelta(days=99))] == [5, 4, 3, 2, 1]
    assert Table(disk, IGDB_GENRES).current_since(now) == []


def test_a_commit_whose_reply_was_lost_is_made_once(faulty_store: Store, proxy: Any) -> None:
    proxy.plan = [("PUT", "lose")]
    table = Table(faulty_store, IGDB_GAMES)
    assert commit(table).version == 1
    assert [manifest.version for manifest in table.history()] == [1]
