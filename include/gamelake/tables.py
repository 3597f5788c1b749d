"""Tables: for a person at a terminal, and plain for a program that reads them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNLIMITED = 100_000
"""Characters in a line: no cell is cut or folded, so that a key can be copied. A terminal wraps what is too long."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]], stream: TextIO) -> str:
    """Return the text of a table for a stream: one line per row, two spaces or more between the columns.

    A terminal gets a bold header with a rule below it. Any other stream gets neither style nor rule.

    Args:
        header: The names of the columns.
        rows: The cells. A column of numbers is aligned to the right.
        stream: Where the text will be written.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [list(row) for row in rows]
    is_terminal = stream.isatty()
    grid = Table(box=SIMPLE_HEAD if is_terminal else None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(header):
        column = [row[number] for row in cells if row[number]]
        is_number = bool(column) and all(map(_is_number, column))
        grid.add_column(Text(name), justify="right" if is_number else "left", no_wrap=True)
    for row in cells:
        grid.add_row(*map(Text, row))
    console = Console(
        file=io.StringIO(), width=UNLIMITED, force_terminal=is_terminal, color_system="auto" if is_terminal else None
    )
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").isdigit()
