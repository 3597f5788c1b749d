"""Commits of small rows for the tests of the change feed, by the product's own parts and claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gamelake.lake.claims import merge_parts
from gamelake.lake.id_ranges import ALL_IDS, IdRange
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import Draft, Manifest, Mode
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.table import Table
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from gamelake.lake.store import Store

    Row = dict[str, Any]
    Staged = Sequence[tuple[Iterable[Row], IdRange | None]]

GAMES = load_sources()["igdb"].entities["games"]


def commit(
    store: Store, tmp_path: Path, staged: Staged, table: Mapping[int, Row], *, partition: str = "2026-11-21"
) -> Manifest:
    """Commit staged rows.

    Args:
        store: The lake.
        tmp_path: Where parts are written first.
        staged: Rows and the range that they claim, in the order in which they apply. None: these rows changed.
        table: The rows that the table has then.
        partition: What was loaded.
    """
    newest = Table(store, GAMES.table).latest()
    run_id = f"run-{newest.version + 1 if newest else 1}"
    with PartStage(store, LoadRun(GAMES.table, partition, run_id), scratch=tmp_path / "scratch") as stage:
        for rows, claim in staged:
            lines = [orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows]
            stage.add(Rows(b"".join(lines), [row["id"] for row in rows], None), claim)
        parts = stage.finish()
    return Table(store, GAMES.table).commit(
        lambda newest: Draft(
            run_id=run_id,
            partition=partition,
            mode=Mode.INCREMENTAL,
            cursor="1",
            source_count=len(table),
            row_count=len(table),
            files=merge_parts(newest.files if newest else (), parts),
        )
    )


def load_whole(store: Store, tmp_path: Path, *rows: Row, partition: str = "2026-11-21") -> Manifest:
    """Commit a table that has these rows."""
    return commit(store, tmp_path, [(rows, ALL_IDS)], {row["id"]: row for row in rows}, partition=partition)
