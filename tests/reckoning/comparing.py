"""The reckoned marts against the Parquet files of a generation, cell by cell."""

from __future__ import annotations

from collections import Counter
from math import isclose
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from tests.reckoning import rawg, sums, weeks
from tests.reckoning.games import World, bridge_game_company, release_dates
from tests.reckoning.marts import Marts
from tests.reckoning.popularity import types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Row = dict[str, Any]
RANKS = ("previous_rank", "rank_change", "previous_day")

# mart -> (key, its rows)
MARTS: dict[str, tuple[tuple[str, ...], Callable[[Marts], list[Row]]]] = {
    "dim_games": (("game_id",), lambda m: list(m.dim.values())),
    "dim_companies": (("company_id",), sums.dim_companies),
    "bridge_game_company": (
        ("game_id", "company_id", "role"),
        lambda m: [
            dict(zip(("game_id", "company_id", "role"), row, strict=True)) for row in bridge_game_company(m.world)
        ],
    ),
    "fct_release_dates": (("release_date_id",), lambda m: release_dates(m.world)),
    "fct_game_popularity": (("game_id",), lambda m: list(m.popularity.values())),
    "fct_popularity_types": (("popularity_type",), lambda m: types(m.world)),
    "mart_recent_games": (("game_id",), Marts.recent_games),
    "mart_top_hyped": (("game_id",), Marts.top_hyped),
    "mart_top_rated": (("game_id",), Marts.top_rated),
    "mart_most_played": (("game_id",), Marts.most_played),
    "mart_controversial_games": (("game_id",), Marts.controversial_games),
    "mart_hidden_gems": (("game_id",), Marts.hidden_gems),
    "mart_rising_stars": (("game_id",), Marts.rising_stars),
    "mart_trending_now": (("game_id",), Marts.trending_now),
    "mart_theme_trends": (("category", "name"), sums.theme_trends),
    "mart_release_trends": (("category", "name", "release_year"), sums.release_trends),
    "mart_release_cohorts": (("category", "name", "release_month"), weeks.release_cohorts),
    "mart_weekly_trends": (("category", "name", "week"), weeks.weekly_trends),
    "mart_engagement_funnel": (("category", "member"), sums.engagement_funnel),
    "mart_companies": (("company_id",), sums.companies),
    "fct_rawg_daily": (("rawg_game_id", "day"), rawg.daily),
    "mart_market_overview": (("game_id",), rawg.overview),
    "mart_market_segments": (("category", "category_id"), rawg.segments),
    "mart_rating_disagreements": (("game_id",), rawg.disagreements),
}
BRIDGE = "bridge_igdb_rawg"


def compare(world: World, generation: Path, previous: Path | None = None) -> tuple[int, list[str]]:
    """Return how many cells were compared, and the differences."""
    cells, found = 0, []
    marts, files = Marts(world), files_of(generation)
    before = files_of(previous) if previous else {}
    world.rawg.matches = read(files[BRIDGE])
    for mart, (key, rows_of) in MARTS.items():
        published = {tuple(row[c] for c in key): row for row in read(files[mart])}
        reckoned = {tuple(row[c] for c in key): row for row in rows_of(marts)}
        shown = Counter(row["display_name"] for row in published.values() if row.get("display_name") is not None)
        found += [f"{mart}: {name!r} is shown {times} times" for name, times in shown.items() if times > 1]
        if mart.startswith("mart_"):
            add_ranks(reckoned, before.get(mart), key, world)
        found += [f"{mart}: {key} is published only" for key in published.keys() - reckoned.keys()]
        found += [f"{mart}: {key} is reckoned only" for key in reckoned.keys() - published.keys()]
        for each in published.keys() & reckoned.keys():
            cells += len(published[each])
            found += [f"{mart} {each} {line}" for line in differences(published[each], reckoned[each])]
    return cells, found


def files_of(generation: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(generation.glob("**/*.parquet"))}


def read(path: Path) -> list[Row]:
    return list(pq.read_table(path, partitioning=None).to_pylist())


def add_ranks(rows: dict[tuple[Any, ...], Row], previous: Path | None, key: tuple[str, ...], world: World) -> None:
    before = {tuple(row[c] for c in key): row for row in read(previous)} if previous else {}
    for each, row in rows.items():
        row["day"] = world.day
        if "rank" in row:
            rank = before.get(each, {}).get("rank")
            row["previous_rank"] = rank
            row["rank_change"] = None if rank is None else rank - row["rank"]
            row["previous_day"] = max((old["day"] for old in before.values()), default=None)


def differences(published: Row, reckoned: Row) -> Iterator[str]:
    for column, value in published.items():
        if column not in reckoned:
            yield f"{column}: not reckoned"
        elif not same(value, reckoned[column]):
            yield f"{column}: published {value!r}, reckoned {reckoned[column]!r}"


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)
