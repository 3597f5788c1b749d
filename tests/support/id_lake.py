"""Commits of rows that are only ids, and builds of them that write their files without dbt."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb

from gamelake.kinds import Kind
from gamelake.lake.claims import merge_parts
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.table import Table
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import read
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.history import written_key
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from pathlib import Path

REGISTRY = load_sources()["igdb"].entities
GENRES, THEMES, POPSCORE = REGISTRY["genres"], REGISTRY["themes"], REGISTRY["popscore"]
DAY = date(2026, 11, 21)
GAMES = {"dim_games": "marts/dim_games.parquet"}


def commit(store: Any, tmp_path: Path, entity: Any, partition: Any, ids: Any) -> None:
    """Commit a load; that of a time series beside those of other days."""
    is_series = entity.kind is Kind.TIME_SERIES
    fields = ', "game_id": %d, "popularity_type": 3, "value": 0.5' if is_series else ""
    lines = [f'{{"id": {i}{fields.replace("%d", str(i))}}}\n'.encode() for i in ids]
    run = LoadRun(entity.table, partition, f"run-{partition}-{len(ids)}")
    with PartStage(store, run, scratch=tmp_path / "scratch") as stage:
        stage.add(Rows(b"".join(lines), list(ids), None), IdRange(0, None))
        files = stage.finish()
    Table(store, entity.table).commit(
        lambda newest: Draft(
            run_id=f"run-{partition}",
            partition=partition,
            mode=Mode.SNAPSHOT,
            cursor=None,
            source_count=len(ids),
            row_count=len(ids),
            files=merge_parts(newest.files if newest else (), files, per_partition=is_series),
        )
    )


def commit_day(store: Any, tmp_path: Path, partition: Any, ids: Any) -> None:
    commit(store, tmp_path, POPSCORE, partition, ids)


def write_mart(store: Any, generation: Any, name: Any, rows: int) -> None:
    path = store.url(f"{generation}/{name}.parquet")
    duckdb.sql(f"copy (select * from range({rows})) to '{path}' (format parquet)")


def inputs_of(store: Any, generation: Any) -> Any:
    return read(store, f"{generation}/_inputs.json", Inputs)


def write_day(store: Any, generation: Any, day: Any, rows: int) -> None:
    notes = "kv_metadata {current_rows: '5', superseded_rows: '1', voided_rows: '2'}"
    path = store.url(written_key(generation, day.day))
    duckdb.sql(f"copy (select * from range({rows})) to '{path}' (format parquet, {notes})")


def build_and_publish(store: Any, day: Any, run_id: Any = "r", rows: int = 3) -> Any:
    """A build of one mart and of the days that are not built. Returns: the generation, and the days that it built."""
    generation = open_generation(store, [POPSCORE], day=day, run_id=run_id)
    write_mart(store, generation, "dim_games", 1)
    new = [each for each in inputs_of(store, generation).days if not each.is_built]
    for each in new:
        write_day(store, generation, each, rows)
    publish(store, generation, GAMES)
    return generation, [str(each.day) for each in new]
