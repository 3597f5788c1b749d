"""The entry point of the command `gamelake`."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after `gamelake`; by default those of the command line.

    Returns:
        The exit status: 1 after an error, 2 for wrong arguments, 130 after Ctrl-C; the reason is on stderr. 141 if the
        reader of the output has left.
    """
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # one of ASCII would end a command at the first other character
            stream.reconfigure(errors="replace")
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words == ["health"]:  # it runs every 10 seconds, and typer would make it five times as slow
        from gamelake.cli.health import health

        return health()
    from gamelake.cli.app import run

    return run(words)


def _open_missing_streams() -> None:
    """Open those of stdin, stdout and stderr that are closed.

    A file that is opened later would get the number, and what is printed.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number
            setattr(sys, name, os.fdopen(descriptor, "r" if name == "stdin" else "w", closefd=False))
