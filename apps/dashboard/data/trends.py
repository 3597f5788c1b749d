"""Genres, themes and platforms: now, over the years of release, and over the last weeks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from apps.dashboard.data.games import HISTORY

if TYPE_CHECKING:
    from datetime import date

    from apps.dashboard.data.snapshot import Row, Snapshot

CATEGORIES = ("genre", "theme", "platform")
WEEKS = 12
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


def week_days(snapshot: Snapshot) -> list[date]:
    """Return the newest loaded day of each of the last weeks, counted back from the snapshot's day."""
    newest: dict[int, date] = {}
    for day in snapshot.history_days:
        week = (snapshot.day - day).days // 7
        if 0 <= week < WEEKS:
            newest[week] = max(day, newest.get(week, day))
    return sorted(newest.values())


def over_weeks(snapshot: Snapshot, category: str, names: list[str]) -> list[Row]:
    """Return the users who play, on one day of each of the last weeks, by name. Raises: StoreError."""
    days = week_days(snapshot)
    if not days:
        return []
    query = f"""
        with
            chosen as (
                select game_id, unnest({category}_names) as name
                from {{dim_games}}
                where is_main_game and list_has_any(coalesce({category}_names, []), $names::varchar[])
            )
        select day, name, sum(playing_users)::bigint as playing_users
        from {{{HISTORY}}} as history
        join chosen using (game_id)
        where day in (select unnest($days::date[])) and name in (select unnest($names::varchar[]))
        group by day, name
        order by name, day
    """
    found = {(row["day"], row["name"]): row for row in snapshot.rows(query, {"names": names, "days": days})}
    weeks = [snapshot.day - timedelta(days=7 * week) for week in range(WEEKS - 1, -1, -1)]
    by_week = {(snapshot.day - day).days // 7: day for day in days}
    rows = []
    for name in names:
        for week in weeks:
            day = by_week.get((snapshot.day - week).days // 7)
            users = found.get((day, name), {}).get("playing_users") if day else None
            rows.append({"day": day or week, "name": name, "playing_users": users})
    return rows


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
