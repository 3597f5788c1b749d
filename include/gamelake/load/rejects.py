"""The rows of one load that break the contract: counted, compared with the limit, and stored beside the table."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from gamelake.lake.rejected import keep_rejected
from gamelake.load.errors import LIST_COMMAND, ContractError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gamelake.lake.keys import LoadRun
    from gamelake.lake.store import Store
    from gamelake.registry import Entity
    from gamelake.sources.contract import Reject

log = logging.getLogger(__name__)

_END_OF_TIME = 2**63


class Rejects:
    """The rejected rows of one load, of the partition that its run loads."""

    def __init__(self, store: Store, entity: Entity, run: LoadRun) -> None:
        self.key: str | None = None
        self._store = store
        self._entity = entity
        self._run = run
        self._rows: dict[int | str, Reject] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, rejects: Sequence[Reject]) -> None:
        """Take in the rejected rows of a page. A row that comes twice counts once, as it came last."""
        self._rows |= {_key(reject): reject for reject in rejects}

    def ids(self) -> Iterator[int]:
        """Return the ids of those that have a true one."""
        return (row_id for row_id in self._rows if isinstance(row_id, int))

    def times(self) -> Iterator[int | None]:
        """Yield when they last changed (unix seconds), None for those without a time; not for unreadable ones."""
        found = (reject.row.get("updated_at") for reject in self._rows.values() if isinstance(reject.row, dict))
        return (at for at in found if at is None or (type(at) is int and 0 <= at < _END_OF_TIME))

    def too_many(self, rows: int) -> bool:
        """Whether they are more than may be of a table of so many rows."""
        return len(self) > self._entity.limits.rejected_rows(rows)

    def keep(self, *, read: int, rows: int) -> None:
        """Store them, and refuse the load if they are too many.

        read: rows that were read so far. rows: those of the table, the rejected ones included.

        Raises: ContractError; StoreError.
        """
        if not self._rows:
            return
        self.store()
        if self.too_many(rows):
            allowed = self._entity.limits.rejected_rows(rows)
            first = next(iter(self._rows.values()))
            raise ContractError(str(self._entity), len(self), read, allowed, first.reason, str(self.key))

    def store(self) -> None:
        """Store them, if there are any. Raises: StoreError."""
        if not self._rows:
            return
        name = str(self._entity)
        kept = [
            {"reason": reject.reason, "id": reject.row_id, "run_id": self._run.run_id, **reject.kept()}
            for reject in self._rows.values()
        ]
        self.key = keep_rejected(self._store, self._run, time_ns=time.time_ns(), rows=kept)
        log.warning(
            "%s: %d rows break the contract and are kept at %s; list them with `%s`",
            name, len(self), self.key, LIST_COMMAND.format(table=name),
        )  # fmt: skip


def _key(reject: Reject) -> int | str:
    return repr(reject.kept()) if reject.row_id is None else reject.row_id
