"""What writes the inboxes: it returns when all is stored, however long the lake is away.

EndedError     the process ends: what was not stored is not acknowledged, and comes again
EmptiedError   the lake lacks a part that was stored
"""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING

from apps.change_capture.envelopes import cut
from gamelake.lake.inbox import Inbox
from gamelake.lake.store import ObjectNotFoundError, StoreError

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    from apps.change_capture.metrics import Metrics
    from gamelake.lake.keys import TableName
    from gamelake.lake.store import Store

log = logging.getLogger(__name__)

PART_ROWS = 5_000
PART_BYTES = 4 * 1024 * 1024
_PAUSE, _LONGEST_PAUSE = 0.25, 15.0  # seconds between tries of the store


class EndedError(Exception):
    """The process ends before everything was stored."""


class EmptiedError(Exception):
    """The lake lacks a part that was stored: it was emptied, or restored from a backup. All tables are to be read."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the lake lacks {key}, which was stored")


class Inboxes:
    """The inboxes of one source. For one thread at a time.

    Args:
        store: The lake.
        metrics: The figures.
        ending: Set when the process ends.
    """

    def __init__(self, store: Store, metrics: Metrics, ending: threading.Event) -> None:
        self._store = store
        self._metrics = metrics
        self._ending = ending
        self._inboxes: dict[TableName, Inbox] = {}
        self._stored: dict[str, int] = {}
        self.store_works = True

    def begin(self, stored: Mapping[str, int]) -> None:
        """Begin again, after the last part that was stored of each table, by the name of its entity."""
        self._inboxes.clear()
        self._stored = dict(stored)

    def put(self, lines: Mapping[TableName, Sequence[bytes]]) -> dict[TableName, int]:
        """Store lines as parts, table after table, and of each table in order.

        Returns:
            The number of the last part of each table.

        Raises:
            EndedError: The process ends; some parts may be stored.
            EmptiedError: The lake lacks a part that was stored; some parts may be stored.
        """
        return {
            table: max(self._put(table, part) for part in cut(each, rows=PART_ROWS, size=PART_BYTES))
            for table, each in lines.items()
        }

    def _put(self, table: TableName, part: bytes) -> int:
        inbox = self._inboxes.setdefault(table, Inbox(self._store, table))
        tried: list[int] = []
        pause, since = _PAUSE, time.monotonic()
        while True:
            try:
                self._check(inbox)
                number = inbox.add(part, number=tried[-1] if tried else None, on_try=tried.append)
            except (StoreError, OSError) as error:
                if self.store_works:
                    log.error("the lake cannot be written; %s waits and is tried again: %s", table, error)
                self.store_works = False
                self._metrics.store_errors.inc()
                if self._ending.wait(random.uniform(pause / 2, pause)):  # noqa: S311 - jitter, not a secret
                    raise EndedError(f"{table}: not stored") from error
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            if not self.store_works:
                log.info("the lake can be written again, after %.0f seconds", time.monotonic() - since)
            self.store_works = True
            self._stored[table.entity] = number
            self._metrics.parts.labels(str(table)).inc()
            return number

    def _check(self, inbox: Inbox) -> None:
        """Look whether the part is there that was stored last. Raises: EmptiedError, StoreError."""
        if number := self._stored.get(inbox.table.entity):
            try:
                self._store.info(inbox.key(number))  # the newest part of an inbox is never removed
            except ObjectNotFoundError:
                raise EmptiedError(inbox.key(number)) from None
