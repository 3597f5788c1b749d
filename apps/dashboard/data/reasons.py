"""Why a game is in a list: the parts of its score, for the sentence that explains them.

Each part is a key of texts (`reasons.<list>.<part>`) and the values that stand in it. The formulas are those of
docs/reference/data-model.md; a part whose figure is unknown is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.dashboard.data.snapshot import Row

Part = tuple[str, dict[str, Any]]

TRENDING = {
    "visits": ("visits_gained_7d", "visit_count"),
    "playing": ("playing_gained_7d", "playing_users"),
    "want_to_play": ("want_to_play_gained_7d", "want_to_play_users"),
    "steam_peak": ("steam_24hr_peak_players_gained_7d", "steam_peak_players"),
    "top_sellers": ("steam_global_top_sellers_gained_7d", "steam_top_seller_points"),
    "twitch": ("twitch_24hr_hours_watched_gained_7d", "twitch_hours_watched"),
}


def parts_of(key: str, row: Row) -> list[Part]:
    """Return the parts of the score of a row of the list `key`, the summary first."""
    return [part for part in _PARTS[key](row) if all(value is not None for value in part[1].values())]


def _trending(row: Row) -> Iterator[Part]:
    yield "summary", {"score": row["trending_score"], "signals": row["rising_signals"]}
    for name, (gained, now) in TRENDING.items():
        yield name, {"gained": row[gained], "now": row[now] or 0}
    if row["score_evidence"] < 1:
        yield "evidence", {"share": row["score_evidence"]}


def _rising(row: Row) -> Iterator[Part]:
    figures = {"gained": row["playing_gained_7d"], "before": row["playing_users_7d_ago"], "now": row["playing_users"]}
    yield "summary", figures
    yield "chance", {"score": row["rising_score"], "turnover": row["turnover_7d"]}
    yield "month", {"gained": row["playing_gained_28d"]}


def _hidden(row: Row) -> Iterator[Part]:
    yield "summary", {"score": row["hidden_score"]}
    yield "quality", {"score": row["quality_score"]}
    reviews = row["steam_positive_count"] + row["steam_negative_count"]
    yield "reviews", {"share": row["positive_share"], "count": reviews, "low": row["positive_share_low"]}
    yield "critics", {"rating": row["weighted_rating"], "count": row["aggregated_rating_count"]}
    yield "users", {"rating": row["weighted_user_rating"], "count": row["rating_count"]}
    yield "reach", {"percentile": row["reach_percentile"]}


def _rated(row: Row) -> Iterator[Part]:
    yield "summary", {"rating": row["weighted_rating"]}
    yield "critics", {"rating": row["aggregated_rating"], "count": row["aggregated_rating_count"]}
    yield "users", {"rating": row["rating"], "count": row["rating_count"]}
    if row["edition_names"]:
        yield "editions", {"names": ", ".join(row["edition_names"][:5])}


def _played(row: Row) -> Iterator[Part]:
    yield "summary", {"users": row["playing_users"]}
    yield "week", {"gained": row["playing_gained_7d"]}
    yield "played", {"users": row["played_users"]}
    yield "steam", {"players": row["steam_peak_players"]}
    yield "twitch", {"hours": row["twitch_hours_watched"]}


def _hyped(row: Row) -> Iterator[Part]:
    yield "summary", {"followers": row["hypes"]}
    yield "want_to_play", {"users": row["want_to_play_users"]}
    yield "week", {"gained": row["want_to_play_gained_7d"]}


def _recent(row: Row) -> Iterator[Part]:
    yield "summary", {"day": row["first_release_date"]}
    yield "korea", {"day": row["korean_release_date"]}


def _controversial(row: Row) -> Iterator[Part]:
    yield "summary", {"score": row["controversy_score"]}
    yield (
        "share",
        {"share": row["positive_share"], "up": row["steam_positive_count"], "down": row["steam_negative_count"]},
    )
    yield "crowd", {"percentile": row["total_reviews_percentile"]}


def _disagreed(row: Row) -> Iterator[Part]:
    ratings = {"rawg": row["rawg_rating_of_100"], "igdb": row["rating"]}
    yield "more" if row["unusual_difference"] > 0 else "less", ratings
    yield "counts", {"rawg_count": row["rawg_ratings_count"], "igdb_count": row["rating_count"]}
    yield "typical", {"points": row["typical_difference"]}
    yield "sure", {"points": row["sure_difference"]}


_PARTS = {
    "trending": _trending,
    "rising": _rising,
    "hidden": _hidden,
    "rated": _rated,
    "played": _played,
    "hyped": _hyped,
    "recent": _recent,
    "controversial": _controversial,
    "disagreed": _disagreed,
}
