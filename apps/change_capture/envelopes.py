"""What Debezium tells, as lines of the inboxes. Pure.

    {"id": 17, "op": "update", "received_at": "2026-11-30T02:00:00.123456Z", "body": {the envelope}}
    {"id": null, "op": "snapshot_started", "received_at": …, "body": {"snapshot": "<uuid>"}}
    {"id": null, "op": "snapshot_completed", "received_at": …, "body": {"snapshot": "<uuid>", "rows": 123}}

Three kinds of records come in one stream: changes of rows, notifications of a snapshot, and heartbeats, which only
move the position. Markers of a snapshot go to the inbox of every table, in the place where the notification came.

    StreamError         the stream is not as expected: the capture has to begin again
    BrokenStreamError   it would be so again: all tables are to be read
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from apps.change_capture.tables import CapturedTable
    from apps.change_capture.values import Doubt, Values
    from gamelake.lake.keys import TableName

NOTIFICATIONS = "__notifications"
"""The destination of Debezium's notifications, as `engine.properties` names it."""
HEARTBEATS = "__debezium-heartbeat"

_OPERATIONS = {"c": "create", "u": "update", "d": "delete", "r": "read", "t": "truncate"}


class StreamError(Exception):
    """The stream is not as expected; the message states what came."""


class BrokenStreamError(StreamError):
    """The log cannot be read on from the position: all tables are to be read."""


class Record(NamedTuple):
    """What Debezium hands over: where it would go, and its key and value as JSON."""

    destination: str
    key: str | None
    value: str | None


@dataclass(slots=True)
class Batch:
    """The lines of some records.

    Attributes:
        lines: Of each table, in the order of the stream.
        events: How many, by table and operation.
        started: Whether a snapshot began.
        completed: The snapshot that was completed, None if none was.
        oldest: When the oldest change was committed, in seconds since 1970; None without one.
        newest: The same of the newest.
        doubts: The number of the line, the key and the columns of rows whose values are not known yet, by table.
    """

    lines: dict[TableName, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    events: Counter[tuple[TableName, str]] = field(default_factory=Counter)
    started: bool = False
    completed: str | None = None
    oldest: float | None = None
    newest: float | None = None
    doubts: dict[TableName, list[tuple[int, int, list[Doubt]]]] = field(default_factory=lambda: defaultdict(list))


class Stream:
    """Turns the records of one engine, from its start to its end, into lines.

    Args:
        tables: The tables.
        values: What Debezium makes of their columns.
        odd_values: Asks the database which of the rows of a table, by their keys, have values that came as others.
    """

    def __init__(
        self,
        tables: Sequence[CapturedTable],
        values: Mapping[TableName, Values] | None = None,
        odd_values: Callable[[CapturedTable, Iterable[int], Iterable[Doubt]], dict[int, set[str]]] | None = None,
    ) -> None:
        self._tables = {(each.schema, each.table): each for each in tables}
        self._values = dict(values or {})
        self._odd_values = odd_values
        self._snapshot: str | None = None
        self._rows: Counter[TableName] = Counter()
        self._scanned: dict[str, int] = {}

    @property
    def snapshot(self) -> str | None:
        """The snapshot that is under way."""
        return self._snapshot

    @property
    def rows(self) -> int:
        """How many rows of snapshots came."""
        return sum(tuple(self._rows.values()))  # another thread adds to them

    def take(self, records: Iterable[Record], received_at: str) -> Batch:
        """Return the lines of records.

        Raises:
            StreamError: A record is of no table that is captured, has no integer key, or a snapshot lacks rows.
        """
        batch = Batch()
        for record in records:
            if record.value is None or record.destination.startswith(HEARTBEATS):
                continue
            if record.destination == NOTIFICATIONS:
                self._notified(orjson.loads(record.value), received_at, batch)
            else:
                self._changed(record.value, received_at, batch)
        for table in self._tables.values():
            self._settle(table, batch)
        return batch

    def _changed(self, value: str, received_at: str, batch: Batch) -> None:
        envelope = orjson.loads(value)
        source = envelope["source"]
        table = self._tables.get((source["schema"], source["table"]))
        operation = _OPERATIONS.get(envelope["op"])
        if table is None or operation is None:
            raise BrokenStreamError(
                f"found {envelope['op']!r} of {source['schema']}.{source['table']}, which is not captured"
            )
        row_id = None if operation == "truncate" else _key_of(envelope, table)
        body = value.encode()  # as it came: numbers are not read and written again
        if known := self._values.get(table.name):
            if known.restore(envelope):
                body = orjson.dumps(envelope)
            row = envelope["after"]
            if row and row_id is not None and (doubts := known.doubts(row, in_snapshot=operation == "read")):
                batch.doubts[table.name].append((len(batch.lines[table.name]), row_id, doubts))
        head = orjson.dumps({"id": row_id, "op": operation, "received_at": received_at})
        batch.lines[table.name].append(head[:-1] + b',"body":' + body + b"}\n")
        batch.events[table.name, operation] += 1
        if operation == "read":
            self._rows[table.name] += 1
            return
        committed = source["ts_ms"] / 1000
        batch.oldest = committed if batch.oldest is None else min(batch.oldest, committed)
        batch.newest = committed if batch.newest is None else max(batch.newest, committed)

    def _settle(self, table: CapturedTable, batch: Batch) -> None:
        """Ask the database of doubtful values, and mark the rows of those that came as others."""
        doubtful = batch.doubts.pop(table.name, [])
        if not doubtful or not self._odd_values:
            return
        doubts = {each.column: each for _, _, found in doubtful for each in found}
        odd = self._odd_values(table, {row_id for _, row_id, _ in doubtful}, doubts.values())
        lines = batch.lines[table.name]
        for number, row_id, found in doubtful:
            if wrong := [each for each in found if each.column in odd.get(row_id, ())]:
                lines[number] = _without(lines[number], wrong, table)

    def _notified(self, notification: dict[str, Any], received_at: str, batch: Batch) -> None:
        if notification["aggregate_type"] != "Initial Snapshot":
            return
        data = notification.get("additional_data") or {}
        match notification["type"]:
            case "STARTED":
                self._snapshot = str(uuid.uuid4())
                self._rows.clear()
                self._scanned.clear()
                batch.started = True
                self._mark("snapshot_started", {}, received_at, batch)
            case "TABLE_SCAN_COMPLETED":
                if data.get("status") != "SUCCEEDED":
                    raise StreamError(f"{data.get('scanned_collection')}: its rows were not read: {data.get('status')}")
                self._scanned[data["scanned_collection"]] = int(data["total_rows_scanned"])
            case "COMPLETED":
                rows = {table.name: self._rows[table.name] for table in self._tables.values()}
                for table in self._tables.values():
                    if rows[table.name] != (scanned := self._scanned.get(str(table))):
                        raise StreamError(f"{table}: {rows[table.name]} rows came, and Debezium read {scanned}")
                self._mark("snapshot_completed", rows, received_at, batch)
                batch.completed, self._snapshot = self._snapshot, None
            case "ABORTED":
                raise StreamError("Debezium stopped its snapshot")

    def _mark(self, operation: str, rows: dict[TableName, int], received_at: str, batch: Batch) -> None:
        if self._snapshot is None:
            raise StreamError("a snapshot ended that did not begin")
        for table in self._tables.values():
            body: dict[str, Any] = {"snapshot": self._snapshot}
            if rows:
                body["rows"] = rows[table.name]
            line = {"id": None, "op": operation, "received_at": received_at, "body": body}
            batch.lines[table.name].append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _without(line: bytes, wrong: Sequence[Doubt], table: CapturedTable) -> bytes:
    """Return a line without wrong values. One of a column that the registry declares is a fault of the row."""
    event = orjson.loads(line)
    if declared := [each for each in wrong if each.column in table.fields]:
        event["fault"] = "; ".join(f"{each.column}: {each.reason}" for each in declared)
    for each in wrong:
        del event["body"]["after"][each.column]
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)


def cut(lines: Sequence[bytes], *, rows: int, size: int) -> Iterable[bytes]:
    """Yield lines together, in order: at most so many, and at most so many bytes if it is more than one line."""
    part: list[bytes] = []
    length = 0
    for line in lines:
        if part and (len(part) == rows or length + len(line) > size):
            yield b"".join(part)
            part, length = [], 0
        part.append(line)
        length += len(line)
    if part:
        yield b"".join(part)


def _key_of(envelope: dict[str, Any], table: CapturedTable) -> int:
    row = envelope["after"] or envelope["before"] or {}
    row_id = row.get(table.key)
    if type(row_id) is not int:
        raise BrokenStreamError(f"{table}: {table.key}: found {row_id!r}, expected a whole number")
    return row_id
