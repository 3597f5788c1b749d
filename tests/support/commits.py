"""Commits of invented files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gamelake.lake.claims import merge_parts
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import Draft, Manifest, Mode, Part
from gamelake.lake.table import Table

MakeFile = Callable[..., Part]


def make_part(
    key: str = "part-00000.jsonl.gz",
    ids: tuple[int, int] | None = (0, 9),
    claims: tuple[tuple[int, int | None], ...] = (),
    partition: str = "2026-11-21",
    entity: str = "games",
    **other: object,
) -> Part:
    """Return a file of a manifest; fields that are not given have plausible values."""
    low, high = ids or (None, None)
    fields: dict[str, Any] = {
        "key": f"raw/igdb/{entity}/dt={partition}/run/{key}",
        "partition": partition,
        "rows": 0 if ids is None else 1 if ids[0] == ids[1] else 2,
        "bytes": 100,
        "sha256": "ab" * 32,
        "min_id": low,
        "max_id": high,
        "max_updated_at": None,
        "claims": tuple(IdRange(*claim) for claim in claims),
    }
    return Part(**fields | other)


def draft(*files: Part, **changes: Any) -> Draft:
    fields: dict[str, Any] = {
        "run_id": "manual_1",
        "partition": "2026-11-21",
        "mode": Mode.FULL,
        "cursor": "1763700000",
        "source_count": sum(file.rows for file in files),
        "row_count": sum(file.rows for file in files),
        "files": files,
    }
    return Draft(**fields | changes)


def commit(table: Table, *files: Part, **changes: Any) -> Manifest:
    """Append files to what the table has."""

    def build(newest: Manifest | None) -> Draft:
        return draft(*merge_parts(newest.files if newest else (), files), **changes)

    return table.commit(build)
