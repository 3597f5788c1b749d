"""Which parts remain in a table after a commit. Pure: it uses no store."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import IdRange, merge_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.manifest import Part


def merge_parts(kept: Sequence[Part], new: Sequence[Part], *, per_partition: bool = False) -> tuple[Part, ...]:
    """Return the parts of the next commit: those of the last one that still count, then the new ones.

    A part is dropped once later parts claim all of its ids, so a full load replaces everything. Exception: it stays
    while one of its claims still hides a row of an older part. The result gives the same rows as `[*kept, *new]`. A
    part that is in both (a second try of a run wrote the same bytes) has its place in `new`.

    per_partition: a time series. Claims then apply only among parts of one partition: past days keep their parts, and
    a second reading of a day replaces that day's.
    """
    again = {part.key for part in new}
    parts = [*(part for part in kept if part.key not in again), *new]
    groups: dict[str, list[int]] = defaultdict(list)
    for ordinal, part in enumerate(parts):
        groups[part.partition if per_partition else ""].append(ordinal)
    counting = {ordinal for ordinals in groups.values() for ordinal in _counting(parts, ordinals)}
    return tuple(part for ordinal, part in enumerate(parts) if ordinal in counting)


def _counting(parts: Sequence[Part], ordinals: Sequence[int]) -> list[int]:
    """Of one group of parts, those that still count."""
    claimed_after: dict[int, tuple[IdRange, ...]] = {}
    later: tuple[IdRange, ...] = ()
    for ordinal in reversed(ordinals):
        claimed_after[ordinal] = later
        later = merge_ranges([*later, *parts[ordinal].claims])

    counting: list[int] = []
    for ordinal in ordinals:
        later = claimed_after[ordinal]
        ids = parts[ordinal].ids
        shows_rows = ids is not None and not _covers(later, ids)
        if shows_rows or any(
            not _covers(later, common)
            for claim in parts[ordinal].claims
            for older in counting
            if (common := _overlap(claim, parts[older].ids))
        ):
            counting.append(ordinal)
    return counting


def _covers(claims: Sequence[IdRange], ids: IdRange) -> bool:
    """Return whether every id of the range is claimed. The claims are merged, so one of them must contain it."""
    return any(claim.low <= ids.low and ids.end <= claim.end for claim in claims)


def _overlap(claim: IdRange, ids: IdRange | None) -> IdRange | None:
    if ids is None or ids.high is None or ids.low >= claim.end or ids.high <= claim.low:
        return None
    return IdRange(max(claim.low, ids.low), ids.high if claim.high is None else min(claim.high, ids.high))
