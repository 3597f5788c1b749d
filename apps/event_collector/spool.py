"""The write-ahead files of one collector: what is on this disk, and not yet in the inbox.

    <folder>/lock                                      held by the process that uses the folder
    <folder>/igdb.games/01764468000123456789.open      events are appended here, and synced before they are answered
    <folder>/igdb.games/01764468000123456789.sealed    waits for the upload; no more events come
    <folder>/igdb.games/01764468000123456789.42        the upload tried, or tries, to make it part 42 of the inbox
    <folder>/igdb.games/01764468000123456789.damaged   lines that are no JSON, found after a crash of the machine

A file holds the lines of one part. Its name keeps the number of the part, so that a process that was killed between
the upload and the removal of the file makes no second part of it.

    SpoolError           the folder cannot be used
    SpoolFullError       the files have as many bytes as they may have
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from apps.folder_lock import hold
from gamelake.lake.keys import TableName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

MAX_BYTES = 1024**3
"""Bytes of all files together: about two weeks of IGDB's changes while the store is away."""

_OPEN, _SEALED, _DAMAGED = ".open", ".sealed", ".damaged"


class SpoolError(Exception):
    """The folder cannot be used; the message states why, and what to do."""


class SpoolFullError(OSError):
    """The files have as many bytes as they may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(errno.ENOSPC, f"the write-ahead files have {limit:,} bytes, which is their limit")


@dataclass(frozen=True, slots=True)
class Batching:
    """When a file becomes a part: at the first of these limits.

    Attributes:
        rows: Events.
        bytes: Their bytes, before compression.
        seconds: Since the first of them.
    """

    rows: int = 5_000
    bytes: int = 4 * 1024 * 1024
    seconds: float = 5.0


@dataclass(slots=True)
class Sealed:
    """A file that is complete, and waits for its upload.

    Attributes:
        table: The table whose inbox it is for.
        path: The file.
        number: The part that the last upload tried to make, None before the first try.
        size: Its bytes.
        since: When its first event came, in seconds since 1970.
    """

    table: TableName
    path: Path
    number: int | None
    size: int
    since: float

    def read(self) -> bytes:
        """Return its events. After them may be a half line, which a full disk left."""
        with self.path.open("rb") as file:
            return file.read(self.size)

    def tries(self, number: int) -> None:
        """Keep the number of the part in the file's name."""
        self.number = number
        path = self.path.with_suffix(f".{number}")
        with suppress(OSError):  # on a broken disk: a kill may then make a second part, which is harmless
            self.path.rename(path)
            self.path = path
            _sync_folder(path.parent)


class _OpenFile:
    """A file to which events are appended."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.since = time.time()
        self.path = folder / f"{time.time_ns():020}{_OPEN}"
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self.rows = self.bytes = 0
        self._named = False

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines and sync them. Raises: OSError; the file is then as before."""
        data = b"".join(lines)
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, memoryview(data)[written:])
            os.fdatasync(self._descriptor)
            if not self._named:
                _sync_folder(self.path.parent)
                _sync_folder(self.path.parent.parent)
                self._named = True
        except OSError:
            # Half of a line may be there. Before it are only lines that were synced.
            os.ftruncate(self._descriptor, self.bytes)
            raise
        self.bytes += len(data)
        self.rows += len(lines)

    def close(self) -> None:
        os.close(self._descriptor)


class Spool:
    """The files of one collector.

    `append`, `seal_due` and `seal_all` are for one thread, `waiting` and `remove` for another one.

    Raises:
        SpoolError: Another process uses the folder, or it cannot be written.
    """

    def __init__(self, folder: Path, batching: Batching, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._batching = batching
        self._max_bytes = max_bytes
        self._open: dict[TableName, _OpenFile] = {}
        self._waiting: dict[TableName, deque[Sealed]] = {}
        self._lock = threading.Lock()
        self.bytes = 0
        self.damaged_lines = 0
        try:
            self._held = hold(folder)
        except BlockingIOError:
            raise SpoolError(
                f"{folder}: another event collector uses this folder. Give each its own: set GAMELAKE_EVENT_SPOOL"
            ) from None
        except OSError as error:
            raise SpoolError(
                f"{folder}: {error.strerror}. Set GAMELAKE_EVENT_SPOOL to a folder that can be written"
            ) from error
        try:
            self._recover()
        except OSError as error:
            raise SpoolError(
                f"{folder}: {error.strerror}. Make room there, and let the collector read and write all of it: events "
                "in it wait for their upload"
            ) from error

    def append(self, lines: Mapping[TableName, Sequence[bytes]]) -> None:
        """Write and sync events. Raises: OSError; some tables may have theirs nevertheless."""
        size = sum(map(len, (line for each in lines.values() for line in each)))
        if self.bytes + size > self._max_bytes:
            raise SpoolFullError(self._max_bytes)
        for table, each in lines.items():
            file = self._open.get(table)
            if file is None:
                file = self._open[table] = _OpenFile(self._folder / str(table))
            before = file.bytes
            try:
                file.append(each)
            except OSError:
                self._drop_or_seal(table, file)
                raise
            with self._lock:
                self.bytes += file.bytes - before
            if file.rows >= self._batching.rows or file.bytes >= self._batching.bytes:
                self._seal(table)

    def seal_due(self) -> float | None:
        """Seal the files that are old enough. Returns: the seconds until the next one is, None without an open one."""
        now = time.time()
        for table in [table for table, file in self._open.items() if self._due(file, now) <= 0]:
            self._seal(table)
        return min((self._due(file, now) for file in self._open.values()), default=None)

    def seal_all(self) -> None:
        """Seal every open file."""
        for table in list(self._open):
            self._seal(table)

    def waiting(self) -> list[Sealed]:
        """Return the first sealed file of each table."""
        with self._lock:
            return [files[0] for files in self._waiting.values() if files]

    def remove(self, sealed: Sealed) -> None:
        """Remove a file that is in the inbox: the first one of its table."""
        sealed.path.unlink()
        with self._lock:
            self._waiting[sealed.table].popleft()
            self.bytes -= sealed.size

    def oldest(self) -> float | None:
        """Return when the oldest event came that is not in the inbox, in seconds since 1970."""
        with self._lock:
            found = [file.since for files in self._waiting.values() for file in files]
        return min([*found, *(file.since for file in list(self._open.values()))], default=None)

    def files(self) -> int:
        """Return the number of sealed files."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def close(self) -> None:
        """Let another process use the folder; what is in it stays."""
        self.seal_all()
        self._held.close()

    def _due(self, file: _OpenFile, now: float) -> float:
        # A clock that is set back must not keep a file open.
        return min(file.since + self._batching.seconds - now, self._batching.seconds)

    def _seal(self, table: TableName) -> None:
        file = self._open.pop(table)
        file.close()
        path = file.path.with_suffix(_SEALED)
        try:
            file.path.rename(path)
        except OSError:
            path = file.path  # a broken disk; what was synced can be read and uploaded still
        self._wait(Sealed(table, path, None, file.bytes, file.since))

    def _drop_or_seal(self, table: TableName, file: _OpenFile) -> None:
        """End a file that could not be written: it may be on a full disk."""
        if file.bytes:
            self._seal(table)
            return
        self._open.pop(table)
        file.close()
        file.path.unlink(missing_ok=True)

    def _wait(self, sealed: Sealed) -> None:
        with self._lock:
            self._waiting.setdefault(sealed.table, deque()).append(sealed)

    def _recover(self) -> None:
        """Take over the files of the process before this one."""
        for path in sorted(self._folder.glob("*/[0-9]*")):
            number = path.suffix[1:]
            if path.suffix not in {_OPEN, _SEALED} and not number.isdecimal():
                continue
            table = _table_of(path.parent.name)
            if table is None or not path.stem.isdecimal():
                log.warning("%s: no file of a collector, such as a copy that a person made: it stays as it is", path)
                continue
            self._repair(path)
            if path.suffix == _OPEN:
                path = path.rename(path.with_suffix(_SEALED))  # noqa: PLW2901
            size = path.stat().st_size
            if not size:
                path.unlink()
                continue
            since = int(path.stem) / 1e9
            self._wait(Sealed(table, path, int(number) if number.isdecimal() else None, size, since))
            self.bytes += size
        if found := self.files():
            log.info(
                "%s: %d files of an earlier process wait for their upload, %d bytes", self._folder, found, self.bytes
            )

    def _repair(self, path: Path) -> None:
        """Leave the whole lines in a file. A line that is not whole was never answered with 200."""
        data = path.read_bytes()
        lines = data.splitlines(keepends=True)
        good = [line for line in lines if _is_whole(line)]
        if len(good) == len(lines):
            return
        if lines[: len(good)] == good:
            os.truncate(path, sum(map(len, good)))  # a full disk has no room for a copy
            return
        # Not only the end: the disk or the machine lost something.
        damaged = [line for line in lines if not _is_whole(line)]
        self.damaged_lines += len(damaged)
        path.with_suffix(_DAMAGED).write_bytes(b"".join(damaged))
        log.error("%s: %d damaged lines were moved beside it", path, len(damaged))
        kept = path.with_suffix(".repaired")
        with kept.open("wb") as file:
            file.writelines(good)
            file.flush()
            os.fsync(file.fileno())
        kept.replace(path)


def _table_of(folder: str) -> TableName | None:
    """Return the table of a folder, None for another folder."""
    source, _, entity = folder.partition(".")
    try:
        return TableName(source, entity)
    except ValueError:
        return None


def _is_whole(line: bytes) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
