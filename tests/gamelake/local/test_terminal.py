from __future__ import annotations

import io
import threading

import pytest

from gamelake.local.terminal import Terminal


class Lines(io.StringIO):
    """A stream that tells when a line was written that has a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.seen = threading.Event()

    def write(self, line: str) -> int:
        if self._text in line:
            self.seen.set()
        return super().write(line)


def test_a_silence_says_what_runs() -> None:
    stream = Lines("games: loading")
    with Terminal(stream, silence=0.05) as terminal, terminal.doing("games: loading"):
        assert stream.seen.wait(10)
    assert " s so far" in stream.getvalue()


def test_another_phase_has_another_name() -> None:
    stream = Lines("publishing")
    with Terminal(stream, silence=0.05) as terminal, terminal.doing("building"):
        terminal.now("publishing")
        assert stream.seen.wait(10)


def test_nothing_is_printed_when_nothing_runs() -> None:
    stream = Lines("so far")
    with Terminal(stream, silence=0.01) as terminal:
        with terminal.doing("a step"):
            terminal.say("done   ")
        assert not stream.seen.wait(0.2)
    assert stream.getvalue() == "done\n"


def test_an_error_ends_the_thread() -> None:
    with pytest.raises(ValueError, match="broken"), Terminal(io.StringIO()):
        raise ValueError("broken")
    assert "terminal" not in {thread.name for thread in threading.enumerate()}
