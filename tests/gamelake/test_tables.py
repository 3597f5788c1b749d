"""Tables on a terminal, and in a pipe."""

from __future__ import annotations

import io
import re

import pytest

from gamelake.tables import table

HEADER = ("entity", "rows", "key")
ROWS = [
    ("games", "1,234,567", "raw/games/dt=2026-11-21/" + "long" * 60),
    ("한글 [bold]x[/bold] :smile:", "8", ""),
]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_plain_lines_and_every_cell_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("COLUMNS", "20")
    header, games, other = table(HEADER, ROWS, io.StringIO()).splitlines()
    assert header.split() == list(HEADER)
    assert games.split() == list(ROWS[0])
    assert other.startswith(ROWS[1][0])
    assert other.endswith("  8")
    assert games.index("1,234,567") + len("1,234,567") == header.index("rows") + len("rows")
    assert not re.search(r"[─━│┃╭\x1b]", header + games + other)


def test_a_terminal_gets_a_ruled_header_and_every_cell_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    text = table(HEADER, ROWS, Screen())
    assert COLOUR.search(text)
    header, rule, games, _ = COLOUR.sub("", text).splitlines()
    assert header.split() == list(HEADER)
    assert set(rule) == {"─"}
    assert games.split() == list(ROWS[0])


def test_a_table_without_rows_is_its_header() -> None:
    assert table(HEADER, [], io.StringIO()) == "entity  rows  key"
