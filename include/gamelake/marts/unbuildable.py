"""Finds the days of the history that cannot be built, so that they do not stop the nights after them.

A night whose build failed leaves its day unbuilt, and the next night builds it too. Such a past day is checked first:
its parts exist and equal the manifest, they can be read, and their rows would pass the tests of the staging model. A
day that fails is left out of the build and of its listing, with the reason, and checked again the next night. The day
that the tests of the build read is not checked: its errors fail its own night.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gamelake.lake.months import Months
from gamelake.lake.scratch import scratch_folder
from gamelake.marts.documents import DayLeftOut
from gamelake.marts.popularity_checks import Checks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gamelake.lake.manifest import Part
    from gamelake.lake.store import ReadableStore
    from gamelake.marts.history import Day

log = logging.getLogger(__name__)

_DISK = (
    "A build that makes past days of the history keeps the parts of one day there, and the ids of the tables that they "
    "refer to: free space, or set TMPDIR to another folder"
)


def leave_out(
    store: ReadableStore, days: Sequence[Day], *, tested: str, known: Mapping[str, Sequence[Part]]
) -> tuple[list[Day], list[DayLeftOut]]:
    """Split the days of a build into those that can be built and the others, with a warning for each of the others.

    Args:
        store: The lake that has the parts.
        days: The days of the history.
        tested: The day that the tests of the build read.
        known: The files that the build reads, by table.

    Raises:
        StoreError: The lake cannot be read, or the temporary folder is full.
    """
    unsure = [day for day in days if day.built is None and str(day.day) != tested]
    left_out = []
    if unsure:
        with scratch_folder(_DISK, done="nothing was built") as folder, Months(store, folder) as months:
            checks = Checks(store, known, folder, months)
            for day in unsure:
                if reason := checks.why_not(day.files):
                    left_out.append(DayLeftOut(day=day.day, key=day.key, reason=reason))
    warn(left_out)
    without = {each.key for each in left_out}
    return [day for day in days if day.key not in without], left_out


def warn(left_out: Sequence[DayLeftOut]) -> None:
    """Log a warning for each day that is left out."""
    for each in left_out:
        log.warning("the history of popularity is without %s: %s", each.day, each.reason)
