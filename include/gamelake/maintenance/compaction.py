"""Compact old months of time series: their parts become one typed Parquet file, and are tagged for removal.

    for month in compact(store, entity):
        print(month.outcome, month.bytes_before, month.bytes_after)

The order makes it safe to be killed at every step, and two compactions safe beside each other:

1. Copy the parts of the month to the disk, and compare each with the hash in its manifest.
2. Write the file, and put it into the store under a new name, tagged `temp`.
3. Read it back from the store, restate every line of every part, and compare it with the copy.
4. Create the month's document, numbered and only if absent: the commit. Of two compactions one makes it.
5. Tag the parts `outdated`: the lifecycle rule, or the audit, removes them 7 days later.

CompactionError     months cannot be compacted; their parts stay
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING
from uuid import uuid4

from gamelake.days import day_of, parse_day
from gamelake.kinds import Kind
from gamelake.lake.documents import DocumentError
from gamelake.lake.manifest import ManifestError
from gamelake.lake.month_documents import Month, MonthFile, MonthPart, month_of, read_months
from gamelake.lake.month_file import MonthFileReader, MonthFileWriter, columns_of
from gamelake.lake.months import Months, fetch_file
from gamelake.lake.rows import lines_in
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError
from gamelake.lake.table import Table
from gamelake.lake.uploads import PartError, verified_copy
from gamelake.load.errors import PermanentLoadError
from gamelake.load.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from gamelake.lake.manifest import Part
    from gamelake.lake.store import Store
    from gamelake.registry import Entity

MIN_AGE = timedelta(days=35)
"""How long ago a month ended that is compacted: rejected rows of its days can be replayed for 30 days."""

_PROGRESS_SECONDS = 5
_DISK = "A compaction keeps the parts of a month there: free space, or set TMPDIR to another folder"


class CompactionError(PermanentLoadError):
    """Months cannot be compacted: names each, and why."""


class Outcome(StrEnum):
    """What became of a month."""

    COMPACTED = "compacted"
    DONE = "done before"
    LOST = "done by another"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactedMonth:
    """One month of a table.

    bytes_before, bytes_after: of its parts, and of its file. rows_as_text: rows that no column restates. reason: why it
    failed; its parts stay as they are.
    """

    table: str
    month: str
    outcome: Outcome
    parts: int = 0
    rows: int = 0
    rows_as_text: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    seconds: float = 0.0
    reason: str | None = None

    def __str__(self) -> str:
        if self.outcome is Outcome.FAILED:
            return f"{self.table} {self.month}: failed: {self.reason}"
        return (
            f"{self.table} {self.month}: {self.outcome}: {self.parts} parts, {self.rows:,} rows, "
            f"{self.rows_as_text:,} of them as text, {self.bytes_before / 1e6:.2f} MB to "
            f"{self.bytes_after / 1e6:.2f} MB, {self.seconds:.1f} s"
        )


def is_compacted(entity: Entity) -> bool:
    """Whether a table has months that become old: the others write their parts again themselves."""
    return entity.kind is Kind.TIME_SERIES


def compact(
    store: Store,
    entity: Entity,
    *,
    again: bool = False,
    now: datetime | None = None,
    log: Callable[[str], object] = lambda _: None,
) -> Iterator[CompactedMonth]:
    """Compact the months of a time series that ended long enough ago, the oldest first. Yield each when it is done.

    Args:
        store: The lake.
        entity: The table.
        again: Write the file of a month again, even if the month has one.
        now: For tests; the present.
        log: Gets lines for people: how far a month is, and its figures.

    Raises:
        LoadError: The disk is full.
        StoreError: The lake cannot be read or written.
    """
    import duckdb  # the command line imports this module, and other commands need no database

    try:
        newest = Table(store, entity.table).latest() if is_compacted(entity) else None
    except ManifestError as error:
        unread = CompactedMonth(table=str(entity), month="all", outcome=Outcome.FAILED, reason=str(error))
        log(str(unread))
        yield unread
        return
    today = day_of(now or datetime.now(UTC))
    months: dict[str, list[Part]] = defaultdict(list)
    for part in newest.files if newest else ():
        months[month_of(part.partition)].append(part)
    for month, parts in sorted(months.items()):
        if newest and _end_of(month) + MIN_AGE <= today:
            work = _Compaction(store, entity, month, parts, version=newest.version, log=log)
            try:
                found = work.run(again=again)
            except (PartError, DocumentError, ObjectNotFoundError) as error:
                found = CompactedMonth(table=str(entity), month=month, outcome=Outcome.FAILED, reason=str(error))
            except duckdb.Error as error:  # such as a full disk, of which its message tells
                reason = f"{str(error).splitlines()[0]}. {_DISK}"
                found = CompactedMonth(table=str(entity), month=month, outcome=Outcome.FAILED, reason=reason)
            log(str(found))
            yield found


def compact_all(
    store: Store, entities: Iterable[Entity], *, again: bool = False, log: Callable[[str], object] = lambda _: None
) -> list[CompactedMonth]:
    """Compact the old months of every time series. A month, or a table, that fails does not stop the others.

    Args:
        store: The lake.
        entities: Every entity of the registry.
        again: Write the file of a month again, even if the month has one.
        log: Gets lines for people.

    Returns:
        The months that were compacted.

    Raises:
        CompactionError: A month failed.
        LoadError: The disk is full.
        StoreError: The lake cannot be read or written.
    """
    months = [month for entity in entities for month in compact(store, entity, again=again, log=log)]
    if failed := [str(month) for month in months if month.outcome is Outcome.FAILED]:
        lines = "\n".join(failed)
        raise CompactionError(f"{len(failed)} months cannot be compacted, and their parts stay:\n{lines}")
    return [month for month in months if month.outcome is Outcome.COMPACTED]


def _end_of(month: str) -> date:
    """Return the first day after a month."""
    return (parse_day(f"{month}-01") + timedelta(days=31)).replace(day=1)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Compaction:
    """The compaction of one month."""

    def __init__(
        self,
        store: Store,
        entity: Entity,
        month: str,
        parts: Sequence[Part],
        *,
        version: int,
        log: Callable[[str], object],
    ) -> None:
        self._store, self._entity, self._month, self._parts, self._version = store, entity, month, parts, version
        self._columns = columns_of({name: kind.duckdb for name, kind in entity.fields.items()})
        self._log = log
        self._logged = time.monotonic()

    def run(self, *, again: bool) -> CompactedMonth:
        began = time.monotonic()
        known = list(read_months(self._store, self._entity.table, self._month))
        if known and not again and self._has_all(known[0]):
            self._tag(known[0])
            return self._outcome(Outcome.DONE, known[0], began)
        with scratch_folder(_DISK) as folder:
            copies = self._copy(folder)
            month = self._write(folder, copies, number=known[0].number + 1 if known else 1)
            self._prove(folder, month, copies)
        if not self._commit(month):
            return self._outcome(Outcome.LOST, month, began)
        self._tag(month)
        return self._outcome(Outcome.COMPACTED, month, began)

    def _has_all(self, month: Month) -> bool:
        """Whether a month's file is there and has the parts that the newest commit names, and no others."""
        if [(each.key, each.sha256) for each in month.parts] != [(part.key, part.sha256) for part in self._parts]:
            return False
        with suppress(ObjectNotFoundError):
            return self._store.info(month.file.key).size == month.file.bytes
        return False

    def _copy(self, folder: Path) -> list[Path]:
        """Copy the parts to the disk; those that were removed are restored from the month's file before."""
        paths = [folder / f"{ordinal:05}.jsonl.gz" for ordinal in range(len(self._parts))]
        with Months(self._store, folder) as months:
            for ordinal, (part, path) in enumerate(zip(self._parts, paths, strict=True), start=1):
                try:
                    verified_copy(self._store, part, path)
                except ObjectNotFoundError:
                    months.restore(part, path)
                self._tell(f"part {ordinal} of {len(paths)} is read")
        return paths

    def _write(self, folder: Path, copies: Sequence[Path], *, number: int) -> Month:
        """Write the file, and put it into the store. Return its document, which is not in the store yet."""
        table, path = self._entity.table, folder / "written.parquet"
        with MonthFileWriter(folder, self._columns) as writer:
            entries = []
            for part, copy in zip(self._parts, copies, strict=True):
                rows, lines_sha256 = writer.add(lines_in(copy.open("rb"), part))
                entries.append(
                    MonthPart(key=part.key, sha256=part.sha256, rows=rows, bytes=part.bytes, lines_sha256=lines_sha256)
                )
                self._tell(f"part {len(entries)} of {len(copies)} is typed")
            writer.write(path)
        name = f"{number:020}-{uuid4().hex[:8]}.parquet"
        file = MonthFile(
            key=f"{table.month_prefix(self._month)}{name}",
            bytes=path.stat().st_size,
            rows=sum(entry.rows for entry in entries),
            sha256=_sha256(path),
        )
        self._store.put_file(file.key, path, if_absent=True, tags={"status": "temp"})
        path.unlink()
        return Month(
            source=table.source,
            entity=table.entity,
            month=self._month,
            number=number,
            version=self._version,
            compacted_at=datetime.now(UTC),
            file=file,
            columns=self._columns,
            forms=writer.forms,
            rows_as_text=writer.rows_as_text,
            parts=tuple(entries),
        )

    def _prove(self, folder: Path, month: Month, copies: Sequence[Path]) -> None:
        """Read the file back from the store, and compare every line with the parts.

        Raises:
            PartError: A line differs.
        """
        path = folder / "stored.parquet"
        fetch_file(self._store, month, path)
        with MonthFileReader(path, month.columns, month.forms, folder=folder) as reader:
            for ordinal, (part, copy) in enumerate(zip(self._parts, copies, strict=True)):
                lines = zip_longest(reader.lines(ordinal), lines_in(copy.open("rb"), part))
                for number, (found, expected) in enumerate(lines, start=1):
                    if found != expected:
                        raise PartError(
                            f"{part.key}: line {number}: the file of the month has {found!r}, expected {expected!r}. "
                            "Nothing was removed; report it"
                        )
                self._tell(f"part {ordinal + 1} of {len(copies)} is proven")

    def _commit(self, month: Month) -> bool:
        """Create the month's document. Return whether this compaction made it; of another's file nothing is left."""
        self._store.tag(month.file.key, {"status": "final"})
        try:
            self._store.put(month.key, month.to_json(), if_absent=True)
        except ObjectExistsError:
            self._store.delete(month.file.key)
            return False
        return True

    def _tag(self, month: Month) -> None:
        """Tag the parts that are there still; a compaction that was killed may have left some."""
        there = {info.key for info in self._store.list(f"{self._entity.table.prefix}dt={self._month}")}
        for part in month.parts:
            if part.key in there:
                with suppress(ObjectNotFoundError):
                    if self._store.tags(part.key).get("status") != "outdated":
                        self._store.tag(part.key, {"status": "outdated"}, reset_age=True)

    def _outcome(self, outcome: Outcome, month: Month, began: float) -> CompactedMonth:
        return CompactedMonth(
            table=str(self._entity),
            month=self._month,
            outcome=outcome,
            parts=len(month.parts),
            rows=month.file.rows,
            rows_as_text=month.rows_as_text,
            bytes_before=sum(part.bytes for part in month.parts),
            bytes_after=month.file.bytes,
            seconds=time.monotonic() - began,
        )

    def _tell(self, line: str) -> None:
        """Log how far the month is, at most every few seconds."""
        if time.monotonic() - self._logged > _PROGRESS_SECONDS:
            self._logged = time.monotonic()
            self._log(f"{self._entity} {self._month}: {line}")
