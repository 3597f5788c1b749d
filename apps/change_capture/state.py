"""What the capture of one source keeps on its disk.

    <folder>/<source>/lock          held by the process that captures it
    <folder>/<source>/offsets.dat   Debezium's position in the database's log
    <folder>/<source>/offsets.old   the one before it: Debezium writes in place, and a kill leaves half of a file
    <folder>/<source>/state.json    the newest completed snapshot: of which database, to which lake; the newest parts

Without them the next start reads all tables again.

    StateError     the folder cannot be used
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import msgspec

from apps.folder_lock import hold

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "GAMELAKE_CAPTURE_FOLDER"


class StateError(Exception):
    """The folder cannot be used; the message states why, and what to do."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The newest completed snapshot.

    Attributes:
        lake: The lake that has it.
        database: The database, and the server by its system identifier.
        slot: The replication slot that continues it.
        snapshot: Its id.
        parts: The newest part that was stored in each inbox, by the name of the entity.
        tables: The tables of PostgreSQL with their oids, by the name of the entity.
    """

    lake: str
    database: str
    slot: str
    snapshot: str
    parts: dict[str, int]
    tables: dict[str, str]


class Folder:
    """The files of one source, for one process.

    Raises:
        StateError: Another process uses the folder, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.offsets = folder / "offsets.dat"
        self._old = folder / "offsets.old"
        self._state = folder / "state.json"
        try:
            self._held = hold(folder)
        except BlockingIOError:
            raise StateError(
                f"{folder}: another process captures this source. End it, or give this one its own folder and slot: "
                f"set {VARIABLE}, and --slot"
            ) from None
        except OSError as error:
            raise _cannot_write(folder, error) from error

    def read(self) -> State | None:
        """Return the newest completed snapshot, None without one that can be read. Raises: OSError."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=State)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def write(self, state: State) -> None:
        """Keep a snapshot. Raises: StateError."""
        new = self._state.with_suffix(".new")
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(state)))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._state)
        except OSError as error:
            raise _cannot_write(self._folder, error) from error

    def keep_offsets(self) -> None:
        """Copy the position, before Debezium writes the next one. Raises: StateError."""
        new = self._old.with_suffix(".new")
        try:
            if self.offsets.exists():
                shutil.copyfile(self.offsets, new)
                new.replace(self._old)
        except OSError as error:
            raise _cannot_write(self._folder, error) from error

    def restore_offsets(self) -> None:
        """Take the position before, in place of one that is half-written. Raises: OSError."""
        if self.offsets.exists() and self._old.exists():
            self._old.replace(self.offsets)

    def forget(self) -> None:
        """Remove the position and the snapshot. Raises: OSError."""
        self._state.unlink(missing_ok=True)
        self.offsets.unlink(missing_ok=True)
        self._old.unlink(missing_ok=True)

    def close(self) -> None:
        """Let another process use the folder."""
        self._held.close()


def _cannot_write(folder: Path, error: OSError) -> StateError:
    return StateError(f"{folder}: {error.strerror}. Make room there, or set {VARIABLE} to a folder that can be written")
