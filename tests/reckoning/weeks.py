"""The marts that look at one day of each week: weekly trends and release cohorts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.reckoning.sums import categories, grouped, total

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from tests.reckoning.marts import Marts

Row = dict[str, Any]
SPANS, DAYS_LATE = (7, 30, 90), 2


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def newest_days(marts: Marts) -> dict[date, date]:
    """Return the newest loaded day of each week, of the week of the day and the 52 before it."""
    first = monday(marts.world.day) - timedelta(weeks=52)
    return {monday(day): day for day in marts.history.days if day >= first}


def exact_release(row: Row, day: date) -> date | None:
    date = row["first_release_date"]
    out = row["release_date_precision"] == "day" and date is not None and date.date() <= day
    return date.date() if out else None


def weekly_trends(marts: Marts) -> list[Row]:
    history, days = marts.history, newest_days(marts)
    first = monday(marts.world.day) - timedelta(weeks=52)
    rows: dict[tuple[str, str, date], Row] = {}

    def row_of(category: str, name: str, week: date) -> Row:
        key = {"category": category, "name": name, "week": week}
        empty = dict.fromkeys(("popularity_day", "visit_count", "want_to_play_users", "playing_users"))
        return rows.setdefault((category, name, week), {**key, "releases": 0, **empty})

    for (category, name), games in grouped(marts.games.values(), categories).items():
        for game in games:
            date = exact_release(game, marts.world.day)
            if date and date >= first:
                row_of(category, name, monday(date))["releases"] += 1
        for week, day in days.items():
            known = [found for game in games if (found := history.of(day).get(game["game_id"]))]
            if known:
                row = row_of(category, name, week)
                row["popularity_day"] = day
                for column in ("visit_count", "want_to_play_users", "playing_users"):
                    row[column] = total(each[column] for each in known)
    return list(rows.values())


def release_cohorts(marts: Marts) -> list[Row]:
    history, today = marts.history, marts.world.day
    days = [
        day
        for day in newest_days(marts).values()
        if any(row["playing"] is not None for row in history.of(day).values())
    ]
    months = today.year * 12 + today.month - 12  # of the first cohort, less one

    def month(row: Row) -> Iterator[tuple[Any, ...]]:
        date = exact_release(row, today)
        if date and date.year * 12 + date.month > months:
            for category, name in [("all", "all"), *categories(row)]:
                yield category, name, date.replace(day=1)

    rows = []
    for (category, name, first), games in grouped(marts.games.values(), month).items():
        row: Row = {"category": category, "name": name, "release_month": first, "releases": len(games)}
        for span in SPANS:
            played = []
            for game in games:
                start = game["first_release_date"].date() + timedelta(days=span)
                window = [day for day in days if start <= day <= start + timedelta(days=6 + DAYS_LATE)]
                if window:
                    found = history.of(min(window)).get(game["game_id"], {})
                    played.append((found.get("playing") or 0) > 0)
            row[f"judged_{span}d"] = len(played)
            row[f"played_share_{span}d"] = sum(played) / len(played) if played else None
        rows.append(row)
    return rows
