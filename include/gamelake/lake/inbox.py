"""The inbox: events that others sent to the lake, in numbered parts.

    inbox/igdb/games/00000000000000000042.jsonl.gz     events, one JSON object a line, gzip; created only if absent

A part is whole or absent, and its number is its commit: there is no manifest. Numbers have no gaps, so a reader keeps
the number of the last part that it has applied. An event may be there more than once, and two writers mix their
order: readers go by its `id`, `received_at`, and what its body states.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from isal import isal_zlib

from gamelake.lake.audit import Finding, Problem
from gamelake.lake.keys import number_of, numbered_key
from gamelake.lake.store import ObjectExistsError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from gamelake.lake.keys import TableName
    from gamelake.lake.store import ObjectInfo, ReadableStore, Store

INBOX = "inbox/"
RETENTION = timedelta(days=30)
"""How long parts are kept. The newest one of an inbox stays: its number is the next one's."""

_SUFFIX = ".jsonl.gz"
_LEVEL = 1
_GZIP = 31  # zlib's code for a gzip header; it carries no time: the same lines give the same bytes
_LOST_RACES = 100


@dataclass(frozen=True, slots=True)
class InboxPart:
    """A part of an inbox: its number, key and size in bytes."""

    number: int
    key: str
    bytes: int


class Inbox:
    """The inbox of one table. For one thread at a time; methods raise StoreError if the store fails."""

    def __init__(self, store: Store, table: TableName) -> None:
        self.table = table
        self._store = store
        self._prefix = prefix_of(table)
        self._newest: int | None = None

    def add(self, lines: bytes, *, number: int | None = None, on_try: Callable[[int], None] | None = None) -> int:
        """Store events as the next part.

        Args:
            lines: JSON objects, each on a line that ends with a line feed.
            number: The number with which a process that was killed tried last. The part may be there already; then
                nothing is written.
            on_try: Called with each number before it is tried, so that the caller can keep it.

        Returns:
            The number of the part.

        Raises:
            StoreError: The store failed. The part may be stored nevertheless, under the last number that was tried.
        """
        data = compressed(lines)
        for _ in range(_LOST_RACES):
            tried = number or self.newest() + 1
            if on_try:
                on_try(tried)
            try:
                self._store.put(self.key(tried), data, if_absent=True)
            except ObjectExistsError:
                # Another collector was faster, maybe by many parts.
                self._newest = max((part.number for part in self.parts(after=tried)), default=tried)
                number = None
                continue
            self._newest = max(tried, self._newest or 0)
            return tried
        raise StoreError("put", self._prefix, f"no free number within {_LOST_RACES} tries: is a clone writing here?")

    def newest(self) -> int:
        """Return the number of the newest part that this process knows, 0 if there is none."""
        if self._newest is None:
            self._newest = max((part.number for part in self.parts()), default=0)
        return self._newest

    def parts(self, *, after: int = 0) -> Iterator[InboxPart]:
        """Yield the parts after a number, in order."""
        for info in self._store.list(self._prefix, after=self.key(after)):
            if (number := number_of(self._prefix, info.key, _SUFFIX)) is not None:
                yield InboxPart(number, info.key, info.size)

    def key(self, number: int) -> str:
        """Return the key of the part of that number."""
        return numbered_key(self._prefix, number, _SUFFIX)


def prefix_of(table: TableName) -> str:
    """Return the start of the keys of a table's inbox."""
    return f"{INBOX}{table.source}/{table.entity}/"


def read_events(store: ReadableStore, part: InboxPart) -> Iterator[dict[str, Any]]:
    """Yield the events of a part. Raises: StoreError."""
    for line in isal_zlib.decompress(store.get(part.key), wbits=_GZIP).splitlines():
        event: dict[str, Any] = orjson.loads(line)
        yield event


def compressed(lines: bytes) -> bytes:
    """Return the bytes of a part."""
    gzip = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
    data: bytes = gzip.compress(lines) + gzip.flush()
    return data


def audit_inbox(store: Store, *, now: datetime) -> Iterator[Finding]:
    """Yield parts that are older than RETENTION, and numbers that are missing. Raises: StoreError."""
    before: tuple[str, int, ObjectInfo] | None = None
    for info in store.list(INBOX):
        prefix = info.key[: info.key.rfind("/") + 1]
        number = number_of(prefix, info.key, _SUFFIX)
        if number is None:
            continue
        if before and before[0] == prefix:
            for missing in range(before[1] + 1, number):
                reason = "the parts of an inbox are numbered without gaps"
                yield Finding(Problem.MISSING, numbered_key(prefix, missing, _SUFFIX), reason)
            if before[2].modified < now - RETENTION:
                yield Finding.orphan(before[2], f"events are kept for {RETENTION.days} days")
        before = (prefix, number, info)
