"""The id ranges of one load whose rows differ from the source's count: held to the limit, and said."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from include.extract.errors import UnprovenError
from include.lake.files import Claim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.lake.manifest import Unproven
    from include.registry import Entity

log = logging.getLogger(__name__)


class Miscounts:
    """What stays unproven of one load. allowed: however much it is."""

    def __init__(self, entity: Entity, *, allowed: bool) -> None:
        self._entity = entity
        self._allowed = allowed
        self.found: tuple[Unproven, ...] = ()

    def add(self, found: Sequence[Unproven], *, rows: int, known: Sequence[Unproven] = ()) -> None:
        """Take in what was found, unless it lies in a range that is known already.

        rows: those of the table.

        Raises: UnprovenError, if it is more than one load may leave unproven.
        """
        new = [one for one in found if not any(_meet(one, other) for other in known)]
        for one in new:
            log.warning("%s: %s, twice; the rows are believed and stay unproven", self._entity.name, one)
        self.found += tuple(new)
        allowed = self._entity.limits.unproven_rows(rows)
        differ = sum(one.difference for one in self.found)
        if new and differ > allowed and not self._allowed:
            worst = max(self.found, key=lambda one: one.difference)
            raise UnprovenError(self._entity.name, worst, differ, allowed)


def _meet(one: Unproven, other: Unproven) -> bool:
    return one.low < Claim(other.low, other.high).end and other.low < Claim(one.low, one.high).end
