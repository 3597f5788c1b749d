"""SIGKILL at a step that is counted, not guessed.

On a disk a step is every call that changes the file system under a folder, as Python's audit hooks report them; on
S3 it is every request, when it goes and when its reply is there. A child process, forked so that it starts at once,
counts its own steps and kills itself at the one that it was told.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHANGES = {"os.link", "os.rename", "os.remove", "os.mkdir", "os.utime"}


class Steps:
    """Counts the steps of this process from now on, and kills it at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.taken = 0
        self._kill_at = kill_at
        self._lock = threading.Lock()

    def step(self) -> None:
        """Take a step, maybe the last one."""
        with self._lock:
            self.taken += 1
            if self.taken == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch_disk(self, folder: Path) -> None:
        """Count what changes a folder."""
        root = str(folder)

        def hook(event: str, given: tuple[Any, ...]) -> None:
            changes = event in CHANGES or (event == "open" and isinstance(given[2], int) and given[2] & os.O_CREAT)
            if changes and str(given[0]).startswith(root):
                self.step()

        sys.addaudithook(hook)  # it cannot be taken away: only for a child that ends

    def watch_s3(self, client: Any) -> None:
        """Count the requests of a boto3 client."""
        client.meta.events.register("before-send.s3", lambda **_: self.step())
        client.meta.events.register("response-received.s3", lambda **_: self.step())


def in_child(run: Callable[[], int]) -> int | None:
    """Run in a forked process. Returns: what it returned (0 to 255), or None if it was killed."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(run())
        except BaseException:  # noqa: BLE001 - nothing of the child may reach pytest
            traceback.print_exc()
            os._exit(255)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return None
    code = os.waitstatus_to_exitcode(status)
    assert code != 255, "the child failed; its traceback is above"
    return code
