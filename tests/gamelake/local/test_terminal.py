from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from gamelake.local.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def test_a_silence_shows_what_runs() -> None:
    stream = Lines("games: loading")
    with Terminal(stream, silence=0.05) as terminal, terminal.doing("games: loading"):
        assert stream.seen.wait(10)
    assert " s so far" in stream.getvalue()


def test_another_phase_has_another_name() -> None:
    stream = Lines("publishing")
    with Terminal(stream, silence=0.05) as terminal, terminal.doing("building"):
        terminal.now("publishing")
        assert stream.seen.wait(10)


def test_the_time_of_a_silence_counts_from_the_last_line_through_all_phases() -> None:
    """It counted from the last phase: 1 s after 9 s of waiting."""
    stream = Lines(", 1 s so far")
    with Terminal(stream, silence=0.05) as terminal:
        for number in range(100):
            with terminal.doing(f"phase {number}"):
                terminal.now("building")
                found = stream.seen.wait(0.1)
            if found:
                break
    assert stream.seen.is_set()


def test_nothing_is_printed_when_nothing_runs() -> None:
    stream = Lines("so far")
    with Terminal(stream, silence=0.01) as terminal:
        with terminal.doing("a step"):
            terminal.say("done   ")
        assert not stream.seen.wait(0.2)
    assert stream.getvalue() == "done\n"


LEFT = """
import sys
from pathlib import Path
from gamelake.local import run
from gamelake.local.terminal import Terminal
with run._output_to(Path(sys.argv[1])) as stream, Terminal(stream) as terminal:
    terminal.say("first")
    sys.stdin.read()
    for number in range(3):
        terminal.say(f"line {number}")
    print("the log goes on", flush=True)
"""


def test_a_run_goes_on_when_the_reader_of_its_output_leaves(tmp_path: Path) -> None:
    """As `make run | head -1` does; it ended with status 1, without a word and with an empty log."""
    log = tmp_path / "run.log"
    command = [sys.executable, "-c", LEFT, str(log)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == b"first\n"
        process.stdout.close()
        process.stdin.close()
        assert (process.stderr.read(), process.wait(30)) == (b"", 0)
    assert log.read_text(encoding="utf-8") == "the log goes on\n"


@pytest.mark.parametrize("output", ["full", "closed terminal"])
def test_a_run_goes_on_when_its_output_cannot_be_written(output: str, tmp_path: Path) -> None:
    """The run states it at its end."""
    log = tmp_path / "run.log"
    first, second = pty.openpty()
    full = os.open("/dev/full", os.O_WRONLY)
    os.close(first)  # as when the window of the terminal is closed
    code = LEFT + "    print(terminal.failure, flush=True)"
    stdout = full if output == "full" else second
    with subprocess.Popen(
        [sys.executable, "-c", code, str(log)], stdin=subprocess.DEVNULL, stdout=stdout, env={**os.environ, "TERM": "x"}
    ) as process:
        for each in (second, full):
            os.close(each)
        assert process.wait(30) == 0
    lines = log.read_text(encoding="utf-8").splitlines()
    assert "the log goes on" in lines
    assert lines[-1].startswith("[Errno ")


def test_an_error_ends_the_thread() -> None:
    with pytest.raises(ValueError, match="broken"), Terminal(io.StringIO()):
        raise ValueError("broken")
    assert "terminal" not in {thread.name for thread in threading.enumerate()}


@contextlib.contextmanager
def pseudo_terminal() -> Iterator[tuple[io.TextIOWrapper, list[bytes]]]:
    """A stream that is a terminal, and what arrived on its screen once the block ends."""
    master, slave = pty.openpty()
    arrived: list[bytes] = []

    def collect() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(master, 65_536):
                arrived.append(data)

    reader = threading.Thread(target=collect)
    reader.start()
    with open(slave, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor has no path
        yield stream, arrived
    reader.join()
    os.close(master)


def drawn(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """What a run with a count shows on a terminal."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **variables}.items():
        monkeypatch.setenv(name, value)
    with pseudo_terminal() as (stream, arrived), Terminal(stream) as terminal:
        for done in range(1, 17):
            terminal.now("building")
            terminal.count(done, 16, "things")
        terminal.say("done", style="green")
    return b"".join(arrived).decode()


def test_a_terminal_gets_a_bar_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch)
    assert "16 of 16" in text
    assert "\x1b[32mdone" in text
    assert "2 of 16 things" not in text
    assert text.rstrip().endswith("\x1b[2K")  # the bar is removed
    assert "\x1b[?25h" in text  # the cursor is back


def test_no_colour_is_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, NO_COLOR="1")
    assert "16 of 16" in text
    assert not re.search(r"\x1b\[(3[0-7]|9[0-7]|38)", text)


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = drawn(monkeypatch, TERM="dumb")
    assert "\x1b" not in text
    assert text.split("\r\n")[:-1] == [*(f"  {n} of 16 things" for n in range(2, 16, 2)), "done"]


def test_a_file_gets_lines() -> None:
    stream = io.StringIO()
    with Terminal(stream) as terminal:
        terminal.count(3, 16)
        for done in range(1, 17):
            terminal.count(done, 16, "things")
        terminal.say("x" * 200)
    assert stream.getvalue().splitlines() == [*(f"  {n} of 16 things" for n in range(2, 16, 2)), "x" * 200]
