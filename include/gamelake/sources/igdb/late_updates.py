"""Find rows that changed before the last load, but were visible only after it.

A load reads the rows whose `updated_at` is at or after the last load's start. It misses an update that the source shows
later than that: a replica lags, an index is built in the background, or a clock is ahead. Such an update moves the row
from one window of `updated_at` to another. So the rows of each window are counted. A window in which the source has
more rows than the table is read: first the ids, then the rows that moved.

A row that the table lacks altogether is found here too, if the deletion of another one hid it from the counts of ids.
So is a new row without `updated_at`: it is no change, and no count of unchanged rows has it.

Not seen before the next full load: a row that moves within one window, and one that arrives in a window while another
row leaves it during the same seconds. The windows are narrow where late updates arrive, near the last load. All that is
older than 30 days is one window, because the counts of a request are ten.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import ALL_IDS
from gamelake.sources.igdb.request_planner import BATCH_WINDOWS, PAGE
from igdb.apicalypse import MAX_PARTS, at_least, below, matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gamelake.lake.rows import LiveIds
    from gamelake.lake.update_times import UpdateTimes
    from gamelake.sources.igdb.queries import EntityQueries
    from igdb.apicalypse import Condition

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
AGES = (15 * _MINUTE, _HOUR, 3 * _HOUR, 8 * _HOUR, _DAY, 3 * _DAY, 8 * _DAY, 30 * _DAY)
"""Seconds before the changes of this night at which a window begins; one more has all earlier times.

These nine windows and the rows without a time are one request of ten counts.
"""


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which rows changed: `[low, high)` in unix seconds; low None is from the beginning."""

    low: int | None
    high: int

    def __contains__(self, at: int | None) -> bool:
        return at is not None and (self.low is None or at >= self.low) and at < self.high

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What a row of the window meets."""
        until = below("updated_at", self.high)
        return (until,) if self.low is None else (at_least("updated_at", self.low), until)


class _Timeless(Window):
    """The rows that have no `updated_at`."""

    def __contains__(self, at: int | None) -> bool:
        return at is None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return (matching("updated_at = null"),)


TIMELESS = _Timeless(None, 0)


class LateUpdates:
    """Compares the update times of a table with its source.

    Args:
        queries: of the entity.
        unread: the ids of the table whose rows were not read in this load, without those that the source deleted.
        read: the ids of all rows that were read in this load, the rejected ones included.
        rejected: when each of the rejected rows last changed: the source counts them too.
        times: when each of these rows last changed, as the table has it.
        since: this load has read every change from this time on (unix seconds).
    """

    def __init__(
        self,
        queries: EntityQueries,
        unread: LiveIds,
        times: UpdateTimes,
        *,
        read: LiveIds,
        rejected: Iterable[int | None] = (),
        since: int,
    ) -> None:
        self.unknown: set[int] = set()
        """Rows that the table lacks. The counts of their id ranges matched, so another row of each range is deleted."""
        self._queries = queries
        self._unread = unread
        self._read = read
        self._rejected = tuple(rejected)
        self._times = times
        self._since = since
        self._moved: dict[int, int | None] = {}

    async def ids(self) -> list[int]:
        """Return the rows whose `updated_at` the table does not have, ascending.

        A row that left a window can hide one that arrived there. So a row that was found is counted where it is now,
        and the windows are compared again until no other is found.
        """
        if self._unread.highest() < 0:
            return []
        known = -1
        while len(self._moved) > known:
            known = len(self._moved)
            self._moved |= await self._compare()
        return sorted(self._moved)

    async def _compare(self) -> dict[int, int | None]:
        """Rows that moved: by id, a time in the window where the source has them."""
        have, without = self._known_times()
        windows, before = _windows(self._since), 0
        *counts, timeless = await self._count([*windows, TIMELESS])
        while True:
            higher = [each for each in zip(windows, counts, strict=True) if each[1] > _count(have, each[0])]
            rows = sum(count for _, count in higher)
            pieces = splits_that_pay(len(higher), rows) if higher else 1
            if pieces == 1 or rows > before / 2 > 0:
                break  # the last comparison did not narrow them down
            before = rows
            windows = [piece for window, _ in higher for piece in _split(window, have, pieces)]
            counts = await self._count(windows)
        if timeless > without:
            higher.append((TIMELESS, timeless))
        found: dict[int, int | None] = {}
        for window, count in higher:
            end = self._unread.highest() + 1
            async for page in self._queries.read(
                [ALL_IDS], rows=count, end=end, conditions=window.conditions, fields="id"
            ):
                for row_id in page.checked.rows.ids:
                    at = self._moved.get(row_id, self._times[row_id])
                    if row_id not in self._unread:
                        if row_id not in self._read:
                            self.unknown.add(row_id)
                    elif at not in window:
                        found[row_id] = None if window is TIMELESS else window.high - 1
        return found

    async def _count(self, windows: Sequence[Window]) -> list[int]:
        return await self._queries.count([(ALL_IDS, window.conditions) for window in windows])

    def _known_times(self) -> tuple[Sequence[int], int]:
        """When the rows changed, ascending, and how many have no time."""
        times = [self._moved.get(row_id, self._times[row_id]) for row_id in self._unread.ids()]
        times += self._rejected
        return array("q", sorted(at for at in times if at is not None)), times.count(None)


def _windows(since: int) -> list[Window]:
    edges = [since, *(since - age for age in AGES)]
    return [*(Window(low, high) for high, low in pairwise(edges)), Window(None, edges[-1])]


def _count(have: Sequence[int], window: Window) -> int:
    low = 0 if window.low is None else bisect_left(have, window.low)
    return bisect_left(have, window.high) - low


def _split(window: Window, have: Sequence[int], pieces: int) -> list[Window]:
    """Windows of about as many rows each, as the table has them."""
    low = 0 if window.low is None else bisect_left(have, window.low)
    high = bisect_left(have, window.high)
    step = max(1, (high - low) // pieces)
    edges = sorted({have[place] for place in range(low + step, high, step)} - {window.low, window.high})
    lows = [window.low, *edges]
    return [Window(start, end) for start, end in zip(lows, [*edges, window.high], strict=True)]


def splits_that_pay(ranges: int, rows: int) -> int:
    """Into how many pieces to split each range of ids or times, for the fewest requests.

    What is counted are the requests for counts, and those for the ids of one piece of each range.
    """

    def requests(pieces: int) -> int:
        counting = ceil(ranges * pieces / MAX_PARTS) if pieces > 1 else 0
        return counting + ceil(rows / pieces / (PAGE * BATCH_WINDOWS))

    return min(range(1, MAX_PARTS + 1), key=requests)
