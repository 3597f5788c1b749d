"""What of a table differs from the source although nothing says that it changed: deletions, and anything missed.

A deleted row is in no reply, so only a comparison shows it. Counts are compared range by range; where they differ, the
ranges are halved while that costs fewer requests than it saves, and then their ids are read.

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
        while different and _halving_pays(different, highest):
            halves = [half for claim in different for half in _halves(claim, highest)]
            more, different = _compare(halves, await reader.counts(halves), live)
            agreed += more
        if not different:
            return Differences(agreed=agreed, ranges=ranges)
        source = LiveIds()
        rows = sum(live.count(claim.low, claim.high) for claim in different)
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


def _halving_pays(ranges: Sequence[Claim], highest: int) -> bool:
    ids = [_ids(claim, highest) for claim in ranges]
    reading = ceil(sum(ids) / (PAGE * PACK_WINDOWS))
    counting = ceil(2 * len(ranges) / MAX_PARTS)
    return min(ids) > 1 and reading - ceil(reading / 2) > counting


def _halves(claim: Claim, highest: int) -> tuple[Claim, Claim]:
    middle = claim.low + _ids(claim, highest) // 2
    return Claim(claim.low, middle), Claim(middle, claim.high)


def _ids(claim: Claim, highest: int) -> int:
    return max(2, (highest + 1 if claim.high is None else claim.high) - claim.low)


def _clusters(ids: Sequence[int]) -> tuple[Claim, ...]:
    """Ranges around ids that lie near each other."""
    clusters: list[Claim] = []
    for row_id in ids:
        if clusters and row_id - int(clusters[-1].end) < _NEAR:
            clusters[-1] = Claim(clusters[-1].low, row_id + 1)
        else:
            clusters.append(Claim(row_id, row_id + 1))
    return tuple(clusters)
