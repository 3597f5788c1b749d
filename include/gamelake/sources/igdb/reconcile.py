"""What of a table differs from the source although nothing says that it changed: deletions, and anything missed.

A deleted row is in no reply, so only a comparison shows it. Counts are compared range by range. Ranges that differ are
cut into pieces and compared again while that costs fewer requests than it saves; then their ids are read, and nothing
else of them: what is gone is claimed id by id, what is missing is read whole.

The source does not hold still meanwhile. So the rows that are counted are those that have not changed since the last
load, and they are counted after the changes were read. Whatever happens then makes their number smaller: a row that
goes leaves it, so does one that changes, and a new one never enters it. Rejected rows are counted too: they are read
again each night. The ids of ranges that stayed unproven are read, whatever the counts are. Nothing makes up for a
deleted row, and hides it, but a row that appears in the same range with an old `updated_at`. `late` finds it where the
two changed at different times; the next full load always does.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from gamelake.lake.files import Claim, merge_claims
from gamelake.lake.rows import LiveIds
from gamelake.sources.igdb.request_planner import PACK_WINDOWS, PAGE
from igdb.apicalypse import MAX_PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gamelake.lake.manifest import Unproven
    from gamelake.sources.igdb.reader import Reader

RANGES = 110
"""The ranges whose counts are compared each night: 11 requests of 10 counts. Fewer would cost more per deletion."""

_NEAR = 100  # ids between two missing rows up to which they are read as one range


@dataclass(frozen=True, slots=True)
class Differences:
    """gone: ids that the source has no more. missing: ranges with rows that the table lacks, about `missing_rows`.

    agreed: the source's rows in all ranges but `missing`. ranges: in how many of the `compared` they were.
    unproven: ranges whose ids the source returned twice while it counts another number: the ids were believed.
    """

    gone: tuple[Claim, ...] = ()
    missing: tuple[Claim, ...] = ()
    missing_rows: int = 0
    agreed: int = 0
    ranges: int = 0
    compared: int = 0
    unproven: tuple[Unproven, ...] = ()


class Comparison:
    """Of a table with its source.

    Args:
        live: the ids of the table as it will be, the changes included.
        changed: the ids of all changes that were read.
        rejected: the ids of all rows that this load rejected.
        doubted: id ranges whose counts prove nothing: their ids are read.
        since: the changes were those from this time on (unix seconds). None: all rows are counted, as after changes of
            one past day; what happens meanwhile may then hide a deletion until the next load.
    """

    def __init__(
        self,
        reader: Reader,
        live: LiveIds,
        changed: LiveIds,
        *,
        rejected: Iterable[int] = (),
        doubted: Sequence[Claim] = (),
        since: int | None,
    ) -> None:
        self._reader = reader
        self._live = live
        self._since = since
        self._changed = LiveIds() if since is None else changed
        self._here = live.copy()
        self._here.add(rejected)
        self._counted = self._here.difference(self._changed)
        self._doubted = doubted

    async def differences(self) -> Differences:
        """Compare. Raises: IncompleteError; the client's errors."""
        live = self._live
        ids = live.highest() + 1
        ranges = _ranges(ids)
        agreed, different = await self._compare(ranges)
        differ = len(different)
        rows = _rows(different, live)
        while (pieces := pieces_that_pay(len(different), rows)) > 1:
            more, different = await self._compare([piece for claim in different for piece in _cut(claim, pieces, ids)])
            agreed += more
            before, rows = rows, _rows(different, live)
            if rows > before / 2:
                break  # differences in every piece: this does not narrow them down
        if not different:
            return Differences(agreed=agreed, ranges=differ, compared=len(ranges))
        source, unproven, nameless = LiveIds(), [], []
        async for page in self._reader.ranges(different, rows=rows, fields="id"):
            source.add(page.checked.ids())
            if page.unproven:
                unproven.append(page.unproven)
            if page.claim and any(reject.row_id is None for reject in page.checked.rejects):
                nameless.append(page.claim)
        here = [row_id for claim in different for row_id in live.ids(claim.low, claim.high)]
        gone = merge_claims(Claim(row_id, row_id + 1) for row_id in here if row_id not in source)
        lacking = source.difference(self._here)  # a rejected row was read: once is enough
        # Range by range: ids between two ranges agreed, and are counted already.
        clusters = [
            cluster for claim in merge_claims(different) for cluster in _clusters(lacking.ids(claim.low, claim.high))
        ]
        # A row that shows no id is rejected each night, and is not to drop out of sight.
        missing = merge_claims([*clusters, *nameless])
        known = sum(source.count(claim.low, claim.high) for claim in missing)
        return Differences(gone, missing, known, agreed + len(source) - known, differ, len(ranges), tuple(unproven))

    async def _compare(self, ranges: Sequence[Claim]) -> tuple[int, list[Claim]]:
        """The source's rows in those ranges that agree, and the others."""
        agreed, different = 0, []
        for claim, count in zip(ranges, await self._reader.counts(ranges, before=self._since), strict=True):
            doubted = any(claim.low < each.end and each.low < claim.end for each in self._doubted)
            if not doubted and count == self._counted.count(claim.low, claim.high):
                agreed += self._here.count(claim.low, claim.high)
            else:
                different.append(claim)
        return agreed, different


def _ranges(ids: int) -> list[Claim]:
    """Ranges that hold every id, of a table whose ids are below so many; the last one holds none of them."""
    width = max(PAGE, ceil(ids / (RANGES - 1)))
    lows = [*range(0, ids, width), ids]
    return [Claim(low, high) for low, high in zip(lows, [*lows[1:], None], strict=True)]


def _rows(ranges: Sequence[Claim], live: LiveIds) -> int:
    return sum(live.count(claim.low, claim.high) for claim in ranges)


def pieces_that_pay(ranges: int, rows: int) -> int:
    """Into how many pieces to cut each range for the fewest requests of counts, and of the ids of one piece in each.

    Ranges of ids, or windows of time.
    """

    def requests(pieces: int) -> int:
        counting = ceil(ranges * pieces / MAX_PARTS) if pieces > 1 else 0
        return counting + ceil(rows / pieces / (PAGE * PACK_WINDOWS))

    return min(range(1, MAX_PARTS + 1), key=requests)


def _cut(claim: Claim, pieces: int, end: int) -> list[Claim]:
    ids = max(1, (end if claim.high is None else claim.high) - claim.low)
    lows = [*range(claim.low, claim.low + ids, max(1, ceil(ids / pieces)))]
    return [Claim(low, high) for low, high in zip(lows, [*lows[1:], claim.high], strict=True)]


def _clusters(ids: Iterable[int]) -> tuple[Claim, ...]:
    """Ranges around ids that lie near each other."""
    clusters: list[Claim] = []
    for row_id in ids:
        if clusters and row_id - int(clusters[-1].end) < _NEAR:
            clusters[-1] = Claim(clusters[-1].low, row_id + 1)
        else:
            clusters.append(Claim(row_id, row_id + 1))
    return tuple(clusters)
