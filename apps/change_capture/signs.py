"""The sign that a capture gives in the lake while it reads the database, and what it makes of another one's."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apps.change_capture.state import StateError
from gamelake.lake.capture_sign import EVERY, CaptureSign, key_of, read_sign, write_sign
from gamelake.lake.factory import place_of
from gamelake.lake.store import StoreError

if TYPE_CHECKING:
    from apps.change_capture.state import State
    from gamelake.lake.store import Store

log = logging.getLogger(__name__)


class Signs:
    """The signs of one capture.

    Args:
        store: The lake.
        source: The source that is captured.
        slot: The slot.
    """

    def __init__(self, store: Store, source: str, slot: str) -> None:
        self._store = store
        self._source = source
        self._slot = slot
        self._database = ""
        self._own: set[tuple[str, str]] = set()
        self._given: float | None = None

    def check(self, database: str, state: State | None) -> None:
        """Refuse a second capture of the source to the same lake: their snapshots would mix.

        Args:
            database: What is to be captured.
            state: What was captured to this disk's folder before: by no other process now, as this one holds it.

        Raises:
            StateError: There is another one.
            StoreError: The lake cannot be read.
        """
        self._database = database
        self._own.add((database, self._slot))  # the database lets no two processes read one slot
        if state and state.lake == place_of(self._store):
            self._own.add((state.database, state.slot))
        sign = read_sign(self._store, self._source)
        if sign is None or sign.ended or (sign.database, sign.slot) in self._own:
            return
        if sign.at + 2 * EVERY > datetime.now(UTC):
            raise StateError(
                f"{place_of(self._store)}: another capture of {self._source} reads the slot {sign.slot} of the "
                f"database {sign.database}, and gave a sign at {sign.at:%H:%M:%S} UTC. End it in order, or wait "
                f"{2 * EVERY.seconds // 60} minutes after it was killed; a second database is a source of its own"
            )

    def give(self) -> None:
        """Give a sign, if the last one is old enough."""
        if self._given is None or time.monotonic() - self._given > EVERY.total_seconds():
            self._write(ended=False)

    def end(self) -> None:
        """Tell that the capture ends in order, if it gave a sign."""
        if self._given is not None:
            self._write(ended=True)

    def _write(self, *, ended: bool) -> None:
        sign = CaptureSign(at=datetime.now(UTC), database=self._database, slot=self._slot, ended=ended)
        try:
            write_sign(self._store, self._source, sign)
            self._given = time.monotonic()
        except (StoreError, OSError) as error:
            log.warning("%s was not written, and is tried again: %s", key_of(self._source), error)
