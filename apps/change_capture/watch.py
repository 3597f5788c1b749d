"""What the capture watches in the database beside the engine: its log, its locks, and its publication."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from apps.change_capture.checks import DatabaseError, PasswordError, PublicationError

if TYPE_CHECKING:
    from apps.change_capture.database import Database
    from apps.change_capture.envelopes import Stream
    from apps.change_capture.metrics import Metrics

log = logging.getLogger(__name__)

RETAINED_WARNING = 1024**3
"""Bytes of its log that the database keeps for the slot, from which on the capture warns."""


class Watch:
    """Looks at the database again and again. What it finds is in the log once.

    Args:
        database: The database.
        metrics: The figures.
    """

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._retained = RETAINED_WARNING
        self._refused = False
        self._blockers: list[int] = []

    def look(self, stream: Stream, *, engine_works: bool) -> str | None:
        """Look once. Returns: why the engine has to end; None: it has not."""
        try:
            self._tell_retained()
            self._tell_start(stream)
            reason = self._unpublished() if engine_works else None
            self._refused = False
        except PasswordError as error:
            if not self._refused:
                log.warning("what is connected goes on, and the next connection ends the capture: %s", error)
            self._refused = True
        except DatabaseError as error:
            log.debug("the database cannot be asked: %s", error)
        else:
            return reason
        return None

    def _tell_retained(self) -> None:
        retained = self._database.retained() or 0
        self._metrics.retained.set(retained)
        if retained >= self._retained:
            log.warning("the database keeps %.1f GB of its log for %s", retained / 1e9, self._database.name)
            self._retained = 2 * retained
        elif retained < RETAINED_WARNING:
            self._retained = RETAINED_WARNING

    def _tell_start(self, stream: Stream) -> None:
        """State how far a snapshot is, and what the engine waits for."""
        if stream.snapshot:
            log.info("the snapshot goes on: %d rows are read", stream.rows)
        blockers = self._database.blockers()
        if blockers and blockers != self._blockers:
            numbers = ", ".join(map(str, blockers))
            # 0: of no process, since it was prepared for a commit in two phases.
            prepared = " and: select gid, prepared from pg_prepared_xacts" if 0 in blockers else ""
            log.warning(
                "the capture waits for processes of the server, which have a transaction that is open: %s. It goes on "
                "when they end. See: select pid, xact_start, query from pg_stat_activity where pid in (%s)%s",
                numbers,
                numbers,
                prepared,
            )
        self._blockers = blockers

    def _unpublished(self) -> str | None:
        try:
            return self._database.unpublished()
        except PublicationError as error:
            return str(error)
