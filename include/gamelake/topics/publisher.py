"""Sends what a topic lacks, and keeps the position in the lake.

    async with Broker(settings) as broker:
        sent = await publish(store, FeedStream(store, entity), broker, settings.topic("igdb.games"))

Messages go first, then the position: a kill between them costs repeats. Repeats come in the order of the first time, so
who applies messages in their order has the same result.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gamelake.topics.documents import Position
from gamelake.topics.positions import Positions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store
    from gamelake.topics.broker import Broker
    from gamelake.topics.streams import Message, Stream, Unit

log = logging.getLogger(__name__)

CHUNK_MESSAGES = 10_000
CHUNK_BYTES = 8 * 1024 * 1024
"""After so many messages or bytes the position moves on: what a kill repeats, and what memory has."""


@dataclass(slots=True)
class Sent:
    """What was sent to a topic.

    Attributes:
        topic: Its name.
        messages: How many the topic got.
        position: The position then; None if nothing was ever to be sent.
        reasons: Why rows were sent again, or what cannot be sent any more.
    """

    topic: str
    messages: int = 0
    position: Position | None = None
    reasons: list[str] = field(default_factory=list)


async def publish(store: Store, stream: Stream, broker: Broker, topic: str, *, again: str | None = None) -> Sent:
    """Send everything that a topic lacks.

    Args:
        store: The lake, which has the position.
        stream: What the topic gets.
        broker: It has the topic, or creates it.
        topic: Its name.
        again: Why everything is to be sent again, from the start; None: it is not.

    Raises:
        BrokerError: The broker cannot be reached or takes no messages.
        OtherSenderError: Another process sends to the topic.
        FeedError, ManifestError, DamagedPartError, PositionError, StoreError: The next messages cannot be read. They
            are not left out: the next call tries them again.
    """
    return await _Publisher(store, stream, broker, topic).publish(again)


class _Publisher:
    def __init__(self, store: Store, stream: Stream, broker: Broker, topic: str) -> None:
        self._stream = stream
        self._broker = broker
        self._topic = topic
        self._positions = Positions(store, topic)
        self._sent = Sent(topic)

    async def publish(self, again: str | None) -> Sent:
        self._sent.position = await asyncio.to_thread(self._positions.latest)
        is_new = await self._broker.ensure(self._topic)
        if self._sent.position is not None and is_new:
            again = again or f"the broker had no topic {self._topic} any more"
        units = self._stream.pending(self._sent.position, again=again)
        while unit := await asyncio.to_thread(next, units, None):
            if unit.reason:
                log.warning("%s: %s", self._topic, unit.reason)
                self._sent.reasons.append(unit.reason)
            await self._send(unit)
        return self._sent

    async def _send(self, unit: Unit) -> None:
        before = self._sent.position
        if before is None or (unit.is_snapshot and not unit.sent):
            # The start itself is kept first: another process that begins too is found before anything is sent.
            await self._move(unit, None, messages=0, is_complete=False)
        done, is_complete = unit.sent, False
        headers = [("number", b"%d" % unit.number)]
        chunks = _chunks(unit.messages)
        while not is_complete:
            chunk, is_complete = await asyncio.to_thread(next, chunks)
            self._sent.messages += await self._broker.send(self._topic, chunk, headers=headers)
            done += len(chunk)
            await self._move(unit, self._sent.position, messages=done, is_complete=is_complete)

    async def _move(self, unit: Unit, start: Position | None, *, messages: int, is_complete: bool) -> None:
        position = Position(
            number=unit.number,
            made_at=unit.made_at,
            is_snapshot=unit.is_snapshot,
            messages=messages,
            is_complete=is_complete,
            reason=unit.reason,
            sent_at=datetime.now(UTC),
            sender=self._positions.sender,
        )
        await asyncio.to_thread(self._positions.move, start, position)
        self._sent.position = position


def _chunks(messages: Iterator[Message]) -> Iterator[tuple[list[Message], bool]]:
    """Yield the messages in chunks, each with whether it is the last one; the last one may be empty."""
    chunk: list[Message] = []
    size = 0
    for message in messages:
        if len(chunk) == CHUNK_MESSAGES or size >= CHUNK_BYTES:
            yield chunk, False
            chunk, size = [], 0
        chunk.append(message)
        size += len(message.value)
    yield chunk, True
