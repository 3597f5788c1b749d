"""What a build reads of the change feed of games, and what it states where the feed has a gap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from msgspec.structs import replace

from gamelake.feeds.documents import step_key
from gamelake.feeds.feed import Feed, make_missing
from gamelake.lake.table import Table
from gamelake.marts import changes
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.mart_path import mart_path
from tests.support.feed_tables import GAMES, load_whole
from tests.support.id_lake import inputs_of, write_mart

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.feeds.documents import Step
    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store

DAY = date(2026, 11, 23)


@pytest.fixture
def lake(store: Store, tmp_path: Path) -> Store:
    """A table of four versions and its feed: a day on which two games changed, and one on which nothing did."""
    one, two = {"id": 1, "name": "One"}, {"id": 2, "name": "Two"}
    load_whole(store, tmp_path, one, partition="2026-10-20")
    load_whole(store, tmp_path, one, two, partition="2026-11-21")
    load_whole(store, tmp_path, one | {"hypes": 1}, two | {"hypes": 2}, partition="2026-11-22")
    load_whole(store, tmp_path, one | {"hypes": 1}, two | {"hypes": 2}, partition="2026-11-23")
    make_missing(store, GAMES)
    return store


def inputs(store: Any, day: date = DAY) -> Any:
    return inputs_of(store, open_generation(store, [GAMES], day=day, run_id="r"))


def intervals(found: Any) -> list[tuple[int | None, int, bool]]:
    return [(each.from_version, each.to_version, each.is_known) for each in found.feed_steps]


def test_a_build_reads_the_steps_of_28_days_up_to_its_commit(lake: Store, tmp_path: Path) -> None:
    found = inputs(lake)
    assert intervals(found) == [(1, 2, True), (2, 3, True), (3, 4, True)]
    assert [(each.created, each.updated) for each in found.feed_steps] == [(1, 0), (0, 2), (0, 0)]
    assert [(file.to_version, file.rows) for file in found.feed_files] == [(2, 1), (3, 2)]
    read = duckdb.sql(f"select op from read_json('{found.feed_files[1].url}', columns = {{op: 'varchar'}})").fetchall()
    assert read == [("u",), ("u",)]
    load_whole(lake, tmp_path, {"id": 1}, partition="2026-11-24")
    make_missing(lake, GAMES)
    again = inputs(lake)
    assert (again.feed_steps, again.feed_files) == (found.feed_steps, found.feed_files), "a day that is built again"


def test_the_changes_of_an_old_day_that_was_loaded_again_are_read(lake: Store, tmp_path: Path) -> None:
    """An incremental load of any day reads what changed up to now."""
    one, two = {"id": 1, "name": "One", "hypes": 1}, {"id": 2, "name": "Two", "hypes": 2}
    load_whole(lake, tmp_path, one, two | {"hypes": 3}, partition="2026-10-21")
    load_whole(lake, tmp_path, one, two | {"hypes": 3}, partition="2026-11-23")
    make_missing(lake, GAMES)
    found = inputs(lake)
    assert intervals(found) == [(1, 2, True), (2, 3, True), (3, 4, True), (4, 5, True), (5, 6, True)]
    assert [(file.to_version, file.rows) for file in found.feed_files] == [(2, 1), (3, 2), (5, 1)]


def test_a_later_step_is_not_read_for_an_earlier_day(lake: Store) -> None:
    assert intervals(inputs(lake, date(2026, 11, 21))) == [(1, 2, True)]
    begins = inputs(lake, date(2026, 10, 20)).feed_steps
    assert [(each.from_version, each.to_version, each.is_known) for each in begins] == [(None, 1, False)]
    assert begins[0].reason == "the change feed begins here"


def test_a_feed_that_ends_before_the_commit_is_a_stated_gap(lake: Store, tmp_path: Path) -> None:
    last = load_whole(lake, tmp_path, {"id": 1}, partition="2026-11-23")
    found = inputs(lake)
    gap = found.feed_steps[-1]
    assert intervals(found)[2:] == [(3, 4, True), (4, 5, False)]
    assert (gap.partition, gap.committed_at, gap.created) == ("2026-11-23", last.committed_at, None)
    assert "ends at version 4" in gap.reason


def test_a_lake_without_a_feed_is_built(store: Store, tmp_path: Path) -> None:
    load_whole(store, tmp_path, {"id": 1}, partition="2026-11-23")
    found = inputs(store)
    assert intervals(found) == [(None, 1, False)]
    assert found.feed_files == ()


@pytest.mark.parametrize("lost", ["step", "torn step", "file", "torn file", "changed file"])
def test_what_is_lost_or_damaged_is_a_stated_gap(lake: Store, lost: str) -> None:
    step = Feed(lake, GAMES.table).read(3)
    key = step.files[0].key if "file" in lost else step_key(GAMES.table, 3)
    data = lake.get(key)
    lake.delete(key)
    if "torn" in lost:
        lake.put(key, data[:-3])
    elif "changed" in lost:
        lake.put(key, data[:-1] + bytes([data[-1] ^ 1]))
    found = inputs(lake)
    assert intervals(found) == [(1, 2, True), (2, 3, False), (3, 4, True)]
    assert found.feed_steps[1].partition == "2026-11-22", "that of the commit"
    assert [file.to_version for file in found.feed_files] == [2]


def test_a_feed_of_another_table_with_the_same_numbers_is_not_read(lake: Store) -> None:
    read = inputs(lake)
    others = [replace(each, committed_at=datetime(2026, 11, 1, tzinfo=UTC)) for each in read.commits]
    steps, files = changes.feed_inputs(lake, newest(lake), others, day=DAY)
    assert [(step.from_version, step.to_version, step.is_known) for step in steps] == [(None, 4, False)]
    assert files == ()


def test_a_feed_is_not_read_further_back_than_it_has_to(lake: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    read_step = Feed.read

    def noted(feed: Feed, number: int) -> Step:
        read.append(number)
        return read_step(feed, number)

    monkeypatch.setattr(Feed, "read", noted)
    monkeypatch.setattr(changes, "AT_ONCE", 1)
    later = DAY + timedelta(days=36_500)
    steps, _ = changes.feed_inputs(lake, newest(lake), inputs(lake).commits, day=later)
    assert [step.is_known for step in steps] == [False]
    assert read[-1] == 4, "older than the first day, by its day and its commit"


def test_the_page_of_a_marts_path_has_the_feed(lake: Store) -> None:
    generation = open_generation(lake, [GAMES], day=DAY, run_id="r")
    write_mart(lake, generation, "fct_game_changes", 1)
    publish(lake, generation, {"fct_game_changes": "marts/fct_game_changes.parquet"})
    path = mart_path(lake)
    assert path
    feed = {step.path: step for step in path.steps}["feeds/igdb/games"]
    assert [(file.partition, file.rows) for file in feed.files] == [("2026-11-22", 2), ("2026-11-21", 1)]
    assert all(lake.info(file.key) for file in feed.files)


def newest(store: Store) -> Manifest:
    found = Table(store, GAMES.table).latest()
    assert found
    return found
