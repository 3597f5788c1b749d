"""Commits of made-up parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gamelake.lake.manifest import Draft, File, Manifest, Mode, Table, merge_files

if TYPE_CHECKING:
    pass

MakeFile = Callable[..., File]


def draft(*files: File, **changes: Any) -> Draft:
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


def commit(table: Table, *files: File, **changes: Any) -> Manifest:
    """Append files to what the table has."""

    def build(newest: Manifest | None) -> Draft:
        return draft(*merge_files(newest.files if newest else (), files), **changes)

    return table.commit(build)
