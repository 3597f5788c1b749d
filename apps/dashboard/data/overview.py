"""The headline figures with their changes, and how old a generation is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apps.dashboard.data.games import HISTORY
from gamelake.marts.freshness import ERROR_AFTER_HOURS, WARN_AFTER_HOURS

if TYPE_CHECKING:
    from apps.dashboard.data.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure of the day, and what it was the day before and a week before; None where that is unknown."""

    key: str
    value: int | None
    day_before: int | None
    week_before: int | None


def hours_old(snapshot: Snapshot, now: datetime | None = None) -> float:
    """Return the hours since the snapshot was built. `now`: for tests; by default the present."""
    return ((now or datetime.now(UTC)) - snapshot.built_at).total_seconds() / 3600


def verdict(hours: float) -> str:
    """Return what an age means: `fresh`, `late` (a night is missing) or `stale` (two are)."""
    return "stale" if hours > ERROR_AFTER_HOURS else "late" if hours > WARN_AFTER_HOURS else "fresh"


def headlines(snapshot: Snapshot) -> list[Headline]:
    """Return the headline figures. Raises: StoreError."""
    return [*_row_counts(snapshot), *_users(snapshot)]


def _row_counts(snapshot: Snapshot) -> list[Headline]:
    by_day = {marts.generation.day: marts.generation.marts for marts in [*reversed(snapshot.earlier), snapshot.marts]}

    def rows(mart: str, days_ago: int) -> int | None:
        marts = by_day.get(snapshot.day - timedelta(days=days_ago), ())
        return next((each.rows for each in marts if each.name == mart), None)

    marts = {"games": "dim_games", "companies": "dim_companies"}
    return [Headline(key, *(rows(mart, days) for days in (0, 1, 7))) for key, mart in marts.items()]


def _users(snapshot: Snapshot) -> list[Headline]:
    days = [snapshot.day - timedelta(days=days) for days in (0, 1, 7)]
    if not set(days) & set(snapshot.history_days):
        return [Headline(key, None, None, None) for key in ("playing", "want_to_play")]
    query = f"""
        select
            day, sum(playing_users)::bigint as playing, sum(want_to_play_users)::bigint as want_to_play
        from {{{HISTORY}}}
        where day in (select unnest(?::date[]))
        group by day
    """
    by_day = {row["day"]: row for row in snapshot.rows(query, days)}
    return [Headline(key, *(by_day.get(day, {}).get(key) for day in days)) for key in ("playing", "want_to_play")]
