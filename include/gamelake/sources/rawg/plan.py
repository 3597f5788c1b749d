"""How many requests a load may send: the plan of a month. Pure.

RAWG counts every request of a key, 20,000 a month on the free plan. The plan uses 90 % of them, and at most a 31st part
of all in one day. Lists and changes come first. Stores and details share what is left of a day, and never use more than
the month's share up to that day: so the last days of a month have requests for the changes. Stores are read first, and
take at most half of it.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

FREE_REQUESTS = 20_000
"""A month, on RAWG's free plan."""
USED_SHARE = 0.9
"""Of a month's requests; the rest is for people who use the same key."""
LONGEST_MONTH = 31
KEPT_FOR_CHANGES = 100
"""Requests of a day that stores and details leave to lists and changes, which may be repeated later on that day; of a
small plan half of the day."""


class Priority(StrEnum):
    """What a load reads, the most important first."""

    LISTS = "lists"
    CHANGES = "changes"
    STORES = "stores"
    DETAILS = "details"


class NoRequestLeftError(Exception):
    """A request was not sent, as the plan has none left for it.

    Args:
        reason: What is used up, with both numbers and when there are more.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Used:
    """The requests that were sent with the key: in the month, on the day, and on the day for the same entity."""

    month: int
    day: int
    own: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of one key. `requests_per_month`: those that RAWG allows it."""

    requests_per_month: int = FREE_REQUESTS

    @property
    def month(self) -> int:
        """The most requests of a month."""
        return int(self.requests_per_month * USED_SHARE)

    @property
    def day(self) -> int:
        """The most requests of a day."""
        return self.requests_per_month // LONGEST_MONTH

    def check(self, day: date, used: Used, priority: Priority) -> None:
        """Refuse one more request that the plan has not.

        Args:
            day: The day (UTC) of the request.
            used: What was sent before.
            priority: Of the load that sends it.

        Raises: NoRequestLeftError.
        """
        if used.month >= self.month:
            raise NoRequestLeftError(
                f"{used.month:,} of the {self.month:,} requests of {day:%Y-%m} are used, which are {USED_SHARE:.0%} of "
                f"the key's {self.requests_per_month:,}; the next month has more"
            )
        if used.day >= self.day:
            raise NoRequestLeftError(
                f"{used.day:,} of the {self.day:,} requests of {day} are used; the next day has more"
            )
        if priority in {Priority.STORES, Priority.DETAILS}:
            self._check_games(day, used, is_first=priority is Priority.STORES)

    def _check_games(self, day: date, used: Used, *, is_first: bool) -> None:
        """Refuse a request for one game. is_first: its load comes before that of the other kind, and leaves it half."""
        of_day, so_far = (
            self.day - min(KEPT_FOR_CHANGES, -(-self.day // 2)),
            self.month * day.day // monthrange(day.year, day.month)[1],
        )
        if used.day >= of_day:
            raise NoRequestLeftError(
                f"{used.day:,} of the {of_day:,} requests of {day} that stores and details may use are used; the next "
                "day has more"
            )
        if used.month >= so_far:
            raise NoRequestLeftError(
                f"{used.month:,} of the {so_far:,} requests up to {day} that stores and details may use are used; the "
                "next day has more"
            )
        left_by_others = min(of_day, so_far - used.month + used.day) - used.day + used.own
        if is_first and used.own >= (half := -(-left_by_others // 2)):
            raise NoRequestLeftError(
                f"{used.own:,} of the {half:,} requests of {day} for stores are used, which are half of what others "
                "left; the other half is for details"
            )
