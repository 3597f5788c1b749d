"""The small lake committed to a store by the product's own code, as loads leave it."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Draft, Mode, Part
from gamelake.lake.table import Table
from gamelake.registry import load_sources
from tests.support.raw_lake import Lake, rows_in

if TYPE_CHECKING:
    from gamelake.lake.store import Store


def commit_lake(store: Store, lake: Lake) -> None:
    """Put every part of a lake into a store, and commit every entity."""
    figures = {source["entity"]: source for source in lake.inputs()["sources"]}
    for entity in load_sources()["igdb"].entities:
        files = tuple(put(store, entity, lake.root, file) for file in lake.files[entity])
        commit(store, entity, files, figures[entity], date.fromisoformat(lake.day))


def put(store: Store, entity: str, root: Path, file: dict[str, Any]) -> Part:
    path, ids = Path(file["url"]), [row["id"] for row in rows_in(file)]
    data, key = path.read_bytes(), path.relative_to(root).as_posix()
    store.put(key, data)
    return Part(
        key=key,
        partition=file["partition"],
        rows=file["rows"],
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        min_id=min(ids, default=None),
        max_id=max(ids, default=None),
        max_updated_at=None,
        claims=tuple(IdRange(**claim) for claim in file["claims"]),
    )


def commit(store: Store, entity: str, files: tuple[Part, ...], figures: dict[str, Any], day: date) -> None:
    draft = Draft(
        run_id="run",
        partition=day.isoformat(),
        mode=Mode.FULL,
        cursor=None,
        source_count=figures["source_count"],
        row_count=figures["row_count"],
        files=files,
    )
    Table(store, TableName("igdb", entity)).commit(lambda _: draft)
