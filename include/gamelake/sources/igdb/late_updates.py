"""Rows that changed before the last load, but were visible only after it.

The changes of a night are the rows whose `updated_at` is at or after the last load's. A source that shows an update
later than that (a replica that lags, an index that is built in the background, a clock that is ahead) is not asked for
it again. It moves the row from one window of `updated_at` to another. So the rows of each window are counted, and a
window in which the source has more rows than the table is read: first the ids, then the rows that moved.

A row that the table lacks altogether is found here too, if the deletion of another one hid it from the counts of ids.
So is a new row without `updated_at`: it is no change, and no count of unchanged rows has it.

Not seen before the next full load: a row that moves within one window, and one that arrives in a window while another
row leaves it during the same seconds. The windows are narrow where late updates arrive, near the last load.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from gamelake.sources.igdb.reconcile import pieces_that_pay
from igdb.apicalypse import at_least, below, matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gamelake.lake.rows import LiveIds
    from gamelake.lake.update_times import UpdateTimes
    from gamelake.sources.igdb.reader import Reader
    from igdb.apicalypse import Condition

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
AGES = (15 * _MINUTE, _HOUR, 3 * _HOUR, 8 * _HOUR, _DAY, 3 * _DAY, 8 * _DAY, 30 * _DAY)
"""Seconds before the changes of this night at which a window begins; one more goes back to the beginning.

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
    """Of a table, against its source.

    Args:
        unread: the ids of the table whose rows were not read in this load, without those that the source deleted.
        read: the ids of all rows that were read in this load, the rejected ones included.
        rejected: when each of the rejected rows last changed: the source counts them too.
        times: when each of these rows last changed, as the table has it.
        since: this load has read every change from this time on (unix seconds).
    """

    def __init__(
        self,
        reader: Reader,
        unread: LiveIds,
        times: UpdateTimes,
        *,
        read: LiveIds,
        rejected: Iterable[int] = (),
        since: int,
    ) -> None:
        self.unknown: set[int] = set()
        """Rows that the table lacks. Their id ranges agreed: so another row of each is gone."""
        self._reader = reader
        self._unread = unread
        self._read = read
        self._rejected = tuple(rejected)
        self._times = times
        self._since = since
        self._moved: dict[int, int | None] = {}

    async def ids(self) -> list[int]:
        """The rows whose `updated_at` the table does not have, ascending. Raises: IncompleteError; the client's errors.

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
        *counts, timeless = await self._reader.counts_within([*windows, TIMELESS])
        while True:
            higher = [each for each in zip(windows, counts, strict=True) if each[1] > _count(have, each[0])]
            rows = sum(count for _, count in higher)
            pieces = pieces_that_pay(len(higher), rows) if higher else 1
            if pieces == 1 or rows > before / 2 > 0:
                break  # the last comparison did not narrow them down
            before = rows
            windows = [piece for window, _ in higher for piece in _cut(window, have, pieces)]
            counts = await self._reader.counts_within(windows)
        if timeless > without:
            higher.append((TIMELESS, timeless))
        found: dict[int, int | None] = {}
        for window, count in higher:
            async for page in self._reader.ids_within(window, rows=count, end=self._unread.highest() + 1):
                for row_id in page.checked.rows.ids:
                    at = self._moved.get(row_id, self._times[row_id])
                    if row_id not in self._unread:
                        if row_id not in self._read:
                            self.unknown.add(row_id)
                    elif at not in window:
                        found[row_id] = None if window is TIMELESS else window.high - 1
        return found

    def _known_times(self) -> tuple[Sequence[int], int]:
        """When the rows changed, ascending, and how many do not say."""
        times = [self._moved.get(row_id, self._times[row_id]) for row_id in self._unread.ids()]
        known = array("q", sorted(chain((at for at in times if at is not None), self._rejected)))
        return known, times.count(None)


def _windows(since: int) -> list[Window]:
    edges = [since, *(since - age for age in AGES)]
    return [*(Window(low, high) for high, low in pairwise(edges)), Window(None, edges[-1])]


def _count(have: Sequence[int], window: Window) -> int:
    low = 0 if window.low is None else bisect_left(have, window.low)
    return bisect_left(have, window.high) - low


def _cut(window: Window, have: Sequence[int], pieces: int) -> list[Window]:
    """Windows of about as many rows each, as the table has them."""
    low = 0 if window.low is None else bisect_left(have, window.low)
    high = bisect_left(have, window.high)
    step = max(1, (high - low) // pieces)
    edges = sorted({have[place] for place in range(low + step, high, step)} - {window.low, window.high})
    lows = [window.low, *edges]
    return [Window(start, end) for start, end in zip(lows, [*edges, window.high], strict=True)]
