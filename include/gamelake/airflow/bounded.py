"""A bound on the time of code that waits for other machines."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class OutOfTimeError(BaseException):
    """The time is over. Not an Exception: libraries that try again after each Exception must not catch it."""


class Bound:
    """The time that a block of code, and single steps in it, may take.

    It uses SIGALRM. Outside of the main thread there are no signals, and it bounds nothing. Airflow's timeout of a task
    has the same timer: it goes on after the block.

    Args:
        seconds: The time of the block.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def __enter__(self) -> Bound:
        if _has_signals():
            left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
            self._end_before = time.monotonic() + left if left else None
            self._before = signal.signal(signal.SIGALRM, _raise)
            self._arm(self.left())
        return self

    def __exit__(self, *_: object) -> None:
        if _has_signals():
            self._arm(0)
            signal.signal(signal.SIGALRM, self._before)
            if self._end_before is not None:
                self._arm(_seconds_until(self._end_before))

    @contextmanager
    def step(self, seconds: float) -> Iterator[None]:
        """Bound a step in the block. Raises: OutOfTimeError, also when the time of the whole block is over."""
        if _has_signals():
            self._arm(min(seconds, self.left()))
        try:
            yield
        finally:
            if _has_signals():
                self._arm(self.left())

    def is_over(self) -> bool:
        """Whether the time of the block is over."""
        return self._end <= time.monotonic()

    def left(self) -> float:
        """Return the seconds until then."""
        return _seconds_until(self._end)

    @staticmethod
    def _arm(seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _seconds_until(end: float) -> float:
    return max(end - time.monotonic(), 0.001)  # 0 would switch the alarm off


def _has_signals() -> bool:
    return threading.current_thread() is threading.main_thread()


def _raise(*_: object) -> None:
    raise OutOfTimeError
