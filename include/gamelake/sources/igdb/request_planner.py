"""Which id ranges to ask for in which request, and when their rows are proven complete. Pure: no requests, no clock.

A window is an id range, asked for with the page limit; a pack is the windows of one request, with a count over all of
them. Ranges neither drift nor skip while rows come and go, which offsets do.

A window that returns a full page is split after its last row, and the rest waits for a later pack. Asking too widely
therefore costs nothing but a wait, asking too narrowly costs requests; so widths follow the density of ids, sparse
ground first.

A pack is settled when the rests of its full windows are read too. Then its count must be the number of all these rows,
or its windows are asked again, alone. What differs again although the rows are the same stays unproven.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING

from gamelake.lake.files import Claim
from igdb.apicalypse import MAX_LIMIT, MAX_PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE = MAX_LIMIT
"""The rows of a full page."""

PACK_WINDOWS = MAX_PARTS - 1
"""The windows of a full pack: one part of a multiquery is the count."""

PACK_BYTES = 9_500_000
"""What the reply to a pack is planned to weigh: a twentieth below the API's cap, since rows differ."""

_SPREAD = 2.0  # standard deviations between the rows that a window is planned to hold, and a full page
_CLUMPED = 0.15  # share of full windows from which on ids are not spread evenly; if they are, it is a fortieth
_CLUMPED_PAGES = 2  # planned for a window among clumped ids: its neighbour may well be empty


@dataclass(eq=False, slots=True)
class Pack:
    """The windows of one request.

    owners: for each window the packs whose counts include its rows: it is the rest of a window of theirs.
    earlier: of a pack that is asked again, the ids that came before; None in any other.
    claims: after the answer, the part of each window that its rows are all rows of.
    """

    windows: tuple[Claim, ...]
    owners: tuple[tuple[Pack, ...], ...]
    earlier: frozenset[int] | None = None
    claims: tuple[Claim, ...] = ()
    count: int | None = 0
    rows: int = 0
    _open: int = 1

    @property
    def proven(self) -> bool:
        """Whether the rows are as many as the source counts; of a settled pack only."""
        return self.rows == self.count

    @property
    def cut_short(self) -> bool:
        """Whether a single window may have lost rows to the page limit, which the source applied before it hid some."""
        return PAGE // 2 <= self.rows < PAGE < (self.count or 0)


@dataclass(slots=True)
class _Range:
    """Ids that are still to be asked for. density: rows by ids, None for ground of which nothing is known yet."""

    low: int
    high: int | None
    density: float | None = None
    owners: tuple[Pack, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowRows:
    """What one window returned: how many rows, and the id after the last one if there may be more."""

    rows: int
    end: int | None


@dataclass(slots=True)
class _Ground:
    """What is known of ids for which nothing was asked yet: `rows` in about `ids`; the density of the newest reply."""

    rows: float
    ids: float
    newest: float | None = None

    def density(self) -> float:
        """Rows by ids, rather too low than too high."""
        whole = max(self.rows, 1.0) / max(self.ids, 1.0)
        return min(1.0, whole if self.newest is None else min(whole, self.newest))

    def learn(self, rows: float, ids: float) -> None:
        self.newest = (rows + 1) / ids
        self.rows -= rows
        self.ids -= ids


class PackPlan:
    """Plans the packs that ask for every id of some ranges once.

    Args:
        ranges: the ids to ask for, ascending; only the last one may have no upper end.
        rows: about how many rows they hold.
        end: the id after the highest one that the source had.
        row_bytes: about what a row weighs in a reply.
        windows: the most windows of a pack; 1 for an API that takes no multiqueries.
    """

    def __init__(
        self, ranges: Iterable[Claim], *, rows: int, end: int, row_bytes: float, windows: int = PACK_WINDOWS
    ) -> None:
        self._end = end
        self._row_bytes = row_bytes
        self._windows = windows
        self._ranges = deque(_Range(claim.low, claim.high) for claim in ranges)
        self._ready: deque[Pack] = deque()
        self._filling: list[tuple[Claim, tuple[Pack, ...], float]] = []
        self._asked = 0
        self._full = 0.0  # the share of full windows, of some fifty at the last
        self._ground = _Ground(rows, sum(self._ids(each) for each in self._ranges))

    def take(self) -> Pack | None:
        """The next pack to ask for. None: there is none until another one is answered, or none at all."""
        pack = self._ready.popleft() if self._ready else self._fill()
        if pack is not None:
            self._asked += 1
        return pack

    def answer(self, pack: Pack, found: Sequence[WindowRows], *, count: int | None, reply_bytes: int) -> list[Pack]:
        """Take in the reply to a pack: for each window what it returned, and the count over all of them,
        None if the source sent none.

        Returns: the packs that are settled by it; the caller holds their rows until then.
        """
        self._asked -= 1
        alone = len(pack.windows) == 1
        pack.rows += sum(each.rows for each in found)
        # Alone, a full page is proven by its fullness: its rest is another question.
        pack.count = min(count, PAGE) if count is not None and alone and found[0].end is not None else count
        pack.claims = tuple(
            window if each.end is None else Claim(window.low, each.end)
            for window, each in zip(pack.windows, found, strict=True)
        )
        if pack.rows:
            self._row_bytes = max(reply_bytes / pack.rows, 0.9 * self._row_bytes)
        rests = self._rests(pack, found, more=max(0, (count or 0) - pack.rows), waiting=() if alone else (pack,))
        if pack.earlier is None:
            self._learn(pack, found, rests)
        for each in found:
            self._full += ((each.end is not None) - self._full) / 50
        touched = [pack]
        for owners, each in zip(pack.owners, found, strict=True):
            for owner in owners:
                owner.rows += each.rows
                touched.append(owner)
            _open(owners, -1)
        for rest in rests:
            _open(rest.owners, 1)
        self._ranges.extendleft(reversed(rests))
        pack._open -= 1
        return [each for each in dict.fromkeys(touched) if each._open == 0]

    def again(self, pack: Pack, ids: frozenset[int]) -> None:
        """Ask for what a pack returned again, each window alone. ids: those that it returned."""
        self._ready.extend(Pack((claim,), ((),), earlier=ids) for claim in pack.claims)

    def halve(self, pack: Pack) -> bool:
        """Ask for the only window of a settled pack as two. Returns: whether it can be halved."""
        low, high = pack.claims[0].low, pack.claims[0].high
        middle = self._middle(low, high)
        if middle != low:
            self._ready.extendleft(Pack((half,), ((),)) for half in (Claim(middle, high), Claim(low, middle)))
        return middle != low

    def smaller(self, pack: Pack) -> bool:
        """Ask for a pack in two halves, since its reply would be too large. Returns: whether it can be halved."""
        self._asked -= 1
        half = len(pack.windows) // 2
        if half:
            halves = [(pack.windows[:half], pack.owners[:half]), (pack.windows[half:], pack.owners[half:])]
        else:
            (window,), (owners,) = pack.windows, pack.owners
            middle = self._middle(window.low, window.high)
            if middle == window.low:
                return False
            halves = [((Claim(window.low, middle),), (owners,)), ((Claim(middle, window.high),), (owners,))]
            _open(owners, 1)
        self._ready.extendleft(Pack(windows, owners, pack.earlier) for windows, owners in reversed(halves))
        self._row_bytes *= 1.2
        return True

    def _rests(self, pack: Pack, found: Sequence[WindowRows], *, more: int, waiting: tuple[Pack, ...]) -> list[_Range]:
        """What full windows left, which is `more` rows in all. Before it is known how many in each, it goes by ids."""
        rests = [
            _Range(int(claim.end), window.high, each.rows / (claim.end - claim.low), (*owners, *waiting))
            for window, owners, claim, each in zip(pack.windows, pack.owners, pack.claims, found, strict=True)
            if claim != window
        ]
        guess = sum(self._ids(rest) * (rest.density or 0) for rest in rests)
        for rest in rests:
            rest.density = min(1.0, (rest.density or 0) * more / guess)
        return rests

    def _learn(self, pack: Pack, found: Sequence[WindowRows], rests: Sequence[_Range]) -> None:
        """How dense the ground is, from the windows that were cut from it."""
        left = {rest.low: (rest.density or 0) * self._ids(rest) for rest in rests}
        ground = [
            (each.rows + left.get(each.end or -1, 0), self._ids(_Range(window.low, window.high)))
            for window, owners, each in zip(pack.windows, pack.owners, found, strict=True)
            if not owners
        ]
        if ground:
            self._ground.learn(sum(rows for rows, _ in ground), sum(ids for _, ids in ground))

    def _fill(self) -> Pack | None:
        """Cut windows from the ranges until they make a pack; one that is not full waits for rests, if any can come."""
        while self._ranges and not self._is_full():
            self._filling.append(self._cut_window())
        if not self._filling or (self._asked and not self._is_full()):
            return None
        windows, owners, _ = zip(*self._filling, strict=True)
        self._filling.clear()
        return Pack(windows, owners)

    def _is_full(self) -> bool:
        rows = sum(expected for _, _, expected in self._filling)
        return len(self._filling) == self._windows or rows * self._row_bytes > PACK_BYTES

    def _cut_window(self) -> tuple[Claim, tuple[Pack, ...], float]:
        """The next window, and about how many rows it holds."""
        one = self._ranges[0]
        density = self._ground.density() if one.density is None else one.density
        rows = PAGE * _CLUMPED_PAGES if self._full > _CLUMPED else PAGE - _SPREAD * sqrt(PAGE * (1 - density))
        rows = max(1.0, min(rows, PACK_BYTES / self._row_bytes / self._windows))
        ids = self._ids(one)
        # Split evenly, so that no window is tiny; as many ids as rows are too few to fill a window.
        pieces = max(1, ceil(ids * density / rows))
        width = max(ceil(ids / pieces), int(rows))
        if width >= ids:
            self._ranges.popleft()
            return Claim(one.low, one.high), one.owners, ids * density
        window = Claim(one.low, one.low + width)
        one.low += width
        _open(one.owners, 1)
        return window, one.owners, width * density

    def _middle(self, low: int, high: int | None) -> int:
        return (low + (max(self._end, low + 2 * PAGE) if high is None else high)) // 2

    def _ids(self, one: _Range) -> int:
        """How many ids a range has that may hold rows, at least 1."""
        return max(1, (self._end if one.high is None else one.high) - one.low)


def _open(packs: Iterable[Pack], more: int) -> None:
    for pack in packs:
        pack._open += more
