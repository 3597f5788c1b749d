"""fct_game_popularity_daily, fct_game_popularity and fct_popularity_types, from raw rows."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from tests.reckoning.games import World, text, utc
from tests.reckoning.statistics import count_of, percentiles, unit_of

Row = dict[str, Any]

METRICS = {
    1: "visits",
    2: "want_to_play",
    3: "playing",
    4: "played",
    5: "steam_24hr_peak_players",
    6: "steam_positive_reviews",
    7: "steam_negative_reviews",
    8: "steam_total_reviews",
    9: "steam_global_top_sellers",
    10: "steam_most_wishlisted",
    34: "twitch_24hr_hours_watched",
}
COUNTS = {
    "visits": "visit_count",
    "want_to_play": "want_to_play_users",
    "playing": "playing_users",
    "played": "played_users",
    "steam_24hr_peak_players": "steam_peak_players",
    "steam_positive_reviews": "steam_positive_count",
    "steam_negative_reviews": "steam_negative_count",
    "steam_total_reviews": "steam_review_count",
    "steam_global_top_sellers": "steam_top_seller_points",
    "steam_most_wishlisted": "steam_wishlist_points",
    "twitch_24hr_hours_watched": "twitch_hours_watched",
}
OF_IGDB = ("visits", "want_to_play", "playing", "played")
GROWING = (
    "visits",
    "want_to_play",
    "playing",
    "steam_24hr_peak_players",
    "steam_global_top_sellers",
    "twitch_24hr_hours_watched",
)
PERCENTILES = {
    "positive_reviews_percentile": "steam_positive_reviews",
    "negative_reviews_percentile": "steam_negative_reviews",
    "total_reviews_percentile": "steam_total_reviews",
    "engagement_percentile": "igdb_total_engagement",
    "visits_percentile": "visits",
    "playing_percentile": "playing",
    "played_percentile": "played",
    "peak_players_percentile": "steam_24hr_peak_players",
    "twitch_percentile": "twitch_24hr_hours_watched",
}
SPANS, DAYS_LATE = (7, 28), 2
LEAST_BASE, STILL = 10, 0.01


def usable(row: Row) -> bool:
    values = (row.get("game_id"), row.get("popularity_type"), row.get("value"))
    return None not in values and 0 <= row["value"] < 1e300


def day_values(rows: list[Row]) -> dict[tuple[int, int], float]:
    """Return the value of each game and type: of several the one calculated last, then that of the highest id."""
    best: dict[tuple[int, int], Row] = {}
    for row in sorted(
        filter(usable, rows),
        key=lambda row: (utc(row.get("calculated_at")) is not None, utc(row.get("calculated_at")) or 0, row["id"]),
    ):
        best[row["game_id"], row["popularity_type"]] = row
    return {key: row["value"] for key, row in best.items()}


def units(values: dict[tuple[int, int], float]) -> dict[int, tuple[float, float]]:
    by_type: defaultdict[int, list[float]] = defaultdict(list)
    for (_, kind), value in values.items():
        by_type[kind].append(value)
    found = {kind: unit_of(numbers) for kind, numbers in by_type.items()}
    return {kind: unit for kind, unit in found.items() if unit is not None}


def daily(rows: list[Row]) -> dict[int, Row]:
    """Return one row per game: values, counts, and what is known."""
    values = day_values(rows)
    unit = units(values)
    games: dict[int, Row] = {}
    for (game_id, kind), value in values.items():
        row = games.setdefault(
            game_id, {"game_id": game_id, "types": set()} | dict.fromkeys([*METRICS.values(), *COUNTS.values()])
        )
        row["types"].add(kind)
        if kind in METRICS:
            row[METRICS[kind]] = value
            if METRICS[kind] in COUNTS and kind in unit:
                row[COUNTS[METRICS[kind]]] = count_of(value, unit[kind][0])
    for row in games.values():
        types = row.pop("types")
        known = [row[METRICS[kind]] for kind in (1, 2, 3, 4) if row[METRICS[kind]] is not None]
        row["igdb_total_engagement"] = sum(known) if types & {1, 2, 3, 4} else None
        row["has_igdb_data"] = int(bool(types & {1, 2, 3, 4}))
        row["has_steam_data"] = int(bool(types & set(range(5, 11))))
        row["has_twitch_data"] = int(34 in types)
        row["available_metrics_count"] = len(types)
        row["cross_platform_score"] = row["has_igdb_data"] + row["has_steam_data"] + row["has_twitch_data"]
    return games


class History:
    """The popularity of each loaded day up to the day that is built."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.days = sorted(day for day in world.popularity if day <= world.day)
        self._built: dict[date, dict[int, Row]] = {}

    def of(self, day: date) -> dict[int, Row]:
        if day not in self._built:
            self._built[day] = daily(self.world.popularity[day])
        return self._built[day]

    @property
    def newest(self) -> date | None:
        return self.days[-1] if self.days else None

    def base(self, span: int) -> date | None:
        """Return the newest day that is so many days old, or up to two days older."""
        if self.newest is None:
            return None
        last = self.newest - timedelta(days=span)
        return max((day for day in self.days if last - timedelta(days=DAYS_LATE) <= day <= last), default=None)


def popularity(world: World) -> dict[int, Row]:
    """Return fct_game_popularity of the newest loaded day."""
    history = History(world)
    if history.newest is None:
        return {}
    today = {game_id: dict(row, day=history.newest) for game_id, row in history.of(history.newest).items()}
    for name, column in PERCENTILES.items():
        ranks = percentiles({game_id: row[column] for game_id, row in today.items()})
        for game_id, row in today.items():
            row[name] = ranks.get(game_id)
    for row in today.values():
        row["positive_share"] = share(row)
    for span in SPANS:
        base = history.base(span)
        before = history.of(base) if base else {}
        for metric in GROWING:
            add_growth(today, before, metric, span)
    return today


def share(row: Row) -> float | None:
    positive, negative = row["steam_positive_count"], row["steam_negative_count"]
    if positive is None or negative is None or positive + negative == 0:
        return None
    return float(positive / (positive + negative))


def changed_share(today: dict[int, Row], before: dict[int, Row], column: str) -> float | None:
    """Return the share of the games with a count on both days that have another one; None of no such games."""
    both = [(row[column], before[g][column]) for g, row in today.items() if g in before]
    known = [pair for pair in both if None not in pair]
    return sum(now != then for now, then in known) / len(known) if known else None


def add_growth(today: dict[int, Row], before: dict[int, Row], metric: str, span: int) -> None:
    column = COUNTS[metric]
    counted, counted_now = (any(row[column] is not None for row in rows.values()) for rows in (before, today))
    changed = changed_share(today, before, column)
    still = changed is not None and changed < STILL
    for game_id, row in today.items():
        base = before.get(game_id)
        then = base[column] if base else None
        if counted and metric in OF_IGDB and (base is None or base[metric] is None):
            then = 0  # IGDB lists every game with a user: no value is no user
        now = row[column]
        if counted_now and metric in OF_IGDB and row[metric] is None and base is not None and base[column] is not None:
            now = 0
        gained = None if then is None or now is None or still else now - then
        row[f"{metric}_gained_{span}d"] = gained
        row[f"{metric}_growth_{span}d"] = None if gained is None or then is None or then < LEAST_BASE else gained / then


def types(world: World) -> list[Row]:
    """Return fct_popularity_types: one row per type with a value on the newest loaded day."""
    history = History(world)
    if history.newest is None:
        return []
    rows = [row for row in world.popularity[history.newest] if usable(row)]
    values = day_values(rows)
    unit = units(values)
    base = history.base(7)
    today, before = history.of(history.newest), history.of(base) if base else {}
    known = {row["id"]: row for row in world.of("popularity_types")}
    found = []
    for kind in sorted({kind for _, kind in values}):
        times = [utc(row.get("calculated_at")) for row in rows if row["popularity_type"] == kind]
        step, explained = unit.get(kind, (None, None))
        found.append(
            {
                "day": history.newest,
                "popularity_type": kind,
                "popularity_type_name": text(known.get(kind, {}).get("name")),
                "data_source": source_of(kind, known, rows),
                "calculated_at": max((time for time in times if time), default=None),
                "games": sum(1 for _, each in values if each == kind),
                "unit": step,
                "explained_share": explained,
                "changed_share_7d": changed_share(today, before, COUNTS[METRICS[kind]])
                if METRICS.get(kind) in GROWING
                else None,
            }
        )
    return found


def source_of(kind: int, known: dict[int, Row], rows: list[Row]) -> str:
    """Return whose figure it is: by the type, or else by its rows."""
    source = known.get(kind, {}).get("external_popularity_source")
    if source is None:
        source = max(row.get("external_popularity_source") or 0 for row in rows if row["popularity_type"] == kind)
    return {121: "IGDB", 1: "Steam", 14: "Twitch", 6: "Twitch"}.get(source, "Unknown")
