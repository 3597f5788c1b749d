"""What the events of an inbox leave of each row: of several events of an id the newest counts. Pure.

An update is as old as its `updated_at`, by the clock of the source. A deletion has no time of its own, nor has a row
without `updated_at`: they are as old as their arrival at the collector. So the two clocks are compared where a row is
deleted and changed at about the same time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gamelake.fields import MAX_ID
from gamelake.lake.rows import read_update_time
from gamelake.load.schedule import watermark_in
from gamelake.sources.base import OVERLAP_SECONDS
from gamelake.sources.contract import Reject

if TYPE_CHECKING:
    from gamelake.lake.manifest import Manifest
    from gamelake.sources.contract import RowContract

_ROW, _DELETED = ("create", "update"), "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """What the newest event of a row states.

    Attributes:
        line: The row as it is staged, with a line feed; None: it is deleted.
        updated_at: That of the row, None without one.
        received_at: When the collector had it, in unix seconds.
    """

    line: bytes | None
    updated_at: int | None
    received_at: float

    @property
    def at(self) -> float:
        """How old it is, in unix seconds."""
        return self.received_at if self.updated_at is None else self.updated_at


@dataclass(frozen=True, slots=True)
class Known:
    """Until when the last load knows the source, so that older events have no effect.

    Attributes:
        changes: By the source's clock, for `updated_at`.
        arrivals: By our clock, for `received_at`.
    """

    changes: float
    arrivals: float

    @classmethod
    def by(cls, load: Manifest) -> Known:
        """Return what a load knows. The clocks may differ by minutes, and a source shows some updates late."""
        began = load.committed_at.timestamp() - load.summary.seconds
        watermark = watermark_in(load)
        # A load that resumed has the rows of its first try: its watermark is older than its own start.
        changes = began if watermark is None else watermark
        return cls(changes - OVERLAP_SECONDS, min(began, changes) - OVERLAP_SECONDS)


class EventOrder:
    """Takes events in the order of their inbox, and keeps the newest of each row.

    Attributes:
        changes: By id.
        rejects: The events that break the contract.
        undeclared: How many rows have each field that the registry does not declare.
        events: How many events were taken.
        bytes: Of the rows that are kept.
        until: When the newest event was received, in unix seconds; 0 without one.
    """

    def __init__(self, contract: RowContract) -> None:
        self.changes: dict[int, Change] = {}
        self.rejects: list[Reject] = []
        self.undeclared: Counter[str] = Counter()
        self.events = self.bytes = 0
        self.until = 0.0
        self._contract = contract

    def add(self, event: Any) -> None:
        """Take an event. One that is no newer than another of its row has no effect."""
        self.events += 1
        row_id, operation, received_at = parsed(event)
        if received_at is None or row_id is None:
            self.rejects.append(Reject(event, f"expected an event with id (0 to {MAX_ID}), op, received_at and body"))
            return
        self.until = max(self.until, received_at)
        if operation == _DELETED:
            self._keep(row_id, Change(None, None, received_at))
            return
        row = event.get("body")
        if operation not in _ROW or not isinstance(row, dict):
            self.rejects.append(Reject(row, f"op: found {operation!r}, expected create, update or delete, and a row"))
            return
        if isinstance(row.get("id"), str):  # as in samples of IGDB
            row = row | {"id": row_id}
        checked = self._contract.check([row])
        self.rejects += checked.rejects
        if list(checked.rows.ids) != [row_id]:
            if checked.rows.ids:
                self.rejects.append(Reject(row, f"id: found {checked.rows.ids[0]} in the body, expected {row_id}"))
            return
        self.undeclared.update(checked.undeclared)
        self._keep(row_id, Change(checked.rows.lines, checked.rows.max_updated_at, received_at))

    def _keep(self, row_id: int, change: Change) -> None:
        before = self.changes.get(row_id)
        if before is not None and before.at > change.at:
            return
        self.bytes += len(change.line or b"") - len(before.line or b"" if before else b"")
        self.changes[row_id] = change


def takes_effect(change: Change, shown: bytes | None, known: Known, *, deleted_until: float | None) -> bool:
    """Return whether an event changes a table.

    Args:
        change: What the event states.
        shown: The row that the table shows, None if it has none.
        known: What the last load knows.
        deleted_until: An event has deleted the row since that load, at this time or before; None: no event has.
    """
    if shown is None:
        if change.line is None:
            return deleted_until is None and change.received_at >= known.arrivals
        if deleted_until is not None:
            return change.at > deleted_until
        # The load proved that there is no such row.
        return change.at >= (known.arrivals if change.updated_at is None else known.changes)
    since = read_update_time(shown)
    if change.line is None:
        return change.received_at >= known.arrivals and (since is None or change.received_at >= since)
    if since is None or change.at == since:  # the rows themselves do not state which one is newer
        return change.received_at >= known.arrivals and change.line != shown
    return change.at > since


def parsed(event: Any) -> tuple[int | None, Any, float | None]:
    """Return id, op and time of an event of the inbox; None for what is none."""
    if not isinstance(event, dict):
        return None, None, None
    row_id = event.get("id")
    try:
        moment = datetime.fromisoformat(event["received_at"])
        received_at = moment.timestamp() if moment.tzinfo else moment.replace(tzinfo=UTC).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        received_at = None
    is_id = type(row_id) is int and 0 <= row_id <= MAX_ID
    return (row_id if is_id else None), event.get("op"), received_at
