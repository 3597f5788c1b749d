"""Arguments that several commands have."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Collection

    from gamelake.lake.keys import TableName
    from gamelake.registry import Entity

SHOWN_ROWS = 50
"""Rows that a command shows to a person who states no limit; a program, which asks for JSON, gets all."""


def table(name: str | None) -> str | None:
    """Return the name of a table, such as igdb.games. Raises: typer.BadParameter."""
    return None if name is None else one_of(name, _entities())


def one_of(name: str, known: Collection[str]) -> str:
    """Return a name that is known. Raises: typer.BadParameter, which asks for a similar name."""
    if name in known:
        return name
    near = get_close_matches(name, known, n=1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    raise typer.BadParameter(f"found {name!r}, expected one of {', '.join(known)}{hint}")


def chosen_entity(name: str) -> Entity:
    """Return the entity of a table's name."""
    return _entities()[name]


def chosen_tables(name: str | None) -> list[TableName]:
    """Return the table of that name, or every table."""
    return [entity.table for text, entity in _entities().items() if name in {None, text}]


def korean_day(text: str | None) -> str | None:
    """Return a Korean day as YYYY-MM-DD. Raises: typer.BadParameter."""
    from gamelake.days import PartitionError, format_day, parse_day

    try:
        return None if text is None else format_day(parse_day(text))
    except PartitionError as error:
        raise typer.BadParameter(f"found {error.found!r}, expected {error.expected}") from error


def _entities() -> dict[str, Entity]:
    from gamelake.registry import load_entities

    return {str(entity): entity for entity in load_entities()}
