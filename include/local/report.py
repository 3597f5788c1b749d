"""What a run tells at its end: the marts, what changed since the run before, and where everything is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from include.lake.querying import connect, literal
from include.lake.store import lake_location
from include.stores import connected_store
from include.transform import pointer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from include.lake.store import Store

SAMPLES = {
    "mart_top_rated": "game_name, round(weighted_rating, 1) as rating, aggregated_rating_count as votes, genre_names",
    "mart_trending_now": "game_name, playing_percentile, played_percentile, genre_names",
}
"""The marts whose first rows are shown, and the columns that fit a terminal."""


def marts() -> dict[str, Any] | None:
    """The published marts: the pointer's document, or None before the first publication."""
    return pointer.current(connected_store())


def load_line(load: dict[str, Any]) -> str:
    """One load in one line."""
    unproven = f", {len(load['unproven'])} id ranges unproven" if load.get("unproven") else ""
    repaired = f", {load['repaired_ranges']} id ranges mended" if load["repaired_ranges"] else ""
    return (
        f"{load['entity']:<20} {load['mode']:<12} {load['rows']:>8,} rows read, {load['row_count']:>8,} in the table, "
        f"{load['requests']:>4} requests, {load['seconds']:>6.1f} s{repaired}{unproven}"
    )


def write(
    terminal: TextIO, loads: Sequence[dict[str, Any]], before: dict[str, Any] | None, *, seconds: float, log: Path
) -> None:
    """Write the summary of a run, given its loads and the marts as they were published before it."""

    def say(line: str = "") -> None:
        print(line, file=terminal, flush=True)

    after = marts()
    if after is None:
        say("No marts were published.")
        return
    requests = sum(load["requests"] for load in loads)
    rows = sum(load["rows"] for load in loads)
    say(f"\n{after['day']}: {rows:,} rows in {requests} requests; everything took {seconds:.0f} s\n")
    say(_table(["mart", "rows", *(["before"] if before else []), "KB"], _mart_rows(after, before)))
    store = connected_store()
    with connect(store) as connection:
        if before and before["generation"] != after["generation"]:
            say(f"\nChanged since {before['day']}:")
            for line in _changes(connection, store, before, after):
                say(f"  {line}")
        for name, columns in SAMPLES.items():
            say(f"\n{name}")
            say(_sample(connection, store, after, name, columns))
    place = lake_location()
    say(f"\nlake    {place}\nmarts   {place}/{after['generation']}\nlog     {log}")
    say("\nNext: `make run` again for the next day, `make up` for Airflow's web UI, `make test` for the tests.")


def _mart_rows(after: dict[str, Any], before: dict[str, Any] | None) -> list[list[str]]:
    earlier = {mart["name"]: mart["rows"] for mart in before["marts"]} if before else {}
    return [
        [
            mart["name"],
            f"{mart['rows']:,}",
            *([f"{earlier.get(mart['name'], 0):,}"] if before else []),
            f"{mart['bytes'] / 1024:,.0f}",
        ]
        for mart in after["marts"]
    ]


def _changes(connection: DuckDBPyConnection, store: Store, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What is new, gone and different in `dim_games`, and whose popularity moved."""
    old, new = _relation(store, before, "dim_games"), _relation(store, after, "dim_games")
    query = f"""
        select
            count(*) filter (o.game_id is null),
            count(*) filter (n.game_id is null),
            count(*) filter (n.updated_at <> o.updated_at),
            count(*) filter (n.updated_at = o.updated_at and n.platform_names <> o.platform_names)
        from {new} as n full join {old} as o on n.game_id = o.game_id"""  # noqa: S608 - the files are our own
    added, gone, changed, renamed = connection.sql(query).fetchone() or (0, 0, 0, 0)
    popularity = f"""
        select count(*) from {_relation(store, after, "fct_game_popularity")} as n
        join {_relation(store, before, "fct_game_popularity")} as o using (game_id)
        where n.igdb_total_engagement is distinct from o.igdb_total_engagement"""  # noqa: S608
    (moved,) = connection.sql(popularity).fetchone() or (0,)
    lines = [f"games: {added:,} new, {gone:,} gone, {changed:,} changed", f"popularity: {moved:,} games moved"]
    if renamed:
        lines.append(f"platforms: {renamed:,} games that did not change show a platform's new name")
    return lines


def _sample(connection: DuckDBPyConnection, store: Store, pointer: dict[str, Any], name: str, columns: str) -> str:
    rows = connection.sql(f"select {columns} from {_relation(store, pointer, name)} limit 5")  # noqa: S608 - as above
    return _table(rows.columns, [[_cell(value) for value in row] for row in rows.fetchall()])


def _relation(store: Store, pointer: dict[str, Any], name: str) -> str:
    """A mart as DuckDB reads it."""
    return f"read_parquet({literal(store.url(pointer['generation']) + f'/{name}.parquet')})"


def _cell(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 48 else text[:47] + "…"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
