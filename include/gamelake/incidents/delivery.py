"""Send the messages of incidents: each once to each channel, in the order of its incident, also after a kill.

A writer claims a message first, so that others do not send it meanwhile. If the writer is killed, its message is sent
again after CLAIM: a receiver may get it twice, with the same id.

A channel that refuses holds back no other channel, and a message that it refuses holds back no other incident.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from msgspec.structs import replace

from gamelake.incidents.documents import Incident, Message

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)
"""How long a writer may take to send a message before another one sends it."""
ORDERED = timedelta(days=1)
"""For how long a message that a channel refuses holds back the later ones of its incident."""

_MOST_REFUSALS = 3
_SLOW_SECONDS = 1.0

Send = Callable[[str, Incident, Message], None]


class Outbox(Protocol):
    """Whose messages are sent: `Incidents`."""

    def newest(self, scope: str) -> list[Incident]:
        """Return the newest incident of each name."""

    def unsent(self, message: Message) -> list[str]:
        """Return the channels that still lack a message."""

    def change_message(self, key: str, message: str, change: Callable[[Message], Message]) -> Incident | None:
        """Change one message of the incident of a key. Returns: the incident, None if it was deleted."""


class SendError(Exception):
    """A channel did not take a message. Its text has no secret."""


class Delivery:
    """Sends what channels have not got yet.

    Args:
        outbox: Whose messages are sent.
        send: Sends a message to a channel. Raises: SendError.
        clock: The present.
    """

    def __init__(self, outbox: Outbox, send: Send, clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._send = send
        self._clock = clock
        self._refusals = _Refusals()

    def run(self, scope: str = "") -> int:
        """Send what waits, that which was refused for long at the end. Returns: how many messages are left."""
        left = 0
        found = [
            (incident, [each for each in incident.messages if self._outbox.unsent(each)])
            for incident in self._outbox.newest(scope)
        ]
        for incident, waiting in sorted(found, key=lambda each: any(map(self._is_old, each[1]))):
            self._refusals.begin_incident()
            for count, message in enumerate(waiting):
                if not self._deliver(incident, message):
                    left += len(waiting) - count
                    break
                left += any(channel in self._refusals for channel in self._outbox.unsent(message))
        return left

    def _deliver(self, incident: Incident, message: Message) -> bool:
        """Send one message to the channels that lack it and do not refuse. Returns: whether the next may follow."""
        if all(channel in self._refusals for channel in self._outbox.unsent(message)):
            return True
        writer = uuid4().hex
        claimed = self._outbox.change_message(incident.key, message.id, lambda each: self._claimed(each, writer))
        newest = next((each for each in claimed.messages if each.id == message.id), None) if claimed else None
        if claimed is None or newest is None or newest.claimed_by != writer:
            return newest is None or not self._outbox.unsent(newest)
        sent: dict[str, datetime] = {}
        try:
            for channel in self._outbox.unsent(newest):
                if channel not in self._refusals and self._takes(channel, claimed, newest):
                    sent[channel] = self._clock()
        finally:
            self._outbox.change_message(
                incident.key,
                message.id,
                lambda each: replace(each, sent={**each.sent, **sent}, claimed_by=None, claimed_until=None),
            )
        return True

    def _takes(self, channel: str, incident: Incident, message: Message) -> bool:
        """Send a message to a channel. Returns: whether it took it."""
        began = time.monotonic()
        try:
            self._send(channel, incident, message)
        except SendError as error:
            is_slow = time.monotonic() - began > _SLOW_SECONDS
            self._refusals.add(channel, is_slow=is_slow, holds_back=not self._is_old(message))
            log.warning("%s was not sent to %s, and is tried again later: %s", message.id, channel, error)
            return False
        return True

    def _claimed(self, message: Message, writer: str) -> Message:
        now = self._clock()
        is_taken = message.claimed_until is not None and message.claimed_until > now
        if is_taken or not self._outbox.unsent(message):
            return message
        return replace(message, claimed_by=writer, claimed_until=now + CLAIM)

    def _is_old(self, message: Message) -> bool:
        return message.at < self._clock() - ORDERED


class _Refusals:
    """Which channels get no further message.

    A channel may refuse one message for what is in it. So it gets those of other incidents, unless it was slow to
    refuse, or refuses some more: then it is down, and would take the time of the others.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._waiting: set[str] = set()

    def begin_incident(self) -> None:
        """Let each channel begin with the messages of another incident."""
        self._waiting.clear()

    def add(self, channel: str, *, is_slow: bool, holds_back: bool) -> None:
        """Note a refusal. holds_back: whether the later messages of the incident have to wait."""
        self._counts[channel] += _MOST_REFUSALS if is_slow else 1
        if holds_back:
            self._waiting.add(channel)

    def __contains__(self, channel: str) -> bool:
        return channel in self._waiting or self._counts[channel] >= _MOST_REFUSALS
