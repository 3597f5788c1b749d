"""Lineage events as the lake keeps them: OpenLineage's JSON, one event a line.

lineage/dt=2026-11-21/041702-3f2a9c1b.jsonl.gz     the Korean day and UTC time of the event
"""

from __future__ import annotations

import gzip
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from gamelake.days import day_of, format_day
from gamelake.lake.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from gamelake.lake.store import Store

PREFIX = "lineage/"
RETENTION = timedelta(days=90)


def keep(store: Store, events: Sequence[str], *, at: datetime) -> str:
    """Store events as one object.

    Args:
        store: The lake.
        events: JSON, without line breaks.
        at: When, with a time zone.

    Returns:
        The key of the object.

    Raises:
        StoreError: The lake cannot be written.
    """
    key = f"{PREFIX}dt={format_day(day_of(at))}/{at:%H%M%S}-{secrets.token_hex(4)}.jsonl.gz"
    store.put(key, gzip.compress("".join(f"{event}\n" for event in events).encode()))
    return key


def read(store: Store, day: str) -> Iterator[str]:
    """Yield the events of a Korean day, in the order in which they were stored. Raises: StoreError."""
    for info in sorted(store.list(f"{PREFIX}dt={day}/"), key=lambda each: each.key):
        yield from gzip.decompress(store.get(info.key)).decode().splitlines()


def audit_events(store: Store, *, now: datetime) -> Iterator[Finding]:
    """Yield the events that are older than RETENTION: nothing needs them. Raises: StoreError."""
    for info in store.list(PREFIX):
        if info.modified < now - RETENTION:
            yield Finding.orphan(info, f"lineage events are kept for {RETENTION.days} days")
