"""When a night begins, and when what is missing of it is late."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from gamelake.days import KST, day_of
from gamelake.marts.freshness import WARN_AFTER_HOURS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from gamelake.registry import Source

PUBLISHED_BY = time(6)
"""When readers expect the marts of a night, in Korean time."""

_DAILY = re.compile(r"(\d+) (\d+) \* \* \*")
_GRACE = timedelta(hours=WARN_AFTER_HOURS - 24)
"""A load that commits later than this after its start is late, as the freshness of the marts has it."""


def starts_at(sources: Iterable[Source], day: date) -> datetime:
    """Return when the first load of a day begins; midnight in Korea if no schedule is daily."""
    found = [_DAILY.fullmatch(source.schedule) for source in sources]
    times = [time(int(each[2]), int(each[1])) for each in found if each]
    return datetime.combine(day, min(times, default=time()), KST)


def late_at(sources: Iterable[Source], day: date) -> datetime:
    """Return when a missing load of a day is late."""
    return starts_at(sources, day) + _GRACE


def deadline(day: date) -> datetime:
    """Return when readers expect the marts of a day."""
    return datetime.combine(day, PUBLISHED_BY, KST)


def last_night(sources: Iterable[Source], now: datetime) -> date:
    """Return the newest day whose first load has begun."""
    today = day_of(now)
    return today if now >= starts_at(sources, today) else today - timedelta(days=1)
