"""Genres, themes and platforms: now, over the years of release, and over the last weeks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from apps.dashboard.data.snapshot import Row, Snapshot

CATEGORIES = ("genre", "theme", "platform")
WEEKS = 12
SPANS = (7, 30, 90)
FIRST_YEAR = 1980


def members(snapshot: Snapshot, category: str) -> list[Row]:
    """Return the genres, themes or platforms, those with most users first. Raises: StoreError."""
    query = """
        select * from {mart_theme_trends}
        where category = ?
        order by playing_users desc nulls last, games desc, name
    """
    return snapshot.rows(query, category)


def over_years(snapshot: Snapshot, category: str, names: list[str]) -> list[Row]:
    """Return the games that came out each year, up to the year of the snapshot, by name. Raises: StoreError."""
    query = """
        select name, release_year, games, playing_users, played_users
        from {mart_release_trends}
        where
            category = $category
            and name in (select unnest($names::varchar[]))
            and release_year between $first and $last
        order by name, release_year
    """
    years = {"first": FIRST_YEAR, "last": snapshot.day.year}
    return snapshot.rows(query, {"category": category, "names": names, **years})


def over_weeks(snapshot: Snapshot, category: str, names: list[str]) -> list[Row]:
    """Return the users who play, on one day of each of the last weeks, by name. Raises: StoreError."""
    query = """
        select category, name, week, popularity_day, playing_users
        from {mart_weekly_trends}
        where category = $category and name in (select unnest($names::varchar[])) and week >= $first
    """
    monday = snapshot.day - timedelta(days=snapshot.day.weekday())
    weeks = [monday - timedelta(weeks=week) for week in range(WEEKS - 1, -1, -1)]
    rows = snapshot.rows(query, {"category": category, "names": names, "first": weeks[0]})
    if not rows:
        return []
    found = {(row["name"], row["week"]): row for row in rows}
    return [
        {"day": row.get("popularity_day") or week, "name": name, "playing_users": row.get("playing_users")}
        for name in names
        for week in weeks
        for row in [found.get((name, week), {})]
    ]


def cohorts(snapshot: Snapshot) -> list[Row]:
    """Return for each month of release how many games are still played, the newest first. Raises: StoreError."""
    return snapshot.rows("select * from {mart_release_cohorts} where category = 'all' order by release_month desc")


def funnel(snapshot: Snapshot, category: str, names: list[str]) -> list[Row]:
    """Return how many visit, want to play, play and have played, by name. Raises: StoreError."""
    query = """
        select * from {mart_engagement_funnel}
        where category = $category and member in (select unnest($names::varchar[]))
        order by visit_count desc nulls last, name
    """
    return snapshot.rows(query, {"category": category, "names": names})


def start_of_history(snapshot: Snapshot) -> date | None:
    """Return the first day of the popularity history, None before there is one."""
    return min(snapshot.history_days, default=None)
