"""End a command cleanly after Ctrl-C or the end of its terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill` and `timeout`, and a terminal that is closed."""


class Interrupt:
    """Repeats Ctrl-C until the run ends: Airflow and dbt may count it as a failed task, or lose it."""

    AGAIN = 3.0
    """Seconds after which it is raised again."""

    def __init__(self) -> None:
        self.pressed = False
        self._ended = threading.Event()

    def __call__(self, _signal: int, _frame: object) -> NoReturn:
        """Handle the signal, in the main thread."""
        if not self.pressed:
            self.pressed = True
            threading.Thread(target=self._insist, daemon=True).start()
        raise KeyboardInterrupt

    def end(self) -> None:
        """Stop the repetition."""
        self._ended.set()

    def _insist(self) -> None:
        while not self._ended.wait(self.AGAIN):
            os.kill(os.getpid(), signal.SIGINT)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block, also where the block catches it. Raises: KeyboardInterrupt."""
    interrupt = Interrupt()
    before = {each: signal.signal(each, interrupt) for each in SIGNALS}
    try:
        yield
    except Exception:
        interrupt.end()
        if interrupt.pressed:
            raise KeyboardInterrupt from None
        raise
    finally:
        interrupt.end()
        for each, handler in before.items():
            signal.signal(each, handler)
    if interrupt.pressed:
        raise KeyboardInterrupt
