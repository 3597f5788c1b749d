"""A changed row as a line of JSON, in the form of Debezium's events: its consumers read a feed as they are.

{"op":"u","id":7346,"before":{...},"after":{...},"changed":["hypes"],"version":42,"partition":"2026-11-21",
 "ts_ms":1763665200000,"source":{"connector":"gamelake","name":"igdb","db":"igdb","table":"games",...}}

The line in the lake has no space. `before` and `after` are the rows as the source sent them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from gamelake.feeds.documents import FORMAT_VERSION
from gamelake.fields import FieldType

if TYPE_CHECKING:
    from gamelake.feeds.rows import Difference
    from gamelake.lake.manifest import Manifest
    from gamelake.registry import Entity

CONNECTOR = "gamelake"
_DECODER = msgspec.json.Decoder()  # exact for whole numbers of any size


class Op(StrEnum):
    """What became of a row, by Debezium's letters."""

    CREATED = "c"
    UPDATED = "u"
    DELETED = "d"


class Change(msgspec.Struct, frozen=True):
    """A changed row. The fields of Debezium's `source` are not needed to apply it."""

    op: Op
    id: int
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    changed: list[str]
    version: int
    partition: str
    ts_ms: int


_CHANGE = msgspec.json.Decoder(Change)


class Envelopes:
    """Makes the lines of a step.

    Args:
        entity: The table. The order of ids in its fields of type `int[]` means nothing.
        commit: The version after the changes.
    """

    def __init__(self, entity: Entity, commit: Manifest) -> None:
        self._id_sets = {name for name, kind in entity.fields.items() if kind is FieldType.INT_ARRAY}
        self._committed_ms = int(commit.committed_at.timestamp() * 1000)
        self._source = {"version": str(FORMAT_VERSION), "connector": CONNECTOR, "name": entity.source}
        self._table = {"db": entity.source, "table": entity.name}
        self._where = {"version": commit.version, "partition": commit.partition, "ts_ms": self._committed_ms}

    def line(self, found: Difference) -> tuple[Op, list[str], bytes] | None:
        """Return a change: what it is, the fields that differ in an update, and its line.

        Returns:
            None for a row that only looks different, such as one with its fields in another order.
        """
        before = None if found.before is None else _DECODER.decode(found.before)
        after = None if found.after is None else _DECODER.decode(found.after)
        changed = changed_fields(before, after, self._id_sets)
        if before is None:
            op = Op.CREATED
        elif after is None:
            op = Op.DELETED
        elif changed:
            op = Op.UPDATED
        else:
            return None
        rest = self._rest(after, changed)
        # The rows are put in as bytes: what the source sent stays as it is.
        line = b'{"op":"%s","id":%d,"before":%s,"after":%s,%s\n' % (
            op.encode(),
            found.row_id,
            found.before or b"null",
            found.after or b"null",
            rest,
        )
        return op, changed, line

    def snapshot(self, row_id: int, row: bytes) -> bytes:
        """Return a row of the table as Debezium sends it at the start, with the letter r; no line feed."""
        rest = self._rest(_DECODER.decode(row), [], snapshot="true")
        return b'{"op":"r","id":%d,"before":null,"after":%s,%s' % (row_id, row, rest)

    def truncation(self) -> bytes:
        """Return what Debezium sends where a table was emptied, with the letter t; no line feed."""
        return b'{"op":"t","id":null,"before":null,"after":null,%s' % self._rest(None, [])

    def _rest(self, row: dict[str, Any] | None, changed: list[str], *, snapshot: str = "false") -> bytes:
        """Return what follows the row in a line."""
        at = (row or {}).get("updated_at")
        ts_ms = at * 1000 if isinstance(at, int) and 0 < at * 1000 <= self._committed_ms else self._committed_ms
        source = self._source | {"ts_ms": ts_ms, "snapshot": snapshot} | self._table
        return orjson.dumps({"changed": changed, **self._where, "source": source})[1:]


def changed_fields(before: dict[str, Any] | None, after: dict[str, Any] | None, id_sets: set[str]) -> list[str]:
    """Return the names of the fields that differ between two versions of a row, sorted; none if one is missing.

    Args:
        before: The earlier version.
        after: The later one.
        id_sets: Fields with lists of ids, whose order means nothing.
    """
    if before is None or after is None:
        return []
    names = sorted(before.keys() | after.keys())
    return [name for name in names if _differs(name, before, after, is_set=name in id_sets)]


def _differs(name: str, before: dict[str, Any], after: dict[str, Any], *, is_set: bool) -> bool:
    if (name in before) != (name in after):
        return True
    one, other = before[name], after[name]
    if is_set and isinstance(one, list) and isinstance(other, list):
        one, other = sorted(one, key=repr), sorted(other, key=repr)
    return not _equal(one, other)


def _equal(one: Any, other: Any) -> bool:
    """Whether two values of JSON are the same: true is not 1 here, and 80 is 80.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    return bool(one == other)


def read_change(line: bytes) -> Change:
    """Return a line of a feed. Raises: msgspec.DecodeError."""
    return _CHANGE.decode(line)
