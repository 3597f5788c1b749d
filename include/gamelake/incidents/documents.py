"""What the lake keeps of an incident: its states, each a numbered object that is created only if absent.

    incidents/load.igdb.held/00000000000000000003.json     the third state of what `load.igdb.held` names

A state is whole: what fails, and every message with the channels that it reached. So the newest one is all that a
writer reads. Of two writers one creates the next number; the other reads it and decides again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from gamelake.words import Words

PREFIX = "incidents/"
"""The start of the keys of all states."""
SETTLED = timedelta(hours=12)
"""How long an incident must not fail before it is over for good: less than the time from one night to the next."""

_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


class Severity(StrEnum):
    """How urgent a fault is."""

    P0 = "P0"
    """It blocks the publication, or loses data."""
    P1 = "P1"
    """A person looks at it tonight."""
    P2 = "P2"
    """It is for the daily brief."""


class Event(StrEnum):
    """What a message reports."""

    OPENED = "opened"
    """The first failure."""
    GREW = "grew"
    """More fails in a later night than before."""
    WORSENED = "worsened"
    """It is more urgent than at the last message."""
    RETURNED = "returned"
    """It was over, and fails again soon after."""
    OVER = "over"
    """All of it has succeeded again."""
    NOTICE = "notice"
    """Something that needs no action, and is over at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that failed. Faults of the same scope and kind are one incident.

    Attributes:
        scope: What fails, such as `load.igdb`, `transform` or `quality.freshness`.
        kind: Why, such as `held`; the section of texts.toml that has its sentences.
        part: Which of several things in that scope: an entity, a task, a check.
        night: The partition that it concerns, such as `2026-11-21`.
        cause: The error's own message, without secrets, of which only the first lines are kept; or a sentence of ours.
        severity: How urgent it is.
        log_url: The log of the task.
        run_id: The run.
        loaded: How many tables of the night are loaded, and how many there are; for a source that fails.
        runbook: The page of docs/ for this fault; by default the one that texts.toml names for the kind.
    """

    scope: str
    kind: str
    part: str
    night: str
    cause: str | Words
    severity: Severity = Severity.P0
    log_url: str | None = None
    run_id: str | None = None
    loaded: tuple[int, int] | None = None
    runbook: str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.key):
            raise ValueError(f"key: found {self.key!r}, expected lower-case words with dots between, such as load.igdb")

    @property
    def key(self) -> str:
        """The name of its incident."""
        return f"{self.scope}.{self.kind}"


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document, or a part of one."""


Moment = Annotated[datetime, Meta(tz=True)]


class Failure(Document, frozen=True, kw_only=True):
    """A part that fails, with all nights in which it did. `cause_ko` is None if the cause is an error's own message."""

    part: str
    nights: tuple[str, ...]
    since: Moment
    cause: str
    cause_ko: str | None = None
    log_url: str | None = None
    run_id: str | None = None


class Resolved(Document, frozen=True, kw_only=True):
    """A part that has succeeded again, and the nights that it missed for good."""

    part: str
    missed: tuple[str, ...]
    at: Moment


class Message(Document, frozen=True, kw_only=True):
    """One message, with the channels that it is for and those that it reached.

    It has all that its text needs: it may be sent when the incident is over, or another one has begun.

    Attributes:
        id: The same at each try, so that a receiver can drop a repetition.
        event: What it reports.
        at: When that happened.
        since: When the incident began.
        severity: Of the incident.
        night: The night that it concerns; at the end the first one that still failed.
        part: The part that failed; at the end the one that failed first.
        parts: At the end, all parts that failed.
        missed: At the end, the nights that were never made up for, as `covers 2026-11-21`.
        cause: The error's own message, or a sentence of ours; the latter has `cause_ko` too.
        log_url: The log of the task.
        readers_day: The day of the marts that readers had then; None if there were none, or it is not known.
        is_published: Whether readers had any marts; None if it is not known.
        loaded: See `Fault`.
        returns: How often the incident had returned.
        due: When it may be sent, if it has to wait: the end of an incident that returned may not be its last.
        channels: Connection ids, as they were set then.
        sent: When each channel took it.
        claimed_by: The writer that is sending it.
        claimed_until: From then on another writer may send it.
    """

    id: str
    event: Event
    at: Moment
    since: Moment
    severity: Severity
    night: str
    part: str
    parts: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    cause: str
    cause_ko: str | None = None
    log_url: str | None = None
    readers_day: date | None = None
    is_published: bool | None = None
    loaded: tuple[int, int] | None = None
    returns: Annotated[int, Meta(ge=0)] = 0
    due: Moment | None = None
    channels: tuple[str, ...] = ()
    sent: dict[str, Moment] = msgspec.field(default_factory=dict)
    claimed_by: str | None = None
    claimed_until: Moment | None = None

    @property
    def unsent(self) -> tuple[str, ...]:
        """The channels that it has not reached."""
        return tuple(channel for channel in self.channels if channel not in self.sent)


class Incident(Document, frozen=True, kw_only=True):
    """A state of an incident.

    Attributes:
        format_version: Of this document.
        number: Of this state, counted over all incidents of the key.
        scope: See `Fault`.
        kind: See `Fault`.
        severity: The highest of its faults.
        opened_at: When the first failure was.
        closed_at: When the last part succeeded; None while it is open.
        failures: What fails now.
        resolved: What failed and has succeeded again.
        messages: In the order in which they are sent. Those of the incident before stay until they are sent.
        runbook: The page of docs/.
        returns: How often it failed again soon after it was over.
    """

    format_version: Annotated[int, Meta(ge=1, le=1)] = 1
    number: Annotated[int, Meta(ge=1)]
    scope: str
    kind: str
    severity: Severity
    opened_at: Moment
    closed_at: Moment | None = None
    failures: tuple[Failure, ...] = ()
    resolved: tuple[Resolved, ...] = ()
    messages: tuple[Message, ...] = ()
    runbook: str | None = None
    returns: Annotated[int, Meta(ge=0)] = 0

    @property
    def key(self) -> str:
        """Its name."""
        return f"{self.scope}.{self.kind}"

    @property
    def is_open(self) -> bool:
        """Whether something of it still fails."""
        return self.closed_at is None

    @property
    def parts(self) -> tuple[str, ...]:
        """All parts that failed, in the order of their first failures."""
        return tuple(dict.fromkeys([*(each.part for each in self.resolved), *(each.part for each in self.failures)]))

    @property
    def missed(self) -> tuple[str, ...]:
        """The parts and nights that were never made up for, as `covers 2026-11-21`."""
        return tuple(f"{each.part} {night}" for each in self.resolved for night in each.missed)
