"""Old months become one file, and every reader finds the same lines: killed anywhere, done twice, done at once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.lake import month_file
from gamelake.lake.disk import DiskStore
from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.month_documents import read_months
from gamelake.lake.month_file import MonthFileReader
from gamelake.lake.rows import read_lines, read_live_ids
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import Table
from gamelake.maintenance.compaction import CompactionError, Outcome, compact, compact_all
from gamelake.registry import load_sources
from tests.support.kills import Steps, in_child
from tests.support.series_lake import DAYS, LATER, POPSCORE, load_day, load_days, parts_of, remove, rows_of
from tests.support.stores import new_client

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.maintenance.compaction import CompactedMonth

AUGUST = "2026-08"


def run(store: Store, *, now: datetime = LATER, **options: Any) -> list[CompactedMonth]:
    return list(compact(store, POPSCORE, now=now, **options))


def as_of_all_days(store: Store) -> dict[date, list[list[bytes]]]:
    """The lines of every part that the table has as of each day."""
    table = Table(store, POPSCORE.table)
    found = {}
    for day in DAYS:
        commit = table.as_of(str(day))
        assert commit is not None
        found[day] = [list(read_lines(store, part)) for part in commit.files]
    return found


def is_tagged(store: Store, key: str) -> bool:
    return store.tags(key).get("status") == "outdated"


@pytest.fixture(params=["disk", "moto"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A lake of two months."""
    if request.param == "disk":
        store = open_store((tmp_path / "lake").as_uri())
    else:
        store = open_store(f"s3://{request.getfixturevalue('bucket')}/some/lake", s3=request.getfixturevalue("s3"))
    load_days(store, tmp_path / "scratch")
    return store


def test_every_day_reads_the_same_without_the_parts(lake: Store) -> None:
    before = as_of_all_days(lake)
    parts = parts_of(lake, AUGUST)
    (month,) = run(lake)
    assert (month.month, month.outcome, month.parts, month.rows) == (AUGUST, Outcome.COMPACTED, 4, 14)
    assert month.rows_as_text == 6, "of a field of tomorrow, with NUL, and of an integer of 64 bits, on two days"
    assert month.bytes_before == sum(part.bytes for part in parts)
    (document,) = read_months(lake, POPSCORE.table, AUGUST)
    assert month.bytes_after == document.file.bytes == lake.info(document.file.key).size
    assert lake.tags(document.file.key) == {"status": "final"}
    assert all(is_tagged(lake, part.key) for part in parts)
    assert not any(is_tagged(lake, part.key) for part in parts_of(lake, "2026-09"))
    remove(lake, parts)
    assert as_of_all_days(lake) == before
    newest = Table(lake, POPSCORE.table).latest()
    assert list(read_live_ids(lake, newest, partition=str(DAYS[0])).ids()) == list(range(1, 8))


def test_what_is_done_is_skipped_and_forced_by_again(lake: Store) -> None:
    run(lake)
    before = as_of_all_days(lake)
    objects = [info.key for info in lake.list("raw/")]
    assert [each.outcome for each in run(lake)] == [Outcome.DONE]
    assert [info.key for info in lake.list("raw/")] == objects
    remove(lake, parts_of(lake, AUGUST))
    assert [each.outcome for each in run(lake, again=True)] == [Outcome.COMPACTED]
    newest, first = read_months(lake, POPSCORE.table, AUGUST)
    assert (newest.number, first.number) == (2, 1)
    assert [part.lines_sha256 for part in newest.parts] == [part.lines_sha256 for part in first.parts]
    lake.delete(first.file.key)
    assert as_of_all_days(lake) == before


def test_the_columns_are_typed_and_sorted_by_id(store: Store, tmp_path: Path) -> None:
    load_days(store, tmp_path / "scratch")
    run(store)
    (document,) = read_months(store, POPSCORE.table, AUGUST)
    found = duckdb.read_parquet(store.url(document.file.key))
    types = dict(zip(found.columns, map(str, found.types), strict=True))
    assert {name: types[name] for name in ("id", "value", "checksum")} == {
        "id": "BIGINT",
        "value": "DOUBLE",
        "checksum": "VARCHAR",
    }
    ids = [row_id for (row_id,) in found.project("id").fetchall()]
    assert ids == sorted(ids)
    assert found.filter("_line is null").aggregate("count(*)").fetchall() == [(8,)]


@pytest.mark.parametrize(
    ("now", "months"),
    [
        (datetime(2026, 10, 5, 14, tzinfo=UTC), []),
        (datetime(2026, 10, 5, 15, tzinfo=UTC), [AUGUST]),  # 2026-10-06 in Korea, 35 days after 2026-09-01
        (datetime(2026, 11, 5, tzinfo=UTC), [AUGUST, "2026-09"]),
    ],
)
def test_a_month_is_compacted_35_days_after_its_end(
    store: Store, tmp_path: Path, now: datetime, months: list[str]
) -> None:
    load_days(store, tmp_path / "scratch")
    assert [each.month for each in run(store, now=now)] == months


def test_a_table_that_writes_its_parts_again_has_no_months(store: Store) -> None:
    assert list(compact(store, load_sources()["igdb"].entities["games"], now=LATER)) == []
    assert run(store) == []


def test_a_day_that_was_loaded_again_makes_the_next_file(store: Store, tmp_path: Path) -> None:
    load_days(store, tmp_path / "scratch")
    run(store)
    remove(store, parts_of(store, AUGUST))
    load_day(store, tmp_path / "scratch", DAYS[1], rows_of(DAYS[2], odd=False), run_id="again")
    before = as_of_all_days(store)
    (month,) = run(store)
    assert (month.outcome, month.parts) == (Outcome.COMPACTED, 4)
    remove(store, parts_of(store, AUGUST))
    assert as_of_all_days(store) == before


def test_a_part_without_rows_stays_one(store: Store, tmp_path: Path) -> None:
    load_day(store, tmp_path / "scratch", DAYS[0], deleted=IdRange(3, 4))
    (*_, part) = parts_of(store, AUGUST)
    assert part.rows == 0
    assert [each.outcome for each in run(store)] == [Outcome.COMPACTED]
    remove(store, parts_of(store, AUGUST))
    assert list(read_lines(store, part)) == []


def test_a_damaged_part_stops_its_month_and_nothing_is_tagged(store: Store, tmp_path: Path) -> None:
    load_days(store, tmp_path / "scratch")
    (part, other, *_) = parts_of(store, AUGUST)
    store.put(part.key, store.get(other.key))
    august, september = run(store, now=datetime(2026, 12, 1, tzinfo=UTC))
    assert august.outcome is Outcome.FAILED
    assert august.reason is not None
    assert part.key in august.reason
    assert september.outcome is Outcome.COMPACTED
    assert not any(is_tagged(store, each.key) for each in parts_of(store, AUGUST))
    assert list(read_months(store, POPSCORE.table, AUGUST)) == []


def test_a_damaged_table_stops_no_other(store: Store, tmp_path: Path) -> None:
    load_days(store, tmp_path / "scratch")
    damaged = replace(POPSCORE, name="other")
    store.put(damaged.table.manifest_key(1), b"{broken")
    with pytest.raises(CompactionError, match=r"igdb\.other .*_manifests"):
        compact_all(store, [damaged, POPSCORE])
    assert {month.outcome for month in run(store)} == {Outcome.DONE}


def test_a_file_with_another_line_is_never_committed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_days(store, tmp_path / "scratch")
    real = MonthFileReader.lines
    monkeypatch.setattr(
        MonthFileReader,
        "lines",
        lambda self, part: (line.replace(b'"id":7', b'"id":8') for line in real(self, part)),
    )
    (august,) = run(store)
    assert august.outcome is Outcome.FAILED
    assert august.reason is not None
    assert 'line 1: the file of the month has b\'{"id":8' in august.reason
    assert not any(is_tagged(store, each.key) for each in parts_of(store, AUGUST))
    assert list(read_months(store, POPSCORE.table, AUGUST)) == []


def test_what_duckdb_cannot_do_fails_the_month_and_no_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_days(store, tmp_path / "scratch")
    monkeypatch.setattr(month_file, "MEMORY", "1MB")
    failed = run(store, now=datetime(2026, 12, 1, tzinfo=UTC))
    assert [each.outcome for each in failed] == [Outcome.FAILED, Outcome.FAILED]
    assert failed[0].reason is not None
    assert failed[0].reason.startswith("Out of Memory Error")
    assert "set TMPDIR to another folder" in failed[0].reason
    assert [info.key for info in store.list(POPSCORE.table.months_prefix)] == []
    monkeypatch.undo()
    assert [each.outcome for each in run(store)] == [Outcome.COMPACTED]


def test_a_lost_file_is_written_again_while_the_parts_are_there(store: Store, tmp_path: Path) -> None:
    load_days(store, tmp_path / "scratch")
    run(store)
    (document,) = read_months(store, POPSCORE.table, AUGUST)
    store.delete(document.file.key)
    assert [each.outcome for each in run(store)] == [Outcome.COMPACTED]
    parts = parts_of(store, AUGUST)
    remove(store, parts)
    (newest, _) = read_months(store, POPSCORE.table, AUGUST)
    store.delete(newest.file.key)
    (august,) = run(store)
    assert august.outcome is Outcome.FAILED
    assert august.reason is not None
    assert f"{newest.file.key}: it is missing" in august.reason
    assert "docs/guides/runbooks/compaction.md" in august.reason


def test_of_two_at_once_one_wins_and_the_other_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_days(store, tmp_path / "scratch")
    before = as_of_all_days(store)
    real = store.tag
    faster: list[CompactedMonth] = []

    def tag(key: str, tags: Any, **options: Any) -> None:
        real(key, tags, **options)
        if tags == {"status": "final"} and not faster:  # the step before the commit
            monkeypatch.setattr(store, "tag", real)
            faster.extend(run(store))

    monkeypatch.setattr(store, "tag", tag)
    (slower,) = run(store)
    assert [slower.outcome, *(each.outcome for each in faster)] == [Outcome.LOST, Outcome.COMPACTED]
    (document,) = read_months(store, POPSCORE.table, AUGUST)
    files = [info.key for info in store.list(POPSCORE.table.months_prefix) if info.key.endswith(".parquet")]
    assert files == [document.file.key]
    remove(store, parts_of(store, AUGUST))
    assert as_of_all_days(store) == before


def test_killed_at_every_step(tmp_path: Path) -> None:
    store = open_store((tmp_path / "before").as_uri())
    load_days(store, tmp_path / "scratch", DAYS[:1])
    table = Table(store, POPSCORE.table)
    commit = table.as_of(str(DAYS[0]))
    assert commit is not None
    lines = [list(read_lines(store, part)) for part in commit.files]
    for kill_at in count(1):
        folder = tmp_path / f"lake-{kill_at}"
        shutil.copytree(tmp_path / "before", folder)
        store = DiskStore(folder)

        def work(kill_at: int = kill_at, folder: Path = folder, store: Store = store) -> int:
            Steps(kill_at).watch_disk(folder)
            run(store)
            return 0

        ended = in_child(work)
        known = list(read_months(store, POPSCORE.table, AUGUST))
        if not known:
            assert not any(is_tagged(store, part.key) for part in commit.files)
        assert [list(read_lines(store, part)) for part in commit.files] == lines
        (month,) = run(store)
        assert month.outcome is (Outcome.DONE if known else Outcome.COMPACTED)
        assert all(is_tagged(store, part.key) for part in commit.files)
        remove(store, commit.files)
        assert [list(read_lines(store, part)) for part in commit.files] == lines
        if ended is not None:
            break
    assert kill_at > 10, "so many steps has a compaction; with fewer, the hooks did not see them"


@pytest.mark.slow
def test_killed_at_every_request_on_s3(bucket: str, s3: Any, moto_endpoint: str, tmp_path: Path) -> None:
    for kill_at in count(1, 3):  # a sample: what differs from a disk is the order of requests within a step
        store = open_store(f"s3://{bucket}/lake-{kill_at}", s3=s3)
        load_days(store, tmp_path / "scratch", DAYS[:1])
        parts = parts_of(store, AUGUST)
        lines = [list(read_lines(store, part)) for part in parts]

        def work(kill_at: int = kill_at, uri: str = store.uri) -> int:
            client = new_client(moto_endpoint)
            Steps(kill_at).watch_s3(client)
            run(open_store(uri, s3=client))
            return 0

        ended = in_child(work)
        known = list(read_months(store, POPSCORE.table, AUGUST))
        if not known:
            assert not any(is_tagged(store, part.key) for part in parts)
        (month,) = run(store)
        assert month.outcome is (Outcome.DONE if known else Outcome.COMPACTED)
        assert all(is_tagged(store, part.key) for part in parts)
        remove(store, parts)
        assert [list(read_lines(store, part)) for part in parts] == lines
        if ended is not None:
            break
    assert kill_at > 20, "so many requests has a compaction; with fewer, the hooks did not see them"


def test_a_part_that_neither_the_lake_nor_a_month_has_is_not_found(store: Store, tmp_path: Path) -> None:
    load_days(store, tmp_path / "scratch")
    (part, *_) = parts_of(store, "2026-09")
    run(store)
    store.delete(part.key)
    with pytest.raises(ObjectNotFoundError, match="no compacted month has the part"):
        list(read_lines(store, part))
