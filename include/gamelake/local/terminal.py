"""The terminal of a long command: its lines, and a line of progress after a long silence."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

SILENCE = 8.0
"""Seconds without a line after which one names what is running."""


class Terminal:
    """Writes lines, and one after each `silence` seconds without any. Leaving the context ends its thread."""

    def __init__(self, stream: TextIO, *, silence: float = SILENCE) -> None:
        self.stream = stream
        self._silence = silence
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._doing: tuple[str, float] | None = None
        self._written = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="terminal", daemon=True)

    def __enter__(self) -> Terminal:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def say(self, line: str = "") -> None:
        """Write a line."""
        with self._lock:
            self._written = time.monotonic()
            self.stream.write(f"{line.rstrip()}\n")
            self.stream.flush()

    @contextlib.contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Name what runs as long as the block lasts."""
        before, self._doing = self._doing, (what, time.monotonic())
        try:
            yield
        finally:
            self._doing = before

    def now(self, what: str) -> None:
        """Name what runs from now on, until the block of `doing` ends."""
        self._doing = (what, time.monotonic())

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self._silence)):
            if (doing := self._doing) and time.monotonic() - self._written >= self._silence:
                what, began = doing
                self.say(f"  ... {what}, {time.monotonic() - began:.0f} s so far")
