"""The lists of games that people look at: one for each mart that ranks games, its top, and why one has no game.

The dashboard, the daily brief and the summary of `make run` show them. Their texts are in lists.toml, in English and
Korean.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

Row = dict[str, Any]
"""One row of a mart, by the names of its columns."""

TOP = 10
"""The places that are the top of a list."""
WEEK = 7
TOLERANCE_DAYS = 2
"""The day of a week before is 7 to 9 days before: `growth_tolerance_days` of dbt_project.yml."""


@dataclass(frozen=True, slots=True)
class GameList:
    """A list of games.

    Attributes:
        key: Its name in links and in lists.toml.
        mart: Its mart.
        figure: The column that it is ordered by.
        unit: The unit of that, in lists.toml.
        is_share_of_100: Whether the figure is a share of 100.
        compares_weeks: Whether it compares the popularity of the day with that of a week before.
    """

    key: str
    mart: str
    figure: str
    unit: str
    is_share_of_100: bool = False
    compares_weeks: bool = False


LISTS = (
    GameList("trending", "mart_trending_now", "trending_score", "points", is_share_of_100=True, compares_weeks=True),
    GameList("rising", "mart_rising_stars", "playing_gained_7d", "gained_users", compares_weeks=True),
    GameList("hidden", "mart_hidden_gems", "hidden_score", "points", is_share_of_100=True),
    GameList("rated", "mart_top_rated", "weighted_rating", "rating", is_share_of_100=True),
    GameList("played", "mart_most_played", "playing_users", "users"),
    GameList("hyped", "mart_top_hyped", "hypes", "followers"),
    GameList("recent", "mart_recent_games", "first_release_date", "date"),
    GameList("controversial", "mart_controversial_games", "controversy_score", "points", is_share_of_100=True),
)
RESTRICTED_LISTS = (
    GameList("disagreed", "mart_rating_disagreements", "sure_difference", "points", is_share_of_100=True),
)
"""Lists of restricted marts: for pages that name the source with a link, never for a summary that is sent."""
BY_KEY = {each.key: each for each in (*LISTS, *RESTRICTED_LISTS)}


@dataclass(frozen=True, slots=True)
class Top:
    """The top of a list: its first row, the row that is new there or climbed most, and how many games the list has."""

    chosen: GameList
    first: Row | None
    mover: Row | None
    games: int


def tops(ask: Callable[[str], list[Row]]) -> list[Top]:
    """Return the top of every list.

    Args:
        ask: Returns the rows of a query in which `{mart_top_rated}` stands for that mart.
    """
    return [_top(ask, each) for each in LISTS]


def _top(ask: Callable[[str], list[Row]], chosen: GameList) -> Top:
    query = f"""
        select
            game_id, display_name, name_ko, cover_url, rank, previous_rank, rank_change, previous_day, {chosen.figure},
            release_year, platform_abbreviations, developer_names, publisher_names,
            count(*) over () as games
        from {{{chosen.mart}}}
        order by rank
        limit {TOP}
    """  # noqa: S608 - the names are our own
    rows = ask(query)
    if not rows:
        return Top(chosen, None, None, 0)
    moved = [row for row in rows if is_new(row) or (row["rank_change"] or 0) > 0]
    moved.sort(key=lambda row: (not is_new(row), -(row["rank_change"] or 0), row["rank"]))
    return Top(chosen, rows[0], moved[0] if moved else None, rows[0]["games"])


def is_new(row: Row) -> bool:
    """Return whether a row's game was not in the list of the day before, where there was one."""
    return row["rank_change"] is None and row["previous_day"] is not None


def why_empty(chosen: GameList, history: Sequence[date]) -> tuple[str, dict[str, int]]:
    """Return why a list has no game.

    Args:
        chosen: A list without a row.
        history: The days of the popularity history.

    Returns:
        A key of the texts, and the values that stand in that text.
    """
    if chosen.compares_weeks and history:
        has = (max(history) - min(history)).days + 1
        if has <= WEEK:
            return "none.history", {"needs": WEEK + 1, "has": has}
        if not any(WEEK <= (max(history) - day).days <= WEEK + TOLERANCE_DAYS for day in history):
            return "none.week_ago", {}
    if not history and (chosen.compares_weeks or chosen.key == "played"):
        return "none.popularity", {}
    return f"none.{chosen.key}", {}


@cache
def texts() -> dict[str, Any]:
    """Return lists.toml: for each section its entries, and of each of them the text in both languages."""
    return tomllib.loads(Path(__file__).with_name("lists.toml").read_text(encoding="utf-8"))
