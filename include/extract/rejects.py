"""The rows of one load that break the contract: counted, held to the limit, and kept beside the table."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from include.extract.errors import LIST_COMMAND, ContractError
from include.lake.rejected import keep_rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.extract.contract import Reject
    from include.lake.store import Store
    from include.registry import Entity

log = logging.getLogger(__name__)


class Rejects:
    """The rejected rows of one load, for the partition that it loads."""

    def __init__(self, store: Store, entity: Entity, partition: str, run_id: str) -> None:
        self.key: str | None = None
        self._store = store
        self._entity = entity
        self._partition = partition
        self._run_id = run_id
        self._found: list[Reject] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, rejects: Sequence[Reject]) -> None:
        """Take in the rejected rows of a page."""
        self._found += rejects

    def ids(self) -> Iterator[int]:
        """The ids of those that have a true one."""
        return (row_id for reject in self._found if (row_id := reject.row_id) is not None)

    def too_many(self, rows: int) -> bool:
        """Whether they are more than may be of a table of so many rows."""
        return len(self._found) > self._entity.limits.rejected_rows(rows)

    def keep(self, *, read: int, rows: int) -> None:
        """Store them, and refuse the load if they are too many.

        read: rows that were read so far. rows: those of the table, the rejected ones included.

        Raises: ContractError; StoreError.
        """
        if not self._found:
            return
        name = self._entity.name
        kept = [
            {"reason": reject.reason, "id": reject.row_id, "run_id": self._run_id, **reject.kept()}
            for reject in self._found
        ]
        self.key = keep_rejected(self._store, name, self._partition, time_ns=time.time_ns(), rows=kept)
        if self.too_many(rows):
            allowed = self._entity.limits.rejected_rows(rows)
            raise ContractError(name, len(self._found), read, allowed, self._found[0].reason, self.key)
        log.warning(
            "%s: %d rows break the contract and are kept at %s; list them with `%s`",
            name, len(self._found), self.key, LIST_COMMAND.format(entity=name),
        )  # fmt: skip
