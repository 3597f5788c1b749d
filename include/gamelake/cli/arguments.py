"""Arguments that several commands have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from gamelake.lake.keys import TableName
    from gamelake.registry import Entity

SHOWN_ROWS = 50
"""Rows that a command shows to a person who states no limit; a program, which asks for JSON, gets all."""


def table(name: str | None) -> str | None:
    """Return the name of a table, such as igdb.games. Raises: typer.BadParameter."""
    known = _entities()
    if name is not None and name not in known:
        raise typer.BadParameter(f"found {name!r}, expected one of {', '.join(known)}")
    return name


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
        raise typer.BadParameter(str(error)) from error


def _entities() -> dict[str, Entity]:
    from gamelake.registry import load_entities

    return {str(entity): entity for entity in load_entities()}
