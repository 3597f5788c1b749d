"""Which id ranges to ask for (pure: no requests, no clock).

An id range is a `Claim`: `[low, high)`, `high` None for "and everything above". Ranges neither drift nor skip while
rows come and go, which offsets do.
"""

from __future__ import annotations

from igdb.apicalypse import MAX_LIMIT
from include.lake.files import Claim

PAGE = MAX_LIMIT
"""The rows of a full page."""

FILL = 0.9
"""How full a window is planned to be. Ids are not spread evenly: a window that overflows costs one more request."""

RECONCILE_RANGES = 190
"""The most ranges whose counts are compared in one night: 19 requests of 10 counts."""


def window_width(rows: int, ids: int) -> int:
    """How many ids wide a window is, so that it holds about `FILL` of a page.

    Args: `rows` that are spread over `ids` possible ids. Returns: at least a page, since a page of ids never overflows.
    """
    if rows <= 0:
        return max(PAGE, ids)
    return max(PAGE, int(PAGE * FILL * ids / rows))


def reconcile_width(ids: int) -> int:
    """How many ids wide a range is whose count is compared with the source's."""
    return max(PAGE, -(-ids // RECONCILE_RANGES))


def cut(low: int, high: int, width: int) -> list[Claim]:
    """Cut the ids from `low` up into windows of `width`; the last one starts at `high` and has no upper end.

    The windows ask for every id from `low` on exactly once.
    """
    if width < 1:
        raise ValueError(f"width: found {width}, expected at least 1")
    starts = [*range(low, high, width), max(low, high)]
    return [Claim(start, end) for start, end in zip(starts, [*starts[1:], None], strict=True)]
