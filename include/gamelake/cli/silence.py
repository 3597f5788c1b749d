"""Tell that a command still works: none is silent for ten seconds, but while it waits for an answer."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from itertools import takewhile
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SILENCE = 8.0
"""Seconds without a line after which a command tells that it still works."""

_OTHERS = (["run"], ["sandbox"], ["laptop", "airflow"])
"""The commands that tell it themselves, serve, or become another program."""


@contextlib.contextmanager
def told(words: Sequence[str], *, silence: float = SILENCE) -> Iterator[None]:
    """While the block lasts, print a line to stderr after each long time in which this process printed nothing."""
    if any(list(words[: len(each)]) == each for each in _OTHERS):
        yield
        return
    name = " ".join(["gamelake", *takewhile(lambda word: not word.startswith("-"), words)])
    streams = sys.stdout, sys.stderr
    watch = _Watch(name, sys.stderr, silence)
    sys.stdout, sys.stderr = (cast("TextIO", _Watched(stream, watch)) for stream in streams)
    watch.start()
    try:
        yield
    finally:
        watch.end()
        sys.stdout, sys.stderr = streams


class _Watch(threading.Thread):
    """Prints that a command still works."""

    def __init__(self, name: str, stream: TextIO, silence: float) -> None:
        super().__init__(name="silence", daemon=True)
        self._command, self._stream, self._silence = name, stream, silence
        self._began = self.printed = time.monotonic()
        self.is_asking = False
        self._ended = threading.Event()

    def run(self) -> None:
        """Wait, and print."""
        while not self._ended.wait(min(1.0, self._silence)):
            now = time.monotonic()
            if now - self.printed >= self._silence and not self.is_asking:
                self.printed = now
                with contextlib.suppress(OSError, ValueError):  # closed, or full: the command itself goes on
                    print(f"  ... {self._command}, {now - self._began:.0f} s so far", file=self._stream, flush=True)

    def end(self) -> None:
        """Print no more."""
        self._ended.set()
        self.join()


class _Watched:
    """A stream that notes when something is printed, and whether the line is open: a question waits for its answer."""

    def __init__(self, stream: TextIO, watch: _Watch) -> None:
        self._stream, self._watch = stream, watch

    def write(self, text: str) -> int:
        self._watch.printed = time.monotonic()
        if text:
            self._watch.is_asking = not text.endswith("\n")
        return self._stream.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
