"""Which id ranges of a table differ from the source: deletions, and anything that a read missed.

A deleted row is in no reply, so only a comparison shows it. Counts are compared range by range; rows that changed are
staged before, so that a range with equal counts holds the same ids: an insert shows in its own `updated_at`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.extract.windows import cut, reconcile_width

if TYPE_CHECKING:
    from include.extract.read import Reader
    from include.lake.manifest import Claim
    from include.lake.rows import LiveIds


async def differing_ranges(reader: Reader, live: LiveIds, highest_id: int) -> tuple[list[Claim], int]:
    """Compare counts with the source, in ranges up to the highest id that the table had, and above it.

    Returns: the ranges whose counts differ, and the source's count of rows in all the others.
    """
    ranges = cut(0, highest_id + 1, reconcile_width(highest_id + 1))
    counts = await reader.counts(ranges)
    different = []
    agreed = 0
    for claim, count in zip(ranges, counts, strict=True):
        if count == live.count(claim.low, claim.high):
            agreed += count
        else:
            different.append(claim)
    return different, agreed
