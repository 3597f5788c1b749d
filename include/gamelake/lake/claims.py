"""Which parts remain in a table after a commit. Pure: it uses no store."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import IdRange, merge_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.manifest import File


def merge_files(kept: Sequence[File], new: Sequence[File], *, per_partition: bool = False) -> tuple[File, ...]:
    """Return the files of the next commit: those of the last one that still count, then the new ones.

    A file is dropped once later files claim all of its ids, so a full load replaces everything. Exception: it stays
    while one of its claims still hides a row of an older file. The result gives the same rows as `[*kept, *new]`. A
    part that is in both (a second try of a run wrote the same bytes) has its place in `new`.

    per_partition: a time series. Claims then apply only among files of one partition: past days keep their files, and
    a second reading of a day replaces that day's.
    """
    again = {file.key for file in new}
    files = [*(file for file in kept if file.key not in again), *new]
    groups: dict[str, list[int]] = defaultdict(list)
    for ordinal, file in enumerate(files):
        groups[file.partition if per_partition else ""].append(ordinal)
    counting = {ordinal for ordinals in groups.values() for ordinal in _counting(files, ordinals)}
    return tuple(file for ordinal, file in enumerate(files) if ordinal in counting)


def _counting(files: Sequence[File], ordinals: Sequence[int]) -> list[int]:
    """Of one group of files, those that still count."""
    claimed_after: dict[int, tuple[IdRange, ...]] = {}
    later: tuple[IdRange, ...] = ()
    for ordinal in reversed(ordinals):
        claimed_after[ordinal] = later
        later = merge_ranges([*later, *files[ordinal].claims])

    counting: list[int] = []
    for ordinal in ordinals:
        later = claimed_after[ordinal]
        ids = files[ordinal].ids
        shows_rows = ids is not None and not _covers(later, ids)
        if shows_rows or any(
            not _covers(later, common)
            for claim in files[ordinal].claims
            for older in counting
            if (common := _overlap(claim, files[older].ids))
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
