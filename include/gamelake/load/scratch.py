"""The folder of a load on the disk of its worker. It is deleted when the load ends.

The next load on that disk deletes the folder of a killed process. A process locks its folder, and the kernel releases
the lock when the process ends.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gamelake.load.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_PREFIX = "gamelake-load-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WHAT_TO_DO = (
    "A load keeps parts of up to 64 MB there until the lake has them: free space, or set TMPDIR to another folder"
)


@contextmanager
def scratch_folder(what_to_do: str = _WHAT_TO_DO, *, done: str = "nothing was committed") -> Iterator[Path]:
    """Provide a new temporary folder for as long as the block lasts, and remove those of dead processes first.

    what_to_do: what an error states about the use of the folder.
    done: what it states about the work that a full disk ended.

    Raises: LoadError, if the folder cannot be made, or its disk is full.
    """
    try:
        _remove_abandoned()
        folder, lock = _locked_folder()
    except OSError as error:
        raise LoadError(f"cannot make a folder in {_temporary()}: {error}; {what_to_do}") from error
    try:
        yield folder
    except OSError as error:  # those of the lake are StoreErrors
        if error.errno not in _FULL:
            raise
        raise LoadError(f"the disk of {_temporary()} is full: {error}; {done}. {what_to_do}") from error
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
        with suppress(FileNotFoundError):  # another load saw it without a lock, and has removed it
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_SH)  # waits while another load, which has the exclusive lock, deletes it
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
                log.info("removed %s, which a load that was killed had left", folder)
            finally:
                os.close(lock)
