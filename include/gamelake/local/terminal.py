"""What a command of minutes shows: lines, and a bar on a terminal, or elsewhere a line after a long silence."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from gamelake.tables import UNLIMITED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

SILENCE = 8.0
"""Seconds without a line after which one names what is running, where there is no bar."""
_STEP = 8
"""A long piece of work is told in as many lines, where there is no bar."""


class _Console(Console):
    """A console whose reader may leave, as in `make run | head -1`: then it writes no more."""

    def on_broken_pipe(self) -> None:
        """Be quiet. By default this ends the process with status 1, and sends its stdout, the log, to nowhere."""
        self.quiet = True


class Terminal:
    """Writes lines, and shows what is running: by a bar, or by lines where a bar cannot be drawn.

    A bar needs a terminal that moves its cursor. Colours follow the terminal and `NO_COLOR`. Leaving the context
    removes the bar and ends the thread.
    """

    def __init__(self, stream: TextIO, *, silence: float = SILENCE) -> None:
        self._console = _Console(
            file=stream, width=None if stream.isatty() else UNLIMITED, highlight=False, markup=False
        )
        self._silence = silence
        self.failure: OSError | None = None
        """Why a line could not be written, as on a full disk or after the terminal was closed: the rest is left out."""
        self._ended = threading.Event()
        self._doing: str | None = None
        self._told = 0
        self._told_at = self._printed_at = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="terminal", daemon=True)
        self._bar: Progress | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._bar = Progress(
                BarColumn(bar_width=20),
                TextColumn("{task.fields[counted]}"),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
                console=self._console,
                transient=True,
                redirect_stdout=False,  # that goes to the log
                redirect_stderr=False,
            )
            self._task = self._bar.add_task("", total=None, counted="")

    def __enter__(self) -> Terminal:
        if self._bar is not None:
            self._bar.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._bar is not None:
            with contextlib.suppress(OSError):  # the terminal is closed
                self._bar.stop()

    def say(self, line: str = "", style: str = "") -> None:
        """Write a line. A terminal wraps one that is too long, so that a path can be copied."""
        self.show(Text(line.rstrip(), style), whole=True)

    def show(self, what: RenderableType, *, whole: bool = False) -> None:
        """Write a table or the like: not wider than a terminal, and whole elsewhere."""
        self._told_at = self._printed_at = time.monotonic()
        self._print(what, whole=whole)

    def _print(self, what: RenderableType, *, whole: bool) -> None:
        try:
            self._console.print(what, soft_wrap=whole)
        except OSError as error:
            self._console.quiet, self.failure = True, error

    @contextlib.contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Name what runs as long as the block lasts."""
        before = self._doing
        self.now(what)
        try:
            yield
        finally:
            self._doing = before

    def now(self, what: str) -> None:
        """Name what runs from now on, until the block of `doing` ends."""
        self._doing = what
        if self._bar is not None:
            self._bar.update(self._task, description=what)

    def count(self, done: int, of: int | None, things: str = "") -> None:
        """Show how much is done.

        Args:
            done: What is done.
            of: How much there is to do; None while that is unknown.
            things: What is counted, for the lines that take the place of a bar; without it there are none.
        """
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=of, counted=f"{done} of {of}" if of else "")
        elif of and things and self._told < done * _STEP // of < _STEP:
            self._told = done * _STEP // of
            self.say(f"  {done} of {of} {things}")

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self._silence)):
            now = time.monotonic()
            if self._bar is None and now - self._told_at >= self._silence and (what := self._doing):
                self._told_at = now
                self._print(Text(f"  ... {what}, {now - self._printed_at:.0f} s so far"), whole=True)
