"""What is to be sent to a topic: the steps of a change feed, or the parts of an inbox."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from gamelake.feeds.documents import FeedError, step_key, steps_prefix
from gamelake.feeds.envelope import Envelopes, read_change
from gamelake.feeds.feed import Feed, read_changes
from gamelake.feeds.rows import visible_rows
from gamelake.lake.inbox import Inbox, read_events
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from gamelake.feeds.documents import Step
    from gamelake.lake.keys import TableName
    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store
    from gamelake.registry import Entity
    from gamelake.topics.documents import Position

TRUNCATION_KEY = b"null"
"""The key of a message that empties the table: topics that are compacted take no message without a key."""


class Message(NamedTuple):
    """A message: its key, its value, and whether each partition of the topic gets it."""

    key: bytes
    value: bytes
    is_for_all: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """What is sent in one go: the changes of a step, the rows of a table, or the events of a part.

    Attributes:
        number: Of the step or part.
        made_at: When the step was made; None of a part.
        is_snapshot: Whether these are the rows of the table.
        sent: How many of its messages were sent already.
        messages: Those after them.
        reason: Why there is a snapshot, for people.
    """

    number: int
    made_at: datetime | None
    is_snapshot: bool
    sent: int
    messages: Iterator[Message]
    reason: str | None = None


class Stream(Protocol):
    """What a topic gets."""

    name: str
    """The name of the topic behind its prefix, such as igdb.games."""

    def pending(self, position: Position | None, *, again: str | None = None) -> Iterator[Unit]:
        """Yield what is to be sent after a position, in order.

        Args:
            position: What the topic has. None: nothing.
            again: Why everything is to be sent again; None: it is not.

        Raises:
            FeedError, ManifestError, DamagedPartError, StoreError: The next messages cannot be read. None is left out.
        """


class FeedStream:
    """The change feed of a table: first the rows of the table, then the changes of each step.

    The rows are sent again where the changes since the position are not known.
    """

    def __init__(self, store: Store, entity: Entity) -> None:
        self.name = str(entity)
        self._store = store
        self._entity = entity
        self._feed = Feed(store, entity.table)

    def pending(self, position: Position | None, *, again: str | None = None) -> Iterator[Unit]:
        """Yield what is to be sent after a position; see Stream."""
        numbers = self._feed.numbers()
        if not numbers:
            return
        newest = self._feed.read(numbers[-1])
        reason = again or self._why_not_from(position, newest)
        if position is None or reason:
            yield self._snapshot(newest, reason=reason)
            return
        if position.is_snapshot and not position.is_complete:
            yield self._snapshot(self._feed.read(position.number), sent=position.messages)
        for number in range(position.number + (position.is_snapshot or position.is_complete), newest.number + 1):
            step = self._read(number)
            if step.from_version is None:
                yield self._snapshot(newest, reason=step.reason or f"the feed begins with step {number}")
                return
            sent = position.messages if number == position.number else 0
            lines = islice(read_changes(self._store, step), sent, None)
            messages = (Message(b"%d" % read_change(line).id, line.rstrip(b"\n")) for line in lines)
            yield Unit(number, step.made_at, is_snapshot=False, sent=sent, messages=messages)

    def _why_not_from(self, position: Position | None, newest: Step) -> str | None:
        """Return why the changes after a position are not known; None if they are."""
        if position is None:
            return None
        if position.number > newest.number:
            return f"the feed has no step {position.number} any more, which was sent"
        try:
            step = self._feed.read(position.number)
        except ObjectNotFoundError:
            return f"the feed has no step {position.number} any more, after which sending was to go on"
        if step.made_at != position.made_at:
            return f"step {position.number} of the feed was made again after it was sent"
        if position.is_snapshot and not position.is_complete and self._commit(step) is None:
            return f"version {step.to_version} of the table is not there any more, of which a part was sent"
        return None

    def _read(self, number: int) -> Step:
        try:
            return self._feed.read(number)
        except ObjectNotFoundError as error:
            key = step_key(self._entity.table, number)
            hint = "a step. Restore it from a backup, or send the table again: `gamelake feed publish --snapshot`"
            raise FeedError(key, None, hint) from error

    def _snapshot(self, step: Step, *, sent: int = 0, reason: str | None = None) -> Unit:
        """Return the rows of the table at the end of a step."""
        commit = self._commit(step)
        if commit is None:
            found = f"version {step.to_version} with a part missing, or another one of that number"
            expected = "the version at which the feed ends. `gamelake feed make` brings the feed up to date"
            raise FeedError(f"{steps_prefix(self._entity.table)}: newest step", found, expected)
        messages = islice(self._rows(commit), sent, None)
        return Unit(step.number, step.made_at, is_snapshot=True, sent=sent, messages=messages, reason=reason)

    def _rows(self, commit: Manifest) -> Iterator[Message]:
        envelopes = Envelopes(self._entity, commit)
        yield Message(TRUNCATION_KEY, envelopes.truncation(), is_for_all=True)
        for row_id, row in visible_rows(self._store, commit.files):
            yield Message(b"%d" % row_id, envelopes.snapshot(row_id, row))

    def _commit(self, step: Step) -> Manifest | None:
        """Return the commit with which a step ends, None if it or a part of it is not there."""
        try:
            commit = Table(self._store, self._entity.table).read(step.to_version)
            for part in commit.files:
                self._store.info(part.key)
        except ObjectNotFoundError:
            return None
        return commit if commit.committed_at == step.committed_at else None


class InboxStream:
    """The inbox of a table: its events, in the order of its parts."""

    def __init__(self, store: Store, table: TableName) -> None:
        self.name = f"inbox.{table}"
        self._store = store
        self._inbox = Inbox(store, table)

    def pending(self, position: Position | None, *, again: str | None = None) -> Iterator[Unit]:
        """Yield what is to be sent after a position; see Stream. The first one is the oldest part that is kept."""
        done = 0
        if position is not None and not again:
            done = position.number - (not position.is_complete)
        for part in self._inbox.parts(after=done):
            reason = again
            if done and part.number > done + 1:
                reason = f"the parts {done + 1} to {part.number - 1} are not there any more: they were never sent"
            sent = position.messages if position and part.number == position.number and not again else 0
            messages = map(_event_message, islice(read_events(self._store, part), sent, None))
            yield Unit(part.number, None, is_snapshot=False, sent=sent, messages=messages, reason=reason)
            done = part.number


def _event_message(event: dict[str, Any]) -> Message:
    return Message(str(event["id"]).encode(), orjson.dumps(event))
