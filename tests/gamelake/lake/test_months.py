"""What a reader of a compacted month finds, through a CDN too, and how it states that a month is damaged."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from gamelake.lake import https
from gamelake.lake.factory import open_store
from gamelake.lake.https import HttpsStore
from gamelake.lake.keys import TableName
from gamelake.lake.month_documents import Month, MonthError, read_months
from gamelake.lake.months import Months, month_lines
from gamelake.lake.rows import read_lines
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.uploads import DamagedPartError
from gamelake.maintenance.compaction import compact
from tests.support.commits import make_part
from tests.support.series_lake import LATER, POPSCORE, load_days, parts_of, remove

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from gamelake.lake.manifest import Part
    from gamelake.lake.store import Store
    from tests.support.cdn import CachingCdn

AUGUST = "2026-08"


def compacted(store: Store, scratch: Path) -> list[tuple[Part, list[bytes]]]:
    """Compact a month and remove its parts. Returns: each part, and its lines."""
    load_days(store, scratch)
    found = [(part, list(read_lines(store, part))) for part in parts_of(store, AUGUST)]
    list(compact(store, POPSCORE, now=LATER))
    list(compact(store, POPSCORE, now=LATER, again=True))
    remove(store, [part for part, _ in found])
    return found


@pytest.fixture
def disk_lake(disk: Store, tmp_path: Path) -> list[tuple[Part, list[bytes]]]:
    return compacted(disk, tmp_path / "scratch")


def newest(store: Store) -> Month:
    return next(read_months(store, POPSCORE.table, AUGUST))


def test_a_reader_that_cannot_list_finds_the_newest_document(
    s3: S3Client, bucket: str, cdn: CachingCdn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "RETRIES", https.RETRIES.new(backoff_factor=0, backoff_jitter=0))
    lake = open_store(f"s3://{bucket}/some/lake", s3=s3)
    expected = compacted(lake, tmp_path / "scratch")
    remote = HttpsStore(f"{cdn.url}/some/lake")
    assert [month.number for month in read_months(remote, POPSCORE.table, AUGUST)] == [2, 1]
    with Months(remote, tmp_path) as months:
        assert [list(months.lines(part)) for part, _ in expected] == [lines for _, lines in expected]
        assert months.find("raw/igdb/popscore/dt=2026-07-01/run/part-00000.jsonl.gz") is None
    assert list(tmp_path.glob("gamelake-months-*")) == []


def test_a_restored_part_is_gzip_of_the_same_lines(
    disk: Store, disk_lake: list[tuple[Part, list[bytes]]], tmp_path: Path
) -> None:
    with Months(disk) as months:
        for part, lines in disk_lake:
            months.restore(part, tmp_path / "part")
            with gzip.open(tmp_path / "part") as file:
                assert list(file) == lines


@pytest.mark.parametrize("key", ["feeds/igdb/games/dt=2026-11-21/a.jsonl.gz", "raw/igdb/_quota/1.json", "raw/igdb"])
def test_what_is_no_part_of_a_table_is_in_no_month(disk: Store, key: str) -> None:
    with Months(disk) as months:
        assert months.find(key) is None


def test_a_file_that_is_damaged_is_named(disk: Store, disk_lake: list[tuple[Part, list[bytes]]]) -> None:
    file = newest(disk).file
    for each in read_months(disk, POPSCORE.table, AUGUST):  # an older file would have the rows
        disk.put(each.file.key, disk.get(each.file.key)[:-1])
    with pytest.raises(DamagedPartError) as raised:
        list(month_lines(disk, disk_lake[0][0]))
    for words in (file.key, f"expected {file.bytes}", newest(disk).key, "runbooks/compaction.md"):
        assert words in str(raised.value)


def test_a_file_that_is_missing_is_named(disk: Store, disk_lake: list[tuple[Part, list[bytes]]]) -> None:
    file = newest(disk).file
    for each in read_months(disk, POPSCORE.table, AUGUST):  # an older file would have the rows
        disk.delete(each.file.key)
    with pytest.raises(DamagedPartError) as raised:
        list(month_lines(disk, disk_lake[0][0]))
    assert str(raised.value).startswith(f"{file.key}: it is missing, and {newest(disk).key} names it. Restore it")


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        ({"month": "2026-09"}, "file.key", "expected raw/igdb/popscore/_months/2026-09/<file>"),
        ({"number": 1}, "", "as in its key"),
        ({"format_version": 2}, "format_version", "<= 1"),
        ({"parts": []}, "parts", "length >= 1"),
        ({"forms": [[["unknown", "int"]]]}, "forms", "fields that have a column"),
        ({"forms": [[["id", "unknown"]]]}, "forms", "a value of include"),
        ({"columns": {"id": "date"}}, "columns", "a value of include"),
        ({"more": 1}, "more", "no such key"),
    ],
)
def test_a_damaged_document_is_named(
    disk: Store, disk_lake: list[tuple[Part, list[bytes]]], change: dict[str, Any], key: str, expected: str
) -> None:
    month = newest(disk)
    disk.put(month.key, orjson.dumps(orjson.loads(disk.get(month.key)) | change))
    with pytest.raises(MonthError) as raised:
        list(month_lines(disk, disk_lake[0][0]))
    assert month.key in str(raised.value)
    assert key in str(raised.value)
    assert expected in str(raised.value)
    page = "docs/guides/deploy/upgrade.md" if key == "format_version" else "docs/guides/runbooks/compaction.md"
    assert page in str(raised.value)


def test_lines_that_are_not_those_of_the_document_are_refused(
    disk: Store, disk_lake: list[tuple[Part, list[bytes]]]
) -> None:
    month = newest(disk)
    document = orjson.loads(disk.get(month.key))
    document["parts"][0]["lines_sha256"] = "0" * 64
    disk.put(month.key, orjson.dumps(document))
    with pytest.raises(DamagedPartError, match=f"{month.file.key}: the rows of {disk_lake[0][0].key}: found"):
        list(month_lines(disk, disk_lake[0][0]))


def test_a_document_comes_back_as_it_was(disk: Store, disk_lake: list[tuple[Part, list[bytes]]]) -> None:
    month = newest(disk)
    assert month.to_json() == disk.get(month.key)


def test_an_object_that_is_in_no_month_is_not_found(disk: Store) -> None:
    assert TableName.of_key("raw/igdb/popscore/dt=2026-08-30/run/part-00000.jsonl.gz") == POPSCORE.table
    with Months(disk) as months, pytest.raises(ObjectNotFoundError, match="no compacted month has the part"):
        list(months.lines(make_part(partition="2026-08-30", entity="popscore")))
