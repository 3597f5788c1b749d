"""How much of a table one load may change or leave unproven before it is held.

Pure; docs/guides/runbooks/held-load.md explains what to do then.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

SMALL_TABLE_MAX_LOSS = 9
"""The most rows that a small table may lose where its share would allow fewer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Shares of a table's rows, from 0 to less than 1. A load beyond one of them commits nothing.

    max_shrink: rows that the table may lose. max_rejected: rows that may break the contract. max_unproven: rows by
    which the source's count may differ from the rows that it returns.
    """

    max_shrink: float = 0.05
    max_rejected: float = 0.001
    max_unproven: float = 0.001

    def lost_rows(self, rows: int) -> int:
        """How many of so many rows one load may remove."""
        return _allowed(self.max_shrink, rows)

    def rejected_rows(self, rows: int) -> int:
        """How many of so many rows may break the contract."""
        return _allowed(self.max_rejected, rows)

    def unproven_rows(self, rows: int) -> int:
        """By how many the source may miscount so many rows: one in a small table."""
        return max(1, _share(self.max_unproven, rows)) if self.max_unproven else 0


@dataclass(frozen=True, slots=True)
class Allow:
    """What an operator lets through: a table that lost its rows, and rows that the source miscounts."""

    shrink: bool = False
    unproven: bool = False


def _allowed(share: float, rows: int) -> int:
    """Return a share of the rows; of small tables a few rows, but fewer than half.

    A few rows are one of up to 199, two of up to 299, and so on up to nine. A share of 0 allows none.
    """
    if not share:
        return 0
    few = max(1, min(SMALL_TABLE_MAX_LOSS, rows // 100))
    return max(_share(share, rows), min(few, max(0, rows - 1) // 2))


def _share(share: float, rows: int) -> int:
    return floor(share * rows + 1e-9)  # 0.29 * 100 is 28.999...
