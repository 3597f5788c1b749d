"""Apply the changes of a database's table, which its capture puts into the inbox in the order of the database's log.

A snapshot, once it is completed, is a commit of all rows: it also brings what was missed before. Then the changes
follow in their order, and the last one of a row counts. A commit states the position in the log that the table has, so
that a change which comes again has no effect. Small parts of earlier commits are written again with new changes.

SnapshotError       a snapshot in the inbox has other rows than its end states
MissingPartsError   parts of the inbox are missing
"""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import TYPE_CHECKING

from gamelake.lake.manifest import Manifest
from gamelake.load.change_batch import Following, Whole
from gamelake.load.change_order import STARTED
from gamelake.load.errors import MissingPartsError
from gamelake.load.inbox_batch import Applied
from gamelake.load.inbox_marks import Marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.inbox import InboxPart
    from gamelake.lake.store import Store
    from gamelake.load.inbox_marks import Plan
    from gamelake.registry import Entity

log = logging.getLogger(__name__)


class Changes:
    """Applies the changes of one table, commit after commit."""

    def __init__(self, store: Store, entity: Entity) -> None:
        self._store = store
        self._entity = entity
        self._marks = Marks(store)

    def apply(
        self,
        newest: Manifest | None,
        through: int,
        parts: Sequence[InboxPart],
        *,
        run_id: str | None = None,
        allow_shrink: bool = False,
    ) -> Applied | None:
        """Make the next commit of the parts of an inbox.

        Args:
            newest: The newest commit of the table, None: there is none.
            through: The last part that is in it.
            parts: The parts after it.
            run_id: The run, for the commit.
            allow_shrink: Let the changes delete any number of rows.

        Returns:
            None, if all of the changes wait for the end of a snapshot.

        Raises:
            HeldChangesError: The changes would delete too many rows.
            OvertakenError: Another writer committed first.
            Others as `apply_events`.
        """
        plan = self._marks.plan(parts, position=newest.events.position if newest and newest.events else None)
        is_snapshot = plan.start is not None and plan.start.op == STARTED
        if not plan.parts or not (newest or is_snapshot):
            log.info("%s: changes wait for the end of a snapshot", self._entity)
            return None
        self._check_whole(plan, through)
        batch: Whole | Following
        if plan.start:
            batch = Whole(self._store, self._entity, newest, plan.parts, plan.start)
        elif newest:
            batch = Following(self._store, self._entity, newest, plan.parts)
        batch.read()
        return batch.commit(run_id, allow_shrink=allow_shrink)

    def _check_whole(self, plan: Plan, through: int) -> None:
        """Refuse an inbox with a gap. Raises: MissingPartsError."""
        numbers = [part.number for part in plan.parts]
        # An inbox that was deleted begins again, with lower numbers.
        if plan.start is None and through and numbers[0] > through:
            numbers.insert(0, through)
        for before, number in pairwise(numbers):
            if number > before + 1:
                raise MissingPartsError(self._entity.table, before + 1, number - 1)
