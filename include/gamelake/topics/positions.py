"""Reads the position of a topic, and moves it on."""

from __future__ import annotations

import socket
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from gamelake.lake.documents import what_to_do
from gamelake.lake.findings import Finding
from gamelake.lake.keys import number_of, numbered_key
from gamelake.lake.store import ObjectExistsError
from gamelake.topics.documents import Position, PositionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import ObjectInfo, Store

TOPICS = "topics/"
"""The start of the keys of all positions."""
RETENTION = timedelta(days=30)
"""How long positions are kept. The newest one of a topic stays. Numbers are not used again while a process that knows
an old one may still run."""


class OtherSenderError(Exception):
    """Another process sent messages to the same topic meanwhile."""

    def __init__(self, topic: str, sender: str) -> None:
        super().__init__(
            f"{topic}: {sender} sends to this topic too, and messages may be in the wrong order. The next run sends "
            f"them again, in order, from the last position that both know. Only one process may send to a topic: stop "
            f"the others"
        )
        self.topic = topic
        self.sender = sender


class Positions:
    """The positions of one topic. For one thread at a time; methods raise StoreError and PositionError."""

    def __init__(self, store: Store, topic: str) -> None:
        self.topic = topic
        self.sender = f"{socket.gethostname()} {uuid.uuid4().hex[:8]}"
        self._store = store
        self._prefix = f"{TOPICS}{topic}/"
        self._newest = 0

    def latest(self) -> Position | None:
        """Return the newest position, None if nothing was sent yet."""
        numbers = (number_of(self._prefix, info.key) for info in self._store.list(self._prefix))
        self._newest = max((number for number in numbers if number is not None), default=0)
        return self._read(self._newest) if self._newest else None

    def move(self, start: Position | None, position: Position) -> None:
        """Keep a position, as the next one after that which this process knows.

        Args:
            start: The position before the messages that were sent now. None: none were sent.
            position: The one after them.

        Raises:
            OtherSenderError: Another process has moved the position. It is set back to `start`.
        """
        try:
            self._store.put(numbered_key(self._prefix, self._newest + 1), position.to_json(), if_absent=True)
        except ObjectExistsError as error:
            raise OtherSenderError(self.topic, self._set_back(start)) from error
        self._newest += 1

    def _set_back(self, start: Position | None) -> str:
        """Let the next run begin where this process began. Returns: the process that moved the position."""
        while True:
            other = self.latest()
            if start is None or other is None or other.place <= start.place:
                break  # nothing was sent here, or the other one has set it back already
            reason = f"{self.sender} and {other.sender} have sent at the same time"
            again = msgspec.structs.replace(start, sent_at=datetime.now(UTC), sender=self.sender, reason=reason)
            try:
                self._store.put(numbered_key(self._prefix, self._newest + 1), again.to_json(), if_absent=True)
            except ObjectExistsError:
                continue
            break
        return other.sender if other else "another process"

    def _read(self, number: int) -> Position:
        key = numbered_key(self._prefix, number)
        try:
            return Position.from_json(self._store.get(key))
        except PositionError as error:
            hint = "delete it: the position before it counts then, and what was sent since is sent again"
            expected = f"{error.expected}; {what_to_do(error, hint)}"
            raise PositionError(f"{key}: {error.key}", error.found, expected) from error


def audit_positions(store: Store, *, now: datetime) -> Iterator[Finding]:
    """Yield positions that are older than RETENTION, but never the newest one of a topic. Raises: StoreError."""
    before: tuple[str, ObjectInfo] | None = None
    for info in store.list(TOPICS):
        prefix = info.key[: info.key.rfind("/") + 1]
        if number_of(prefix, info.key) is None:
            continue
        if before and before[0] == prefix and before[1].modified < now - RETENTION:
            yield Finding.orphan(before[1], f"positions of topics are kept for {RETENTION.days} days")
        before = (prefix, info)
