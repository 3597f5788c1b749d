"""Checks a past day of popularity as the tests of dbt/models/staging/igdb/stg_igdb__popscore.yml check the newest one.

How much a test lets through is declared there only: the limits are read from dbt's manifest.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gamelake.marts import dbt_project
from gamelake.marts.parts_on_disk import UnreadableError, current_rows, fetch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from gamelake.lake.manifest import File
    from gamelake.lake.store import ReadableStore

PARENTS = {"igdb.games": "game_id", "igdb.popularity_types": "popularity_type"}
"""What a value refers to, by which column."""

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

# By a test's kind and what it is about: the failures, of how many, in words.
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
        f"{_ROWS} where game_id not in (from games)",
        "select count(game_id) from current_rows",
        "{} of its {} rows name no known game",
    ),
    ("references_known", "popularity_type"): (
        f"{_ROWS} where popularity_type not in (from popularity_types)",
        "select count(popularity_type) from current_rows",
        "{} of its {} rows name no known type",
    ),
}


def limits(manifest: Path = dbt_project.MANIFEST) -> dict[tuple[str, str], tuple[str, float]]:
    """Return the tests of stg_igdb__popscore with a tolerance: by kind and subject, name and share of rows."""
    found = {}
    for node in json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values():
        if node["resource_type"] == "test" and node.get("attached_node") == "model.gamelake.stg_igdb__popscore":
            share = re.match(r"> 1 \+ ([\d.e-]+) \* ", node["config"]["error_if"])
            if share:
                arguments = node["test_metadata"]["kwargs"]
                about = node["column_name"] or arguments.get("condition") or ", ".join(arguments["columns"])
                found[node["test_metadata"]["name"], about] = node["name"], float(share[1])
    return found


class Checks:
    """The checks of the days of one build. Parts are copied below `folder`; what values refer to is read once."""

    def __init__(self, store: ReadableStore, tables: Mapping[str, Sequence[File]], folder: Path) -> None:
        self._store, self._tables, self._folder = store, tables, folder
        self._known: dict[str, str | None] = {}
        self._limits = limits()

    def why_not(self, files: Sequence[File]) -> str | None:
        """Why a day of these parts cannot be built, in words; None if nothing is wrong. Raises: StoreError."""
        import duckdb  # the DAG processor reads what imports this module, and needs no database

        with (
            tempfile.TemporaryDirectory(dir=self._folder) as folder,
            duckdb.connect(config={"memory_limit": "500MB", "temp_directory": folder}) as database,
        ):
            try:
                found = current_rows(database, files, fetch(self._store, files, Path(folder)), _POPSCORE)
            except UnreadableError as error:
                return str(error)
            if found != (expected := sum(file.rows for file in files)):
                return f"its parts have {found} rows, the manifest says {expected}"
            return self._failed_test(database)

    def _failed_test(self, database: duckdb.DuckDBPyConnection) -> str | None:
        """Of the day whose rows are in the table current_rows."""
        without = set()
        for table, subject in PARENTS.items():
            if known := self._known_ids(table):
                view = table.rpartition(".")[2]
                database.execute(f"create view {view} as from read_parquet({_quoted(known)})")
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
                    current_rows(database, files, fetch(self._store, files, Path(folder)), {"id": "bigint"})
                except UnreadableError:
                    self._known[table] = None
                else:
                    database.table("current_rows").select("id").write_parquet(path)
                    self._known[table] = path
        return self._known[table]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
