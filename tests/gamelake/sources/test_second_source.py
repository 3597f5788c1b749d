"""A second source needs its folder and nothing else: the DAG factory, the operator and the dbt generator take it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from gamelake.airflow.load_dags import load_dag
from gamelake.codegen.dbt_sources import sources_yaml
from gamelake.days import Scheme, partition_bounds
from gamelake.lake.factory import open_store
from gamelake.lake.table import Table
from gamelake.registry import load_sources
from tests.support.load_tasks import only_task, run_load
from tests.support.second_source.server import PARTITION

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.second_source.server import Boardgames

ROWS = {row_id: {"id": row_id, "name": f"Game {row_id}", "rating": row_id / 2} for row_id in range(1, 251)}


def test_the_registry_has_both_sources(boardgames: Boardgames) -> None:
    assert load_sources().keys() >= {"boardgames", "igdb"}


@pytest.mark.parametrize("name", ["games", "designers"])
async def test_it_is_loaded_by_the_dag_factory_and_read_by_a_generated_dbt_source(
    name: str,
    boardgames: Boardgames,
    tmp_path: Path,
) -> None:
    boardgames.rows[name] = dict(ROWS)
    source = load_sources()["boardgames"]
    entity = source.entities[name]
    lake = (tmp_path / "lake").as_uri()
    dag = load_dag(source, entity, lake_uri=lake, full_refresh_weekday=0, doc_md="A test.")
    assert (dag.dag_id, "boardgames" in dag.tags) == (f"boardgames_{name}", True)
    task = only_task(dag)
    assert (task.pool, [asset.name for asset in task.outlets]) == ("boardgames_api", [f"raw_boardgames_{name}"])

    figures = await run_load(task, PARTITION)

    commit = Table(open_store(lake), entity.table).latest()
    assert commit is not None
    assert (commit.partition, commit.row_count, commit.source_count) == (PARTITION, len(ROWS), None)
    assert (figures["rows"], figures["source_count"]) == (len(ROWS), None)
    columns = columns_of(yaml.safe_load(sources_yaml(source)), name)
    assert list(columns) == list(entity.fields)
    files = [open_store(lake).url(file.key) for file in commit.files]
    found = duckdb.execute(f"select id, name from read_json($1, columns = {columns}) order by id", [files]).fetchall()
    assert found == [(row["id"], row["name"]) for row in ROWS.values()]


async def test_it_is_loaded_by_the_hour(boardgames: Boardgames, tmp_path: Path) -> None:
    source = replace(load_sources()["boardgames"], partition=Scheme.HOUR)
    entity = source.entities["designers"]
    lake = (tmp_path / "lake").as_uri()
    task = only_task(load_dag(source, entity, lake_uri=lake, full_refresh_weekday=0, doc_md="A test."))
    hours = [f"{PARTITION}T04", f"{PARTITION}T05"]
    for last, hour in enumerate(hours, start=1):
        boardgames.clock = partition_bounds(hour)[0]
        boardgames.rows["designers"] = {row_id: ROWS[row_id] for row_id in range(1, 10 + last)}
        await run_load(task, hour)
    table = Table(open_store(lake), entity.table)
    seen = {asked: table.as_of(asked) for asked in (f"{PARTITION}T03", *hours, PARTITION)}
    assert [commit and (commit.partition, commit.row_count) for commit in seen.values()] == [
        None, (hours[0], 10), (hours[1], 11), (hours[1], 11),
    ]  # fmt: skip


def columns_of(document: dict[str, Any], name: str) -> dict[str, str]:
    """The declared columns of one table of a generated `_sources.yml`."""
    (table,) = [table for source in document["sources"] for table in source["tables"] if table["name"] == name]
    return {column["name"]: column["data_type"] for column in table["columns"]}
