"""Fields that every row of an earlier load lacks, and that the source sends again.

A load of changes does not read those rows again: they would lack the field until the next load of the whole table.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import orjson

from gamelake.lake.rows import read_rows

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store
    from gamelake.registry import Entity

_LEAST_ROWS = 20
"""Rows that have the field now, and rows of the earlier load that should have it: fewer may lack it by chance."""
_LEAST_SHARE = 0.1
"""The share of the rows that have the field now: one night may have no row with a rare field."""


class MissingFieldsError(Exception):
    """Rows of an earlier load lack fields that the source sends again: all rows must be read.

    Args:
        table: The table.
        folder: Where the parts of that load are, such as `dt=2026-11-21/<run>`.
        fields: The fields.
    """

    def __init__(self, table: object, folder: str, fields: tuple[str, ...]) -> None:
        super().__init__(
            f"{table}: no row in {folder} has {', '.join(fields)}, which the source sends now. "
            "The whole table is read again"
        )
        self.fields = fields


def fields_of(line: bytes) -> Iterator[str]:
    """Yield the fields of a row that have a value."""
    return (name for name, value in orjson.loads(line).items() if value is not None)


def check_fields(store: Store, entity: Entity, base: Manifest, *, rows: int, filled: Counter[str]) -> None:
    """Compare the fields that changed rows have with those of the loads in the commit below.

    Of each of those loads as many rows are read as it takes to find every field; these are few.

    Args:
        store: Where the lake is.
        entity: The entity of the table.
        base: The commit below.
        rows: How many rows have changed.
        filled: Of them, those that have a value, by field.

    Raises:
        MissingFieldsError: No row of one of those loads has some of the fields.
        DamagedPartError: A part is damaged.
        StoreError: The store failed.
    """
    usual = {name for name in entity.fields if filled[name] >= max(_LEAST_ROWS, _LEAST_SHARE * rows)}
    loads = groupby(base.files, key=lambda part: part.key.removeprefix(base.table.prefix).rpartition("/")[0])
    for folder, parts in loads:
        if "/events__" in folder:  # a load reads the rows of events again
            continue
        files = list(parts)
        times_as_many = sum(part.rows for part in files) / max(1, rows)
        missing = {name for name in usual if filled[name] * times_as_many >= _LEAST_ROWS}
        for line in (line for part in files for _, line in read_rows(store, part)):
            if not missing:
                break
            missing.difference_update(fields_of(line))
        if missing:
            raise MissingFieldsError(entity, folder, tuple(sorted(missing)))
