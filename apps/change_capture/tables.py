"""The tables of PostgreSQL that a source of the registry names, and which of their columns is the key. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamelake.fields import RegistryError
from gamelake.kinds import SourceKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.lake.keys import TableName
    from gamelake.registry import Source


@dataclass(frozen=True, slots=True)
class CapturedTable:
    """A table of PostgreSQL.

    Attributes:
        name: Its name in the lake.
        schema: Its schema in PostgreSQL.
        table: Its name in PostgreSQL.
        key: The integer column that is its primary key.
        fields: The columns that the registry declares.
    """

    name: TableName
    schema: str
    table: str
    key: str
    fields: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


def captured_source(sources: Mapping[str, Source], name: str | None) -> Source:
    """Return the source to capture.

    Args:
        sources: The registry.
        name: Its name. None: the only one.

    Raises:
        RegistryError: There is no such source, or there are several.
    """
    kind = SourceKind.DEBEZIUM
    known = {each.name: each for each in sources.values() if each.kind is kind}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        found = ", ".join(known) or "none"
        raise RegistryError(
            "--source", found, f"one source of the kind {SourceKind.DEBEZIUM}; name it: --source=<name>"
        )
    if name not in known:
        raise RegistryError("--source", name, f"a source of the kind {kind}: {', '.join(known) or 'there is none'}")
    return known[name]


def captured_tables(source: Source) -> tuple[CapturedTable, ...]:
    """Return the tables of a source, in the order of the registry."""
    tables = []
    for entity in source.entities.values():
        schema, table = entity.options["table"].split(".")  # as the registry has checked
        tables.append(CapturedTable(entity.table, schema, table, entity.options["key"], frozenset(entity.fields)))
    return tuple(tables)
