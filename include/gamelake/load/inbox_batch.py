"""What events and changes share on their way from an inbox to a commit: parts that are read, and rows that are staged.

InboxPartError      a part of the inbox is damaged
OvertakenError      another writer committed first
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from gamelake.kinds import Kind
from gamelake.lake.id_ranges import IdRange, merge_ranges
from gamelake.lake.inbox import Inbox, InboxPart, read_events
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.rows import read_rows, read_update_time
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.uploads import DamagedPartError
from gamelake.load import guard
from gamelake.load.errors import LoadError
from gamelake.load.event_order import parsed
from gamelake.load.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gamelake.lake.keys import LoadRun
    from gamelake.lake.manifest import Manifest, Part
    from gamelake.lake.store import Store
    from gamelake.lake.table import Table
    from gamelake.load.guard import Loss
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

BATCH_BYTES = 16 * 1024 * 1024
"""Rows of one commit; memory has them, and the rows that they replace."""
BATCH_EVENTS = 200_000
"""Events of one commit."""
FOLD_BYTES = 8 * 1024 * 1024
"""Compressed bytes of earlier events that a commit writes again, with FOLD_ROWS at most: memory has them too."""
FOLD_ROWS = 20_000
_PAGE = 500
NO_ROWS = Rows(b"", (), None)


class InboxPartError(LoadError):
    """A part of the inbox is damaged.

    Args:
        key: The part.
        damage: What was found, with the key.
        remedy: What brings back what it had, once it is deleted.
    """

    def __init__(self, key: str, damage: DamagedPartError, remedy: str) -> None:
        super().__init__(
            f"{damage}. Events after it wait. Restore the object from a backup or the bucket's versions; or delete it, "
            f"and {remedy}"
        )
        self.key = key


class OvertakenError(Exception):
    """Another writer committed first: what was compared is not the newest table any more."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What one commit has applied.

    Attributes:
        table: The table.
        version: The commit.
        through: The last part of the inbox that is in it.
        events: The events that were read.
        created: Rows that the table did not have.
        updated: Rows that are newer now.
        deleted: Rows that the table no longer has.
        rejected: Events that break the contract, of an id the last one.
        rejected_key: Where these are kept, None: nowhere.
    """

    table: str
    version: int
    through: int
    events: int
    created: int
    updated: int
    deleted: int
    rejected: int
    rejected_key: str | None

    @classmethod
    def of(
        cls, made: Manifest, *, events: int, created: int, updated: int, deleted: int, rejected_key: str | None
    ) -> Applied:
        """Return what a commit of an inbox has applied, and log it."""
        applied = cls(
            table=str(made.table),
            version=made.version,
            through=made.events.through if made.events else 0,
            events=events,
            created=created,
            updated=updated,
            deleted=deleted,
            rejected=made.summary.rows_rejected,
            rejected_key=rejected_key,
        )
        log.info("%s", applied)
        return applied

    def as_dict(self) -> dict[str, Any]:
        """Return the figures for an XCom."""
        return asdict(self)

    def __str__(self) -> str:
        rejected = f"; {self.rejected:,} rejected, kept at {self.rejected_key}" if self.rejected else ""
        others = self.events - self.created - self.updated - self.deleted - self.rejected
        older = f"; {others:,} older than the table, or repeated" if others > 0 else ""
        return (
            f"{self.table} version {self.version}: {self.events:,} events up to part {self.through}: "
            f"{self.created:,} rows created, {self.updated:,} updated, {self.deleted:,} deleted{older}{rejected}"
        )


def unapplied(store: Store, entity: Entity, *, newest: Manifest | None) -> tuple[int, list[InboxPart]]:
    """Return the number of the last applied part of an inbox, and the parts after it.

    If the inbox was deleted, its numbers begin again: then all of its parts are after it. An inbox of changes may
    have reached that number again: its part then has an event that is newer than the commit.

    Args:
        store: The lake.
        entity: The entity of the table.
        newest: The newest commit of the table.
    """
    inbox = Inbox(store, entity.table)
    through = newest.events.through if newest and newest.events else 0
    parts = list(inbox.parts(after=through))
    if not through or newest is None or newest.events is None:
        return through, parts
    reason = None
    try:
        if parts or store.info(inbox.key(through)).modified > newest.committed_at:
            is_another = entity.kind is Kind.CHANGES and _newest_of(store, inbox, through) > newest.events.until
            reason = "was replaced after it was applied" if is_another else None
    except ObjectNotFoundError:
        reason = "is not there"  # the newest part of an inbox is never removed
    if reason and (every := list(inbox.parts())):
        log.warning("%s: part %d %s, so that all parts count as new", entity, through, reason)
        return through, every
    return through, parts


def _newest_of(store: Store, inbox: Inbox, number: int) -> float:
    """Return when the newest event of a part was received, 0 if the part is not there or cannot be read."""
    part = InboxPart(number, inbox.key(number), 0)
    try:
        return max((parsed(event)[2] or 0.0 for event in events_of(store, part, remedy="")), default=0.0)
    except (ObjectNotFoundError, InboxPartError):  # old parts are removed
        return 0.0


def events_of(store: Store, part: InboxPart, *, remedy: str) -> Iterator[Any]:
    """Yield what a part of the inbox has. `remedy`: see InboxPartError.

    Raises:
        InboxPartError: The part is damaged.
        StoreError: The lake cannot be read.
    """
    try:
        yield from read_events(store, part)
    except DamagedPartError as error:
        raise InboxPartError(part.key, error, remedy) from error


def loss_of(entity: Entity, table: Table, newest: Manifest, row_count: int, *, partition: str) -> Loss | None:
    """Return what the table would lose beyond what one load may remove, None: not so much."""
    if row_count >= newest.row_count:
        return None
    loss = guard.judge(entity, row_count, guard.recent(table.loads_up_to(newest)), partition=partition).held
    if loss and (shrunk := table.shrunk_by_events(newest)):
        return guard.judge(entity, row_count, [shrunk], partition=partition).held
    return loss


@dataclass(slots=True)
class RowChanges:
    """What events have made of rows: the lines of changed ones by id, and the ids of deleted ones."""

    lines: dict[int, bytes] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, store: Store, parts: Iterable[Part]) -> RowChanges:
        """Return what parts have made of rows; each claim is of deleted ids."""
        rows = cls()
        for part in parts:
            for claim in part.claims:
                if claim.high is not None:
                    for row_id in range(claim.low, claim.high):
                        rows.delete(row_id)
            for row_id, line in read_rows(store, part):
                rows.set(row_id, line)
        return rows

    def set(self, row_id: int, line: bytes) -> None:
        """Note a row that is there."""
        self.lines[row_id] = line
        self.deleted.discard(row_id)

    def delete(self, row_id: int) -> None:
        """Note that a row is deleted."""
        self.lines.pop(row_id, None)
        self.deleted.add(row_id)

    def stage(self, parts: PartStage, *, has_times: bool) -> None:
        """Write the changed rows, and claims on the deleted ids. `has_times`: `updated_at` is in unix seconds."""
        for rows in _pages(self.lines, has_times=has_times):
            parts.add(rows, None)
        for claim in merge_ranges(IdRange(row_id, row_id + 1) for row_id in self.deleted):
            parts.add(NO_ROWS, claim)


@contextmanager
def part_stage(store: Store, run: LoadRun, newest: Manifest) -> Iterator[PartStage]:
    """Provide where the rows of a commit on top of the newest one are written."""
    with scratch_folder() as scratch, PartStage(store, run, scratch=scratch, committed=newest.files) as stage:
        yield stage


def _pages(lines: Mapping[int, bytes], *, has_times: bool) -> Iterator[Rows]:
    """Yield rows by id."""
    ids = sorted(lines)
    for start in range(0, len(ids), _PAGE):
        page = ids[start : start + _PAGE]
        times = [at for row_id in page if has_times and (at := read_update_time(lines[row_id])) is not None]
        yield Rows(b"".join(lines[row_id] for row_id in page), page, max(times, default=None))
