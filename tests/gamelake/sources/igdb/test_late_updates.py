"""Updates that become visible after the load that should have read them."""

from __future__ import annotations

import random
from bisect import bisect_left
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.id_ranges import ALL_IDS
from gamelake.lake.rows import LiveIds
from gamelake.lake.update_times import UpdateTimes
from gamelake.sources.base import Page
from gamelake.sources.contract import RowContract
from gamelake.sources.igdb.late_updates import AGES, TIMELESS, LateUpdates, Window
from gamelake.sources.igdb.request_planner import BATCH_WINDOWS, PAGE
from tests.support.loads import LONG_AGO, REGISTRY
from tests.support.nightly_loads import QUIET, ScriptedLoads, row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from gamelake.lake.id_ranges import IdRange
    from igdb.apicalypse import Condition

HOUR = 3600


def now(scripted: ScriptedLoads) -> int:
    return int(scripted.sandbox.world.clock().timestamp())


def show(scripted: ScriptedLoads, row_id: int, *, late: int, after: int = 10) -> None:
    """Update a row: `after` seconds after the load it becomes visible, `late` seconds after its `updated_at`."""
    scripted.sandbox.upsert("games", [row(row_id, hypes=late, updated_at=now(scripted) + after - late)])


# 600: the source's clock, which replies are dated by, is ahead of the one that dates the updates.
@pytest.mark.parametrize("late", [299, 400, 600, HOUR, 20 * HOUR, 10 * 24 * HOUR])
def test_an_update_that_becomes_visible_late_is_seen_the_same_night(late: int, scripted: ScriptedLoads) -> None:
    changed = scripted.ids()[700]
    show(scripted, changed, late=late)
    report = scripted.night()
    scripted.check_equal()
    assert report.rows == 1, "nothing else is read whole"
    assert report.late == (late > 310), "the others are changes since the last load"
    assert report.requests <= QUIET + 3, "the ids of a window, the row, and the windows again"
    assert scripted.night().rows == 0


def test_many_late_updates_of_one_night(scripted: ScriptedLoads) -> None:
    rng = random.Random(3)  # noqa: S311 - a sample, not a secret
    late = rng.sample(scripted.ids(), 700)
    for row_id in late:
        show(scripted, row_id, late=rng.randrange(400, 48 * HOUR))
    assert scripted.night().rows == len(late)
    scripted.check_equal()


def test_a_row_that_left_a_window_does_not_hide_one_that_arrived(scripted: ScriptedLoads) -> None:
    first, second, *_ = scripted.ids()
    show(scripted, first, late=20 * HOUR)
    scripted.night()
    # A day later the first one's window is that of three days; it leaves it as the second one arrives.
    show(scripted, first, late=HOUR)
    show(scripted, second, late=40 * HOUR)
    assert scripted.night().rows == 2
    scripted.check_equal()


def test_late_updates_beside_deletions_changes_and_rows_that_come_back(scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    show(scripted, ids[5], late=HOUR)
    show(scripted, ids[900], late=20 * HOUR)
    scripted.sandbox.delete("games", [ids[6], ids[901]])
    scripted.sandbox.upsert("games", [row(ids[7], hypes=1, updated_at=now(scripted) + 60), row(ids[-1] + 1)])
    scripted.night()
    scripted.check_equal()


def test_a_late_update_that_breaks_the_contract_is_rejected_and_the_row_stays(scripted: ScriptedLoads) -> None:
    changed = scripted.ids()[700]
    scripted.sandbox.upsert("games", [row(changed, hypes="many", updated_at=now(scripted) - HOUR)])
    report = scripted.night()
    assert (report.rows, report.rejected) == (0, 1)


def test_a_late_new_row_beside_a_deletion_of_its_id_range(scripted: ScriptedLoads) -> None:
    deleted, new = scripted.ids()[50], scripted.ids()[60]
    scripted.sandbox.delete("games", [new])
    scripted.night()
    show(scripted, new, late=HOUR)
    scripted.sandbox.delete("games", [deleted])
    report = scripted.night()
    scripted.check_equal()
    assert (report.repaired_ranges, report.deleted, report.rows) == (1, 1, 1)


def put_without_a_time(scripted: ScriptedLoads, *ids: int) -> None:
    timeless = [{"id": row_id, "name": "Timeless"} for row_id in ids]
    scripted.sandbox.using(lambda world: world.table("games").put(timeless, world.today))


def test_a_new_row_without_a_time_is_seen_the_same_night(scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    put_without_a_time(scripted, ids[8] + 1, ids[-1] + 5)
    report = scripted.night()
    assert report.rows == 2
    scripted.check_equal()
    assert scripted.night().rows == 0
    scripted.check_equal()
    scripted.sandbox.delete("games", [ids[-1] + 5])
    put_without_a_time(scripted, ids[-1] + 7)
    scripted.night()
    scripted.check_equal()


def test_a_rejected_row_without_a_time_costs_no_request_but_its_own(scripted: ScriptedLoads) -> None:
    bad = {"id": scripted.ids()[-1] + 5, "name": 7}
    scripted.sandbox.using(lambda world: world.table("games").put([bad], world.today))
    scripted.night()
    report = scripted.night()
    assert (report.rejected, report.requests) == (1, QUIET + 1)


def test_a_row_that_loses_its_time_is_read(scripted: ScriptedLoads) -> None:
    ids = scripted.ids()
    put_without_a_time(scripted, ids[700])
    scripted.night()
    scripted.check_equal()


def test_a_past_day_that_is_read_again_does_not_look_for_late_updates(scripted: ScriptedLoads) -> None:
    scripted.night()
    show(scripted, scripted.ids()[3], late=30 * HOUR)
    asked = scripted.sandbox.requests_served
    scripted.night(day=scripted.sandbox.today - timedelta(days=1))
    assert scripted.sandbox.requests_served - asked <= QUIET
    scripted.night()
    scripted.check_equal()


def window_of(conditions: Sequence[Condition]) -> Window:
    """The window whose conditions these are."""
    if list(conditions) == list(TIMELESS.conditions):
        return TIMELESS
    *low, high = (int(str(condition).split()[-1]) for condition in conditions)
    return Window(low[0] if low else None, high)


class Source:
    """Rows of nothing but ids and times that answer a comparison; counts the requests that it would take."""

    def __init__(self, times: Mapping[int, int]) -> None:
        self._times = times
        self._sorted = sorted(times.values())
        self._contract = RowContract(REGISTRY["games"])
        self.requests = 0

    async def count(self, wanted: Sequence[tuple[IdRange, Sequence[Condition]]]) -> list[int]:
        self.requests += ceil(len(wanted) / 10)
        windows = [window_of(where) for _, where in wanted]
        return [self._count(window) for window in windows]

    def _count(self, window: Window) -> int:
        if window is TIMELESS:
            return 0
        first = 0 if window.low is None else bisect_left(self._sorted, window.low)
        return bisect_left(self._sorted, window.high) - first

    async def read(
        self, ranges: Sequence[IdRange], *, rows: int, end: int, conditions: Sequence[Condition], fields: str
    ) -> AsyncIterator[Page]:
        assert (list(ranges), fields) == ([ALL_IDS], "id")
        window = window_of(conditions)
        found = [{"id": row_id} for row_id, at in self._times.items() if at in window and row_id < end]
        assert len(found) == rows
        self.requests += ceil(len(found) / (PAGE * BATCH_WINDOWS))
        yield Page(self._contract.check(found), None)


SINCE = LONG_AGO + 400 * 24 * HOUR


@pytest.fixture(scope="module")
def large() -> tuple[dict[int, int], UpdateTimes, LiveIds]:
    """345,000 rows, of which some 3,500 change a day: when each changed, for the source and for the table."""
    there = {3 + i + i // 9: SINCE - 25 * (345_000 - i) for i in range(345_000)}
    times, unread = UpdateTimes(), LiveIds()
    unread.add(times.noting(there.items()))
    return there, times, unread


@pytest.mark.parametrize(
    ("late", "rows", "most"),
    [
        (0, 0, 1),
        (400, 1, 3),
        (HOUR, 1, 3),
        (20 * HOUR, 1, 3),
        # Windows far back have many rows: counts narrow them down.
        (20 * 24 * HOUR, 1, 8),
        (20 * HOUR, 3000, 4),
    ],
)
async def test_the_requests_of_a_large_table(
    late: int, rows: int, most: int, large: tuple[dict[int, int], UpdateTimes, LiveIds]
) -> None:
    there, times, unread = large
    moved = dict.fromkeys(list(there)[:rows], SINCE + 10 - late)
    source: Any = Source(there | moved)
    found = await LateUpdates(source, unread, times, read=LiveIds(), since=SINCE).ids()
    assert found == sorted(moved)
    assert source.requests <= most


def test_all_windows_are_one_request() -> None:
    assert len(AGES) + 2 == 10, "one more window goes back to the beginning, and one has the rows without a time"
    assert list(AGES) == sorted(AGES)
