"""What the changes of a database leave of each row: they come in the order of its log, and the last one counts. Pure.

A change may come again, after a kill of the capture: it has no effect then. `is_before` tells it by three numbers.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gamelake.fields import MAX_ID
from gamelake.load.event_order import parsed
from gamelake.sources.contract import Reject, RowContract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gamelake.registry import Entity

CREATE, UPDATE, DELETE, READ, TRUNCATE = "create", "update", "delete", "read", "truncate"
STARTED, COMPLETED = "snapshot_started", "snapshot_completed"
UNAVAILABLE = "__debezium_unavailable_value"
"""What Debezium writes for a large value that an update has not changed: so, or in the form that its type has."""

Position = tuple[int, ...]
"""A commit before the change, the place of the change in the log, and its transaction. 0: unknown."""

_OPERATIONS = f"{CREATE}, {UPDATE}, {DELETE}, {READ}, {TRUNCATE}"
_PAGE = 500
_BASE64 = b64encode(UNAVAILABLE.encode()).decode()
_TEXTS = frozenset({UNAVAILABLE, _BASE64, orjson.dumps({UNAVAILABLE: UNAVAILABLE}).decode()})  # text, bytea, hstore
_LISTS = ([UNAVAILABLE], [_BASE64], list(UNAVAILABLE.encode()), ["b68a35a7-17ad-35b3-af2a-ae46edb4545a"])
"""Arrays: of texts and most types, of bytea, of whole numbers, and of uuid, which is the MD5 of the text."""


class Taken(NamedTuple):
    """What was taken of an order.

    lines: of each changed row, with a line feed; None: it is deleted. incomplete: ids of rows that have unavailable
    values. emptied: the rows from before do not count.
    """

    lines: dict[int, bytes | None]
    incomplete: set[int]
    emptied: bool


class ChangeOrder:
    """Takes the changes of a table in their order, and keeps what the last one leaves of each row.

    Attributes:
        rejects: The changes that break the contract; the row before them stays.
        undeclared: How many rows have each field that the registry does not declare.
        events: How many events were taken.
        reads: How many of them are rows of a snapshot.
        truncates: How many of them emptied the table.
        bytes: Of the lines that are kept.
        until: When the newest event was received, in unix seconds; 0 without one.
        position: Of the newest change; None without one.
    """

    def __init__(self, entity: Entity, *, position: Position | None) -> None:
        self.rejects: list[Reject] = []
        self.undeclared: Counter[str] = Counter()
        self.events = self.reads = self.truncates = self.bytes = 0
        self.until = 0.0
        self.position = position
        self._contract = RowContract(entity)
        self._key = str(entity.options["key"])
        self._lines: dict[int, bytes | None] = {}
        self._incomplete: set[int] = set()
        self._emptied = False
        # Rows that are not checked yet: a page is checked at once.
        self._page: dict[int, dict[str, Any]] = {}

    def begin(self) -> None:
        """Begin a snapshot: nothing from before counts, and positions begin again."""
        self._empty()
        self.position = None

    def pass_mark(self, event: Any) -> None:
        """Note when a mark of a snapshot was received."""
        self.until = max(self.until, parsed(event)[2] or 0.0)

    def add(self, event: Any) -> None:
        """Take an event that is no mark of a snapshot."""
        self.events += 1
        row_id, operation, received_at = parsed(event)
        body = event.get("body") if isinstance(event, dict) else None
        self.until = max(self.until, received_at or 0.0)
        if received_at is None or not isinstance(body, dict):
            self.rejects.append(Reject(event, "expected an event with id, op, received_at and body"))
            return
        if operation == READ:
            self.reads += 1
        elif self._is_repeated(position_of(body)):
            return
        if operation == TRUNCATE:
            self.truncates += 1
            self._empty()
        elif row_id is None:
            self.rejects.append(Reject(event, f"id: found {event.get('id')!r}, expected a whole number, 0 to {MAX_ID}"))
        elif operation == DELETE:
            self._settle()
            self._keep(row_id, None)
        elif fault := event.get("fault"):
            self.rejects.append(Reject(body, str(fault)))  # without an id of its own: it is not to be replayed
        elif operation in {CREATE, UPDATE, READ}:
            self._add_row(row_id, body, has_before=operation == UPDATE)
        else:
            self.rejects.append(Reject(event, f"op: found {operation!r}, expected {_OPERATIONS}"))

    def take(self) -> Taken:
        """Return what was kept since the last time, and forget it."""
        self._settle()
        taken = Taken(self._lines, self._incomplete, self._emptied)
        self._lines, self._incomplete, self._emptied, self.bytes = {}, set(), False, 0
        return taken

    def completed(self, row_id: int, line: bytes, shown: bytes | None) -> bytes | None:
        """Return the line of a row with what was unavailable as an earlier row has it.

        Args:
            row_id: Of the row.
            line: With unavailable values.
            shown: The row before, None: there is none.

        Returns:
            None, if the row before lacks a value, or the row breaks the contract; then it is rejected.
        """
        row, before = orjson.loads(line), orjson.loads(shown) if shown else {}
        missing = _unavailable(row)
        if lacking := sorted(name for name in missing if before.get(name) is None):
            self._reject_incomplete(row, lacking)
            return None
        checked = self._contract.check([row | {name: before[name] for name in missing}])
        self.rejects += checked.rejects
        return checked.rows.lines if list(checked.rows.ids) == [row_id] else None

    def _is_repeated(self, position: Position | None) -> bool:
        if position is None:
            return False
        if self.position is not None and is_before(position, self.position):
            return True
        self.position = position
        return False

    def _reject_incomplete(self, row: dict[str, Any], lacking: Iterable[str]) -> None:
        reason = (
            f"{', '.join(lacking)}: found no value, as the database logs a large value only when it changes, and no "
            "row before has it; expected REPLICA IDENTITY FULL, or a new snapshot"
        )
        self.rejects.append(Reject(row, reason))

    def _empty(self) -> None:
        self._page, self._lines, self._incomplete, self.bytes = {}, {}, set(), 0
        self._emptied = True

    def _add_row(self, row_id: int, body: Mapping[str, Any], *, has_before: bool) -> None:
        """Take a row. has_before: it replaces another one of its id."""
        after = body.get("after")
        found = after.get(self._key) if isinstance(after, dict) else None
        if not isinstance(after, dict) or type(found) is not int or found != row_id:
            self.rejects.append(Reject(after, f"{self._key}: found {found!r} in the row, expected {row_id}"))
            return
        row = {"id": row_id} | after  # a line that begins with the id is read without a parser
        row["id"] = row_id
        if missing := _unavailable(row):
            self._settle()
            row, missing = self._with_values(row, missing, body.get("before"))
            is_new = not has_before or self._lines.get(row_id, b"") is None
            if missing and is_new:
                self._reject_incomplete(row, sorted(missing))
                return
        elif row_id in self._page:
            self._settle()
        self._page[row_id] = row
        if len(self._page) >= _PAGE:
            self._settle()

    def _with_values(self, row: dict[str, Any], missing: set[str], before: Any) -> tuple[dict[str, Any], set[str]]:
        """Take the unavailable values that are known here, from the event or a change before it.

        Returns: the row, and the fields that are still unavailable. None of them is null: a null is always logged.
        """
        kept = self._lines.get(row["id"])
        for known in (before, orjson.loads(kept) if kept else None):
            if isinstance(known, dict):
                found = {name: known[name] for name in missing & known.keys()}
                row |= {name: value for name, value in found.items() if not (value is None or _is_unavailable(value))}
                missing = _unavailable(row)
        return row, missing

    def _settle(self) -> None:
        """Check the rows of the page, and keep those that pass."""
        if not self._page:
            return
        page, self._page = [row for _, row in sorted(self._page.items())], {}
        checked = self._contract.check(page)
        self.rejects += checked.rejects
        self.undeclared.update(checked.undeclared)
        lines = checked.rows.lines.splitlines(keepends=True)
        incomplete = {row["id"] for row in page if _unavailable(row)}
        for row_id, line in zip(checked.rows.ids, lines, strict=True):
            self._keep(row_id, line)
            if row_id in incomplete:
                self._incomplete.add(row_id)

    def _keep(self, row_id: int, line: bytes | None) -> None:
        self.bytes += len(line or b"") - len(self._lines.get(row_id) or b"")
        self._lines[row_id] = line
        self._incomplete.discard(row_id)


def is_before(position: Position, other: Position) -> bool:
    """Return whether a change was in the log before another one, which was sent before it: it comes again.

    The log is sent transaction after transaction, in the order of their commits, and Debezium states with each change
    a commit that it has seen. That is none of before the last transaction, and none of after the change's own. But
    which one it is depends on where the capture began: it may be another one where a change comes again. So it tells
    two transactions apart, and nothing within one. There the place in the log ascends, which it does not between
    transactions that overlap.
    """
    (commit, place, *transaction), (other_commit, other_place, *other_transaction) = position, other
    if transaction == other_transaction and transaction != [0]:
        return place < other_place
    return commit < other_commit


def position_of(body: Mapping[str, Any]) -> Position | None:
    """Return where a change is in the database's log; None if its envelope does not state it: such a change counts.

    Before the first commit after a snapshot Debezium knows none.
    """
    source = body.get("source")
    if not isinstance(source, dict) or not isinstance(source.get("sequence"), str):
        return None
    try:
        commit, place = orjson.loads(source["sequence"])
        return None if place is None else (int(commit or 0), int(place), int(source.get("txId") or 0))
    except (ValueError, TypeError):
        return None


def _unavailable(row: Mapping[str, Any]) -> set[str]:
    return {name for name, value in row.items() if _is_unavailable(value)}


def _is_unavailable(value: Any) -> bool:
    return value in _TEXTS if isinstance(value, str) else value in _LISTS
