"""What a plan tells: the costly operator, hints, and the difference of two builds. The plans are DuckDB's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import duckdb
import pytest

from gamelake.marts import plans, profiles
from gamelake.marts.documents import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Plan = tuple[Operator, ...]


class Models:
    """A database and a profiler of it, told of queries as dbt tells of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = duckdb.connect(str(folder / "gamelake.duckdb"), config={"threads": 1})
        self.connection.execute("set preserve_insertion_order = false")
        self.profiler = profiles.Profiler(folder / profiles.FILE, is_local=True)

    def build(self, model: str, *statements: str) -> profiles.Profile:
        node = f"model.gamelake.{model}"
        self.tell("NodeStart", node)
        self.profiler.watch(self.connection)
        for statement in statements:
            self.connection.execute(statement)
            self.tell("SQLQueryStatus", node)
        self.tell("NodeFinished", node)
        return profiles.read(self.folder)[node]

    def tell(self, event: str, node: str) -> None:
        data = SimpleNamespace(node_info=SimpleNamespace(unique_id=node))
        self.profiler(SimpleNamespace(info=SimpleNamespace(name=event), data=data))


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Models]:
    found = Models(tmp_path)
    yield found
    found.connection.close()


def wide(models: Models, rows: int) -> None:
    """A file of so many rows, whose `kind` is in no order."""
    models.build(
        "wide",
        "copy (select range as id, hash(range) % 100 as kind, repeat('x', 20) || hash(range) as name "
        f"from range({rows})) to '{models.folder}/wide.parquet' (row_group_size 32768)",
    )


def test_the_longest_statement_that_writes_rows_is_profiled(models: Models) -> None:
    wide(models, 300_000)
    found = models.build(
        "small",
        "create table small as select kind, count(*) as games from "
        f"(from '{models.folder}/wide.parquet' where kind >= 50) group by kind",
        "create table notes as select 1 as note",
        "select count(*) from range(3000000)",
    )
    assert (found.rows, found.spilled_bytes) == (50, 0)
    assert found.bytes_read is not None
    assert found.bytes_read > 100_000
    assert found.cpu_seconds > 0
    (scan,) = (each for each in found.operators if each.rows_scanned)
    assert (plans.named(scan), scan.rows_scanned) == ("PARQUET_SCAN of wide", 300_000)
    assert "kind>=50" in scan.detail


def test_a_view_and_a_model_of_another_engine_have_no_plan(models: Models) -> None:
    assert models.build("view", "create view v as select 1 as id").operators == ()
    assert models.build("nothing").operators == ()
    assert plans.costly(()) is None
    assert plans.hints(()) == []


def test_a_profile_that_cannot_be_taken_fails_no_build(
    models: Models, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node = "model.gamelake.dim_games"
    models.tell("NodeStart", node)
    models.profiler.watch(models.connection)
    models.connection.close()  # as when DuckDB gave up the database
    models.tell("SQLQueryStatus", node)
    models.tell("NodeFinished", node)
    assert profiles.read(tmp_path)[node].operators == ()
    assert "a node has no profile: ConnectionException" in caplog.text


def test_missing_pruning_is_hinted(models: Models) -> None:
    wide(models, 400_000)
    file = f"{models.folder}/wide.parquet"
    unordered = models.build("unordered", f"create table u as select * from '{file}' where kind = 7").operators
    assert ["missing pruning" in each for each in plans.hints(unordered)] == [True]
    most = models.build("most", f"create table m as select * from '{file}' where kind > 7").operators
    assert plans.hints(most) == []


def test_a_join_without_equality_is_hinted(models: Models) -> None:
    pairs = models.build(
        "pairs",
        "create table pairs as select a.range as a, b.range as b from range(3000) as a "
        "join range(2000) as b on (a.range + b.range) % 7 = 0",
    ).operators
    (hint,) = plans.hints(pairs)
    assert "compares rows without an equality" in hint


def test_a_spilled_sort_is_hinted(models: Models) -> None:
    models.connection.execute("set memory_limit = '60MB'")
    models.connection.execute(f"set temp_directory = '{models.folder}/spilled'")
    found = models.build(
        "sorted",
        f"copy (select repeat('x', 50) || hash(range) as name, range as id from range(500000) order by name) "
        f"to '{models.folder}/sorted.parquet'",
    )
    assert found.spilled_bytes
    hints = plans.hints(found.operators, spilled_bytes=found.spilled_bytes)
    assert any("spilled to disk" in each and "GAMELAKE_DUCKDB_MEMORY" in each for each in hints)


def test_the_difference_of_two_builds_is_found_in_their_own_plans(models: Models) -> None:
    def kinds(table: str) -> Plan:
        sorted_by = f"select * from '{models.folder}/wide.parquet' order by name"
        return models.build(table, f"create table {table} as {sorted_by}").operators

    wide(models, 5_000)
    few = kinds("few")
    wide(models, 300_000)
    found = plans.difference(kinds("many"), few)
    assert found.kind in {"more_read", "more_returned"}
    assert found.operator in {"PARQUET_SCAN of wide", "ORDER_BY", "CREATE_TABLE_AS"}
    assert found.seconds > found.usual_seconds


def test_the_difference_names_the_operator_and_its_rows() -> None:
    usual = (
        Operator(depth=0, name="COPY_TO_FILE", rows=1, seconds=0.1),
        Operator(depth=1, name="READ_PARQUET", target="dim_games", rows=10, rows_scanned=1000, seconds=0.5),
        Operator(depth=1, name="HASH_JOIN", detail="Conditions: id = id", rows=1000, seconds=0.2),
    )
    more = (usual[0], _with(usual[1], rows_scanned=12_000, seconds=6.0), usual[2])
    assert plans.difference(more, usual) == ("more_read", "READ_PARQUET of dim_games", 6.0, 0.5, 12_000, 1_000)
    slower = (usual[0], usual[1], _with(usual[2], seconds=3.0))
    assert plans.difference(slower, usual) == ("same_rows", "HASH_JOIN", 3.0, 0.2, 1_000, 1_000)
    other = (usual[0], usual[1], Operator(depth=1, name="NESTED_LOOP_JOIN", rows=9, seconds=4.0))
    assert plans.difference(other, usual) == ("new", "NESTED_LOOP_JOIN", 4.0, 0.0, 9, 0)
    assert plans.difference(usual, usual).kind == "elsewhere"
    assert plans.difference((), usual).kind == "elsewhere"


def _with(operator: Operator, rows_scanned: int = 0, seconds: float = 0.0) -> Operator:
    return Operator(
        depth=operator.depth,
        name=operator.name,
        target=operator.target,
        detail=operator.detail,
        rows=operator.rows,
        rows_scanned=rows_scanned or operator.rows_scanned,
        seconds=seconds,
    )
