"""Plan which id ranges to ask for in which request, and decide when their rows are proven complete.

Pure: no requests, no clock. A window is an id range that is asked for with the page limit. A batch is the windows of
one request, with a count over all of them. Ranges neither drift nor skip while rows come and go, which offsets do.

A window that returns a full page is split after its last row, and the remainder waits for a later batch. Asking too
widely therefore costs nothing but a wait, asking too narrowly costs requests. So widths follow the density of ids, and
start from the sparse side.

A batch is settled when the remainders of its full windows are read too. Then its count must be the number of all these
rows, or its windows are asked for again, each alone. If the same rows come and the count still differs, they stay
unproven.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import IdRange
from igdb.apicalypse import MAX_LIMIT, MAX_PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE = MAX_LIMIT
"""The rows of a full page."""

BATCH_WINDOWS = MAX_PARTS - 1
"""The windows of a full batch: one part of a multiquery is the count."""

BATCH_BYTES = 9_500_000
"""The planned size of the reply to a batch: a twentieth below the API's cap, since rows differ."""

_SPREAD = 2.0  # standard deviations between the rows that a window is planned to have, and a full page
_CLUMPED = 0.15  # above this share of full windows, ids count as clumped; evenly spread ids give 0.025
_CLUMPED_PAGES = 2  # planned for a window among clumped ids: its neighbour may well be empty


@dataclass(eq=False, slots=True)
class RequestBatch:
    """The windows of one request.

    waiting_batches: for each window the batches that need its rows to be proven.
    earlier: the ids of the first response, if this is a retry; else None.
    claims: after the response, for each window the id range whose rows it returned completely.
    pending: responses that the batch still needs: its own, and those of its remainders.
    """

    windows: tuple[IdRange, ...]
    waiting_batches: tuple[tuple[RequestBatch, ...], ...]
    earlier: frozenset[int] | None = None
    claims: tuple[IdRange, ...] = ()
    count: int = 0
    rows: int = 0
    pending: int = 1

    @property
    def proven(self) -> bool:
        """Whether the rows are as many as the source counts; of a settled batch only."""
        return self.rows == self.count

    @property
    def cut_short(self) -> bool:
        """Whether a single window may have lost rows to the page limit, which the source applied before it hid some."""
        return PAGE // 2 <= self.rows < PAGE < self.count


@dataclass(slots=True)
class _Remaining:
    """Ids that are still to be asked for. density: rows by ids; None if nothing is known of these ids yet."""

    low: int
    high: int | None
    density: float | None = None
    waiting_batches: tuple[RequestBatch, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowRows:
    """What one window returned: how many rows, and the id after the last one if there may be more."""

    rows: int
    end: int | None


@dataclass(slots=True)
class _DensityEstimate:
    """What is known of ids for which nothing was asked yet: `rows` in about `ids`; the density of the newest reply."""

    rows: float
    ids: float
    newest: float | None = None

    def density(self) -> float:
        """Rows by ids, rather too low than too high."""
        whole = max(self.rows, 1.0) / max(self.ids, 1.0)
        return min(1.0, whole if self.newest is None else min(whole, self.newest))

    def update(self, rows: float, ids: float) -> None:
        self.newest = (rows + 1) / ids
        self.rows -= rows
        self.ids -= ids


class RequestPlanner:
    """Plans the batches that ask for every id of some ranges once.

    Args:
        ranges: the ids to ask for, ascending; only the last one may have no upper end.
        rows: about how many rows they have.
        end: the id after the highest one that the source had.
        row_bytes: about the size of a row in a reply.
        windows: the most windows of a batch; 1 for an API that takes no multiqueries.
    """

    def __init__(
        self, ranges: Iterable[IdRange], *, rows: int, end: int, row_bytes: float, windows: int = BATCH_WINDOWS
    ) -> None:
        self._end = end
        self._row_bytes = row_bytes
        self._windows = windows
        self._remaining = deque(_Remaining(ids.low, ids.high) for ids in ranges)
        self._ready: deque[RequestBatch] = deque()
        self._filling: list[tuple[IdRange, tuple[RequestBatch, ...], float]] = []
        self._asked = 0
        self._full = 0.0  # the share of full windows, of some fifty at the last
        self._estimate = _DensityEstimate(rows, sum(self._ids(each) for each in self._remaining))

    def next_batch(self) -> RequestBatch | None:
        """Return the next batch to ask for. None: a response must come first, or all is asked."""
        batch = self._ready.popleft() if self._ready else self._fill_batch()
        if batch is not None:
            self._asked += 1
        return batch

    def record_response(
        self, batch: RequestBatch, found: Sequence[WindowRows], *, count: int, reply_bytes: int
    ) -> list[RequestBatch]:
        """Record the response to a batch, and queue the remainders of its full windows.

        Args:
            batch: what was asked for.
            found: what each window returned.
            count: how many rows the source counts over all windows.
            reply_bytes: the size of the reply.

        Returns:
            The batches that are settled by it; the caller keeps their rows until then.
        """
        self._asked -= 1
        self._note_rows(batch, found, count=count, reply_bytes=reply_bytes)
        remainders = self._remainders(batch, found, rows=max(0, count - batch.rows))
        if batch.earlier is None:
            self._update_estimate(batch, found, remainders)
        touched = [batch]
        for waiting_batches, each in zip(batch.waiting_batches, found, strict=True):
            for waiting in waiting_batches:
                waiting.rows += each.rows
                touched.append(waiting)
            _add_pending(waiting_batches, -1)
        for remainder in remainders:
            _add_pending(remainder.waiting_batches, 1)
        self._remaining.extendleft(reversed(remainders))
        batch.pending -= 1
        return [each for each in dict.fromkeys(touched) if each.pending == 0]

    def retry(self, batch: RequestBatch, ids: frozenset[int]) -> None:
        """Queue what a settled batch returned again, each window alone. ids: those that it returned."""
        self._ready.extend(RequestBatch((claim,), ((),), earlier=ids) for claim in batch.claims)

    def split_settled(self, batch: RequestBatch) -> bool:
        """Queue the only window of a settled batch as two. Returns: False if it is too narrow, and was not queued."""
        halves = self._halves(batch.claims[0])
        self._ready.extendleft(RequestBatch((half,), ((),)) for half in reversed(halves))
        return bool(halves)

    def split(self, batch: RequestBatch) -> bool:
        """Queue a batch as two, since its reply would be too large. Returns: False if it is too narrow."""
        self._asked -= 1
        half = len(batch.windows) // 2
        if half:
            halves = [
                (batch.windows[:half], batch.waiting_batches[:half]),
                (batch.windows[half:], batch.waiting_batches[half:]),
            ]
        else:
            (window,), (waiting_batches,) = batch.windows, batch.waiting_batches
            halves = [((each,), (waiting_batches,)) for each in self._halves(window)]
            if not halves:
                return False
            _add_pending(waiting_batches, 1)
        self._ready.extendleft(RequestBatch(*each, batch.earlier) for each in reversed(halves))
        self._row_bytes *= 1.2
        return True

    def _note_rows(self, batch: RequestBatch, found: Sequence[WindowRows], *, count: int, reply_bytes: int) -> None:
        batch.rows += sum(each.rows for each in found)
        # A single window that returned a full page is complete up to its last row: only its remainder is open.
        full_page = len(found) == 1 and found[0].end is not None
        batch.count = found[0].rows if full_page and count >= PAGE else count
        batch.claims = tuple(
            window if each.end is None else IdRange(window.low, each.end)
            for window, each in zip(batch.windows, found, strict=True)
        )
        if batch.rows:
            self._row_bytes = max(reply_bytes / batch.rows, 0.9 * self._row_bytes)
        for each in found:
            self._full += ((each.end is not None) - self._full) / 50

    def _remainders(self, batch: RequestBatch, found: Sequence[WindowRows], *, rows: int) -> list[_Remaining]:
        """Return what full windows left unread, `rows` in all, each with a share in proportion to its ids."""
        # The batch waits for them, unless its single full page proves itself.
        waits = () if len(batch.windows) == 1 else (batch,)
        remainders = [
            _Remaining(int(claim.end), window.high, each.rows / (claim.end - claim.low), (*waiting_batches, *waits))
            for window, waiting_batches, claim, each in zip(
                batch.windows, batch.waiting_batches, batch.claims, found, strict=True
            )
            if claim != window
        ]
        guess = sum(self._ids(each) * (each.density or 0) for each in remainders)
        for each in remainders:
            each.density = min(1.0, (each.density or 0) * rows / guess)
        return remainders

    def _update_estimate(
        self, batch: RequestBatch, found: Sequence[WindowRows], remainders: Sequence[_Remaining]
    ) -> None:
        """Learn the density of ids from the windows for which nothing was asked before."""
        left = {each.low: (each.density or 0) * self._ids(each) for each in remainders}
        first_asked = [
            (each.rows + left.get(each.end or -1, 0), self._ids(_Remaining(window.low, window.high)))
            for window, waiting_batches, each in zip(batch.windows, batch.waiting_batches, found, strict=True)
            if not waiting_batches
        ]
        if first_asked:
            self._estimate.update(sum(rows for rows, _ in first_asked), sum(ids for _, ids in first_asked))

    def _fill_batch(self) -> RequestBatch | None:
        """Cut windows until they make a batch; one that is not full waits for remainders, if any can come."""
        while self._remaining and not self._is_full():
            self._filling.append(self._cut_window())
        if not self._filling or (self._asked and not self._is_full()):
            return None
        windows, waiting_batches, _ = zip(*self._filling, strict=True)
        self._filling.clear()
        return RequestBatch(windows, waiting_batches)

    def _is_full(self) -> bool:
        rows = sum(expected for _, _, expected in self._filling)
        return len(self._filling) == self._windows or rows * self._row_bytes > BATCH_BYTES

    def _cut_window(self) -> tuple[IdRange, tuple[RequestBatch, ...], float]:
        """Return the next window, the batches that wait for it, and about how many rows it has."""
        one = self._remaining[0]
        density = self._estimate.density() if one.density is None else one.density
        rows = PAGE * _CLUMPED_PAGES if self._full > _CLUMPED else PAGE - _SPREAD * sqrt(PAGE * (1 - density))
        rows = max(1.0, min(rows, BATCH_BYTES / self._row_bytes / self._windows))
        ids = self._ids(one)
        # Split evenly, so that no window is tiny. A window of as many ids as rows can never be full.
        pieces = max(1, ceil(ids * density / rows))
        width = max(ceil(ids / pieces), int(rows))
        if width >= ids:
            self._remaining.popleft()
            return IdRange(one.low, one.high), one.waiting_batches, ids * density
        window = IdRange(one.low, one.low + width)
        one.low += width
        _add_pending(one.waiting_batches, 1)
        return window, one.waiting_batches, width * density

    def _halves(self, window: IdRange) -> list[IdRange]:
        """Return a window as two; empty if it has one id."""
        low, high = window.low, window.high
        middle = (low + (max(self._end, low + 2 * PAGE) if high is None else high)) // 2
        return [] if middle == low else [IdRange(low, middle), IdRange(middle, high)]

    def _ids(self, one: _Remaining) -> int:
        """How many ids of a range may have rows, at least 1."""
        return max(1, (self._end if one.high is None else one.high) - one.low)


def _add_pending(batches: Iterable[RequestBatch], more: int) -> None:
    for batch in batches:
        batch.pending += more
