"""The page of commands, from their own help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE_PATH = REPOSITORY / "docs" / "reference" / "commands.md"


def generated(command: Any) -> dict[Path, str]:
    """Return the text of the page, by its path. `command` is the whole of `gamelake`."""
    lines = [
        "<!-- Generated from include/gamelake/cli by `make generate`; do not edit. -->",
        "",
        "# Commands",
        "",
        "`make setup` installs the command as `.venv/bin/gamelake`; a container has it as `gamelake`.",
        "A command ends with exit status 1 after an error, 2 for wrong arguments and 130 after Ctrl-C.",
        *_section(command, "gamelake", 2),
    ]
    return {PAGE_PATH: "\n".join(lines) + "\n"}


def _section(group: Any, path: str, depth: int) -> Iterator[str]:
    for name, command in group.commands.items():
        yield from ("", f"{'#' * depth} {path} {name}", "", command.help)
        if hasattr(command, "commands"):
            yield from _section(command, f"{path} {name}", depth + 1)
            continue
        rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            yield from ("", "| Argument | Without it | What it is for |", "| --- | --- | --- |", *rows)


def _row(parameter: Any) -> str:
    is_option = parameter.opts[0].startswith("-")
    value = "" if getattr(parameter, "is_flag", False) else (parameter.metavar or parameter.name.upper())
    name = f"{parameter.opts[0]} {value}".strip() if is_option else value + "..." * (parameter.nargs == -1)
    if parameter.required:
        without = "an error"
    else:
        has_default = parameter.default not in {None, False, (), ""}
        without = f"`{parameter.default}`" if has_default else ""
    return f"| `{name}` | {without} | {parameter.help or ''} |"
