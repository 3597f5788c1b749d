"""A temporary folder on the disk of a worker. It is deleted when its work ends.

The next work on that disk deletes the folder of a killed process. A process locks its folder, and the kernel releases
the lock when the process ends.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gamelake.lake.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

_PREFIX = "gamelake-load-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_TEXT = re.compile("No space left on device|Disk quota exceeded|File too large")


def is_disk_full(error: BaseException) -> bool:
    """Return whether the system refused to write for want of room, to Python or to DuckDB."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return type(error).__module__ in {"duckdb", "_duckdb"} and bool(_FULL_TEXT.search(str(error)))


def _store_error(text: str) -> Exception:
    return StoreError("write", _temporary(), text)


@contextmanager
def scratch_folder(what_to_do: str, *, done: str, error: Callable[[str], Exception] = _store_error) -> Iterator[Path]:
    """Provide a new temporary folder for as long as the block lasts, and remove those of dead processes first.

    what_to_do: what an error states about the use of the folder.
    done: what it states about the work that a full disk ended.
    error: makes the error.

    Raises: StoreError, or another `error`, if the folder cannot be made, or its disk is full.
    """
    try:
        _remove_abandoned()
        folder, lock = _locked_folder()
    except OSError as failure:
        raise error(f"cannot make a folder in {_temporary()}: {failure}; {what_to_do}") from failure
    try:
        yield folder
    except Exception as failure:  # a full disk of the lake is a StoreError
        if not is_disk_full(failure):
            raise
        raise error(f"the disk of {_temporary()} is full: {failure}; {done}. {what_to_do}") from failure
    finally:
        shutil.rmtree(folder)
        os.close(lock)


def _temporary() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # not one of the usual folders can be written to
        return "the temporary folder"


def _locked_folder() -> tuple[Path, int]:
    """Return a folder, and the descriptor whose lock shows that its process runs."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with suppress(FileNotFoundError):  # another process saw it without a lock, and has removed it
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_SH)  # waits while another process, which has the exclusive lock, deletes it
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # a running process or another user has it, or it is deleted
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                log.info("removed %s, which a killed process had left", folder)
            finally:
                os.close(lock)
