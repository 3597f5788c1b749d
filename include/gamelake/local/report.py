"""What a run tells at its end: the marts, what changed since the run before, and where everything is."""

from __future__ import annotations

import shlex
import textwrap
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from gamelake.airflow.stores import connected_store
from gamelake.days import KST
from gamelake.lake.disk import DiskStore
from gamelake.lake.factory import lake_location
from gamelake.marts.reader import Marts, NotPublishedError, open_marts
from gamelake.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.local.terminal import Terminal

SAMPLES = {
    "mart_top_rated": "display_name as game, round(weighted_rating, 1) as rating, aggregated_rating_count as votes, "
    "genre_names as genres",
    "mart_most_played": "display_name as game, playing_users as playing, played_users as played, genre_names as genres",
}
"""The marts whose first rows are shown, and the columns that fit a terminal."""


def marts() -> Marts | None:
    """Return the published marts, None before the first publication."""
    try:
        return open_marts(connected_store())
    except NotPublishedError:
        return None


def load_line(load: dict[str, Any]) -> str:
    """One load in one line."""
    notes = [
        counted(load["repaired_ranges"], "id range") + " read again" if load["repaired_ranges"] else "",
        f"{load['rejected']:,} rejected" if load["rejected"] else "",
        counted(len(load["unproven"]), "id range") + " unproven" if load["unproven"] else "",
    ]
    return ", ".join(
        [
            f"{load['entity']:<20} {load['mode']:<12} {load['rows']:>9,} rows read",
            f"{load['row_count']:>9,} in the table",
            f"{counted(load['requests'], 'request'):>12}",
            f"{load['seconds']:>6.1f} s",
            *filter(None, notes),
        ]
    )


def counted(number: int, thing: str) -> str:
    """Return a number of things, such as `1 request` and `1,200 requests`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def published_line(document: dict[str, Any]) -> str:
    """Return what readers have after `publish`, given what that task returned."""
    if not document["published"]:
        return str(document["reason"])
    at = datetime.fromisoformat(document["built_at"]).astimezone(KST)
    return f"Published {document['day']} at {at:%H:%M} Korean time (publication {document['publication']})."


def write(
    terminal: Terminal,
    loads: Sequence[dict[str, Any]],
    before: Marts | None,
    published: dict[str, Any],
    *,
    seconds: float,
    log: Path,
) -> None:
    """Write the summary of a run: its loads, the marts as they were before it, and what `publish` returned."""
    say = terminal.say
    say(f"\n{published_line(published)}")
    after = marts()
    if after is None:
        say("No marts were published.")
        return
    requests = sum(load["requests"] for load in loads)
    rows = sum(load["rows"] for load in loads)
    say(f"{rows:,} rows in {counted(requests, 'request')}; everything took {seconds:.0f} s.")
    say(f"Readers have {after.generation.day}:\n")
    stream = terminal.stream
    say(_table(["mart", "rows", *(["before"] if before else []), "KB"], _mart_rows(after, before), stream))
    with after:
        if before and before.generation.generation != after.generation.generation:
            say(f"\nChanged since {before.generation.day}:")
            for line in _changes(before, after):
                say(f"  {line}")
        for name, columns in SAMPLES.items():
            say(f"\n{name}")
            say(_table(*_sample(after, name, columns), stream))
    place = lake_location()
    say(f"\nlake   {place}\nmarts  {place}/marts/*.parquet and {place}/marts/marketing/*.parquet\nlog    {log}")
    say("\nNext: `make dashboard` to look at the marts, `make run` for the next day (the sandbox makes one up),")
    say("`make up` for Airflow's web UI, or a query:")
    say(f"  {_query(connected_store())}")


def _query(store: Store) -> str:
    """Return a first query of the marts, to be pasted into a shell."""
    if not isinstance(store, DiskStore):
        return "see docs/reference/data-model.md"
    code = f"import duckdb; duckdb.read_parquet({store.url('marts/marketing/mart_top_rated.parquet')!r}).show()"
    quoted = shlex.quote(code) if set(code) & set('"$`\\') else f'"{code}"'
    return f".venv/bin/python -c {quoted}"


def _mart_rows(after: Marts, before: Marts | None) -> list[list[str]]:
    earlier = {mart.name: mart.rows for mart in before.generation.marts} if before else {}
    return [
        [
            mart.name,
            f"{mart.rows:,}",
            *([f"{earlier.get(mart.name, 0):,}"] if before else []),
            f"{mart.bytes / 1024:,.0f}",
        ]
        for mart in after.generation.marts
    ]


def _changes(before: Marts, after: Marts) -> list[str]:
    """Return what is new, deleted and different in `dim_games`, and how many games have another popularity."""
    query = f"""
        select
            count(*) filter (o.game_id is null),
            count(*) filter (n.game_id is null),
            count(*) filter (n.updated_at <> o.updated_at),
            count(*) filter (n.updated_at = o.updated_at and n.platform_names <> o.platform_names)
        from {after.scan("dim_games")} as n full join {before.scan("dim_games")} as o on n.game_id = o.game_id"""  # noqa: S608 - the files are our own
    added, deleted, changed, renamed = after.connection.sql(query).fetchone() or (0, 0, 0, 0)
    popularity = f"""
        select count(*) from {after.scan("fct_game_popularity")} as n
        join {before.scan("fct_game_popularity")} as o using (game_id)
        where n.igdb_total_engagement is distinct from o.igdb_total_engagement"""  # noqa: S608
    (moved,) = after.connection.sql(popularity).fetchone() or (0,)
    lines = [f"games: {added:,} new, {deleted:,} deleted, {changed:,} changed", f"popularity: {moved:,} games moved"]
    if renamed:
        lines.append(f"platforms: {renamed:,} games that did not change show a platform's new name")
    return lines


def _sample(marts: Marts, name: str, columns: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the first rows of a mart."""
    rows = marts.connection.sql(f"select {columns} from {marts.scan(name)} limit 5")  # noqa: S608 - as above
    return rows.columns, [[_cell(value) for value in row] for row in rows.fetchall()]


def _cell(value: object) -> str:
    text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 48 else text[:47] + "…"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], stream: TextIO) -> str:
    return textwrap.indent(table(header, rows, stream), "  ")
