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
QUIT = signal.SIGQUIT
"""Ctrl-\\, which by default ends a process without any of its `finally` blocks."""


class Interrupt:
    """Repeats Ctrl-C until the run ends: Airflow and dbt may count it as a failed task, or lose it."""

    AGAIN = 3.0
    """Seconds after which it is raised again."""

    def __init__(self) -> None:
        self.pressed = False
        self._ended = threading.Event()

    def __call__(self, number: int, _frame: object) -> NoReturn:
        """Handle the signal, in the main thread."""
        if not self.pressed:
            self.pressed = True
            threading.Thread(target=self._insist, args=[number], daemon=True).start()
        raise KeyboardInterrupt

    def end(self) -> None:
        """Stop the repetition."""
        self._ended.set()

    def _insist(self, number: int) -> None:
        while not self._ended.wait(self.AGAIN):
            os.kill(os.getpid(), number)


@contextlib.contextmanager
def interruptible(*more: signal.Signals) -> Iterator[None]:
    """Let Ctrl-C end the block, also where the block catches it. Raises: KeyboardInterrupt.

    A signal that is ignored stays so: `nohup` ignores SIGHUP for what shall outlive its terminal.
    Args: `more` signals that do the same as Ctrl-C.
    """
    interrupt = Interrupt()
    handled = [each for each in (*SIGNALS, *more) if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, interrupt) for each in handled}
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


@contextlib.contextmanager
def only_ctrl_c() -> Iterator[None]:
    """Let no signal but Ctrl-C end the block: the kernel and the shell each send a SIGHUP for a closed terminal."""
    before = {each: signal.signal(each, signal.SIG_IGN) for each in (*SIGNALS, QUIT) if each is not signal.SIGINT}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
