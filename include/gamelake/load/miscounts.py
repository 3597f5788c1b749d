"""The id ranges of one load whose rows differ from the source's count: checked against the limit, and logged."""

from __future__ import annotations

import logging
from itertools import chain
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import IdRange
from gamelake.load.errors import UnprovenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gamelake.lake.manifest import Unproven
    from gamelake.registry import Entity

log = logging.getLogger(__name__)


class Miscounts:
    """The unproven id ranges of one load. allowed: skip the limit.

    A load reads in phases, and a later one may read rows of an earlier one. So one row may be miscounted in several.
    """

    def __init__(self, entity: Entity, *, allowed: bool) -> None:
        self._entity = entity
        self._allowed = allowed
        self._earlier: tuple[Unproven, ...] = ()
        self._now: tuple[Unproven, ...] = ()

    @property
    def found(self) -> tuple[Unproven, ...]:
        """What is unproven: of ranges of two phases that overlap, those that differ by more rows."""
        return _larger(self._earlier, self._now)

    def begin_phase(self) -> None:
        """Begin another reading: rows that are added from now on may be the same as before."""
        self._earlier, self._now = self.found, ()

    def add(self, found: Sequence[Unproven], *, rows: int) -> None:
        """Take in what was found in this phase.

        rows: those of the table.

        Raises: UnprovenError, if it is more than one load may leave unproven.
        """
        for one in found:
            log.warning("%s: %s, twice; the rows are used and stay unproven", self._entity, one)
        self._now += tuple(found)
        allowed = self._entity.limits.unproven_rows(rows)
        differ = _differ(self.found)
        if differ > allowed and not self._allowed:
            worst = max(self.found, key=lambda one: one.difference)
            raise UnprovenError(str(self._entity), worst, differ, allowed)


def _larger(earlier: Sequence[Unproven], later: Sequence[Unproven]) -> tuple[Unproven, ...]:
    """Of each group of ranges that overlap, those of the side that differs by more rows."""
    groups: list[tuple[list[Unproven], list[Unproven]]] = []
    end = -1.0
    sides = chain(((one, 0) for one in earlier), ((one, 1) for one in later))
    for one, side in sorted(sides, key=lambda each: (each[0].low, each[1])):
        if one.low >= end:
            groups.append(([], []))
        groups[-1][side].append(one)
        end = max(end, IdRange(one.low, one.high).end)
    return tuple(chain.from_iterable(max(group, key=_differ) for group in groups))


def _differ(found: Iterable[Unproven]) -> int:
    return sum(one.difference for one in found)
