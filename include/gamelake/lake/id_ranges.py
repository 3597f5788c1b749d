"""Ranges of ids, and the sets of ids that several ranges make."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from collections.abc import Iterable


class IdRange(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """Ids from `low` to below `high`; `high` None: there is no upper end.

    A part claims an id range if it has all rows of it.

    Raises:
        ValueError: `low` is below 0, or `high` is not above it.
    """

    low: Annotated[int, Meta(ge=0)]
    high: Annotated[int, Meta(ge=1)] | None

    def __post_init__(self) -> None:
        if self.low < 0:
            raise ValueError(f"low: found {self.low}, expected an id, 0 or more")
        if self.high is not None and self.high <= self.low:
            raise ValueError(f"high: found {self.high}, expected null or more than low, which is {self.low}")

    def __contains__(self, row_id: int) -> bool:
        return self.low <= row_id < self.end

    @property
    def end(self) -> float:
        """The upper end as a number: infinity if there is none."""
        return inf if self.high is None else self.high

    def overlaps(self, other: IdRange) -> bool:
        """Whether some id is in both ranges."""
        return self.low < other.end and other.low < self.end


ALL_IDS = IdRange(0, None)


def merge_ranges(ranges: Iterable[IdRange]) -> tuple[IdRange, ...]:
    """Return the same ids in the fewest ranges: ascending, none touching another."""
    merged: list[IdRange] = []
    for ids in sorted(ranges, key=lambda ids: ids.low):
        if merged and ids.low <= merged[-1].end:
            if ids.end > merged[-1].end:
                merged[-1] = IdRange(merged[-1].low, ids.high)
        else:
            merged.append(ids)
    return tuple(merged)


def ids_outside(ranges: Iterable[IdRange]) -> tuple[IdRange, ...]:
    """Return the ids that are in no range, ascending; the last result has no upper end unless a range has none."""
    gaps: list[IdRange] = []
    low = 0
    for ids in merge_ranges(ranges):
        if ids.low > low:
            gaps.append(IdRange(low, ids.low))
        if ids.high is None:
            return tuple(gaps)
        low = ids.high
    return (*gaps, IdRange(low, None))
