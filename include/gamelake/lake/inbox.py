"""The inbox: events that others sent to the lake, in numbered parts.

    inbox/igdb/games/00000000000000000042.jsonl.gz     events, one JSON object a line, gzip; created only if absent

A part is whole or absent, and its number is its commit: there is no manifest. Numbers have no gaps, so a reader keeps
the number of the last part that it has applied. An event may be there more than once, and two writers mix their
order: readers go by its `id`, `received_at`, and what its body states.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson
from isal import igzip, isal_zlib
from isal.igzip_lib import IsalError

from gamelake.lake.findings import Finding, Problem
from gamelake.lake.keys import TableName, number_of, numbered_key
from gamelake.lake.store import ObjectExistsError, StoreError
from gamelake.lake.uploads import DamagedPartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from gamelake.lake.store import ObjectInfo, ReadableStore, Store

INBOX = "inbox/"
RETENTION = timedelta(days=30)
"""How long parts are kept. The newest one of an inbox stays: its number is the next one's. So do parts whose events are
to be applied to a table, and are not."""

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


def table_of(prefix: str) -> TableName | None:
    """Return the table of an inbox, None for another folder, such as a copy that a person made."""
    names = prefix.removeprefix(INBOX).rstrip("/").split("/")
    try:
        return TableName(*names) if len(names) == len(("source", "entity")) else None
    except ValueError:
        return None


def read_events(store: ReadableStore, part: InboxPart) -> Iterator[dict[str, Any]]:
    """Yield the events of a part. Raises: DamagedPartError; StoreError."""
    data = store.get(part.key)
    try:
        if not data:
            raise EOFError("it is empty")
        # A file of gzip may have several streams, such as two parts that a person put together.
        for line in igzip.decompress(data).splitlines():  # type: ignore[no-untyped-call] # isal gives it no types
            event: dict[str, Any] = orjson.loads(line)
            yield event
    except (orjson.JSONDecodeError, igzip.BadGzipFile, IsalError, EOFError) as error:  # type: ignore[misc] # as in `rows`
        raise DamagedPartError(f"{part.key}: {error}; expected gzip of one JSON object a line") from error


def compressed(lines: bytes) -> bytes:
    """Return the bytes of a part."""
    gzip = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
    data: bytes = gzip.compress(lines) + gzip.flush()
    return data


def audit_inbox(
    store: Store, *, now: datetime, applied: Callable[[TableName], int | None] = lambda _: None
) -> Iterator[Finding]:
    """Yield parts that are older than RETENTION, numbers that are missing, and old parts that were never applied.

    Args:
        store: The lake.
        now: The present.
        applied: Returns the number of the last part that is applied to a table; None: its events are for others.

    Raises:
        StoreError: The lake cannot be read.
    """
    listed = [(info.key[: info.key.rfind("/") + 1], info) for info in store.list(INBOX)]
    parts = [(prefix, n, info) for prefix, info in listed if (n := number_of(prefix, info.key, _SUFFIX)) is not None]
    for prefix, group in groupby(parts, key=itemgetter(0)):
        if table := table_of(prefix):
            numbered = [(number, info) for _, number, info in group]
            yield from _audit_parts(prefix, table, numbered, now - RETENTION, applied)


def _audit_parts(
    prefix: str,
    table: TableName,
    parts: Sequence[tuple[int, ObjectInfo]],
    until: datetime,
    applied: Callable[[TableName], int | None],
) -> Iterator[Finding]:
    """Yield what is wrong with one inbox, and its parts of before a moment."""
    for (before, _), (number, _) in pairwise(parts):
        for missing in range(before + 1, number):
            reason = "the parts of an inbox are numbered without gaps"
            yield Finding(Problem.MISSING, numbered_key(prefix, missing, _SUFFIX), reason)
    old = [(number, info) for number, info in parts if info.modified < until]
    if not old:
        return
    newest, through = parts[-1][0], applied(table)
    for number, info in old:
        if through is not None and number > through:
            reason = (
                f"it and maybe later parts are older than {RETENTION.days} days, and not applied to the table: "
                f"switch the DAG apply_events on, or run `gamelake events apply {table}`"
            )
            yield Finding(Problem.UNREAD, info.key, reason, info.size, info.modified)
            return
        if number < newest:
            yield Finding.orphan(info, f"events are kept for {RETENTION.days} days")
