"""Korean days and partitions, and the keys that name them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

TIMEZONE = "Asia/Seoul"
KEY_FORMAT = "%Y-%m-%d"
KST = ZoneInfo(TIMEZONE)
_HOURS = 24
_HOUR_DIGITS = 2
FIRST_DAY = date(2011, 1, 1)
LAST_DAY = date(2199, 12, 31)
"""The days that can be named. Which of them a load or a build takes is bounded by the source's clock and the loads."""


class Scheme(StrEnum):
    """How a source's tables are partitioned: `day` (2026-11-21) or `hour` (2026-11-21T04), in Korean time."""

    DAY = "day"
    HOUR = "hour"

    @property
    def key_format(self) -> str:
        """The format of a partition's key, for strftime."""
        return KEY_FORMAT if self is Scheme.DAY else f"{KEY_FORMAT}T%H"


class PartitionError(ValueError):
    """A text that names no day, or a day that no lake has.

    Args:
        found: The text.
        expected: What it should have been.
        key: The name of what has the text.
    """

    def __init__(self, found: object, expected: str, key: str = "date") -> None:
        super().__init__(found, expected, key)
        self.found = found
        self.expected = expected
        self.key = key

    def __str__(self) -> str:
        return f"{self.key}: found {self.found!r}, expected {self.expected}"


def parse_day(key: str, name: str = "date") -> date:
    """Return the day that a partition key such as `2026-11-21` names.

    Args:
        key: The partition key.
        name: The name of what has it, for the error.

    Raises: PartitionError, also for a day before FIRST_DAY or after LAST_DAY.
    """
    try:
        day = datetime.strptime(key, KEY_FORMAT).date()  # noqa: DTZ007 - a day has no time zone
    except (ValueError, TypeError):
        raise PartitionError(key, "a Korean day as YYYY-MM-DD, such as 2026-11-21", name) from None
    if format_day(day) != key:
        raise PartitionError(key, f"{format_day(day)!r}: two digits for month and day", name)
    if not FIRST_DAY <= day <= LAST_DAY:
        raise PartitionError(key, f"a Korean day from {FIRST_DAY} to {LAST_DAY}", name)
    return day


def scheme_of(partition: str) -> Scheme:
    """Return the scheme that a partition's key follows.

    Raises:
        PartitionError: It follows none.
    """
    day, hour, digits = partition.partition("T")
    parse_day(day)
    if not hour:
        return Scheme.DAY
    if not (len(digits) == _HOUR_DIGITS and digits.isascii() and digits.isdigit() and int(digits) < _HOURS):
        raise PartitionError(partition, "a Korean hour such as 2026-11-21T04", "partition")
    return Scheme.HOUR


def format_day(day: date) -> str:
    """Return the partition key of a day."""
    return day.isoformat()  # strftime writes the year 1 as `1` on some systems


def day_of_partition(partition: str) -> str:
    """Return the key of the Korean day in which a partition lies: itself, or the day of its hour."""
    return partition.partition("T")[0]


def day_of(moment: datetime) -> date:
    """Return the Korean day in which a moment (with a time zone) lies."""
    return moment.astimezone(KST).date()


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a Korean day and of the next one, in UTC."""
    start = datetime.combine(day, time(), KST)
    return start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC)


def partition_bounds(partition: str) -> tuple[datetime, datetime]:
    """Return the first moment of a partition and of the next one, in UTC.

    Raises:
        PartitionError: The partition follows no scheme.
    """
    day, _, hour = partition.partition("T")
    start, end = bounds_of(parse_day(day))
    if scheme_of(partition) is Scheme.DAY:
        return start, end
    return start + timedelta(hours=int(hour)), start + timedelta(hours=int(hour) + 1)
