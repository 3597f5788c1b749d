"""What of a table differs from the source although nothing says that it changed: deletions, and anything missed.

A deleted row is in no reply, so only a comparison shows it. Counts are compared range by range. Ranges that differ are
cut into pieces and compared again while that costs fewer requests than it saves; then their ids are read, and nothing
else of them: what is gone is claimed id by id, what is missing is read whole.

The counts come before the changes are read: a row that is inserted in between is then too many here, and its range is
looked at. The other way round it would make up for a deleted one, and hide it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from igdb.apicalypse import MAX_PARTS
from include.extract.packs import PACK_WINDOWS, PAGE
from include.lake.files import Claim, merge_claims
from include.lake.rows import LiveIds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.extract.read import Reader

RANGES = 120
"""The ranges whose counts are compared each night: 12 requests of 10 counts. Fewer would cost more per deletion."""

_NEAR = 100  # ids between two missing rows up to which they are read as one range


@dataclass(frozen=True, slots=True)
class Differences:
    """gone: ids that the source has no more. missing: ranges with rows that the table lacks, about `missing_rows`.

    agreed: the source's count of rows in all ranges but `missing`. ranges: in how many of the compared they were.
    """

    gone: tuple[Claim, ...] = ()
    missing: tuple[Claim, ...] = ()
    missing_rows: int = 0
    agreed: int = 0
    ranges: int = 0


@dataclass(slots=True)
class Comparison:
    """The counts of the source over ranges that hold every id, taken before the changes are read."""

    ranges: Sequence[Claim]
    counts: Sequence[int]

    @classmethod
    async def begin(cls, reader: Reader, highest_id: int) -> Comparison:
        """Count. highest_id: of the table as it is; -1 if it has no rows. Raises: the client's errors."""
        ids = highest_id + 1
        width = max(PAGE, ceil(ids / (RANGES - 1)))
        lows = [*range(0, ids, width), ids]
        ranges = [Claim(low, high) for low, high in zip(lows, [*lows[1:], None], strict=True)]
        return cls(ranges, await reader.counts(ranges))

    async def differences(self, reader: Reader, live: LiveIds) -> Differences:
        """Compare with the ids of the table as it will be. Raises: IncompleteError; the client's errors."""
        agreed, different = _compare(self.ranges, self.counts, live)
        ranges = len(different)
        highest = max(live.highest(), self.ranges[-1].low)
        rows = _rows(different, live)
        while (pieces := _pieces_that_pay(len(different), rows)) > 1:
            narrow = [piece for claim in different for piece in _cut(claim, pieces, highest)]
            more, different = _compare(narrow, await reader.counts(narrow), live)
            agreed += more
            before, rows = rows, _rows(different, live)
            if rows > before / 2:
                break  # differences in every piece: this does not narrow them down
        if not different:
            return Differences(agreed=agreed, ranges=ranges)
        source = LiveIds()
        async for page in reader.ranges(different, rows=rows, fields="id"):
            source.add(page.checked.rows.ids)
        here = [row_id for claim in different for row_id in live.ids(claim.low, claim.high)]
        gone = merge_claims(Claim(row_id, row_id + 1) for row_id in here if row_id not in source)
        lacking = [row_id for row_id in source.ids() if row_id not in live]
        missing = _clusters(lacking)
        known = sum(source.count(claim.low, claim.high) for claim in missing)
        return Differences(gone, missing, known, agreed + len(source) - known, ranges)


def _compare(ranges: Sequence[Claim], counts: Sequence[int], live: LiveIds) -> tuple[int, list[Claim]]:
    """The rows of the ranges that agree, and the others."""
    agreed, different = 0, []
    for claim, count in zip(ranges, counts, strict=True):
        if count == live.count(claim.low, claim.high):
            agreed += count
        else:
            different.append(claim)
    return agreed, different


def _rows(ranges: Sequence[Claim], live: LiveIds) -> int:
    return sum(live.count(claim.low, claim.high) for claim in ranges)


def _pieces_that_pay(ranges: int, rows: int) -> int:
    """Into how many pieces to cut each range for the fewest requests of counts, and of the ids of one piece in each."""

    def requests(pieces: int) -> int:
        counting = ceil(ranges * pieces / MAX_PARTS) if pieces > 1 else 0
        return counting + ceil(rows / pieces / (PAGE * PACK_WINDOWS))

    return min(range(1, MAX_PARTS + 1), key=requests)


def _cut(claim: Claim, pieces: int, highest: int) -> list[Claim]:
    ids = max(1, (highest + 1 if claim.high is None else claim.high) - claim.low)
    lows = [*range(claim.low, claim.low + ids, max(1, ceil(ids / pieces)))]
    return [Claim(low, high) for low, high in zip(lows, [*lows[1:], claim.high], strict=True)]


def _clusters(ids: Sequence[int]) -> tuple[Claim, ...]:
    """Ranges around ids that lie near each other."""
    clusters: list[Claim] = []
    for row_id in ids:
        if clusters and row_id - int(clusters[-1].end) < _NEAR:
            clusters[-1] = Claim(clusters[-1].low, row_id + 1)
        else:
            clusters.append(Claim(row_id, row_id + 1))
    return tuple(clusters)
