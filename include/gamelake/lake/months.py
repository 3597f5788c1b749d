"""Reads parts that were removed because the Parquet file of their month has their rows.

    lines = month_lines(store, part)        # once `store.open(part.key)` found no object
    with Months(store) as months:           # the same for several parts: a file is fetched once
        months.restore(part, path)

This is the only place that knows where the rows of such a part are. Every line is the one that the part had, byte by
byte: the hash of all lines is compared.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from isal import igzip

from gamelake.lake.keys import TableName
from gamelake.lake.month_documents import month_of, read_months
from gamelake.lake.month_file import MonthFileReader
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.uploads import DamagedPartError, verified_copy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from gamelake.lake.month_documents import Month, MonthPart
    from gamelake.lake.store import ReadableStore
    from gamelake.lake.uploads import StoredPart

_LEVEL = 1  # as parts are written


class Months:
    """The parts that months' files have. It keeps the file of the last month on the disk; use it in one thread."""

    def __init__(self, store: ReadableStore, folder: Path | None = None) -> None:
        """Prepare to read.

        Args:
            store: The lake.
            folder: Where a temporary folder is made; None: where the system has them.
        """
        self._store = store
        self._folder = Path(tempfile.mkdtemp(prefix="gamelake-months-", dir=folder))
        self._known: dict[tuple[TableName, str], list[Month]] = {}
        self._open: tuple[str, MonthFileReader] | None = None
        self._lost: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary folder."""
        self._close_file()
        shutil.rmtree(self._folder, ignore_errors=True)

    def find(self, key: str, sha256: str | None = None) -> tuple[Month, int] | None:
        """Return the newest document that names a part, and the part's index there; None if no month has it.

        Raises:
            MonthError: A document is damaged.
            StoreError: The lake cannot be read.
        """
        return next(self._find_all(key, sha256), None)

    def _find_all(self, key: str, sha256: str | None) -> Iterator[tuple[Month, int]]:
        table = TableName.of_key(key)
        if table is None:
            return
        month = month_of(key.removeprefix(f"{table.prefix}dt="))
        if (documents := self._known.get((table, month))) is None:
            documents = self._known[table, month] = list(read_months(self._store, table, month))
        yield from ((each, place) for each in documents if (place := each.place_of(key, sha256)) is not None)

    def _is_usable(self, month: Month) -> bool:
        """Whether the file of a month can be fetched."""
        if month.file.key not in self._lost:
            try:
                self._file(month)
            except DamagedPartError:
                self._lost.add(month.file.key)
        return month.file.key not in self._lost

    def lines(self, part: StoredPart) -> Iterator[bytes]:
        """Yield the lines of a part, each with its line feed.

        Raises:
            ObjectNotFoundError: No month has the part.
            DamagedPartError: The month's file is missing or damaged, or has other lines.
            MonthError: A document is damaged.
            StoreError: The lake cannot be read.
        """
        found = list(self._find_all(part.key, part.sha256))
        if not found:
            raise ObjectNotFoundError("open", part.key, "no such object, and no compacted month has the part")
        # Of a lost file an older one has the same rows, such as one that was restored from a backup.
        usable = (each for each in found if len(found) > 1 and self._is_usable(each[0]))
        yield from self.lines_of(*next(usable, found[0]))

    def lines_of(self, month: Month, place: int) -> Iterator[bytes]:
        """Yield the lines of one part of a month. Raises as `lines`."""
        import duckdb  # loads import this module, and need no database

        part, rows, digest = month.parts[place], 0, hashlib.sha256()
        try:
            for line in self._file(month).lines(place):
                rows += 1
                digest.update(line)
                yield line
        except (duckdb.Error, LookupError) as error:
            raise _damaged(month, part, f"cannot be read: {str(error).splitlines()[0]}") from error
        if rows != part.rows or digest.hexdigest() != part.lines_sha256:
            raise _damaged(month, part, f"found {rows} other rows, expected {part.rows}")

    def restore(self, part: StoredPart, path: Path) -> None:
        """Write a part as it was to a local file: gzip of its lines, of maybe other bytes. Raises as `lines`."""
        with igzip.IGzipFile(filename=path, mode="wb", compresslevel=_LEVEL) as file:  # type: ignore[no-untyped-call]
            for line in self.lines(part):
                file.write(line)  # type: ignore[no-untyped-call]

    def _file(self, month: Month) -> MonthFileReader:
        """Return the file of a month, fetched and verified."""
        if self._open is None or self._open[0] != month.file.key:
            self._close_file()
            path = self._folder / "month.parquet"
            fetch_file(self._store, month, path)
            self._open = month.file.key, MonthFileReader(path, month.columns, month.forms, folder=self._folder)
        return self._open[1]

    def _close_file(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


def month_lines(store: ReadableStore, part: StoredPart) -> Iterator[bytes]:
    """Yield the lines of one part that a month's file has. Raises as `Months.lines`."""
    with Months(store) as months:
        yield from months.lines(part)


def fetch_file(store: ReadableStore, month: Month, path: Path) -> None:
    """Copy the file of a month to a local file, and compare its hash.

    Raises:
        DamagedPartError: It is missing or damaged.
        StoreError: The lake cannot be read.
    """
    try:
        verified_copy(store, month.file, path)
    except ObjectNotFoundError as error:
        raise DamagedPartError(f"{month.file.key}: it is missing, and {month.key} names it. {HINT}") from error
    except DamagedPartError as error:
        raise DamagedPartError(f"{error}; {month.key} names it. {HINT}") from error


HINT = "Restore it from a backup or the bucket's versions (docs/guides/runbooks/compaction.md)"


def _damaged(month: Month, part: MonthPart, what: str) -> DamagedPartError:
    return DamagedPartError(f"{month.file.key}: the rows of {part.key}: {what}. {HINT}")
