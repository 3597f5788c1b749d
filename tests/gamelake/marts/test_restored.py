"""A build finds the parts that compaction removed: restored beside the generations, until it is published."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.month_documents import read_months
from gamelake.lake.rows import read_lines
from gamelake.lake.store import StoreError
from gamelake.maintenance.audit import audit
from gamelake.maintenance.compaction import compact
from gamelake.marts.errors import TransformError
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.mart_path import _files
from gamelake.marts.restored import RESTORED
from tests.support.id_lake import GAMES, inputs_of, write_day, write_mart
from tests.support.series_lake import DAYS, LATER, POPSCORE, load_days, parts_of, remove

if TYPE_CHECKING:
    from pathlib import Path

AUGUST = "2026-08"


@pytest.fixture
def lake(store: Any, tmp_path: Path) -> Any:
    """A lake of two months without the parts of the first one."""
    load_days(store, tmp_path / "scratch")
    list(compact(store, POPSCORE, now=LATER))
    store.parts = parts_of(store, AUGUST)
    store.lines = [list(read_lines(store, part)) for part in store.parts]
    remove(store, store.parts)
    return store


def restored(store: Any) -> list[str]:
    return [info.key for info in store.list(RESTORED)]


def test_a_build_of_the_whole_history_reads_restored_parts_and_leaves_none(lake: Any) -> None:
    generation = open_generation(lake, [POPSCORE], day=DAYS[-1], run_id="first")
    inputs = inputs_of(lake, generation)
    assert [str(day.day) for day in inputs.days] == [str(day) for day in DAYS]
    assert inputs.days_left_out == ()
    urls = [file.url for file in inputs.files if file.partition.startswith(AUGUST)]
    build = inputs.run[0].build
    assert urls == [lake.url(f"{RESTORED}{build}/{part.key}") for part in lake.parts]
    for url, lines in zip(urls, lake.lines, strict=True):
        with gzip.open(url) as file:
            assert list(file) == lines
    assert {file.key for file in _files(inputs)["raw/igdb/popscore"]} >= {part.key for part in lake.parts}
    write_mart(lake, generation, "dim_games", 1)
    for day in inputs.days:
        write_day(lake, generation, day, 3)
    assert len(restored(lake)) == 4
    publish(lake, generation, GAMES)
    assert restored(lake) == []
    again = open_generation(lake, [POPSCORE], day=DAYS[-1], run_id="second")
    assert all(day.is_built for day in inputs_of(lake, again).days)
    assert restored(lake) == [], "the days are built: nothing is read of them"


def test_a_publication_that_cannot_remove_them_is_one(lake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The role of transform lacks s3:DeleteObject: readers have the marts, and the audit removes what stays."""
    generation = open_generation(lake, [POPSCORE], day=DAYS[-1], run_id="first")
    write_mart(lake, generation, "dim_games", 1)
    for day in inputs_of(lake, generation).days:
        write_day(lake, generation, day, 3)

    def deny(key: str) -> None:
        raise StoreError("DeleteObject", key, "AccessDenied")

    with monkeypatch.context() as patch:
        patch.setattr(lake, "delete", deny)
        assert publish(lake, generation, GAMES).is_published
    assert len(restored(lake)) == 4
    assert publish(lake, generation, GAMES).is_published
    assert restored(lake) == []


def test_a_past_day_is_built_as_of_it(lake: Any) -> None:
    generation = open_generation(lake, [POPSCORE], day=DAYS[0], run_id="r")
    assert [file.rows for file in inputs_of(lake, generation).files] == [6, 1]
    assert len(restored(lake)) == 2


def test_what_a_killed_build_restored_is_an_orphan(lake: Any) -> None:
    open_generation(lake, [POPSCORE], day=DAYS[0], run_id="r")
    keys = restored(lake)
    later = datetime.now(UTC) + timedelta(days=3)
    report = audit(lake, [], older_than=timedelta(hours=48), remove=True, now=later)
    assert {each.key for each in report.removed} >= set(keys)
    assert restored(lake) == []


def test_without_the_file_of_its_month_a_day_is_left_out_or_stops_its_own_build(lake: Any) -> None:
    (month,) = read_months(lake, POPSCORE.table, AUGUST)
    lake.delete(month.file.key)
    left_out = inputs_of(lake, open_generation(lake, [POPSCORE], day=DAYS[-1], run_id="r")).days_left_out
    assert [str(each.day) for each in left_out] == [str(day) for day in DAYS[:2]]
    assert f"cannot be restored: {month.file.key}: it is missing" in left_out[0].reason
    with pytest.raises(TransformError, match=f"2026-08-30 cannot be built: {month.file.key}: it is missing"):
        open_generation(lake, [POPSCORE], day=DAYS[0], run_id="r")
