"""A lake comes back from its copy: what others name first, commits once, and nothing replaced."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest

from gamelake.lake.capture_sign import key_of
from gamelake.lake.factory import open_store, place_of
from gamelake.lake.store import ObjectExistsError, StoreError
from gamelake.lake.table import Table
from gamelake.load.errors import LoadError
from gamelake.maintenance.restore import restore
from tests.support.commits import commit
from tests.support.stores import FLAT_STORES, opened
from tests.support.tables import IGDB_GAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store

PART = "raw/igdb/games/dt=2026-11-21/run/part-00000.jsonl.gz"
COMMIT = "raw/igdb/games/_manifests/00000000000000000001.json"
POINTER = "raw/igdb/games/_manifest.json"
MART = "marts/dt=2026-11-21/run/dim_games.parquet"
PUBLICATION = "marts/_publications/00000000000000000001.json"
FIXED = "marts/dim_games.parquet"
CHANGES = "feeds/igdb/games/dt=2026-11-21/00000000000000000002-00000-7a974b2ad88fa981.jsonl.gz"
STEP = "feeds/igdb/games/_manifests/00000000000000000002.json"
OBJECTS = {key: f"bytes of {key}".encode() for key in (PART, COMMIT, POINTER, MART, PUBLICATION, FIXED, CHANGES, STEP)}


@pytest.fixture
def copy(tmp_path: Path) -> Store:
    store = open_store((tmp_path / "copy").as_uri())
    for key, data in OBJECTS.items():
        store.put(key, data)
    store.put("raw/igdb/games/dt=2026-11-21/run/_progress.json", b"{}")
    return store


@pytest.fixture(params=FLAT_STORES)
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, request, tmp_path) as store:
        yield store


def held(store: Store) -> dict[str, bytes]:
    return {info.key: store.get(info.key) for info in store.list("")}


def test_an_empty_lake_gets_everything_but_notes_of_progress(copy: Store, lake: Store) -> None:
    seen: list[int] = []
    report = restore(copy, lake, progress=lambda now: seen.append(now.written))
    assert held(lake) == OBJECTS
    assert (report.objects, report.written, report.present, report.kept) == (8, 8, 0, [])
    assert report.written_bytes == sum(map(len, OBJECTS.values()))
    assert seen == [*range(1, 9)]


def test_a_second_time_writes_nothing(copy: Store, lake: Store) -> None:
    restore(copy, lake)
    report = restore(copy, lake)
    assert (report.written, report.present) == (0, 8)


def test_the_sign_of_a_capture_that_runs_stays(copy: Store, lake: Store) -> None:
    sign = key_of("shop")
    copy.put(sign, b"of yesterday")
    lake.put(sign, b"of now")
    report = restore(copy, lake)
    assert report.kept == [sign]
    assert held(lake) == OBJECTS | {sign: b"of now"}


def test_a_restore_that_stopped_has_no_commit_without_its_parts_and_goes_on(copy: Store, lake: Store) -> None:
    lake.put(PUBLICATION, b"of another lake")
    with pytest.raises(ObjectExistsError) as caught:
        restore(copy, lake)
    assert caught.value.key == PUBLICATION
    assert "If it was written after the loss, keep it: name what else is lost by --prefix" in str(caught.value)
    assert {PART, MART, CHANGES} <= set(held(lake))
    assert not {POINTER, FIXED} & set(held(lake)), "pointers are last"
    lake.delete(PUBLICATION)
    assert restore(copy, lake).present >= 2
    assert held(lake) == OBJECTS


@pytest.mark.parametrize("key", [PART, COMMIT, CHANGES, STEP])
def test_another_part_or_commit_is_not_replaced(copy: Store, lake: Store, key: str) -> None:
    lake.put(key, b"other bytes")
    with pytest.raises(ObjectExistsError) as caught:
        restore(copy, lake)
    assert caught.value.key == key
    assert lake.get(key) == b"other bytes"
    for words in (place_of(lake), place_of(copy), "remove it from the lake and run the command again"):
        assert words in caught.value.reason


def test_a_table_that_loads_began_again_is_not_mixed_with_its_copy(copy: Store, lake: Store) -> None:
    """Following the error by removing the new commit left the newest one without the days of the copy."""
    copy.delete(COMMIT)
    commit(Table(copy, IGDB_GAMES), row_count=0, source_count=0)
    commit(Table(lake, IGDB_GAMES), row_count=0, source_count=0, run_id="after")
    before = held(lake)
    with pytest.raises(ObjectExistsError, match=r"igdb\.games again .* at an empty place"):
        restore(copy, lake)
    assert held(lake) == before


def test_a_newer_pointer_stays(copy: Store, lake: Store) -> None:
    lake.put(POINTER, b"newer")
    report = restore(copy, lake)
    assert report.kept == [POINTER]
    assert held(lake) == OBJECTS | {POINTER: b"newer"}


def test_only_a_prefix(copy: Store, lake: Store) -> None:
    restore(copy, lake, "marts/dt=")
    assert set(held(lake)) == {MART}


def test_a_copy_without_objects_is_an_error(lake: Store, tmp_path: Path) -> None:
    copy = open_store((tmp_path / "my copy").as_uri())
    with pytest.raises(StoreError, match=f"{tmp_path}/my copy': found no object whose key starts"):
        restore(copy, lake, "raw/igdb/nothing/")


def test_the_folder_above_a_copy_is_an_error_and_nothing_is_written(copy: Store, lake: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is no copy of a lake: found copy/feeds/"):
        restore(open_store(tmp_path.as_uri()), lake, "copy/")
    assert held(lake) == {}


def test_a_full_disk_is_named_and_the_restore_goes_on(copy: Store, tmp_path: Path) -> None:
    lake = open_store((tmp_path / "lake").as_uri())
    copy.put("marts/history/dt=2026-11-21.parquet", bytes(100_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(LoadError, match=r"is full: .*; what was written stays, and the same .* set TMPDIR"):
            restore(copy, lake)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert COMMIT not in held(lake)
    assert restore(copy, lake).kept == []
    assert held(lake).items() >= OBJECTS.items()
