"""The changes of a time, by windows of `updated`: whole days of RAWG, both included, the oldest first.

RAWG writes `updated` without a zone, and states none. It is taken as UTC. If it were of another zone, a change would
have another time, by at most ZONE. So the windows begin and end that much outside of the time that is asked for: rows
are read twice rather than missed.

A window of more than WINDOW_ROWS rows is cut at a day: so a query has few enough pages, and where a load has to stop,
the windows before are complete. RAWG drops a filter that it cannot read, without an error, and returns the whole
catalogue: rows outside of the window show it. A few of them are odd rows: they are taken as RAWG returned them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from gamelake.sources.base import OVERLAP_SECONDS, IncompleteError

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW_ROWS = 2_000
"""A longer window of several days is cut. RAWG itself lists 20,000 rows of a query."""
ZONE = timedelta(hours=14)
"""No zone is further from UTC."""
_ODD_SHARE = 0.1  # of a page
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class IgnoredFilterError(IncompleteError):
    """RAWG returned rows outside of the window that was asked for: it ignored the filter."""

    def __init__(self, entity: str, window: Window, rows: Sequence[Any]) -> None:
        super().__init__(entity, str(window), 0, None)
        self.rows = len(rows)
        self.row = {"id": rows[0].get("id"), "updated": rows[0].get("updated")}

    def __str__(self) -> str:
        return (
            f"{self.entity}: {self.where}: found {self.rows} rows of another time on a page, such as {self.row}, "
            "expected rows of the window: RAWG ignored the filter and returns the whole catalogue. Nothing was "
            "committed; report it to RAWG if it stays."
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Whole days, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"updated={self.first},{self.last}"

    @property
    def filters(self) -> dict[str, str]:
        """What the query carries."""
        return {"updated": f"{self.first},{self.last}"}

    @property
    def start(self) -> int:
        """Its first second, unix seconds, if the days are of UTC."""
        return int(datetime.combine(self.first, time(), UTC).timestamp())

    @property
    def end(self) -> int:
        """The first second after it, likewise."""
        return int(datetime.combine(self.last, time(), UTC).timestamp()) + 86_400

    @property
    def next_load(self) -> int:
        """The watermark (unix seconds) with which the next load begins at this window, and not a day before it."""
        return self.start + int(ZONE.total_seconds()) + OVERLAP_SECONDS

    def has(self, row: Any) -> bool:
        """Whether a row changed in it, in any zone."""
        return is_within(row, self.start, self.end)

    def check(self, entity: str, page: Sequence[Any]) -> None:
        """Refuse a page with more than a few rows of another time. Raises: IgnoredFilterError."""
        others = [row for row in page if not self.has(row)]
        if len(others) > max(1, len(page) * _ODD_SHARE):
            raise IgnoredFilterError(entity, self, others)

    def following(self) -> Window:
        """Return the day after it."""
        return Window(self.last + _DAY, self.last + _DAY)

    def cut(self) -> tuple[Window, Window] | None:
        """Return its halves, None for a single day."""
        if self.first == self.last:
            return None
        middle = self.first + (self.last - self.first) // 2
        return Window(self.first, middle), Window(middle + _DAY, self.last)


def window_of(since: int, until: int) -> Window:
    """Return the whole days that `[since, until)` (unix seconds) has in any zone."""
    start, end = datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(max(since, until - 1), UTC)
    return Window(_before(start), last_day(end))


def last_day(moment: datetime) -> date:
    """Return the latest day that a moment has in any zone."""
    return (moment + ZONE).astimezone(UTC).date()


def _before(moment: datetime) -> date:
    return max(moment - ZONE, _EPOCH).date()


def is_within(row: Any, since: int, until: int | None) -> bool:
    """Whether a row may have changed in `[since, until)` (unix seconds), in any zone of `updated`."""
    at, zone = updated_at(row), int(ZONE.total_seconds())
    return at is None or (since - zone <= at and (until is None or at < until + zone))


def updated_at(row: Any) -> int | None:
    """Return `updated` as unix seconds: RAWG writes it without a zone, taken as UTC. None if it has no valid one."""
    text = row.get("updated") if isinstance(row, dict) else None
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def with_time(row: Any) -> Any:
    """Return a row with `updated_at` beside `updated`; any other value as it is."""
    at = updated_at(row)
    return row if at is None else {**row, "updated_at": at}
