"""What applying the changes of a database takes: a snapshot, changes on top of it, and many commits after one another.

    .venv/bin/python -m bench.changes [--rows 1000000]

The inbox has parts of 5,000 lines, as the capture makes them; each `gamelake events apply` is a process of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.lake.factory import open_store
from gamelake.lake.inbox import Inbox
from gamelake.lake.table import Table
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gamelake.lake.store import Store

ENTITY = load_sources()["shop"].entities["order_items"]
PART = 5_000
COMMITS = 40


def main() -> None:
    """Run all of it in a lake of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    chance = random.Random(7)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder).as_uri())
        marks = {"snapshot": "bench", "rows": rows}
        put(store, [event("snapshot_started", None, marks)])
        put(store, (event("read", row_id, envelope(row_id, 0)) for row_id in range(1, rows + 1)))
        put(store, [event("snapshot_completed", None, marks)])
        print(f"a snapshot of {rows:,} rows: {apply(store)}")
        changed = [chance.randrange(1, rows + 1) for _ in range(100_000)]
        put(store, (event("update", row_id, envelope(row_id, at)) for at, row_id in enumerate(changed, start=1)))
        print(f"100,000 changes: {apply(store)}")
        began, at = time.monotonic(), len(changed)
        for _ in range(COMMITS):
            ids = [chance.randrange(1, rows + 1) for _ in range(PART)]
            put(store, (event("update", row_id, envelope(row_id, at + n)) for n, row_id in enumerate(ids, start=1)))
            at += PART
            last = apply(store)
        seconds = (time.monotonic() - began) / COMMITS
        print(f"{COMMITS} commits of {PART:,} changes: {seconds:.1f} s each; the last one: {last}")


def event(op: str, row_id: int | None, body: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the inbox."""
    return {"id": row_id, "op": op, "received_at": "2026-11-30T02:00:00.123456Z", "body": body}


def envelope(row_id: int, at: int) -> dict[str, Any]:
    """Return an item as Debezium sends it; `at` is its place in the log."""
    after = {
        "id": row_id,
        "order_id": row_id // 2,
        "game_id": row_id % 9000,
        "quantity": at % 9 + 1,
        "unit_price": "19.99",
    }
    source = {
        "version": "3.6.3.Final",
        "connector": "postgresql",
        "name": "shop",
        "ts_ms": 1796001600000,
        "snapshot": "false",
        "db": "shop",
        "sequence": f'["{at}","{at}"]',
        "schema": "public",
        "table": "order_items",
        "txId": at,
    }
    return {"before": None, "after": after, "source": source, "op": "u", "ts_ms": 1796001600000}


def put(store: Store, events: Iterable[dict[str, Any]]) -> None:
    """Store events in parts."""
    inbox, lines = Inbox(store, ENTITY.table), []
    for each in events:
        lines.append(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE))
        if len(lines) == PART:
            inbox.add(b"".join(lines))
            lines = []
    if lines:
        inbox.add(b"".join(lines))


def apply(store: Store) -> str:
    """Apply the inbox in a process of its own. Returns: what it took."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "gamelake.cli", "events", "apply", str(ENTITY)],
        env=os.environ | {"GAMELAKE_URI": store.uri},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit("gamelake events apply failed; its message is above")
    newest = Table(store, ENTITY.table).latest()
    parts = len(newest.files) if newest else 0
    cpu = usage.ru_utime + usage.ru_stime
    return f"{time.monotonic() - began:.1f} s, {cpu:.1f} CPU s, {usage.ru_maxrss / 1024:.0f} MB, {parts} parts"


if __name__ == "__main__":
    main()
