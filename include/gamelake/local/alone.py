"""Let one process at a time run this clone's DAGs: a scheduler or a second `make run` would run the same tasks."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from gamelake.local.environment import LOCAL, private_folder
from gamelake.local.services import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCK = LOCAL / "run.lock"


class BusyError(RuntimeError):
    """Another command runs the DAGs of this clone, or the lock cannot be opened; the message has what to do."""


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Lock out other runs while the block lasts; the kernel frees the lock of a dead process. Raises: BusyError."""
    if Service("scheduler").running():
        raise BusyError(
            "make run: `make up` is running, and its scheduler would run the same tasks. Run `make down` first; or "
            "trigger the loads in that Airflow, where `transform` follows them"
        )
    private_folder()
    with os.fdopen(_opened(os.O_RDWR | os.O_CREAT), "r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError(
                f"another `make run` works in {LOCAL} (process {lock.read().strip() or 'unknown'}): wait until it has "
                "ended, or end it, and run the command again"
            ) from None
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def _opened(flags: int) -> int:
    """Open the lock. Raises: BusyError, as where another user ran `make run` before."""
    try:
        return os.open(LOCK, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BusyError(
            f"GAMELAKE_LOCAL: cannot open {LOCK}: {error.strerror}; remove that file, or name a folder of this user"
        ) from error


def check_no_run() -> None:
    """Refuse to start a scheduler while `make run` runs. Raises: BusyError."""
    if not LOCK.exists():
        return
    with os.fdopen(_opened(os.O_RDONLY), encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            raise BusyError(
                f"make up: `make run` works in {LOCAL} (process {lock.read().strip() or 'unknown'}), and a scheduler "
                "would run the same tasks: wait until it has ended, and run `make up` again"
            ) from None
