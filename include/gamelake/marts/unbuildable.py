"""Finds the days of the history that cannot be built, so that they do not stop the nights after them.

A night whose build failed leaves its day unbuilt, and the next night builds it too. Here such a past day is checked
first: its parts are as the manifest names them, can be read, and would pass the tests of stg_igdb__popscore, with
the games and popularity types of this build. A day that does not is left out of the build and of its listing, with the
reason. It is checked again the next night. The day that stg_igdb__popscore shows is not checked: what is wrong with it
fails its own night.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gamelake.marts.popularity_checks import Checks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gamelake.lake.manifest import File
    from gamelake.lake.store import ReadableStore
    from gamelake.marts.history import Day

log = logging.getLogger(__name__)


def leave_out(
    store: ReadableStore, days: Sequence[Day], *, tested: str, known: Mapping[str, Sequence[File]]
) -> tuple[list[Day], list[dict[str, str]]]:
    """Take the past days that cannot be built from the days of a build, with a warning for each.

    Args: `store` holds the parts; `tested` is the day that the build's own tests look at; `known` has the files of
    each entity that the build reads.
    Returns: the days that are left, and `day`, `key` and `reason` of the others. Raises: StoreError.
    """
    unsure = [day for day in days if day.built is None and day.day != tested]
    left_out = []
    if unsure:
        with tempfile.TemporaryDirectory() as folder:
            checks = Checks(store, known, Path(folder))
            for day in unsure:
                if reason := checks.why_not(day.files):
                    left_out.append({"day": day.day, "key": day.key, "reason": reason})
    warn(left_out)
    without = {each["key"] for each in left_out}
    return [day for day in days if day.key not in without], left_out


def warn(left_out: Sequence[Mapping[str, Any]]) -> None:
    """Log a warning for each day that is left out."""
    for each in left_out:
        log.warning("the history of popularity is without %s: %s", each["day"], each["reason"])
