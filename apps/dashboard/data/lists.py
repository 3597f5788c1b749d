"""The rows of a list of games, with filters and orders, and the ranks that earlier days had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gamelake.marts.lists import LISTS, RESTRICTED_LISTS, is_new

if TYPE_CHECKING:
    from collections.abc import Iterable

    from apps.dashboard.data.snapshot import Row, Snapshot
    from gamelake.marts.lists import GameList

SORTS = ("rank", "climbed", "newest", "name")
FILTERS = {
    "platform": "platform_names",
    "genre": "genre_names",
    "theme": "theme_names",
    "year": "release_year",
    "type": "game_type_name",
}
"""Each filter of the page, with the column that it looks at."""


def available(snapshot: Snapshot) -> dict[str, GameList]:
    """Return the lists by their keys; those of RAWG only where there are rows of it that may be shown."""
    restricted = [each for each in RESTRICTED_LISTS if snapshot.count(each.mart)]
    return {each.key: each for each in (*LISTS, *restricted)}


def rows_of(snapshot: Snapshot, chosen: GameList) -> list[Row]:
    """Return a whole list, the first rank first. The themes, which marts do not have, come from dim_games.

    Raises: StoreError.
    """
    rows = snapshot.rows(f"select * from {{{chosen.mart}}} order by rank")
    themes = _themes(snapshot, [row["game_id"] for row in rows])
    return [{**row, "theme_names": themes.get(row["game_id"])} for row in rows]


def _themes(snapshot: Snapshot, games: list[int]) -> dict[int, list[str]]:
    if not games:
        return {}
    query = "select game_id, theme_names from {dim_games} where game_id in (select unnest(?::bigint[]))"
    return {row["game_id"]: row["theme_names"] for row in snapshot.rows(query, sorted(games))}


def choices(rows: Iterable[Row], name: str) -> list[Any]:
    """Return what a filter can be set to: the values that the rows have, years the newest first."""
    column = FILTERS[name]
    found = {value for row in rows for value in _values(row[column])}
    return sorted(found, reverse=name == "year")


def matching(rows: Iterable[Row], filters: dict[str, list[Any]]) -> list[Row]:
    """Return the rows that have one of the wanted values in every filter; an empty filter takes any."""
    wanted = {FILTERS[name]: set(values) for name, values in filters.items() if values}
    return [row for row in rows if all(any(v in some for v in _values(row[column])) for column, some in wanted.items())]


def ordered(rows: Iterable[Row], sort: str) -> list[Row]:
    """Return the rows in another order; `sort` is one of SORTS. Games that are new to a list count as climbed most."""
    match sort:
        case "climbed":
            return sorted(rows, key=lambda row: (not is_new(row), -(row["rank_change"] or 0), row["rank"]))
        case "newest":
            dated = sorted(rows, key=lambda row: str(row["first_release_date"] or ""), reverse=True)
            return sorted(dated, key=lambda row: row["first_release_date"] is None)
        case "name":
            return sorted(rows, key=lambda row: (row["display_name"] or "").casefold())
    return sorted(rows, key=lambda row: row["rank"])


def _values(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def held_ranks(snapshot: Snapshot) -> list[Row]:
    """Return the rank of each game in each list, on the day of the snapshot and on the earlier days that are kept.

    One query for all games: the lists are short, and a viewer who looks at one game looks at more.

    Raises: StoreError.
    """
    selects = []
    for marts in [snapshot.marts, *snapshot.earlier]:
        names = {mart.name for mart in marts.generation.marts if mart.rows}
        selects += [
            f"select '{each.key}' as list, date '{marts.generation.day}' as day, game_id, rank "
            f"from {marts.scan(each.mart)}"
            for each in LISTS
            if each.mart in names
        ]
    if not selects:
        return []
    # The braces of a file's name are no marts.
    query = " union all ".join(selects).replace("{", "{{").replace("}", "}}")
    return snapshot.rows(f"{query} order by day, list, rank")
