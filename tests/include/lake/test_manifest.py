from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lake.keys import manifest_key, pointer_key
from include.lake.manifest import SCHEMA_PATH, Claim, Draft, File, Manifest, ManifestError, Mode, Table, merge_files
from include.lake.store import ObjectExists, ObjectNotFound, StoreError

if TYPE_CHECKING:
    from include.lake.store import Store

MakeFile = Callable[..., File]


def draft(*files: File, **changes: Any) -> Draft:
    fields: dict[str, Any] = {
        "run_id": "manual_1",
        "partition": "2026-11-21",
        "mode": Mode.FULL,
        "watermark": 1_763_700_000,
        "source_count": sum(file.rows for file in files),
        "row_count": sum(file.rows for file in files),
        "files": files,
    }
    return Draft(**fields | changes)


def commit(table: Table, *files: File, **changes: Any) -> Manifest:
    """Append files to what the table has."""

    def build(newest: Manifest | None) -> Draft:
        return draft(*merge_files(newest.files if newest else (), files), **changes)

    return table.commit(build)


# The document


def test_the_document_is_the_contract(make_file: MakeFile) -> None:
    file = make_file("part-00000.jsonl.gz", (0, 9), ((0, 5), (9, None)), max_updated_at=5)
    committed_at = datetime(2026, 11, 20, 19, 1, 2, 345, UTC)
    fields = {name: getattr(draft(file), name) for name in Draft.__dataclass_fields__}
    manifest = Manifest(**fields, entity="games", version=42, committed_at=committed_at)
    assert json.loads(manifest.to_json()) == {
        "format_version": 1,
        "entity": "games",
        "version": 42,
        "committed_at": "2026-11-20T19:01:02.000345+00:00",
        "run_id": "manual_1",
        "partition": "2026-11-21",
        "mode": "full",
        "watermark": 1_763_700_000,
        "source_count": 2,
        "row_count": 2,
        "requests": 0,
        "files": [
            {
                "key": "raw/games/dt=2026-11-21/run/part-00000.jsonl.gz",
                "partition": "2026-11-21",
                "rows": 2,
                "bytes": 100,
                "sha256": "ab" * 32,
                "min_id": 0,
                "max_id": 9,
                "max_updated_at": 5,
                "claims": [{"low": 0, "high": 5}, {"low": 9, "high": None}],
            }
        ],
    }
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_the_schema_names_every_field_and_no_other() -> None:
    schema = json.loads(SCHEMA_PATH.read_text())
    later = {"requests"}  # not in the commits of the first version
    for body, type_ in ((schema, Manifest), (schema["$defs"]["file"], File), (schema["$defs"]["claim"], Claim)):
        assert set(body["properties"]) == set(body["required"]) | (later & set(body["properties"]))
        assert set(body["properties"]) == set(type_.__dataclass_fields__)
        assert body["additionalProperties"] is False


def test_a_commit_without_requests_is_read(disk: Store) -> None:
    document = json.loads(commit(Table(disk, "games"), requests=7).to_json())
    del document["requests"]
    assert Manifest.from_json(json.dumps(document).encode()).requests == 0


files = st.builds(
    lambda number, low, size, updated, high: File(
        key=f"raw/games/dt=2026-11-21/r/{number}",
        partition="2026-11-21",
        rows=size,
        bytes=1 + number,
        sha256=f"{number:064x}",
        min_id=low,
        max_id=low + size - 1,
        max_updated_at=updated,
        claims=() if high is None else (Claim(0, None if high == 0 else low + size + high),),
    ),
    st.integers(0, 2**40),
    st.integers(0, 2**53),
    st.integers(1, 2**30),
    st.none() | st.integers(0, 2**33),
    st.none() | st.integers(0, 1000),
)


@given(
    st.lists(files, max_size=4, unique_by=lambda file: file.key),
    st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(Mode),
)
def test_what_is_written_is_read(held: list[File], run_id: str, committed_at: datetime, mode: Mode) -> None:
    fields = {name: getattr(draft(*held, run_id=run_id, mode=mode), name) for name in Draft.__dataclass_fields__}
    manifest = Manifest(**fields, entity="games", version=1, committed_at=committed_at)
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "format_version: found 2"),
        ({"version": 0}, "version: found 0"),
        ({"version": "1"}, "version: found '1'"),
        ({"surprise": 1}, "manifest: found .*surprise"),
        ({"entity": "Games"}, "entity: found 'Games'"),
        ({"mode": "partial"}, "mode: found 'partial'"),
        ({"partition": "today"}, "partition: found 'today'"),
        ({"partition": "2026-02-30"}, "partition: found '2026-02-30'"),
        ({"committed_at": "yesterday"}, "committed_at: found 'yesterday'"),
        ({"watermark": 1.5}, "watermark: found 1.5"),
        ({"row_count": -1}, "row_count: found -1"),
        ({"files": [{}]}, r"files\.0: found {}"),
        ({"files": None}, "files: found None"),
    ],
)
def test_a_document_that_breaks_the_schema_is_refused(disk: Store, change: dict[str, Any], message: str) -> None:
    document = json.loads(commit(Table(disk, "games")).to_json())
    with pytest.raises(ManifestError, match=message):
        Manifest.from_json(orjson.dumps(document | change))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null"])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError, match="manifest: found"):
        Manifest.from_json(data)


# Drafts


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run_id": ""}, "run_id: found ''"),
        ({"partition": "2026-11-32"}, "partition: found '2026-11-32'"),
        ({"source_count": -1}, "source_count: found -1"),
        ({"row_count": -1}, "row_count: found -1"),
        ({"row_count": 5}, "row_count: found 5, expected 2 to 4"),
        ({"row_count": 1}, "row_count: found 1, expected 2 to 4"),
        ({"watermark": -1}, "watermark: found -1"),
        ({"watermark": None, "mode": Mode.INCREMENTAL}, "watermark: found None"),
    ],
)
def test_a_draft_that_cannot_be_is_refused(make_file: MakeFile, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        draft(make_file("a"), make_file("b"), **changes)


def test_a_part_is_in_a_draft_once(make_file: MakeFile) -> None:
    with pytest.raises(ManifestError, match=r"files\.key: found .*part-00000.*expected each part once"):
        draft(make_file(), make_file())


@pytest.mark.parametrize("key", ["raw/genres/dt=2026-11-21/r/p", "raw/games/dt=2026-11-20/r/p", "marts/p"])
def test_a_part_of_another_table_or_day_is_refused(disk: Store, make_file: MakeFile, key: str) -> None:
    with pytest.raises(ManifestError, match=r"files\.key: found .*expected raw/games/dt=2026-11-21/"):
        commit(Table(disk, "games"), replace(make_file(), key=key))
    assert Table(disk, "games").latest() is None


@pytest.mark.parametrize("watermark", [1_763_699_999, None])
def test_the_watermark_does_not_go_back(disk: Store, watermark: int | None) -> None:
    table = Table(disk, "games")
    commit(table)
    commit(table)
    with pytest.raises(ManifestError, match=r"watermark: found .*, expected 1763700000 or later.*run this one again"):
        commit(table, watermark=watermark)
    newest = table.latest()
    assert newest
    assert newest.version == 2


def test_a_snapshot_needs_no_watermark(disk: Store) -> None:
    table = Table(disk, "genres")
    commit(table, mode=Mode.SNAPSHOT, watermark=None)
    commit(table, mode=Mode.SNAPSHOT, watermark=5)
    assert commit(table, mode=Mode.SNAPSHOT, watermark=None).version == 3


def test_a_part_does_not_change(disk: Store, make_file: MakeFile) -> None:
    table = Table(disk, "games")
    commit(table, make_file())
    with pytest.raises(ManifestError, match=r"files: found .*parts never change"):
        table.commit(lambda _: draft(make_file(bytes=101)))


# Commits


def test_a_table_before_its_first_commit(store: Store) -> None:
    table = Table(store, "games")
    assert table.latest() is None
    assert table.as_of("2026-11-21") is None
    assert list(table.history()) == []
    with pytest.raises(ObjectNotFound):
        table.read(1)


def test_commits_are_numbered_and_stay(store: Store, make_file: MakeFile) -> None:
    table = Table(store, "games")
    for name in "abc":
        store.put(make_file(name).key, b"x")
    made = [commit(table, make_file(name), run_id=name) for name in "abc"]
    assert [manifest.version for manifest in made] == [1, 2, 3]
    assert table.latest() == made[-1]
    assert [table.read(version) for version in (1, 2, 3)] == made
    assert list(table.history()) == made[::-1]
    assert [file.key[-1] for file in made[-1].files] == ["a", "b", "c"]
    assert store.get(pointer_key("games")) == store.get(manifest_key("games", 3))
    assert [info.key for info in store.list("raw/games/_manifests/")] == [manifest_key("games", n) for n in (1, 2, 3)]


def test_a_day_as_it_was(store: Store) -> None:
    table = Table(store, "games")
    for day in ("2026-11-18", "2026-11-20", "2026-11-20", "2026-11-19"):
        commit(table, partition=day)
    found = {day: table.as_of(day) for day in ("2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-12-31")}
    versions = {day: manifest and manifest.version for day, manifest in found.items()}
    # the 19th was loaded last, and then held all that the 20th had
    assert versions == {"2026-11-17": None, "2026-11-18": 1, "2026-11-19": 4, "2026-11-20": 4, "2026-12-31": 4}
    with pytest.raises(ManifestError, match="partition: found 'today'"):
        table.as_of("today")


def test_a_day_as_it_stood_before_it_was_read_again(store: Store, make_file: MakeFile) -> None:
    table = Table(store, "games")
    for number, day in enumerate(("18", "20", "19", "21", "20"), start=1):
        file = make_file(f"part-{number}", partition=f"2026-11-{day}")
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


def test_the_pointer_is_only_a_hint(store: Store) -> None:
    table = Table(store, "games")
    first, second, third = (commit(table) for _ in range(3))
    for stale in (first, second):
        store.put(pointer_key("games"), stale.to_json())
        assert table.latest() == third
    store.delete(pointer_key("games"))
    assert table.latest() == third
    assert commit(table).version == 4
    assert store.get(pointer_key("games")) == store.get(manifest_key("games", 4))


def test_a_pointer_that_is_damaged_names_the_way_out(disk: Store) -> None:
    table = Table(disk, "games")
    commit(table)
    disk.put(pointer_key("games"), b"{")
    with pytest.raises(ManifestError, match=r"_manifest\.json: manifest: found .*it is a copy: delete it"):
        table.latest()


def test_a_commit_under_a_wrong_key_is_refused(disk: Store) -> None:
    table = Table(disk, "games")
    manifest = commit(table)
    disk.put(manifest_key("games", 2), manifest.to_json())
    with pytest.raises(ManifestError, match="version: found 1, expected 2"):
        table.latest()
    disk.put(manifest_key("genres", 1), manifest.to_json())
    with pytest.raises(ManifestError, match="entity: found 'games', expected 'genres'"):
        Table(disk, "genres").latest()


def test_a_lost_race_is_built_again_on_the_winner(disk: Store, make_file: MakeFile) -> None:
    table, other = Table(disk, "games"), Table(disk, "games")
    seen = []

    def build(newest: Manifest | None) -> Draft:
        seen.append(newest.version if newest else 0)
        if len(seen) == 1:
            commit(other, make_file("theirs"))
        return draft(*merge_files(newest.files if newest else (), [make_file("ours")]))

    manifest = table.commit(build)
    assert seen == [0, 1]
    assert manifest.version == 2
    assert [file.key.rpartition("/")[2] for file in manifest.files] == ["theirs", "ours"]


def test_of_concurrent_commits_none_is_lost(store: Store, make_file: MakeFile) -> None:
    writers = 6
    start = Barrier(writers)

    def write(number: int) -> Manifest:
        start.wait()
        return commit(Table(store, "games"), make_file(f"{number}"), run_id=f"{number}")

    with ThreadPoolExecutor(writers) as pool:
        made = list(pool.map(write, range(writers)))
    assert sorted(manifest.version for manifest in made) == list(range(1, writers + 1))
    newest = Table(store, "games").latest()
    assert newest
    assert {file.key[-1] for file in newest.files} == {str(number) for number in range(writers)}
    assert store.get(pointer_key("games")) == store.get(manifest_key("games", writers))


def test_a_slow_writer_does_not_leave_an_old_pointer(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(disk, "games")
    put = disk.put

    def slow_put(key: str, data: bytes, **options: Any) -> None:
        if key == pointer_key("games") and Manifest.from_json(data).version == 1:
            monkeypatch.setattr(disk, "put", put)
            commit(Table(disk, "games"))  # a whole commit while our refresh is on its way
        put(key, data, **options)

    monkeypatch.setattr(disk, "put", slow_put)
    assert commit(table).version == 1
    assert Manifest.from_json(disk.get(pointer_key("games"))).version == 2


def test_a_table_that_never_has_a_free_number_is_an_error(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(key: str, _: bytes, **options: Any) -> None:
        raise ObjectExists("put", key, "the key is taken")

    monkeypatch.setattr(disk, "put", taken)
    with pytest.raises(ManifestError, match=r"version: found 'raw/games/_manifests/', expected a free number"):
        commit(Table(disk, "games"))


def test_a_build_that_raises_commits_nothing(disk: Store) -> None:
    def build(_: Manifest | None) -> Draft:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        Table(disk, "games").commit(build)
    assert list(disk.list("")) == []


def test_what_no_longer_counts_is_tagged(store: Store, make_file: MakeFile) -> None:
    table = Table(store, "games")
    old, kept, new = make_file("old", (0, 9)), make_file("kept", (20, 30)), make_file("new", (0, 9), ((0, 20),))
    for file in (old, kept, new):
        store.put(file.key, b"x", tags={"status": "final"})
    commit(table, old, kept)
    assert store.tags(old.key) == {"status": "final"}
    commit(table, new)
    assert [store.tags(file.key)["status"] for file in (old, kept, new)] == ["outdated", "final", "final"]


def test_what_no_longer_counts_may_be_gone(disk: Store, make_file: MakeFile) -> None:
    table = Table(disk, "games")
    commit(table, make_file("gone", (0, 9)))
    assert commit(table, make_file("new", (0, 9), ((0, None),))).version == 2


def test_the_next_commit_tags_what_a_killed_one_left(
    disk: Store, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(disk, "games")
    old, new = make_file("old", (0, 9)), make_file("new", (0, 9), ((0, None),))
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


def test_what_is_outdated_is_tagged_once(disk: Store, make_file: MakeFile) -> None:
    table = Table(disk, "games")
    old, new = make_file("old", (0, 9)), make_file("new", (0, 9), ((0, None),))
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
    table = Table(disk, "games")
    now = datetime.now(UTC)
    for age in (30, 9, 8, 3, 0):
        version = commit(table).version
        path = Path(disk.url(manifest_key("games", version)))
        os.utime(path, ((now - timedelta(days=age)).timestamp(),) * 2)
    assert [each.version for each in table.current_since(now - timedelta(days=7))] == [5, 4, 3]
    assert [each.version for each in table.current_since(now - timedelta(days=99))] == [5, 4, 3, 2, 1]
    assert Table(disk, "genres").current_since(now) == []


def test_a_commit_whose_reply_was_lost_is_made_once(faulty_store: Store, proxy: Any) -> None:
    proxy.plan = [("PUT", "lose")]
    table = Table(faulty_store, "games")
    assert commit(table).version == 1
    assert [manifest.version for manifest in table.history()] == [1]


def test_a_name_that_is_no_entity_is_refused(disk: Store) -> None:
    with pytest.raises(ValueError, match=r"entity: found '../games'"):
        Table(disk, "../games")
