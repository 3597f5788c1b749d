"""Checks a past day of popularity as dbt's tests of the staging model check the newest one.

Their limits, and the tables that values refer to, are declared in dbt only: they are read from its manifest.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gamelake.lake.months import Months
from gamelake.marts import dbt_project
from gamelake.marts.parts_on_disk import UnreadableError, current_rows, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

    from gamelake.lake.manifest import Part
    from gamelake.lake.store import ReadableStore

_POPSCORE = {
    "id": "bigint",
    "game_id": "bigint",
    "popularity_type": "bigint",
    "value": "double",
    "calculated_at": "bigint",
}

# As is_usable in dbt/macros/describe_popularity.sql, and the range of times in dbt/macros/types.sql.
_UNUSABLE = "not coalesce(game_id is not null and popularity_type is not null and abs(value) < 1e300, false)"
_OUT_OF_RANGE = "calculated_at not between -5364662400 and 7258118399"
_REPEATED = """
    select count(*) from (
        from current_rows select 1
        where game_id is not null and popularity_type is not null
        group by game_id, popularity_type having count(*) > 1
    )
"""

# As dbt/tests/generic/references_known.sql: rows may name one unknown id, or 1 % as many as the table has.
_DANGLING = """
    select case when count(distinct {column}) > max(few_ids) then count(*) else 0 end
    from current_rows
    cross join (select least(count(*), greatest(1, 0.01 * count(*))) as few_ids from {table}) as few
    where {column} not in (from {table})
"""

# By the kind of a test and its subject: the failures, the total, and a message.
_ROWS = "select count(*) from current_rows"
CHECKS = {
    ("rarely", "not is_usable"): (f"{_ROWS} where {_UNUSABLE}", _ROWS, "{} of its {} rows have no game, type or value"),
    ("rarely", "out_of_range_values > 0"): (
        f"{_ROWS} where {_OUT_OF_RANGE}",
        _ROWS,
        "{} of its {} rows have an impossible time",
    ),
    ("rarely_repeated", "game_id, popularity_type"): (
        _REPEATED,
        _ROWS,
        "{} games and types of its {} rows have more than one value",
    ),
    ("references_known", "game_id"): (
        _DANGLING.format(column="game_id", table="games"),
        "select count(game_id) from current_rows",
        "{} of its {} rows name no known game",
    ),
    ("references_known", "popularity_type"): (
        _DANGLING.format(column="popularity_type", table="popularity_types"),
        "select count(popularity_type) from current_rows",
        "{} of its {} rows name no known type",
    ),
}


def limits(manifest: Path = dbt_project.MANIFEST) -> dict[tuple[str, str], tuple[str, float]]:
    """Return the tests of a day's rows that have a tolerance: by kind and subject, name and share of rows."""
    found = {}
    for node in _tests(manifest):
        if share := re.match(r"> 1 \+ ([\d.e-]+) \* ", node["config"]["error_if"]):
            arguments = node["test_metadata"]["kwargs"]
            about = node["column_name"] or arguments.get("condition") or ", ".join(arguments["columns"])
            found[node["test_metadata"]["name"], about] = node["name"], float(share[1])
    return found


def parents(manifest: Path = dbt_project.MANIFEST) -> dict[str, str]:
    """Return the columns that refer to other tables, by the name of the table, such as `igdb.games`."""
    found = {}
    for node in _tests(manifest):
        if node["test_metadata"]["name"] == "references_known":
            model = re.search(r"stg_(\w+)__(\w+)", node["test_metadata"]["kwargs"]["to"])
            assert model is not None  # noqa: S101 - staging refers to staging only; the rules of the project check it
            found[f"{model[1]}.{model[2]}"] = node["column_name"]
    return found


def _tests(manifest: Path) -> Iterator[dict[str, Any]]:
    """Yield dbt's tests of the staging model of the table that the history is built from."""
    model = f"model.gamelake.stg_{dbt_project.history_model()[1].replace('.', '__')}"
    for node in json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values():
        if node["resource_type"] == "test" and node.get("attached_node") == model:
            yield node


class Checks:
    """The checks of the days of one build. Parts are copied below `folder`; each parent table is read once."""

    def __init__(
        self, store: ReadableStore, tables: Mapping[str, Sequence[Part]], folder: Path, months: Months
    ) -> None:
        self._store, self._tables, self._folder, self._months = store, tables, folder, months
        self._known: dict[str, str | None] = {}
        self._limits, self._parents = limits(), parents()

    def why_not(self, files: Sequence[Part]) -> str | None:
        """Return why a day of these parts cannot be built; None if it can. Raises: StoreError."""
        import duckdb  # the DAG processor reads what imports this module, and needs no database

        with (
            tempfile.TemporaryDirectory(dir=self._folder) as folder,
            duckdb.connect(config={"memory_limit": "500MB", "temp_directory": folder}) as database,
        ):
            try:
                paths = fetch(self._store, files, Path(folder), months=self._months)
                found = current_rows(database, files, paths, _POPSCORE)
            except UnreadableError as error:
                return str(error)
            if found != (expected := sum(file.rows for file in files)):
                return f"its parts have {found} rows, the manifest states {expected}"
            return self._failed_test(database)

    def _failed_test(self, database: duckdb.DuckDBPyConnection) -> str | None:
        """Return the test that the rows of the table current_rows fail, in words; None if they pass."""
        without = set()
        for table, subject in self._parents.items():
            if known := self._known_ids(table):
                view = table.rpartition(".")[2]
                read = f"read_parquet({_quoted(known)}, hive_partitioning = false)"
                database.execute(f"create view {view} as from {read}")
            else:
                without.add(("references_known", subject))
        for key, (name, share) in self._limits.items():
            if key in without:
                continue
            failures, total, words = CHECKS[key]
            (number,), (rows,) = (database.execute(query).fetchone() or (0,) for query in (failures, total))
            if number > 1 + share * rows:
                return f"{words.format(number, rows)}, more than {share:.1%}: it fails the test {name}"
        return None

    def _known_ids(self, table: str) -> str | None:
        """Return a file of the ids of a table in the build; None if it cannot be read, which fails this night."""
        import duckdb

        if table not in self._tables:
            return None
        if table not in self._known:
            files = self._tables[table]
            path = str(self._folder / f"{table}.parquet")
            with (
                tempfile.TemporaryDirectory(dir=self._folder) as folder,
                duckdb.connect(config={"memory_limit": "500MB", "temp_directory": folder}) as database,
            ):
                try:
                    paths = fetch(self._store, files, Path(folder), months=self._months)
                    current_rows(database, files, paths, {"id": "bigint"})
                except UnreadableError:
                    self._known[table] = None
                else:
                    database.table("current_rows").select("id").write_parquet(path)
                    self._known[table] = path
        return self._known[table]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
