"""Loads against a sandbox over real HTTP into a lake on disk: after each the table equals the source."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gamelake.days import format_day
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Draft, ManifestError, Mode
from gamelake.lake.parts import PART_BYTES
from gamelake.lake.table import Table
from gamelake.load.errors import LostPartError, OtherOriginError, UnreadablePartitionError
from sandbox.igdb import Sandbox, World
from tests.support.errors import having
from tests.support.loads import DAY, Loads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store
    from tests.support.loads import Rows


@pytest.fixture
def loads(store: Store) -> Iterator[Loads]:
    """Loads of a sandbox of 1,300 games, in parts of the usual size."""
    world = World.generate(seed=3, games=1300, first_day=DAY, today=DAY)
    sandbox = Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0)
    with sandbox.running() as url:
        yield Loads(sandbox, url, store, part_bytes=PART_BYTES)


def same(left: Rows, right: Rows) -> bool:
    """Equal but for the order of id arrays, which means nothing."""

    def sorted_arrays(rows: Rows) -> Rows:
        return {i: {k: sorted(v) if isinstance(v, list) else v for k, v in row.items()} for i, row in rows.items()}

    return sorted_arrays(left) == sorted_arrays(right)


def test_a_full_load_is_the_source_and_claims_every_id(loads: Loads) -> None:
    report = loads.load()
    assert same(loads.table_rows(), loads.source_rows())
    manifest = loads.newest()
    assert (manifest.mode, manifest.row_count, manifest.source_count) == (Mode.FULL, 1300, 1300)
    assert [(claim.low, claim.high) for file in manifest.files for claim in file.claims] == [(0, None)]
    assert (report.rows, report.version, report.mode, report.partition) == (1300, 1, "full", "2026-11-21")
    assert manifest.summary.requests == report.requests == loads.sandbox.requests_served


def test_the_watermark_is_the_sources_clock_and_not_this_machines(loads: Loads) -> None:
    loads.sandbox.advance(DAY + timedelta(days=400))
    loads.load(day=DAY + timedelta(days=400))
    watermark = int(loads.newest().cursor or 0)
    assert abs(watermark - loads.sandbox.clock().timestamp()) < 60


def test_a_sparse_table_is_read_in_wide_windows(loads: Loads) -> None:
    report = loads.load("popscore")
    assert same(loads.table_rows("popscore"), loads.source_rows("popularity_primitives"))
    assert report.requests <= 2 + 2 * report.rows / 5000


def test_a_small_table_costs_one_request(loads: Loads) -> None:
    report = loads.load("genres")
    assert report.requests == 1
    assert same(loads.table_rows("genres"), loads.source_rows("genres"))


def test_an_incremental_night_brings_changes_and_deletions(loads: Loads) -> None:
    loads.load()
    games = sorted(loads.source_rows())
    tomorrow = DAY + timedelta(days=1)
    loads.sandbox.advance(tomorrow)
    loads.sandbox.delete("games", [games[0], games[700], games[-1]])
    loads.sandbox.upsert("games", [{"id": games[-1] + 30, "name": "New"}, {"id": games[5], "name": "Changed"}])
    report = loads.load(day=tomorrow, run_id="tomorrow")
    assert report.mode == "incremental"
    assert report.repaired_ranges == 3
    assert same(loads.table_rows(), loads.source_rows())
    assert report.row_count == report.source_count == len(loads.source_rows())


def test_a_quiet_night_costs_few_requests_and_no_rows(loads: Loads) -> None:
    loads.load()
    report = loads.load(run_id="again")
    assert report.requests <= 3
    assert report.files == report.rows == 0
    assert same(loads.table_rows(), loads.source_rows())


def test_a_day_of_a_time_series_is_replaced_and_past_days_are_kept(loads: Loads) -> None:
    loads.load("popscore")
    tomorrow = DAY + timedelta(days=1)
    loads.sandbox.advance(tomorrow)
    loads.load("popscore", day=tomorrow, run_id="first")
    row = loads.sandbox.rows("popularity_primitives")[0]
    loads.sandbox.upsert("popularity_primitives", [{**row, "value": 0.5}])
    loads.load("popscore", day=tomorrow, run_id="second")
    files = loads.newest("popscore").files
    assert [file.partition for file in files] == ["2026-11-21", "2026-11-22"]
    assert "second" in files[1].key


def test_a_full_refresh_replaces_everything(loads: Loads) -> None:
    loads.load()
    report = loads.load(full_refresh=True, run_id="again")
    assert report.mode == "full"
    assert all("again" in file.key for file in loads.newest().files)


def test_a_past_day_is_read_again_and_the_watermark_stays(loads: Loads) -> None:
    later = DAY + timedelta(days=3)
    loads.sandbox.advance(later)
    loads.load(day=later)
    before = loads.newest()
    report = loads.load(day=DAY + timedelta(days=1), run_id="backfill")
    assert (report.mode, report.partition) == ("incremental", "2026-11-22")
    assert 0 < report.rows < 1300
    assert loads.newest().cursor == before.cursor
    assert same(loads.table_rows(), loads.source_rows())


@pytest.mark.parametrize("days", [-2, 1])
def test_a_day_that_cannot_be_read_is_refused_and_nothing_is_committed(loads: Loads, days: int) -> None:
    day = DAY + timedelta(days=days)
    refused = having(table="igdb.genres", partition=format_day(day), is_future=days > 0)
    with pytest.raises(UnreadablePartitionError, check=refused):
        loads.load("genres", day=day)
    assert loads.latest("genres") is None


@pytest.mark.parametrize("damage", [None, b"torn"], ids=["missing", "damaged"])
def test_a_lost_part_fails_all_but_a_full_load(damage: bytes | None, loads: Loads) -> None:
    loads.load()
    (part,) = loads.newest().files
    loads.store.delete(part.key)
    if damage:
        loads.store.put(part.key, damage)
    with pytest.raises(LostPartError, check=having(table=TableName("igdb", "games"), version=1)):
        loads.load(run_id="night")
    loads.load(run_id="full", full_refresh=True)
    assert same(loads.table_rows(), loads.source_rows())


def test_an_old_commit_that_is_damaged_stops_no_load(loads: Loads) -> None:
    for night in range(2):
        loads.load(run_id=str(night))
    loads.store.put(TableName("igdb", "games").manifest_key(1), b"{")
    assert (loads.load(run_id="2")).version == 3
    loads.store.put(TableName("igdb", "games").manifest_key(4), b"{")
    with pytest.raises(ManifestError, match="restore the object from a backup"):
        loads.load(run_id="3")


@pytest.mark.parametrize("name", ["games", "popscore"])
def test_a_newest_commit_that_is_lost_with_its_copy_costs_one_night(loads: Loads, name: str) -> None:
    """The runbook's steps: delete the damaged commit, then load with `full_refresh`."""
    table = TableName("igdb", name)
    for night in range(3):
        day = DAY + timedelta(days=night)
        loads.sandbox.advance(day)
        loads.load(name, day=day, run_id=str(night))
    damaged = table.manifest_key(3)
    for key in (damaged, table.pointer_key):
        loads.store.put(key, b'{"torn')
    day += timedelta(days=1)
    loads.sandbox.advance(day)
    refused = having(key=f"{damaged}: document")
    with pytest.raises(ManifestError, check=refused):
        loads.load(name, day=day, run_id="refused", full_refresh=True)
    loads.store.delete(damaged)
    assert loads.load(name, day=day, run_id="again", full_refresh=True).version == 3
    files = loads.newest(name).files
    if name == "games":
        assert same(loads.table_rows(), loads.source_rows())
    else:
        assert [file.partition for file in files] == ["2026-11-21", "2026-11-22", "2026-11-24"]
    assert [commit.version for commit in Table(loads.store, table).history()] == [3, 2, 1]
    assert loads.store.get(table.pointer_key) == loads.store.get(damaged)


@pytest.mark.parametrize(
    ("first", "then", "name", "full_refresh"),
    [
        ("sandbox", "igdb", "games", False),
        ("igdb", "sandbox", "games", True),
        ("recorded", "sandbox", "genres", False),
        ("sandbox", "igdb", "popscore", False),
        ("igdb", "recorded", "popscore", True),
    ],
)
def test_rows_of_two_servers_are_not_mixed(loads: Loads, name: str, full_refresh: bool, first: str, then: str) -> None:
    """An account in place of the sandbox, or a terminal without the account."""
    loads.sandbox.using(lambda world: setattr(world, "name", first))
    loads.load(name)
    before = loads.newest(name)
    assert before.origin == first
    loads.sandbox.using(lambda world: setattr(world, "name", then))
    asked = loads.sandbox.requests_served
    with pytest.raises(OtherOriginError, check=having(found=then, expected=first)):
        loads.load(name, run_id="another run", full_refresh=full_refresh)
    assert loads.sandbox.requests_served - asked == 1, "the first reply shows it"
    assert loads.latest(name) == before
    loads.sandbox.using(lambda world: setattr(world, "name", first))
    assert (loads.load(name, run_id="a third run")).version == 2


def test_the_first_load_of_a_table_does_not_mix_servers_either(loads: Loads) -> None:
    """A load by an account, then one of another table in a terminal without it."""
    loads.sandbox.using(lambda world: setattr(world, "name", "igdb"))
    loads.load("genres")
    loads.sandbox.using(lambda world: setattr(world, "name", "sandbox"))
    holder = TableName("igdb", "genres")
    with pytest.raises(
        OtherOriginError,
        check=having(found="sandbox", expected="igdb", holder=holder),
        match=r"the table igdb\.genres in",
    ):
        loads.load("platforms", run_id="another run")
    assert loads.latest("platforms") is None
    loads.sandbox.using(lambda world: setattr(world, "name", "igdb"))
    assert loads.load("platforms", run_id="a third run").version == 1


def test_a_table_without_an_origin_gets_one(loads: Loads) -> None:
    loads.load("genres")
    before = loads.newest("genres")
    unknown = {name: getattr(before, name) for name in Draft.__struct_fields__} | {"origin": None}
    Table(loads.store, TableName("igdb", "genres")).commit(lambda _: Draft(**unknown))
    loads.sandbox.using(lambda world: setattr(world, "name", "igdb"))
    loads.load("genres", run_id="another run")
    assert loads.newest("genres").origin == "igdb"
