"""Arguments that several commands have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Collection


def entity(name: str | None) -> str | None:
    """Return the name of an entity. Raises: typer.BadParameter."""
    from gamelake.registry import load_registry

    known: Collection[str] = load_registry()
    if name is not None and name not in known:
        raise typer.BadParameter(f"found {name!r}, expected one of {', '.join(known)}")
    return name


def korean_day(text: str | None) -> str | None:
    """Return a Korean day as YYYY-MM-DD. Raises: typer.BadParameter."""
    from gamelake.days import PartitionError, format_day, parse_day

    try:
        return None if text is None else format_day(parse_day(text))
    except PartitionError as error:
        raise typer.BadParameter(str(error)) from error
