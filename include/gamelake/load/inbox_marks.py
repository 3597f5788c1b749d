"""Where an inbox of changes begins again: at a snapshot that was completed, or where the table was emptied.

    marks = Marks(store)
    plan = marks.plan(parts, position=newest.events.position)      # no part: a snapshot is not completed

A snapshot has all rows of its table: nothing before it counts. One that was not completed does not count once another
one starts; until then, the changes from its part on wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gamelake.load.change_order import COMPLETED, STARTED, TRUNCATE, is_before, position_of
from gamelake.load.inbox_batch import events_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.inbox import InboxPart
    from gamelake.lake.store import Store
    from gamelake.load.change_order import Position

REMEDY = "take a new snapshot of the database (docs/guides/runbooks/capture-stops.md)"
"""What brings back the changes of a part that is lost."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of an inbox: the part's number, the line's place in it, and what it marks.

    snapshot: the id of a snapshot. position: of a truncate, None: it states none.
    """

    number: int
    place: int
    op: str
    snapshot: str | None
    position: Position | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts to apply at once.

    start: the mark from which on lines count, and nothing from before; None: all lines count.
    """

    parts: Sequence[InboxPart]
    start: Mark | None


class Marks:
    """The marks of an inbox. Each part is read once for them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._of_parts: dict[int, list[Mark]] = {}

    def plan(self, parts: Sequence[InboxPart], *, position: Position | None) -> Plan:
        """Return what can be applied: no part, if all of them wait for the end of a snapshot.

        Args:
            parts: Of the inbox that are not applied.
            position: What the table has of the database's log: a truncate of before has come again.
        """
        marks = [mark for part in parts for mark in self._marks(part)]
        ends = {mark.snapshot: index for index, mark in enumerate(marks) if mark.op == COMPLETED}
        starts = [(index, mark) for index, mark in enumerate(marks) if mark.op == STARTED]
        completed = [mark for index, mark in starts if ends.get(mark.snapshot, -1) > index]
        after = ends[completed[-1].snapshot] if completed else -1
        # From this part on, changes wait.
        limit = next((mark.number for index, mark in starts if index > after), parts[-1].number + 1 if parts else 0)
        while completed:
            snapshot = completed.pop()
            if marks[ends[snapshot.snapshot]].number < limit:
                return _plan(parts, snapshot, limit)
            limit = min(limit, snapshot.number)  # its end is in the part in which the next one starts
        truncates = [mark for mark in marks if mark.op == TRUNCATE and mark.number < limit]
        return _plan(parts, _newest(truncates, position), limit)

    def _marks(self, part: InboxPart) -> list[Mark]:
        if part.number not in self._of_parts:
            events = enumerate(events_of(self._store, part, remedy=REMEDY))
            self._of_parts[part.number] = [mark for place, event in events if (mark := _mark(part, place, event))]
        return self._of_parts[part.number]


def _plan(parts: Sequence[InboxPart], start: Mark | None, limit: int) -> Plan:
    first = start.number if start else 0
    return Plan([part for part in parts if first <= part.number < limit], start)


def _mark(part: InboxPart, place: int, event: Any) -> Mark | None:
    op, body = (event.get("op"), event.get("body")) if isinstance(event, dict) else (None, None)
    if op not in {STARTED, COMPLETED, TRUNCATE} or not isinstance(body, dict):
        return None
    return Mark(part.number, place, op, body.get("snapshot"), position_of(body) if op == TRUNCATE else None)


def _newest(truncates: Sequence[Mark], position: Position | None) -> Mark | None:
    """Return the truncate after which rows count: of one that came twice the first."""
    newest = None
    for mark in truncates:
        if mark.position and position and is_before(mark.position, position):
            continue
        if newest is None or not mark.position or not newest.position or is_before(newest.position, mark.position):
            newest = mark
    return newest
