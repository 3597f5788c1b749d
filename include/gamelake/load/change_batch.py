"""The changes of one commit: `Following` puts them on top of the newest one, `Whole` makes all rows of the table.

`apply_changes` plans which of the two comes next.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from gamelake.days import day_of, format_day
from gamelake.feeds.rows import visible_rows
from gamelake.lake.claims import merge_parts
from gamelake.lake.id_ranges import ALL_IDS, IdRange
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import AppliedEvents, Draft, Manifest, Mode, Proof, Summary
from gamelake.lake.parts import PartStage
from gamelake.lake.rows import LiveIds, find_rows
from gamelake.lake.table import Table
from gamelake.load import inbox_batch
from gamelake.load.change_order import COMPLETED, STARTED, ChangeOrder
from gamelake.load.errors import HeldChangesError, SnapshotError
from gamelake.load.inbox_batch import NO_ROWS, Applied, OvertakenError, RowChanges, events_of, loss_of, part_stage
from gamelake.load.inbox_marks import REMEDY
from gamelake.load.next_commit import most_common
from gamelake.load.rejects import Rejects
from gamelake.load.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from gamelake.lake.inbox import InboxPart
    from gamelake.lake.manifest import Part
    from gamelake.lake.store import Store
    from gamelake.load.change_order import Taken
    from gamelake.load.inbox_marks import Mark
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

MOST_PARTS = 64
"""Parts that a table has before its changes; with more of them the rows of all are written again."""
_PAGE = 10_000


class ChangeBatch(ABC):
    """The changes of one commit. `read` takes them, and `commit` stores what they make of the table."""

    def __init__(self, store: Store, entity: Entity, newest: Manifest | None, parts: Sequence[InboxPart]) -> None:
        self._began = time.monotonic()
        self._store = store
        self._entity = entity
        self._newest = newest
        self._table = Table(store, entity.table)
        self._inbox = parts
        self._is_snapshot = False
        self._by = "deletions"
        self._partition = _partition_after(newest, day_of(datetime.now(UTC)))
        self._through = parts[0].number
        self._order = ChangeOrder(entity, position=newest.events.position if newest and newest.events else None)
        self._figures = {"created": 0, "updated": 0, "deleted": 0}
        run_id = f"changes__{newest.version if newest else 0}_{parts[0].number}"
        self._run = LoadRun(entity.table, self._partition, run_id)
        self._rejects = Rejects(store, entity, self._run)

    @abstractmethod
    def read(self) -> None:
        """Take the changes of the plan, or as many as one commit can have."""

    def commit(self, run_id: str | None, *, allow_shrink: bool) -> Applied:
        """Commit what the changes make of the table, and that they are applied."""
        newest, order = self._newest, self._order
        files, row_count = self._files()
        self._rejects.add(order.rejects)
        loss = newest and loss_of(self._entity, self._table, newest, row_count, partition=self._partition)
        if loss and not allow_shrink:
            raise HeldChangesError(loss, self._by)
        if self._is_snapshot:
            every = row_count + len(self._rejects)
            self._rejects.keep(read=every, rows=every)
        else:
            self._rejects.store()
        is_counted = self._is_snapshot and not order.truncates

        def build(now: Manifest | None) -> Draft:
            if (now.version if now else 0) != (newest.version if newest else 0):
                raise OvertakenError
            return Draft(
                run_id=run_id or self._run.run_id,
                partition=self._partition,
                mode=Mode.FULL if self._is_snapshot else Mode.CHANGES,
                cursor=None,
                source_count=row_count + self._absent() if is_counted else None,
                row_count=row_count,
                summary=Summary(
                    rows_read=self._figures["created"] + self._figures["updated"],
                    rows_rejected=len(self._rejects),
                    rows_deleted=self._figures["deleted"],
                    undeclared=most_common(order.undeclared),
                    seconds=round(time.monotonic() - self._began, 3),
                    proof=Proof.COUNTED if is_counted else Proof.NONE,
                ),
                shrink_allowed=bool(loss),
                rejected_key=self._rejects.key,
                events=AppliedEvents(
                    through=self._through,
                    until=max(order.until, newest.events.until if newest and newest.events else 0.0),
                    load=_load_before(newest, self._partition),
                    position=order.position,
                ),
                files=files,
            )

        made = self._table.commit(build)
        return Applied.of(made, events=order.events, rejected_key=self._rejects.key, **self._figures)

    @abstractmethod
    def _files(self) -> tuple[tuple[Part, ...], int]:
        """Store the changed rows. Returns: the parts of the table, and the number of its rows."""

    def _absent(self) -> int:
        """Return how many rejected rows the table lacks."""
        return 0

    def _events(self, part: InboxPart) -> Iterator[Any]:
        return events_of(self._store, part, remedy=REMEDY)


class Following(ChangeBatch):
    """Changes on top of the newest commit."""

    def __init__(self, store: Store, entity: Entity, newest: Manifest, parts: Sequence[InboxPart]) -> None:
        super().__init__(store, entity, newest, parts)
        self._base = newest

    def read(self) -> None:
        """Take changes until the commit is full."""
        order = self._order
        for part in self._inbox:
            for event in self._events(part):
                if _is_mark(event):
                    order.pass_mark(event)
                else:
                    order.add(event)
            self._through = part.number
            if order.bytes >= inbox_batch.BATCH_BYTES or order.events >= inbox_batch.BATCH_EVENTS:
                break

    def _files(self) -> tuple[tuple[Part, ...], int]:
        newest = self._base
        taken = self._order.take()
        below, folded = _folded(newest.files)
        rows = RowChanges.of(self._store, folded)
        known = rows.lines.keys() | rows.deleted
        shown = find_rows(self._store, below, [each for each in taken.lines if each not in known])
        has_effect = False
        for row_id, changed in sorted(taken.lines.items()):
            before = rows.lines.get(row_id) or shown.get(row_id)
            line = changed
            if line is not None and row_id in taken.incomplete:
                line = self._order.completed(row_id, line, before)
                if line is None:
                    continue
            if line == before:
                continue
            has_effect = True
            if line is None:
                rows.delete(row_id)
                self._figures["deleted"] += 1
            else:
                rows.set(row_id, line)
                self._figures["created" if before is None else "updated"] += 1
        row_count = newest.row_count + self._figures["created"] - self._figures["deleted"]
        is_ahead = any(part.partition > self._partition for part in newest.files)
        if not has_effect and not is_ahead:
            return newest.files, row_count
        with part_stage(self._store, self._run, newest) as stage:
            if len(below) > MOST_PARTS or is_ahead:
                _write_again(self._store, below, stage)
                below = ()
            rows.stage(stage, has_times=False)
            return (*below, *stage.finish()), row_count


class Whole(ChangeBatch):
    """All rows of a table: a snapshot, or what follows after the table was emptied. They stream through."""

    def __init__(
        self, store: Store, entity: Entity, newest: Manifest | None, parts: Sequence[InboxPart], start: Mark
    ) -> None:
        super().__init__(store, entity, newest, parts)
        self._start = start
        self._is_snapshot = start.op == STARTED
        self._by = "snapshot" if self._is_snapshot else "truncate"
        self._parts: tuple[Part, ...] = ()
        self._stage: PartStage | None = None
        self._live = LiveIds()

    def read(self) -> None:
        """Take all changes of the plan, and store their rows."""
        with scratch_folder() as self._scratch:
            try:
                for part in self._inbox:
                    self._read_part(part)
                    self._through = part.number
                self._flush()
                self._finish_stage()
            finally:
                if self._stage:
                    self._stage.discard()

    def _read_part(self, part: InboxPart) -> None:
        for place, event in enumerate(self._events(part)):
            if part.number == self._start.number and place < self._start.place:
                continue
            if _is_mark(event):
                self._order.pass_mark(event)
                self._mark(event)
                continue
            self._order.add(event)
            if self._order.bytes >= inbox_batch.BATCH_BYTES:
                self._flush()

    def _mark(self, event: Any) -> None:
        """Take the start or the end of a snapshot. Raises: SnapshotError."""
        body = event["body"]
        if event["op"] == STARTED:
            self._order.begin()
            return
        if body.get("snapshot") == self._start.snapshot and body.get("rows") != self._order.reads:
            raise SnapshotError(
                self._entity.table, str(self._start.snapshot), rows=self._order.reads, expected=body.get("rows")
            )

    def _files(self) -> tuple[tuple[Part, ...], int]:
        self._figures["created"] = len(self._live)
        return merge_parts((), self._parts), len(self._live)

    def _absent(self) -> int:
        return sum(row_id not in self._live for row_id in self._rejects.ids())

    def _flush(self) -> None:
        """Write what was taken so far to the stage."""
        taken = self._order.take()
        if taken.emptied:
            self._live = LiveIds()
            if self._parts or self._stage:
                self._open_stage().add(NO_ROWS, ALL_IDS)
        self._complete(taken)
        rows = RowChanges()
        for row_id, line in taken.lines.items():
            if line is not None:
                rows.set(row_id, line)
            elif row_id in self._live:
                rows.delete(row_id)
                self._live.replace(IdRange(row_id, row_id + 1), ())
        self._live.add(rows.lines)
        if rows.lines or rows.deleted:
            rows.stage(self._open_stage(), has_times=False)
        self._rejects.add(self._order.rejects)
        self._order.rejects.clear()
        if rows.lines:
            log.info("%s: %d rows of the %s are staged", self._entity, len(self._live), self._by)

    def _complete(self, taken: Taken) -> None:
        """Give rows the large values that an update did not change, from the rows that are staged."""
        if not taken.incomplete:
            return
        if self._stage:
            self._finish_stage()
        shown = find_rows(self._store, self._parts, taken.incomplete)
        for row_id in taken.incomplete:
            line = self._order.completed(row_id, taken.lines[row_id] or b"", shown.get(row_id))
            if line is None:
                del taken.lines[row_id]
            else:
                taken.lines[row_id] = line

    def _open_stage(self) -> PartStage:
        if self._stage is None:
            committed = self._newest.files if self._newest else ()
            self._stage = PartStage(
                self._store, self._run, scratch=self._scratch, committed=committed, resumed=self._parts
            )
        return self._stage

    def _finish_stage(self) -> None:
        if self._stage:
            self._parts, self._stage = self._stage.finish(), None


def _write_again(store: Store, files: Sequence[Part], stage: PartStage) -> None:
    """Write the rows that parts show to a stage: each row once, and no claim. Memory has the ids."""
    rows = visible_rows(store, files)
    while page := {row_id: line + b"\n" for row_id, line in islice(rows, _PAGE)}:
        RowChanges(page).stage(stage, has_times=False)


def _is_mark(event: Any) -> bool:
    return isinstance(event, dict) and event.get("op") in {STARTED, COMPLETED} and isinstance(event.get("body"), dict)


def _folded(files: Sequence[Part]) -> tuple[Sequence[Part], Sequence[Part]]:
    """Return the parts that stay as they are, and the small ones at the end, which are written again."""
    rows = size = 0
    for index in range(len(files) - 1, -1, -1):
        part = files[index]
        most = inbox_batch.FOLD_ROWS + 1
        rows += part.rows + sum(most if each.high is None else each.high - each.low for each in part.claims)
        size += part.bytes
        if rows > inbox_batch.FOLD_ROWS or size > inbox_batch.FOLD_BYTES:
            return files[: index + 1], files[index + 1 :]
    return (), files


def _partition_after(newest: Manifest | None, today: date) -> str:
    """Return the day of the next commit: today, or that of the newest one where this machine's clock is a bit behind.

    The clock of a machine may have been ahead once. No build before that day would read the commits after it.
    """
    is_near = newest and newest.partition <= format_day(today + timedelta(days=1))
    return max(format_day(today), newest.partition) if newest and is_near else format_day(today)


def _load_before(newest: Manifest | None, partition: str) -> int:
    """Return the commit that readers of loads see before this one: of a day the last one, snapshots and shrinks."""
    if newest is None:
        return 0
    is_passing = newest.mode is Mode.CHANGES and newest.partition == partition and not newest.shrink_allowed
    return newest.events.load if is_passing and newest.events else newest.version
