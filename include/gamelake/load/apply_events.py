"""Apply what is in an inbox to its table: events of a source between two loads, or all changes of a database.

    applied = apply_events(store, load_sources()["igdb"].entities["games"])

A commit states the number of the last part of the inbox that is in it, so rows and progress are one object: a process
that is killed leaves either the old table or the new one. `apply_changes` has how changes become rows; here are the
events of a source that is loaded too. Those since the last load are a part of changed rows and
a part of claims on deleted ids. The next commit writes both again, with its own events, while they are small: so a
table has few parts, however often events are applied.

InboxPartError      a part of the inbox is damaged
UnappliedError      the events of several tables were not applied
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gamelake.kinds import Kind
from gamelake.lake.id_ranges import merge_ranges
from gamelake.lake.inbox import Inbox
from gamelake.lake.keys import LoadRun, TableName
from gamelake.lake.manifest import AppliedEvents, Draft, Manifest, Mode, Summary
from gamelake.lake.rows import find_rows
from gamelake.lake.store import StoreError
from gamelake.lake.table import Table
from gamelake.load import inbox_batch
from gamelake.load.apply_changes import Changes
from gamelake.load.errors import HeldEventsError, LoadError
from gamelake.load.event_order import EventOrder, Known, takes_effect
from gamelake.load.inbox_batch import Applied, OvertakenError, RowChanges, events_of, loss_of, part_stage, unapplied
from gamelake.load.next_commit import most_common
from gamelake.load.rejects import Rejects
from gamelake.sources.contract import RowContract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gamelake.lake.id_ranges import IdRange
    from gamelake.lake.inbox import InboxPart
    from gamelake.lake.manifest import Part
    from gamelake.lake.store import Store
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

_TRIES = 10
_REMEDY = "the next load reads what it had"


class UnappliedError(LoadError):
    """The events of several tables were not applied.

    Args:
        failures: The error of each.
    """

    def __init__(self, failures: Mapping[str, Exception]) -> None:
        lines = "".join(f"\n  {table}: {error}" for table, error in failures.items())
        super().__init__(f"The events of {len(failures)} tables wait; the next run applies them:{lines}")
        self.failures = failures


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was applied to several tables.

    Attributes:
        applied: What each commit has applied.
        failures: The error of each table that failed.
    """

    applied: list[Applied] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)

    def newest(self) -> dict[TableName, int]:
        """Return the newest version of each table that has a new one."""
        return {TableName(*each.table.split(".")): each.version for each in self.applied}

    def check(self) -> None:
        """Raise the error of a table that failed.

        Raises:
            UnappliedError: Several tables failed; else the error itself.
        """
        if len(self.failures) == 1:
            raise next(iter(self.failures.values()))
        if self.failures:
            raise UnappliedError(self.failures)


def takes_events(entity: Entity) -> bool:
    """Whether events are applied to a table.

    A time series has the rows of a day as they were when it was loaded. A table with a filter has some rows of its
    endpoint, and its events are of all rows.
    """
    return entity.kind is not Kind.TIME_SERIES and "filter" not in entity.options


def apply_all(
    store: Store, entities: Iterable[Entity], *, run_id: str | None = None, allow_shrink: bool = False
) -> Outcome:
    """Apply all events to their tables; a table that fails does not stop the others. Arguments as `apply_events`."""
    outcome = Outcome()
    for entity in entities:
        try:
            outcome.applied.extend(apply_events(store, entity, run_id=run_id, allow_shrink=allow_shrink))
        except (ValueError, LoadError, StoreError, OSError) as error:
            log.warning("%s: events were not applied: %s", entity, error)
            outcome.failures[str(entity)] = error
    return outcome


def apply_events(
    store: Store, entity: Entity, *, run_id: str | None = None, allow_shrink: bool = False
) -> list[Applied]:
    """Apply all events that are in the inbox of an entity.

    Args:
        store: The lake.
        entity: The entity of the table.
        run_id: The run, for the commits.
        allow_shrink: Let the events delete any number of rows.

    Returns:
        What each commit has applied. Nothing without an inbox, or before the first load or snapshot of the table.

    Raises:
        HeldEventsError: The events would delete too many rows.
        InboxPartError: A part of the inbox is damaged.
        SnapshotError, MissingPartsError: The inbox does not have all changes of a database.
        ContractError: Too many rows of a snapshot break the contract.
        LoadError: Other writers were faster, again and again.
        DamagedPartError: A part of the table is damaged.
        StoreError, ManifestError: The lake failed.
    """
    if not takes_events(entity) or next(Inbox(store, entity.table).parts(), None) is None:
        return []
    applied: list[Applied] = []
    changes = Changes(store, entity) if entity.kind is Kind.CHANGES else None
    lost = 0
    while lost < _TRIES:
        newest = Table(store, entity.table).latest()
        if newest is None and changes is None:
            log.info("%s: events wait for the first load of the table", entity)
            return applied
        through, parts = unapplied(store, entity, newest=newest)
        if not parts:
            return applied
        made: Applied | None = None
        try:
            # No name holds a batch: the memory of one is free before the next one.
            if changes:
                made = changes.apply(newest, through, parts, run_id=run_id, allow_shrink=allow_shrink)
            elif newest:
                made = _Batch(store, entity, newest, through, parts).commit(run_id, allow_shrink=allow_shrink)
            if made is None:
                return applied
            applied.append(made)
        except OvertakenError:
            lost += 1
    raise LoadError(f"{entity}: other writers committed {_TRIES} times meanwhile. Events wait; apply them again")


class _Batch:
    """The events of one commit, on top of the newest one."""

    def __init__(
        self, store: Store, entity: Entity, newest: Manifest, through: int, parts: Sequence[InboxPart]
    ) -> None:
        self._began = time.monotonic()
        self._store = store
        self._entity = entity
        self._newest = newest
        self._table = Table(store, entity.table)
        self._load = self._table.load_of(newest)
        self._order = EventOrder(RowContract(entity))
        self._through = self._read(through, parts)
        of_load = {part.key for part in self._load.files}
        self._own = [part for part in newest.files if part.key not in of_load]
        rows, size = (sum(getattr(part, name) for part in self._own) for name in ("rows", "bytes"))
        folds = size <= inbox_batch.FOLD_BYTES and rows <= inbox_batch.FOLD_ROWS
        self._below = [part for part in newest.files if part.key in of_load or not folds]
        self._rows = RowChanges.of(store, self._own if folds else ())
        self._figures = {"created": 0, "updated": 0, "deleted": 0}

    def commit(self, run_id: str | None, *, allow_shrink: bool) -> Applied:
        """Commit what the events change, and that they are applied."""
        newest, order = self._newest, self._order
        run = LoadRun(self._entity.table, newest.partition, f"events__{newest.version}_{self._through}")
        has_effect = self._apply()
        row_count = newest.row_count + self._figures["created"] - self._figures["deleted"]
        shrinks = self._check_volume(row_count, allow_shrink=allow_shrink)
        rejects = Rejects(self._store, self._entity, run)
        rejects.add(order.rejects)
        rejects.store()
        files = self._stage(run) if has_effect else newest.files
        until = max(order.until, newest.events.until if newest.events else 0.0)

        def build(now: Manifest | None) -> Draft:
            if now is None or now.version != newest.version:
                raise OvertakenError
            return Draft(
                run_id=run_id or run.run_id,
                partition=newest.partition,
                mode=Mode.EVENTS,
                cursor=newest.cursor,
                source_count=None,
                row_count=row_count,
                summary=Summary(
                    rows_read=self._figures["created"] + self._figures["updated"],
                    rows_rejected=len(rejects),
                    rows_deleted=self._figures["deleted"],
                    undeclared=most_common(order.undeclared),
                    seconds=round(time.monotonic() - self._began, 3),
                ),
                # The next load reads them again.
                unproven=newest.unproven,
                rejected_key=newest.rejected_key,
                shrink_allowed=shrinks,
                origin=newest.origin,
                events=AppliedEvents(
                    through=self._through, until=until, load=self._load.version, rejected_key=rejects.key
                ),
                files=files,
            )

        made = self._table.commit(build)
        return Applied.of(made, events=order.events, rejected_key=rejects.key, **self._figures)

    def _read(self, through: int, parts: Sequence[InboxPart]) -> int:
        """Read parts until the batch is full. Returns: the number of the last one."""
        order = self._order
        for part in parts:
            if part.number > through + 1 and through:
                log.warning("%s: parts %d to %d are missing", part.key, through + 1, part.number - 1)
            for event in events_of(self._store, part, remedy=_REMEDY):
                order.add(event)
            through = part.number
            if order.bytes >= inbox_batch.BATCH_BYTES or order.events >= inbox_batch.BATCH_EVENTS:
                break
        return through

    def _apply(self) -> bool:
        """Compare the events with the rows that the table shows. Returns: whether one has an effect."""
        has_effect = False
        known = Known.by(self._load)
        below = find_rows(self._store, self._below, list(self._order.changes))
        claimed = merge_ranges(claim for part in self._own for claim in part.claims)
        until = self._newest.events.until if self._newest.events else 0.0
        rows = self._rows
        for row_id, change in sorted(self._order.changes.items()):
            shown = rows.lines.get(row_id) or (None if row_id in rows.deleted else below.get(row_id))
            was_deleted = shown is None and _has(claimed, row_id)
            if not takes_effect(change, shown, known, deleted_until=until if was_deleted else None):
                continue
            has_effect = True
            if change.line is None:
                # Also of an id without a row: the event that creates it may still arrive.
                rows.delete(row_id)
                self._figures["deleted"] += shown is not None
            else:
                rows.set(row_id, change.line)
                self._figures["created" if shown is None else "updated"] += 1
        return has_effect

    def _check_volume(self, row_count: int, *, allow_shrink: bool) -> bool:
        """Hold events that delete too many rows. Returns: whether they do, and a person allowed it."""
        newest = self._newest
        held = loss_of(self._entity, self._table, newest, row_count, partition=newest.partition)
        if held and not allow_shrink:
            raise HeldEventsError(self._entity.table, rows=row_count, before=held.before, allowed=held.allowed)
        return held is not None

    def _stage(self, run: LoadRun) -> tuple[Part, ...]:
        """Store the changed rows and the claims on deleted ids. Returns: the parts of the table."""
        with part_stage(self._store, run, self._newest) as stage:
            self._rows.stage(stage, has_times=True)
            return (*self._below, *stage.finish())


def _has(ranges: Sequence[IdRange], row_id: int) -> bool:
    place = bisect_right(ranges, row_id, key=lambda ids: ids.low) - 1
    return place >= 0 and row_id in ranges[place]
