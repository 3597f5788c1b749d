"""The rows that loads rejected: kept beside the table, one object for each load that rejected any.

raw/<source>/<entity>/_rejected/dt=2026-11-21/<time>.jsonl     time: nanoseconds since 1970

A line is a JSON object: `reason`, `id` (null if the row shows none), `run_id`, and `row` as parsed or, of a row that is
no JSON, `row_base64`, its bytes. The manifest of a commit names the object of its load in `rejected_key`; objects that
no manifest names are of loads that committed nothing.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.lake.documents import DocumentError
from gamelake.lake.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gamelake.lake.keys import LoadRun, TableName
    from gamelake.lake.store import Store

log = logging.getLogger(__name__)

_KEY = re.compile(r"dt=(\d{4}-\d{2}-\d{2}(?:T\d{2})?)/(\d{1,19})\.jsonl", re.ASCII)


class RejectedError(DocumentError):
    """An object of rejected rows is not what a load writes."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One rejected row. row: as parsed; of a row that is no JSON its bytes. row_id, run_id: None if not known.

    committed: whether the load that rejected it committed its other rows.
    """

    table: TableName
    day: str
    time: datetime
    key: str
    reason: str
    row_id: int | None
    run_id: str | None
    committed: bool
    row: Any

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON-able values; bytes that are no UTF-8 as U+FFFD."""
        row = self.row.decode(errors="replace") if isinstance(self.row, bytes) else self.row
        return {
            "table": str(self.table),
            "day": self.day,
            "time": self.time.isoformat(),
            "id": self.row_id,
            "reason": self.reason,
            "run_id": self.run_id,
            "committed": self.committed,
            "key": self.key,
            "row": row,
        }


def keep_rejected(store: Store, run: LoadRun, *, time_ns: int, rows: Sequence[Mapping[str, Any]]) -> str:
    """Store the rows that one load rejected, each as a line of the format above.

    Returns: the key. Raises: StoreError.
    """
    key = run.rejected_key(time_ns)
    store.put(key, b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    return key


def rejected_days(store: Store, table: TableName) -> list[str]:
    """Return the days of which rejected rows are kept, oldest first. Raises: StoreError."""
    return sorted({day for _, day, _ in _objects(store, table, None)})


def newest_rejected(store: Store, table: TableName) -> datetime | None:
    """Return when rows were rejected the last time, None: none are kept. Raises: StoreError."""
    newest = max((time_ns for _, _, time_ns in _objects(store, table, None)), default=None)
    return None if newest is None else datetime.fromtimestamp(newest / 1e9, UTC)


def rejected_rows(store: Store, table: TableName, day: str | None = None) -> Iterator[RejectedRow]:
    """Yield the rejected rows of a table that are kept, of the newest load first.

    Lines that are damaged are left out, with a warning for each object that has such lines.

    Raises: StoreError; ManifestError.
    """
    objects = sorted(_objects(store, table, day), key=lambda each: each[2], reverse=True)
    named: set[str | None] = set()
    for commit in Table(store, table).history() if objects else ():
        if commit.committed_at < _time(objects[-1][2]):
            break
        named |= {commit.rejected_key, commit.events.rejected_key if commit.events else None}
    for key, of_day, time_ns in objects:
        damaged: list[RejectedError] = []
        yield from _rows(store, table, key, of_day, time_ns, committed=key in named, on_damage=damaged.append)
        if damaged:
            log.warning("%d lines of rejected rows are damaged and left out: %s", len(damaged), damaged[0])


def rows_rejected_by(store: Store, table: TableName, key: str) -> list[RejectedRow]:
    """Return the rows of the object that a manifest names.

    Raises: ObjectNotFoundError, after 30 days; StoreError; RejectedError.
    """
    day, time_ns = _parsed(table, key)
    return list(_rows(store, table, key, day, time_ns, committed=True, on_damage=_refuse))


def _refuse(error: RejectedError) -> None:
    raise error


def _objects(store: Store, table: TableName, day: str | None) -> Iterator[tuple[str, str, int]]:
    for info in store.list(table.rejected_prefix + (f"dt={day}" if day else "")):
        if _KEY.fullmatch(info.key.removeprefix(table.rejected_prefix)):
            yield info.key, *_parsed(table, info.key)


def _parsed(table: TableName, key: str) -> tuple[str, int]:
    found = _KEY.fullmatch(key.removeprefix(table.rejected_prefix))
    if not found:
        raise RejectedError("rejected rows", key, f"{table.rejected_prefix}dt=<day>/<time>.jsonl")
    return found[1], int(found[2])


def _rows(
    store: Store,
    table: TableName,
    key: str,
    day: str,
    time_ns: int,
    *,
    committed: bool,
    on_damage: Callable[[RejectedError], None],
) -> Iterator[RejectedRow]:
    time = _time(time_ns)
    for number, line in enumerate(store.get(key).splitlines(), start=1):
        try:
            kept = orjson.loads(line)
            row = kept["row"] if "row" in kept else base64.b64decode(kept["row_base64"], validate=True)
            reason = str(kept["reason"])
        except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError) as error:
            on_damage(RejectedError(f"{key}: line {number}", line[:80], f"a rejected row: {error}"))
            continue
        row_id = kept.get("id", row.get("id") if isinstance(row, dict) else None)
        yield RejectedRow(
            table, day, time, key, reason, row_id if type(row_id) is int else None, kept.get("run_id"), committed, row
        )


def _time(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // 10**9, UTC)
