"""The marts of made-up popularity, by the project's own SQL: compiled by dbt, run by DuckDB for many small worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from tests.reckoning.games import World
    from tests.support.dbt import Dbt

Row = dict[str, Any]

MODELS = (
    "fct_game_popularity_daily",
    "int_popularity_bases",
    "int_popularity_changes",
    "fct_game_popularity",
    "int_game_ratings",
    "mart_rising_stars",
    "mart_most_played",
    "mart_trending_now",
    "mart_hidden_gems",
)
INPUTS = """
create table stg_run (day date);
create table stg_loads (source varchar, entity varchar, newest_day date);
create table stg_popularity_days (day date);
create table stg_previous_ranks (mart varchar, key varchar, rank bigint, day date);
create table stg_igdb__popscore_day (
    id bigint, game_id bigint, popularity_type bigint, value double, calculated_at timestamp, day date,
    is_usable boolean
);
"""
FILL_GAMES = """
insert into dim_games by name
select unnest($1::bigint[]) as game_id, unnest($1::bigint[]) as original_game_id, true as is_main_game
"""
FILL_VALUES = """
insert into stg_igdb__popscore_day by name
select
    unnest($1::bigint[]) as id, unnest($2::bigint[]) as game_id, unnest($3::bigint[]) as popularity_type,
    unnest($4::double[]) as value, unnest($5::date[]) as day, true as is_usable
"""


class SqlMarts:
    """Computes the models above, and what they read of the dimensions and of popularity is made up."""

    def __init__(self, dbt: Dbt) -> None:
        done = dbt("compile", "--no-print", "-s", *MODELS, generation=None)
        assert done.success, done.error
        compiled = {path.stem: path for path in (dbt.folder / "compiled").rglob("*.sql")}
        self._sql = {model: compiled[model].read_text("utf-8") for model in MODELS}
        games = dbt.parse().nodes["model.gamelake.dim_games"]
        columns = ", ".join(f"{name} {column.data_type}" for name, column in games.columns.items())
        self._tables = f"{INPUTS} create table dim_games ({columns});"

    def __call__(self, world: World) -> dict[str, list[Row]]:
        """Return the rows of each model, in the order of their ranks. Every game of the world is a main game."""
        values = [
            (row["id"], row["game_id"], row["popularity_type"], row["value"], day)
            for day, rows in world.popularity.items()
            for row in rows
        ]
        with duckdb.connect() as connection:
            connection.execute("set threads = 1; attach ':memory:' as gamelake; use gamelake")
            connection.execute(self._tables)
            connection.execute("insert into stg_run values ($1)", [world.day])
            connection.execute("insert into stg_loads values ('igdb', 'popscore', $1)", [world.day])
            connection.execute("insert into stg_popularity_days select unnest($1)", [list(world.popularity)])
            connection.execute(FILL_GAMES, [[row["id"] for row in world.rows["games"]]])
            connection.execute(FILL_VALUES, [list(column) for column in zip(*values, strict=True)])
            for model, query in self._sql.items():
                connection.execute(f"create table {model} as {query}")
            return {model: _rows(connection, model) for model in MODELS if model.startswith("mart_")}


def _rows(connection: duckdb.DuckDBPyConnection, mart: str) -> list[Row]:
    found = connection.sql(f"from {mart} order by rank")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
