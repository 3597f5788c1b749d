"""The audit knows months: what a month's file has may be removed, and what no reader could restore is reported."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.audit import audit_table
from gamelake.lake.factory import open_store
from gamelake.lake.findings import RETENTION
from gamelake.lake.month_documents import Month, read_months
from gamelake.lake.months import Months
from gamelake.lake.rows import read_lines
from gamelake.lake.store import ObjectNotFoundError
from gamelake.maintenance.audit import audit
from gamelake.maintenance.compaction import Outcome, compact
from gamelake.maintenance.restore import restore
from tests.support.series_lake import DAYS, LATER, POPSCORE, load_day, load_days, parts_of, remove, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

AUGUST = "2026-08"
SOON = datetime.now(UTC)
WEEK_LATER = SOON + RETENTION + timedelta(days=3)


@pytest.fixture
def lake(store: Store, tmp_path: Path) -> Store:
    """A lake of two months, of which one is compacted; its parts are there still."""
    load_days(store, tmp_path / "scratch")
    list(compact(store, POPSCORE, now=LATER))
    return store


def month_of(store: Store) -> Month:
    return next(read_months(store, POPSCORE.table, AUGUST))


def found(store: Store, **options: Any) -> list[tuple[str, str]]:
    options.setdefault("now", SOON)
    return [(each.problem.value, each.key) for each in audit_table(store, POPSCORE.table, **options)]


def orphans(keys: Any) -> list[tuple[str, str]]:
    return [("orphan", key) for key in keys]


def test_parts_of_a_month_are_kept_for_seven_days_and_then_removed(lake: Store) -> None:
    parts = [part.key for part in parts_of(lake, AUGUST)]
    assert found(lake, verify=True) == []
    assert found(lake, now=WEEK_LATER) == orphans(parts)
    (finding, *_) = audit_table(lake, POPSCORE.table, now=WEEK_LATER)
    assert finding.reason == f"{month_of(lake).file.key} has its rows"
    report = audit(lake, [POPSCORE.table], older_than=timedelta(hours=48), remove=True, now=WEEK_LATER)
    assert len(report.removed) == 4
    assert found(lake, now=WEEK_LATER, verify=True) == []


@pytest.mark.parametrize("removed", [True, False])
def test_a_missing_or_damaged_file_is_a_finding_and_saves_its_parts(lake: Store, removed: bool) -> None:
    file = month_of(lake).file
    if removed:
        lake.delete(file.key)
    else:
        lake.put(file.key, b"PAR1")
    problem = "missing" if removed else "damaged"
    assert found(lake, now=WEEK_LATER) == [(problem, file.key)]
    remove(lake, parts_of(lake, AUGUST))
    assert found(lake, now=WEEK_LATER) == [(problem, file.key)]


def test_other_bytes_of_the_same_size_are_found_by_verify(lake: Store) -> None:
    file = month_of(lake).file
    lake.put(file.key, bytes(file.bytes))
    assert found(lake) == []
    assert found(lake, verify=True) == [("damaged", file.key)]


def test_a_damaged_document_saves_everything_of_its_month(lake: Store) -> None:
    month = month_of(lake)
    lake.put(month.key, b"{}")
    assert found(lake, now=WEEK_LATER) == [("damaged", month.key)]
    remove(lake, parts_of(lake, AUGUST))
    parts = [("missing", part.key) for part in parts_of(lake, AUGUST)]
    assert found(lake, now=WEEK_LATER) == [("damaged", month.key), *parts]


@pytest.mark.parametrize("lost", ["file", "document", "damaged document"])
def test_what_is_left_of_a_broken_month_is_not_removed_by_the_rule(lake: Store, lost: str) -> None:
    month, parts = month_of(lake), parts_of(lake, AUGUST)
    key = month.file.key if lost == "file" else month.key
    if lost == "damaged document":
        lake.put(key, b"{}")
    else:
        lake.delete(key)
    remove(lake, parts[:1])
    for part in parts[1:]:
        os.utime(lake.url(part.key), (0, 0))
    audit(lake, [POPSCORE.table], older_than=timedelta(hours=48), remove=False)
    assert {lake.info(part.key).modified.year for part in parts[1:]} == {1970}
    report = audit(lake, [POPSCORE.table], older_than=timedelta(hours=48), remove=True)
    assert report.broken
    assert all(lake.info(part.key).modified >= SOON for part in parts[1:])


@pytest.mark.parametrize("again", [True, False], ids=["the newest of two", "the only one"])
def test_of_a_lost_newest_document_the_file_stays(lake: Store, tmp_path: Path, again: bool) -> None:
    """No number shows that it was there, but a part is in no place that is known."""
    if again:
        load_day(lake, tmp_path / "scratch", DAYS[1], rows_of(DAYS[2]), run_id="again")
        list(compact(lake, POPSCORE, now=LATER))
    parts = parts_of(lake, AUGUST)
    expected = [list(read_lines(lake, part)) for part in parts]
    remove(lake, parts)
    month = month_of(lake)
    document = lake.get(month.key)
    lake.delete(month.key)
    report = audit(lake, [POPSCORE.table], older_than=timedelta(hours=48), remove=True, now=WEEK_LATER)
    assert {each.key for each in report.broken} >= {part.key for part in parts[-2:]}
    assert [each for each in report.orphans if "_months/" in each.key] == []
    lake.put(month.key, document)
    assert [list(read_lines(lake, part)) for part in parts] == expected


def test_a_lost_document_is_missing(lake: Store) -> None:
    list(compact(lake, POPSCORE, now=LATER, again=True))
    newest, first = read_months(lake, POPSCORE.table, AUGUST)
    lake.delete(first.key)
    assert found(lake, now=WEEK_LATER) == [("missing", first.key)]
    assert newest.number == 2


def test_a_file_that_a_later_one_replaced_is_kept_for_seven_days(lake: Store) -> None:
    list(compact(lake, POPSCORE, now=LATER, again=True))
    _, first = read_months(lake, POPSCORE.table, AUGUST)
    assert found(lake) == []
    parts = [part.key for part in parts_of(lake, AUGUST)]
    assert found(lake, now=WEEK_LATER) == orphans([first.file.key, *parts])


def test_a_file_that_a_later_one_replaced_is_not_missed(lake: Store) -> None:
    """Such as after an audit whose clock was 60 days fast."""
    list(compact(lake, POPSCORE, now=LATER, again=True))
    _, first = read_months(lake, POPSCORE.table, AUGUST)
    lake.delete(first.file.key)
    assert found(lake) == []


@pytest.mark.parametrize("damaged", [True, False])
def test_of_a_lost_file_an_older_one_has_the_rows(lake: Store, damaged: bool) -> None:
    list(compact(lake, POPSCORE, now=LATER, again=True))
    parts = parts_of(lake, AUGUST)
    expected = [list(read_lines(lake, part)) for part in parts]
    remove(lake, parts)
    newest, first = read_months(lake, POPSCORE.table, AUGUST)
    if damaged:
        lake.put(newest.file.key, b"PAR1")
    else:
        lake.delete(newest.file.key)
    assert found(lake, now=WEEK_LATER) == [("damaged" if damaged else "missing", newest.file.key)]
    assert [list(read_lines(lake, part)) for part in parts] == expected
    assert [each.outcome for each in compact(lake, POPSCORE, now=LATER)] == [Outcome.COMPACTED]
    lake.delete(first.file.key)
    assert found(lake) == []
    assert [list(read_lines(lake, part)) for part in parts] == expected


def test_an_older_file_is_needed_for_parts_that_only_it_has(lake: Store, tmp_path: Path) -> None:
    """A day was loaded again, and the commit before is needed: its part is in the first file alone."""
    first = month_of(lake)
    (_, _, old, _) = parts_of(lake, AUGUST)
    remove(lake, parts_of(lake, AUGUST))
    load_day(lake, tmp_path / "scratch", DAYS[1], run_id="again")
    list(compact(lake, POPSCORE, now=LATER))
    assert found(lake) == []
    assert list(read_lines(lake, old))
    lake.delete(first.file.key)
    assert found(lake) == [("missing", first.file.key)]


def test_a_part_of_the_same_key_and_other_bytes_is_not_in_the_month(lake: Store, tmp_path: Path) -> None:
    """A run that was replaced was cleared: its keys are free once the parts are removed."""
    parts = parts_of(lake, AUGUST)[2:]
    load_day(lake, tmp_path / "scratch", DAYS[1], rows_of(DAYS[2]), run_id="other")
    remove(lake, parts)
    again = load_day(lake, tmp_path / "scratch", DAYS[1], rows_of(DAYS[3]))
    assert [part.key for part in again] == [part.key for part in parts]
    report = audit(lake, [POPSCORE.table], older_than=timedelta(hours=48), remove=True, now=WEEK_LATER)
    assert not {each.key for each in report.removed} & {part.key for part in again}
    expected = [list(read_lines(lake, part)) for part in again]
    with Months(lake) as months:
        assert expected != [list(months.lines(part)) for part in parts]
    lake.delete(again[0].key)
    with pytest.raises(ObjectNotFoundError):
        list(read_lines(lake, again[0]))


def test_a_file_of_a_killed_compaction_is_an_orphan(lake: Store) -> None:
    key = f"{POPSCORE.table.month_prefix(AUGUST)}{2:020}-12345678.parquet"
    lake.put(key, b"PAR1")
    assert found(lake) == orphans([key])


def test_without_all_commits_no_file_of_a_month_is_an_orphan(lake: Store) -> None:
    key = f"{POPSCORE.table.month_prefix(AUGUST)}{2:020}-12345678.parquet"
    lake.put(key, b"PAR1")
    lake.delete(POPSCORE.table.manifest_key(3))
    assert [each for each in found(lake) if each[0] == "orphan"] == []


def test_a_restored_lake_has_its_months(lake: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(lake, AUGUST)
    expected = [list(read_lines(lake, part)) for part in parts]
    remove(lake, parts)
    copy = open_store((tmp_path / "copy").as_uri())
    written: list[str] = []
    real = copy.put_file

    def put_file(key: str, *given: Any, **options: Any) -> None:
        written.append(key)
        real(key, *given, **options)

    monkeypatch.setattr(copy, "put_file", put_file)
    restore(lake, copy)
    month = month_of(lake)
    assert written.index(month.file.key) < written.index(month.key)
    first_commit = next(key for key in written if key.startswith(POPSCORE.table.manifests_prefix))
    assert written.index(month.key) < written.index(first_commit), "a commit names parts that only the month has"
    assert [list(read_lines(copy, part)) for part in parts] == expected
