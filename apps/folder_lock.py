"""A folder that one process at a time uses."""

from __future__ import annotations

import fcntl
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def hold(folder: Path) -> IO[bytes]:
    """Make a folder, and lock it. The kernel frees the lock of a dead process.

    Returns:
        The open lock; closing it frees the folder.

    Raises:
        BlockingIOError: Another process holds the folder.
        OSError: The folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock
