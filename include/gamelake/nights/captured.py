"""The tables of changes as they are now: they have no load, and so no night."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from gamelake.lake.documents import DocumentError
from gamelake.lake.rejected import newest_rejected
from gamelake.lake.table import open_table
from gamelake.marts.documents import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.store import Store
    from gamelake.registry import Entity

_THREADS = 8


class CapturedFacts(Document, frozen=True, kw_only=True):
    """A table whose changes are applied.

    Attributes:
        origin: The table of the database.
        version: The newest commit; None before the first snapshot is applied, as are the others then.
        rows: Of the table.
        committed_at: When that commit was made.
        changed_at: When the newest applied change was captured.
        rejected_at: When the newest change was rejected, of those that are kept: the row before it stays.
        bytes: The size of its parts.
    """

    source: str
    entity: str
    origin: str
    version: int | None = None
    rows: int | None = None
    committed_at: datetime | None = None
    changed_at: datetime | None = None
    rejected_at: datetime | None = None
    bytes: int | None = None


def captured_facts(store: Store, entities: Sequence[Entity], problems: list[str]) -> tuple[CapturedFacts, ...]:
    """Return the tables of changes; a damaged commit is a problem, and no error. Raises: StoreError."""

    def of(entity: Entity) -> CapturedFacts:
        found = CapturedFacts(source=entity.source, entity=entity.name, origin=str(entity.options["table"]))
        try:
            newest = open_table(store, entity.table).latest()
        except DocumentError as error:
            problems.append(str(error))
            return found
        if newest is None:
            return found
        return msgspec.structs.replace(
            found,
            version=newest.version,
            rows=newest.row_count,
            committed_at=newest.committed_at,
            changed_at=datetime.fromtimestamp(newest.events.until, UTC) if newest.events else None,
            rejected_at=newest_rejected(store, entity.table),
            bytes=sum(part.bytes for part in newest.files),
        )

    with ThreadPoolExecutor(_THREADS) as threads:
        return tuple(threads.map(of, entities))
