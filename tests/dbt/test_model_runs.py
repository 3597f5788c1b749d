"""What the models of a build cost, from DuckDB's profile to fct_model_runs of the days after it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec

from gamelake.lake.factory import open_store
from gamelake.marts import build_results, profiles

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.dbt import Dbt
    from tests.support.raw_lake import Lake

MODELS = ("+fct_model_runs", "stg_igdb__genres")
SELECTION = ("-s", *MODELS, "--indirect-selection", "cautious", "--exclude-resource-type", "unit_test")


def build(dbt: Dbt, lake: Lake, day: str, before: Path | None) -> Path:
    """Build a day, and leave what the task of dbt leaves. Returns: the generation."""
    lake.day = day
    lake.add("genres", [{"id": n, "name": f"Genre {n}"} for n in range(1, 2001)])
    if before:
        lake.previous = {"fct_model_runs": str(before / "fct_model_runs.parquet")}
    generation = lake.generation()
    store = open_store(lake.root.as_uri())
    since = date.fromisoformat(before.parent.name.removeprefix("dt=")) if before else None
    inputs: dict[str, Any] = lake.inputs()
    inputs["model_runs"] = msgspec.to_builtins(list(build_results.runs_between(store, since, date.fromisoformat(day))))
    (generation / "_inputs.json").write_text(json.dumps(inputs))
    done = dbt("build", *SELECTION, generation=generation)
    assert done.success, done.messages
    found = profiles.read(dbt.folder)
    results = [
        {"unique_id": node, "status": done.statuses[node.split(".")[2]], "execution_time": 0.1}
        for node in found
        if not node.startswith("operation.")
    ]
    build_results.keep(store, str(generation.relative_to(lake.root)), 1, results, found, at=datetime.now(UTC))
    return generation


def test_the_mart_has_each_build_of_the_days_before(dbt: Dbt, lake: Lake) -> None:
    days = ("2026-11-18", "2026-11-20", "2026-11-21")
    generation = None
    for day in days:
        generation = build(dbt, lake, day, generation)
    runs = duckdb.sql(f"from '{generation}/fct_model_runs.parquet'")
    assert runs.aggregate("list(distinct day::varchar order by day::varchar)").fetchone() == (list(days[:2]),)
    columns = "rows, bytes_read > 10000, cpu_seconds > 0, memory_bytes > 0, spilled_bytes, status"
    staged = runs.filter("name = 'stg_igdb__genres'").order("day").project(columns)
    assert staged.fetchall() == [(2000, True, True, True, 0, "success")] * 2
    test = runs.filter("kind = 'test'").project("status, rows, cpu_seconds > 0, memory_bytes").distinct()
    assert test.fetchall() == [("pass", None, True, None)]
    view = runs.filter("name = 'stg_run'").project("rows, memory_bytes").distinct()
    assert view.fetchall() == [(None, None)]


def test_the_plan_is_that_of_the_statement_that_wrote_the_rows(dbt: Dbt, lake: Lake) -> None:
    build(dbt, lake, "2026-11-21", None)
    found = profiles.read(dbt.folder)
    plan = found["model.gamelake.stg_igdb__genres"].operators
    assert (plan[0].name, plan[0].depth) == ("CREATE_TABLE_AS", 0)
    assert [each.depth for each in plan[:2]] == [0, 1]
    assert "READ_JSON" in {each.name for each in plan}
    assert found["model.gamelake.fct_model_runs"].operators[0].name == "COPY_TO_FILE"
    assert found["model.gamelake.stg_run"].operators == ()

    with (dbt.folder / profiles.FILE).open("ab") as file:
        file.write(b'{"node": "model.gamelake.dim_ga')
    assert profiles.read(dbt.folder) == found, "dbt was killed"
