"""What no change tells: rows that went or came back, found by counts, then by ids, for few requests."""

from __future__ import annotations

import random
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.id_ranges import IdRange
from gamelake.lake.rows import LiveIds, read_live_ids
from gamelake.limits import Allow
from gamelake.sources.base import Page
from gamelake.sources.contract import RowContract
from gamelake.sources.igdb.reconcile import RANGES, Comparison
from gamelake.sources.igdb.request_planner import BATCH_WINDOWS, PAGE
from sandbox.igdb import Fault
from tests.support.loads import (
    DAY,
    LONG_AGO,
    REGISTRY,
)
from tests.support.nightly_loads import Lake, row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from sandbox.igdb import World

COUNTING = ceil(RANGES / 10) + 1
"""Requests that compare the counts of a table of more than RANGES pages: of its ranges, and of windows of time."""
ID_BATCH = PAGE * BATCH_WINDOWS
"""Rows whose ids come in one request."""


def test_a_deleted_row_is_removed_the_same_night_and_nothing_is_read_for_it(lake: Lake) -> None:
    ids = lake.ids()
    lake.sandbox.delete("games", [ids[0], ids[700], ids[701], ids[-1]])
    report = lake.night()
    lake.check_equal()
    assert (report.rows, report.repaired_ranges) == (0, 3)
    manifest = lake.newest()
    assert [claim for file in manifest.files[1:] for claim in file.claims] == [
        IdRange(ids[0], ids[0] + 1),
        IdRange(ids[700], ids[701] + 1),
        IdRange(ids[-1], ids[-1] + 1),
    ]


def test_a_row_that_comes_back_as_it_was_is_found_the_same_night(lake: Lake) -> None:
    ids = lake.ids()
    away = [ids[5], ids[600], ids[610], ids[-1]]
    lake.sandbox.delete("games", away)
    lake.night()
    lake.sandbox.upsert("games", [row(row_id) for row_id in away])
    report = lake.night()
    lake.check_equal()
    # The two that lie near each other are read as one range, with the rows between them.
    assert report.rows == 2 + 11


def test_a_merged_game(lake: Lake) -> None:
    ids = lake.ids()
    lake.sandbox.delete("games", [ids[40]])
    lake.sandbox.upsert("games", [{"id": ids[30], "name": "Both of them"}])
    assert lake.night().rows == 1
    lake.check_equal()


def test_everything_is_deleted_and_comes_back(lake: Lake) -> None:
    before = lake.sandbox.rows("games")
    lake.sandbox.delete("games", lake.ids())
    assert lake.night(allow=Allow(shrink=True)).row_count == 0
    lake.check_equal()
    lake.sandbox.upsert("games", before)
    assert lake.night().row_count == len(before)
    lake.check_equal()


@pytest.mark.parametrize("rows", [0])
def test_a_table_that_was_empty(lake: Lake) -> None:
    assert lake.night().requests == 2
    lake.check_equal()
    lake.sandbox.upsert("games", [row(0), row(700), {"id": 3_000, "name": "New"}])
    lake.night()
    lake.check_equal()


def test_rows_that_all_change_and_go_in_one_night(lake: Lake) -> None:
    ids = lake.ids()
    lake.sandbox.delete("games", ids[::3])
    lake.sandbox.upsert("games", [{"id": row_id, "hypes": 1} for row_id in ids[1::3]])
    lake.sandbox.upsert("games", [{"id": ids[-1] + i, "name": "New"} for i in range(1, 2_000, 7)])
    lake.night(allow=Allow(shrink=True))
    lake.check_equal()


YOUNG, GHOST, OTHER = 62, 54, 73
"""Ids of one range: a gap, and two rows."""
MEANWHILE: dict[str, Callable[[World], object]] = {
    "a new row goes": lambda world: world.delete("games", [YOUNG]),
    "a new row comes": lambda world: world.upsert("games", [{"id": YOUNG + 10, "name": "Younger"}]),
    "a row changes": lambda world: world.upsert("games", [{"id": OTHER, "hypes": 9}]),
    "a row goes": lambda world: world.delete("games", [OTHER]),
}


@pytest.mark.parametrize("request_number", [1, 2, 3, 4])
@pytest.mark.parametrize("what", MEANWHILE)
def test_nothing_that_happens_during_a_night_hides_a_deletion(what: str, request_number: int, lake: Lake) -> None:
    assert not {YOUNG, YOUNG + 10} & {*lake.ids()}, "they are gaps"
    lake.sandbox.delete("games", [GHOST])
    lake.sandbox.upsert("games", [{"id": YOUNG, "name": "Young"}])
    lake.sandbox.plan({request_number: MEANWHILE[what]})
    report = lake.night()
    assert report.requests >= 3, "changes, counts, ids"
    assert GHOST not in lake.shown()
    lake.sandbox.plan()
    lake.night()
    lake.check_equal()


def test_only_a_full_load_finds_a_swap_within_a_range(lake: Lake) -> None:
    """The limit of counts: one row more and one less. It takes a row that comes back with its old `updated_at`."""
    ids = lake.ids()
    lake.sandbox.delete("games", [ids[10]])
    lake.night()
    lake.sandbox.upsert("games", [row(ids[10])])
    lake.sandbox.delete("games", [ids[20]])
    assert lake.night().repaired_ranges == 0
    assert lake.shown().keys() ^ lake.held().keys() == {ids[10], ids[20]}
    lake.night(full_refresh=True)
    lake.check_equal()


def test_a_change_that_is_rejected_is_read_once_and_the_row_stays_as_it_was(lake: Lake) -> None:
    ids = lake.ids()
    lake.sandbox.upsert("games", [{"id": ids[7], "hypes": "many"}, {"id": ids[-1] + 1, "hypes": "some"}])
    report = lake.night()
    assert (report.rejected, report.repaired_ranges, report.rows) == (2, 0, 0)
    assert report.source_count == report.row_count + 1 == len(ids) + 1
    assert lake.shown()[ids[7]] == row(ids[7])
    lake.sandbox.delete("games", [ids[8]])
    lake.sandbox.upsert("games", [{"id": ids[9], "hypes": "few"}, {"id": ids[-1] + 2, "hypes": "any"}])
    report = lake.night()
    assert report.source_count == report.row_count + 2 == len(lake.ids())
    assert ids[8] not in lake.shown()


@pytest.mark.parametrize("changed", [True, False])
def test_a_rejected_row_hides_no_deletion_and_stays_rejected(changed: bool, lake: Lake) -> None:
    ids = lake.ids()
    lake.sandbox.upsert("games", [row(ids[30], name=7), row(ids[-1] + 5, name=7)])
    assert lake.night(full_refresh=True).rejected == 2
    lake.sandbox.delete("games", [ids[31]])
    if changed:
        lake.sandbox.upsert("games", [{"id": ids[30], "name": 8}])
    for _ in range(2):
        report = lake.night()
        assert lake.shown().keys() == lake.held().keys() - {ids[30], ids[-1] + 5}
        assert report.rejected == 2
        assert report.source_count == report.row_count + 2 == len(lake.held())
    lake.sandbox.delete("games", [ids[30], ids[32]])
    lake.sandbox.upsert("games", [row(ids[-1] + 5)])  # it was repaired, and does not say so
    assert lake.night().rejected == 0
    lake.check_equal()


@pytest.mark.parametrize("ends", [",", ",}"])
def test_a_row_without_an_id_hides_no_deletion_and_stays_rejected(ends: str, lake: Lake) -> None:
    """In whole rows alone, or where nothing but ids is asked for too."""
    ids = lake.ids()
    for end in ends:
        lake.sandbox.faults.add(Fault("replace", old=f'"id": {ids[30]}{end}', new=f'"id": null{end}', times=None))
    assert lake.night(full_refresh=True).rejected == 1
    lake.sandbox.delete("games", [ids[31]])
    for _ in range(2):
        report = lake.night()
        assert lake.shown().keys() == lake.held().keys() - {ids[30]}
        assert report.rejected == 1
        assert report.source_count == report.row_count + 1 == len(lake.held())
    lake.sandbox.faults.clear()
    assert lake.night().rejected == 0
    lake.check_equal()


@pytest.mark.parametrize("lost", [True, False])
def test_if_the_rejected_rows_of_the_last_load_are_lost_every_id_is_read(lost: bool, lake: Lake) -> None:
    ids = lake.ids()
    lake.sandbox.upsert("games", [row(ids[30], name=7)])
    lake.night(full_refresh=True)
    manifest = lake.newest()
    assert manifest.rejected_key is not None
    if lost:
        lake.store.delete(manifest.rejected_key)
    else:
        lake.store.put(manifest.rejected_key, b"torn")
    lake.sandbox.delete("games", [ids[31]])
    assert lake.night().rejected == 1
    assert lake.shown().keys() == lake.held().keys() - {ids[30]}


def test_a_past_day_that_is_read_again_counts_a_bad_row_once(lake: Lake) -> None:
    lake.night()
    day = lake.sandbox.today
    lake.sandbox.next_day()
    lake.sandbox.upsert("games", [{"id": lake.ids()[30], "hypes": "many"}, {"id": 40_000, "name": 7}])
    lake.night(day=lake.sandbox.today)
    report = lake.night(day=day)
    assert report.rejected == 2
    assert report.repaired_ranges == 0
    assert lake.night(day=lake.sandbox.today - timedelta(days=1)).rejected == 2


def test_a_past_day_that_is_read_again_finds_deletions_too(lake: Lake) -> None:
    lake.night()
    lake.sandbox.delete("games", [lake.ids()[100]])
    lake.sandbox.upsert("games", [{"id": 40_000, "name": "New"}])
    lake.night(day=DAY)
    lake.check_equal()


@pytest.mark.parametrize("rows", [60_000])
def test_bad_rows_cost_two_requests_a_night(lake: Lake) -> None:
    lake.sandbox.upsert("games", [row(row_id, name=7) for row_id in lake.ids()[:60_000:2_000]])
    lake.night(full_refresh=True)
    report = lake.night()
    assert (report.rejected, report.repaired_ranges) == (30, 0)
    assert report.requests <= 1 + COUNTING + 2


@pytest.mark.parametrize("rows", [60_000])
def test_the_requests_of_nights(lake: Lake) -> None:
    ids = lake.ids()
    report = lake.night()
    assert report.requests == 1 + COUNTING == 13, "one reply shows that nothing changed"
    counts = [one.query.count("games/count") for one in lake.sandbox.requests[-COUNTING:]]
    assert counts == [10] * COUNTING
    rng = random.Random(5)  # noqa: S311 - a sample, not a secret
    width = ceil((ids[-1] + 1) / (RANGES - 1))
    for deleted in (1, 8, 40, 400):
        deleted_ids = rng.sample(lake.ids(), deleted)
        lake.sandbox.delete("games", deleted_ids)
        report = lake.night()
        ranges = len({row_id // width for row_id in deleted_ids})
        assert report.repaired_ranges == ranges
        windows = 2 * ranges  # each holds some rows more than a page
        assert report.requests <= 1 + COUNTING + ceil(windows / BATCH_WINDOWS) + 1
        assert report.rows == 0
        live = read_live_ids(lake.store, lake.newest())
        assert list(live.ids()) == lake.ids()


class FewRequests:
    """A source of nothing but ids that answers a comparison; counts the requests that it would take."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = LiveIds()
        self._ids.add(ids)
        self._contract = RowContract(REGISTRY["games"])
        self.requests = 0

    async def count_ranges(self, ranges: Sequence[IdRange], *, before: int | None) -> list[int]:
        assert before == LONG_AGO
        self.requests += ceil(len(ranges) / 10)
        return [self._ids.count(claim.low, claim.high) for claim in ranges]

    async def read(self, ranges: Sequence[IdRange], *, rows: int, end: int, fields: str) -> AsyncIterator[Page]:
        assert fields == "id"
        assert end > max(claim.low for claim in ranges)
        found = [{"id": row_id} for claim in ranges for row_id in self._ids.ids(claim.low, claim.high)]
        assert len(found) <= rows, "nothing was inserted"
        self.requests += ceil(len(found) / ID_BATCH)
        yield Page(self._contract.check(found), None)


@pytest.mark.parametrize(
    ("deleted", "most"),
    # Without narrowing down, the ids of ranges that differ cost 77 requests from some 400 deletions on. With so many it
    # is of no use, which 36 requests tell.
    [(0, 12), (1, 13), (5, 16), (40, 34), (120, 60), (400, 12 + 36 + 77), (20_000, 12 + 36 + 77)],
)
async def test_the_requests_of_a_large_table(deleted: int, most: int) -> None:
    ids = [3 + i + i // 9 for i in range(345_000)]
    rng = random.Random(deleted)  # noqa: S311 - a sample, not a secret
    deleted_ids = {*rng.sample(ids, deleted)}
    live = LiveIds()
    live.add(ids)
    source: Any = FewRequests([row_id for row_id in ids if row_id not in deleted_ids])
    found = await Comparison(source, live, LiveIds(), since=LONG_AGO).differences()
    assert {row_id for claim in found.deleted for row_id in range(claim.low, int(claim.end))} == deleted_ids
    assert found.missing == ()
    assert found.matched == len(ids) - deleted
    assert source.requests <= most
