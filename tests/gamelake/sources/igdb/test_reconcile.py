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
from tests.support.nightly_loads import ScriptedLoads, row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from sandbox.igdb import World

COUNTING = ceil(RANGES / 10) + 1
"""Requests that compare the counts of a table of more than RANGES pages: of its ranges, and of windows of time."""
ID_BATCH = PAGE * BATCH_WINDOWS
"""Rows whose ids come in one request."""


def test_a_deleted_row_is_removed_the_same_night_and_nothing_is_read_for_it(scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    scripted.sandbox.delete("games", [ids[0], ids[700], ids[701], ids[-1]])
    report = scripted.night()
    scripted.check_equal()
    assert (report.rows, report.repaired_ranges) == (0, 3)
    manifest = scripted.newest()
    assert [claim for file in manifest.files[1:] for claim in file.claims] == [
        IdRange(ids[0], ids[0] + 1),
        IdRange(ids[700], ids[701] + 1),
        IdRange(ids[-1], ids[-1] + 1),
    ]


def test_a_row_that_comes_back_as_it_was_is_found_the_same_night(scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    away = [ids[5], ids[600], ids[610], ids[-1]]
    scripted.sandbox.delete("games", away)
    scripted.night()
    scripted.sandbox.upsert("games", [row(row_id) for row_id in away])
    report = scripted.night()
    scripted.check_equal()
    # The two that lie near each other are read as one range, with the rows between them.
    assert report.rows == 2 + 11


def test_a_merged_game(scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    scripted.sandbox.delete("games", [ids[40]])
    scripted.sandbox.upsert("games", [{"id": ids[30], "name": "Both of them"}])
    assert scripted.night().rows == 1
    scripted.check_equal()


def test_everything_is_deleted_and_comes_back(scripted: ScriptedLoads) -> None:
    before = scripted.sandbox.rows("games")
    scripted.sandbox.delete("games", scripted.ids())
    assert scripted.night(allow=Allow(shrink=True)).row_count == 0
    scripted.check_equal()
    scripted.sandbox.upsert("games", before)
    assert scripted.night().row_count == len(before)
    scripted.check_equal()


@pytest.mark.parametrize("rows", [0])
def test_a_table_that_was_empty(scripted: ScriptedLoads) -> None:
    assert scripted.night().requests == 2
    scripted.check_equal()
    scripted.sandbox.upsert("games", [row(0), row(700), {"id": 3_000, "name": "New"}])
    scripted.night()
    scripted.check_equal()


def test_rows_that_all_change_and_go_in_one_night(scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    scripted.sandbox.delete("games", ids[::3])
    scripted.sandbox.upsert("games", [{"id": row_id, "hypes": 1} for row_id in ids[1::3]])
    scripted.sandbox.upsert("games", [{"id": ids[-1] + i, "name": "New"} for i in range(1, 2_000, 7)])
    scripted.night(allow=Allow(shrink=True))
    scripted.check_equal()


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
def test_nothing_that_happens_during_a_night_hides_a_deletion(
    what: str, request_number: int, scripted: ScriptedLoads
) -> None:
    assert not {YOUNG, YOUNG + 10} & {*scripted.ids()}, "they are gaps"
    scripted.sandbox.delete("games", [GHOST])
    scripted.sandbox.upsert("games", [{"id": YOUNG, "name": "Young"}])
    scripted.sandbox.plan({request_number: MEANWHILE[what]})
    report = scripted.night()
    assert report.requests >= 3, "changes, counts, ids"
    assert GHOST not in scripted.table_rows()
    scripted.sandbox.plan()
    scripted.night()
    scripted.check_equal()


def test_only_a_full_load_finds_a_swap_within_a_range(scripted: ScriptedLoads) -> None:
    """The limit of counts: one row more and one less. It takes a row that comes back with its old `updated_at`."""
    ids = scripted.ids()
    scripted.sandbox.delete("games", [ids[10]])
    scripted.night()
    scripted.sandbox.upsert("games", [row(ids[10])])
    scripted.sandbox.delete("games", [ids[20]])
    assert scripted.night().repaired_ranges == 0
    assert scripted.table_rows().keys() ^ scripted.source_rows().keys() == {ids[10], ids[20]}
    scripted.night(full_refresh=True)
    scripted.check_equal()


def test_a_change_that_is_rejected_is_read_once_and_the_row_stays_as_it_was(scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    scripted.sandbox.upsert("games", [{"id": ids[7], "hypes": "many"}, {"id": ids[-1] + 1, "hypes": "some"}])
    report = scripted.night()
    assert (report.rejected, report.repaired_ranges, report.rows) == (2, 0, 0)
    assert report.source_count == report.row_count + 1 == len(ids) + 1
    assert scripted.table_rows()[ids[7]] == row(ids[7])
    scripted.sandbox.delete("games", [ids[8]])
    scripted.sandbox.upsert("games", [{"id": ids[9], "hypes": "few"}, {"id": ids[-1] + 2, "hypes": "any"}])
    report = scripted.night()
    assert report.source_count == report.row_count + 2 == len(scripted.ids())
    assert ids[8] not in scripted.table_rows()


@pytest.mark.parametrize("changed", [True, False])
def test_a_rejected_row_hides_no_deletion_and_stays_rejected(changed: bool, scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    scripted.sandbox.upsert("games", [row(ids[30], name=7), row(ids[-1] + 5, name=7)])
    assert scripted.night(full_refresh=True).rejected == 2
    scripted.sandbox.delete("games", [ids[31]])
    if changed:
        scripted.sandbox.upsert("games", [{"id": ids[30], "name": 8}])
    for _ in range(2):
        report = scripted.night()
        assert scripted.table_rows().keys() == scripted.source_rows().keys() - {ids[30], ids[-1] + 5}
        assert report.rejected == 2
        assert report.source_count == report.row_count + 2 == len(scripted.source_rows())
    scripted.sandbox.delete("games", [ids[30], ids[32]])
    scripted.sandbox.upsert("games", [row(ids[-1] + 5)])  # it was repaired, and does not say so
    assert scripted.night().rejected == 0
    scripted.check_equal()


@pytest.mark.parametrize("ends", [",", ",}"])
def test_a_row_without_an_id_hides_no_deletion_and_stays_rejected(ends: str, scripted: ScriptedLoads) -> None:
    """In whole rows alone, or where nothing but ids is asked for too."""
    ids = scripted.ids()
    for end in ends:
        scripted.sandbox.faults.add(Fault("replace", old=f'"id": {ids[30]}{end}', new=f'"id": null{end}', times=None))
    assert scripted.night(full_refresh=True).rejected == 1
    scripted.sandbox.delete("games", [ids[31]])
    for _ in range(2):
        report = scripted.night()
        assert scripted.table_rows().keys() == scripted.source_rows().keys() - {ids[30]}
        assert report.rejected == 1
        assert report.source_count == report.row_count + 1 == len(scripted.source_rows())
    scripted.sandbox.faults.clear()
    assert scripted.night().rejected == 0
    scripted.check_equal()


@pytest.mark.parametrize("lost", [True, False])
def test_if_the_rejected_rows_of_the_last_load_are_lost_every_id_is_read(lost: bool, scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    scripted.sandbox.upsert("games", [row(ids[30], name=7)])
    scripted.night(full_refresh=True)
    manifest = scripted.newest()
    assert manifest.rejected_key is not None
    if lost:
        scripted.store.delete(manifest.rejected_key)
    else:
        scripted.store.put(manifest.rejected_key, b"torn")
    scripted.sandbox.delete("games", [ids[31]])
    assert scripted.night().rejected == 1
    assert scripted.table_rows().keys() == scripted.source_rows().keys() - {ids[30]}


def test_a_past_day_that_is_read_again_counts_a_bad_row_once(scripted: ScriptedLoads) -> None:
    scripted.night()
    day = scripted.sandbox.today
    scripted.sandbox.next_day()
    scripted.sandbox.upsert("games", [{"id": scripted.ids()[30], "hypes": "many"}, {"id": 40_000, "name": 7}])
    scripted.night(day=scripted.sandbox.today)
    report = scripted.night(day=day)
    assert report.rejected == 2
    assert report.repaired_ranges == 0
    assert scripted.night(day=scripted.sandbox.today - timedelta(days=1)).rejected == 2


def test_a_past_day_that_is_read_again_finds_deletions_too(scripted: ScriptedLoads) -> None:
    scripted.night()
    scripted.sandbox.delete("games", [scripted.ids()[100]])
    scripted.sandbox.upsert("games", [{"id": 40_000, "name": "New"}])
    scripted.night(day=DAY)
    scripted.check_equal()


@pytest.mark.parametrize("rows", [60_000])
def test_bad_rows_cost_two_requests_a_night(scripted: ScriptedLoads) -> None:
    scripted.sandbox.upsert("games", [row(row_id, name=7) for row_id in scripted.ids()[:60_000:2_000]])
    scripted.night(full_refresh=True)
    report = scripted.night()
    assert (report.rejected, report.repaired_ranges) == (30, 0)
    assert report.requests <= 1 + COUNTING + 2


@pytest.mark.parametrize("rows", [60_000])
def test_the_requests_of_nights(scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    report = scripted.night()
    assert report.requests == 1 + COUNTING == 13, "one reply shows that nothing changed"
    counts = [one.query.count("games/count") for one in scripted.sandbox.requests[-COUNTING:]]
    assert counts == [10] * COUNTING
    rng = random.Random(5)  # noqa: S311 - a sample, not a secret
    width = ceil((ids[-1] + 1) / (RANGES - 1))
    for deleted in (1, 8, 40, 400):
        deleted_ids = rng.sample(scripted.ids(), deleted)
        scripted.sandbox.delete("games", deleted_ids)
        report = scripted.night()
        ranges = len({row_id // width for row_id in deleted_ids})
        assert report.repaired_ranges == ranges
        windows = 2 * ranges  # each holds some rows more than a page
        assert report.requests <= 1 + COUNTING + ceil(windows / BATCH_WINDOWS) + 1
        assert report.rows == 0
        live = read_live_ids(scripted.store, scripted.newest())
        assert list(live.ids()) == scripted.ids()


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


@pytest.fixture(scope="module")
def large() -> tuple[list[int], LiveIds]:
    """The ids of a table of 345,000 rows."""
    ids = [3 + i + i // 9 for i in range(345_000)]
    live = LiveIds()
    live.add(ids)
    return ids, live


@pytest.mark.parametrize(
    ("deleted", "most"),
    # Without narrowing down, the ids of ranges that differ cost 77 requests from some 400 deletions on. With so many it
    # is of no use, which 36 requests tell.
    [(0, 12), (1, 13), (5, 16), (40, 34), (120, 60), (400, 12 + 36 + 77), (20_000, 12 + 36 + 77)],
)
async def test_the_requests_of_a_large_table(deleted: int, most: int, large: tuple[list[int], LiveIds]) -> None:
    ids, live = large
    rng = random.Random(deleted)  # noqa: S311 - a sample, not a secret
    deleted_ids = {*rng.sample(ids, deleted)}
    source: Any = FewRequests([row_id for row_id in ids if row_id not in deleted_ids])
    found = await Comparison(source, live, LiveIds(), since=LONG_AGO).differences()
    assert {row_id for claim in found.deleted for row_id in range(claim.low, int(claim.end))} == deleted_ids
    assert found.missing == ()
    assert found.matched == len(ids) - deleted
    assert source.requests <= most
