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
def alone(command: str = "make run") -> Iterator[None]:
    """Lock out other runs and starts while the block lasts; the kernel frees the lock of a dead process.

    `make up` has the lock until its scheduler runs, which is refused here then.
    Raises: BusyError.
    """
    if Service("scheduler").running():
        raise BusyError(
            f"{command}: `make up` is running, and its scheduler would run the same tasks. Run `make down` first; or "
            "trigger the loads in that Airflow, where `transform` follows them"
        )
    private_folder()
    with os.fdopen(_opened(), "r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BusyError(
                f"{command}: {lock.read().strip() or 'another command'} works in {LOCAL}, and would run the same "
                "tasks: wait until it has ended, or end it, and run the command again"
            ) from None
        lock.truncate()
        lock.write(f"`{command}` (process {os.getpid()})")
        lock.flush()
        yield
        lock.truncate(0)


def _opened() -> int:
    """Open the lock. Raises: BusyError, as where another user ran `make run` before."""
    try:
        return os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BusyError(
            f"GAMELAKE_LOCAL: cannot open {LOCK}: {error.strerror}; remove that file, or name a folder of this user"
        ) from error
