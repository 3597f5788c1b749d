"""A table of a database, and a capture that stores its changes in the inbox as Debezium's engine sends them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.fields import FieldType
from gamelake.kinds import Kind
from gamelake.lake.inbox import Inbox
from gamelake.load.apply_events import apply_events
from gamelake.load.change_order import UNAVAILABLE
from gamelake.registry import Entity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gamelake.lake.keys import TableName
    from gamelake.lake.store import Store

    Row = dict[str, Any]
    Rows = dict[int, Row]
    Event = dict[str, Any]

_FIRST = datetime(2026, 11, 30, 2, tzinfo=UTC)


def things(key: str = "id") -> Entity:
    """An entity of a small table with a large text, `note`."""
    fields = {"id": FieldType.INT, key: FieldType.INT, "name": FieldType.STRING, "note": FieldType.STRING}
    return Entity(
        source="shop",
        name="things",
        description="Things.",
        kind=Kind.CHANGES,
        fields=MappingProxyType(fields | {"updated_at": FieldType.STRING}),
        schedule="",
        options=MappingProxyType({"table": "public.things", "key": key}),
        gates_transform=False,
    )


def put(store: Store, table: TableName, events: Iterable[Event]) -> int:
    """Store lines as the next part of an inbox. Returns: its number."""
    return Inbox(store, table).add(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in events))


def snapshot_of(rows: Iterable[Row], key: str = "id") -> list[Event]:
    """The lines of a snapshot of rows."""
    database = Database(key, rows={row[key]: row for row in rows})
    return database.snapshot("a snapshot")


def apply_snapshot(store: Store, entity: Entity, rows: Iterable[Row]) -> None:
    """Make a commit of rows, as a capture and `apply_events` do."""
    put(store, entity.table, snapshot_of(rows, str(entity.options["key"])))
    apply_events(store, entity)


@dataclass
class Database:
    """A table, and the log of its changes: each with the rows as they are after it."""

    key: str = "id"
    rows: Rows = field(default_factory=dict)
    log: list[tuple[Event, Rows]] = field(default_factory=list)
    _at: int = 1000
    _before: int | None = 990
    _committed: int | None = 990
    _place: int = 990
    _events: int = 0

    def insert(self, row_id: int, **values: Any) -> None:
        self._commit("create", row_id, {self.key: row_id, "name": "new", "note": "long", **values})

    def update(self, row_id: int, *, early: bool = False, together: bool = False, **values: Any) -> None:
        """Change a row; the log has no `note` then, unless it is one of the values."""
        row, logged = self.rows[row_id] | values, values.keys() | {self.key, "name"}
        self._commit("update", row_id, row, early=early, together=together, logged=logged)

    def delete(self, row_id: int) -> None:
        self._commit("delete", row_id, None)

    def move(self, row_id: int, to: int) -> None:
        """Change a key: a deletion and a row, both of one place in the log."""
        row = self.rows[row_id] | {self.key: to}
        self._commit("delete", row_id, None)
        self._place -= 1
        self._commit("create", to, row, together=True)

    def truncate(self) -> None:
        self.rows = {}
        self._begin(early=False)
        self._log("truncate", None, {"before": None, "after": None})

    def event(self, op: str, row_id: int | None, body: dict[str, Any]) -> Event:
        """A line of the inbox."""
        self._events += 1
        at = (_FIRST + timedelta(milliseconds=self._events)).isoformat().replace("+00:00", "Z")
        return {"id": row_id, "op": op, "received_at": at, "body": body}

    def snapshot(self, name: str, order: Sequence[int] | None = None) -> list[Event]:
        """The lines of a snapshot, from its start to its end. No commit of before is known after it."""
        self.log.clear()
        self._before = self._committed = None
        ids = list(self.rows) if order is None else order
        source = {"sequence": f'[null,"{self._at}"]'}
        return [
            self.event("snapshot_started", None, {"snapshot": name}),
            *(self.event("read", each, {"before": None, "after": self.rows[each], "source": source}) for each in ids),
            self.event("snapshot_completed", None, {"snapshot": name, "rows": len(ids)}),
        ]

    def restart(self) -> None:
        """Begin a new log, as another server does: its positions are lower."""
        self._at = 500

    def _begin(self, *, early: bool) -> None:
        """Begin a transaction. `early`: it wrote before the last commit of another one."""
        self._before, self._at = self._committed, self._at + 40
        self._committed = self._at
        self._place = self._at - (70 if early else 20)

    def _commit(
        self,
        op: str,
        row_id: int,
        row: Row | None,
        *,
        early: bool = False,
        together: bool = False,
        logged: Iterable[str] | None = None,
    ) -> None:
        """Change a row. `together`: in the last transaction, if there is one."""
        if together and self._before != self._committed:
            self._place += 1
        else:
            self._begin(early=early)
        rows = dict(self.rows)
        if row is None:
            rows.pop(row_id)
        else:
            rows[row_id] = row
        self.rows = rows
        known = set(row or ()) if logged is None else set(logged)
        after = None if row is None else {name: value if name in known else UNAVAILABLE for name, value in row.items()}
        self._log(op, row_id, {"before": None, "after": after})

    def _log(self, op: str, row_id: int | None, body: dict[str, Any]) -> None:
        commit = "null" if self._before is None else f'"{self._before}"'
        source = {"sequence": f'[{commit},"{self._place}"]', "lsn": self._place, "txId": self._at}
        self.log.append((self.event(op, row_id, body | {"source": source}), self.rows))

    def shown(self, rows: Rows | None = None) -> Rows:
        """The rows as the lake has them."""
        return {row_id: {"id": row_id} | row for row_id, row in (self.rows if rows is None else rows).items()}


class Capture:
    """Sends the log of a database to an inbox, in parts that are cut anywhere, and again after a restart.

    Attributes:
        expected: The rows of what is stored.
        waits: Whether a snapshot began whose end is not stored.
    """

    def __init__(self, store: Store, table: TableName, database: Database) -> None:
        self.database = database
        self.expected: Rows | None = None
        self.waits = False
        self._store = store
        self._table = table
        self._sent = 0
        self._reached = 0
        self._snapshots = 0
        self._restarts = 0

    def run(self, cut: int, most: int | None = None) -> None:
        """Store what the log has, `most` changes of it, in parts of so many lines."""
        log = self.database.log
        until = len(log) if most is None else min(len(log), self._sent + most)
        lines = [
            _with_message(event) if (event["body"]["source"]["txId"] // 40 + self._restarts) % 2 else event
            for event, _ in log[self._sent : until]
        ]
        for start in range(0, len(lines), cut):
            put(self._store, self._table, lines[start : start + cut])
        self._sent = until
        if until > self._reached:
            self._reached = until
            self.expected = log[until - 1][1]

    def restart(self, back: int) -> None:
        """End and begin again, with changes that were sent before."""
        self._restarts += 1
        self._sent = max(0, self._sent - back)

    def snapshot(self, *, unfinished: int | None = None, cut: int = 3, order: Sequence[int] | None = None) -> None:
        """Take a snapshot; `unfinished`: end after so many lines, without what was not stored."""
        self._snapshots += 1
        lines = self.database.snapshot(f"snapshot-{self._snapshots}", order)
        self._sent = self._reached = 0
        is_whole = unfinished is None or unfinished >= len(lines)
        lines = lines if is_whole else lines[: max(1, unfinished or 0)]
        for start in range(0, len(lines), cut):
            put(self._store, self._table, lines[start : start + cut])
        self.waits = not is_whole
        if is_whole:
            self.expected = self.database.rows


def _with_message(event: Event) -> Event:
    """What Debezium states, if it has seen a message in the log after the last commit: it takes that for a commit.

    It may see it before a restart only, or after it only.
    """
    source = event["body"]["source"]
    commit, place = orjson.loads(source["sequence"])
    if commit is None:
        return event
    return event | {"body": event["body"] | {"source": source | {"sequence": f'["{int(commit) + 1}","{place}"]'}}}
