"""The marketing marts, from the dimensions and the popularity."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from math import sqrt
from typing import TYPE_CHECKING, Any

from tests.reckoning.games import World, dim_games
from tests.reckoning.popularity import COUNTS, History, popularity
from tests.reckoning.statistics import mean, mean_of_known, quantile, weighted, wilson

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]

TREND = {
    "visits": 0.30,
    "playing": 0.25,
    "want_to_play": 0.15,
    "steam_24hr_peak_players": 0.10,
    "steam_global_top_sellers": 0.10,
    "twitch_24hr_hours_watched": 0.10,
}
PRIOR_VOTES, LEAST_EVIDENCE = 10, 0.5


def rounded(score: float) -> float:
    return round(score, 9)


class Marts:
    """Every mart of one day."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dim = dim_games(world)
        self.games = {g: row for g, row in self.dim.items() if row["is_main_game"]}
        self.popularity = popularity(world)
        self.history = History(world)
        self.end = datetime.combine(world.day + timedelta(days=1), datetime.min.time())
        self.ratings = self._ratings()

    def _ratings(self) -> dict[int, Row]:
        """int_game_ratings: one row per original game, over its editions."""
        works: defaultdict[int, list[Row]] = defaultdict(list)
        for row in self.games.values():
            works[row["original_game_id"]].append(row)
        found: dict[int, Row] = {work: {} for work in works}
        for kind, value, votes in (
            ("critics", "aggregated_rating", "aggregated_rating_count"),
            ("users", "rating", "rating_count"),
        ):
            means, counts = {}, {}
            for work, members in works.items():
                rated = [
                    (m[value], min(m[votes], 1_000_000))
                    for m in members
                    if m[value] is not None and (m[votes] or 0) > 0
                ]
                if rated:
                    counts[work] = sum(n for _, n in rated)
                    means[work] = sum(round(r, 6) * n for r, n in rated) / counts[work]
            prior_mean = mean(means.values()) if means else 0.0
            prior_votes = max(quantile(counts.values(), 0.25) or 0, PRIOR_VOTES)
            for work in works:
                found[work][f"{kind}_rating"] = means.get(work)
                found[work][f"{kind}_rating_count"] = counts.get(work)
                found[work][f"weighted_{kind}_rating"] = (
                    weighted(counts[work], means[work], prior_votes, prior_mean) if work in means else None
                )
        return found

    def shown_ratings(self, work: int) -> Row:
        ratings = self.ratings[work]
        return {
            "weighted_rating": ratings["weighted_critics_rating"],
            "weighted_user_rating": ratings["weighted_users_rating"],
            "aggregated_rating": ratings["critics_rating"],
            "aggregated_rating_count": ratings["critics_rating_count"],
            "rating": ratings["users_rating"],
            "rating_count": ratings["users_rating_count"],
        }

    def joined(self) -> list[Row]:
        return [
            self.popularity[g] | row | self.ratings[row["original_game_id"]]
            for g, row in self.games.items()
            if g in self.popularity
        ]

    def recent_games(self) -> list[Row]:
        rows = [
            r
            for r in self.games.values()
            if r["release_date_precision"] == "day" and r["first_release_date"] < self.end
        ]
        return best(rows, 50, lambda r: (-r["first_release_date"].timestamp(), r["hypes"] is None, -(r["hypes"] or 0)))

    def top_hyped(self) -> list[Row]:
        rows = [
            row
            | {
                k: self.popularity.get(g, {}).get(k)
                for k in ("want_to_play_users", "want_to_play_gained_7d", "steam_wishlist_points")
            }
            for g, row in self.games.items()
            if (row["hypes"] or 0) > 0 and (row["first_release_date"] is None or row["first_release_date"] >= self.end)
        ]
        return best(rows, 50, lambda r: (-r["hypes"], -(r["want_to_play_users"] or -1)))

    def top_rated(self) -> list[Row]:
        members: defaultdict[int, list[int]] = defaultdict(list)
        for g, row in self.games.items():
            members[row["original_game_id"]].append(g)
        rows = []
        for work, listed in members.items():
            if (self.ratings[work]["critics_rating_count"] or 0) >= 5:
                shown = work if work in listed else min(listed)
                others = sorted((self.games[g]["display_name"] for g in listed if g != shown), key=str.encode)
                rows.append(
                    self.games[shown]
                    | self.ratings[work]
                    | {**self.shown_ratings(work), "edition_names": others or None}
                )
        return best(rows, 50, lambda r: (-rounded(r["weighted_rating"]), -r["critics_rating_count"]))

    def most_played(self) -> list[Row]:
        rows = [r for r in self.joined() if (r["playing_users"] or 0) > 0]
        return best(rows, 100, lambda r: (-r["playing_users"], -(r["played_users"] or -1)))

    def controversial_games(self) -> list[Row]:
        rows = []
        for r in self.joined():
            share = r["positive_share"]
            if share is not None and share <= 0.7 and (r["total_reviews_percentile"] or -1) >= 30:
                r["controversy_score"] = (1 - abs(2 * share - 1)) * r["total_reviews_percentile"]
                if r["controversy_score"] > 0:
                    rows.append(r)
        return best(
            rows,
            100,
            lambda r: (-rounded(r["controversy_score"]), -r["steam_positive_count"] - r["steam_negative_count"]),
        )

    def hidden_gems(self) -> list[Row]:
        rows = []
        for r in self.joined():
            pos, neg = r["steam_positive_count"], r["steam_negative_count"]
            if (
                pos is None
                or neg is None
                or pos + neg < 50
                or r["steam_global_top_sellers"] is not None
                or r["total_reviews_percentile"] is None
            ):
                continue
            low = wilson(pos, pos + neg) or 0.0
            reach = max(
                r[c]
                for c in (
                    "visits_percentile",
                    "playing_percentile",
                    "played_percentile",
                    "total_reviews_percentile",
                    "peak_players_percentile",
                    "twitch_percentile",
                )
                if r[c] is not None
            )
            if low < 0.8 or reach > 60:
                continue
            quality, _ = mean_of_known(
                [(0.6, 100 * low), (0.2, r["weighted_users_rating"]), (0.2, r["weighted_critics_rating"])]
            )
            assert quality is not None
            gem = (
                r
                | self.shown_ratings(r["original_game_id"])
                | {
                    "positive_share_low": low,
                    "reach_percentile": reach,
                    "quality_score": quality,
                    "hidden_score": 0.75 * quality + 0.25 * (100 - reach),
                }
            )
            rows.append(gem)
        return best(
            rows, 100, lambda r: (-rounded(r["hidden_score"]), -r["steam_positive_count"] - r["steam_negative_count"])
        )

    def rising_stars(self) -> list[Row]:
        compared = [
            ((r["playing_users"] or 0) - r["playing_gained_7d"], r["playing_gained_7d"])
            for r in self.popularity.values()
            if r["playing_gained_7d"] is not None
        ]
        base = sum(then for then, _ in compared if then > 0)
        turnover = sum(abs(gained) for then, gained in compared if then > 0) / base if base else None
        rows = []
        for r in self.joined():
            gained = r["playing_gained_7d"]
            if gained is None or gained < 5 or not turnover:
                continue
            r["rising_score"] = gained / sqrt(turnover * (r["playing_users"] - gained + 10))
            r["turnover_7d"] = turnover
            r["playing_users_7d_ago"] = r["playing_users"] - gained
            if rounded(r["rising_score"]) >= 3 and (r["playing_gained_28d"] is None or r["playing_gained_28d"] > 0):
                rows.append(r)
        return best(rows, 100, lambda r: (-rounded(r["rising_score"]), -r["playing_gained_7d"]))

    def trending_now(self) -> list[Row]:
        changes: dict[str, dict[int, float]] = {}
        for metric in TREND:
            gains = {
                g: r[f"{metric}_gained_7d"] for g, r in self.popularity.items() if r[f"{metric}_gained_7d"] is not None
            }
            now = {g: self.popularity[g][COUNTS[metric]] or 0 for g in gains}
            prior = quantile([now[g] - gains[g] for g in gains if now[g] > gains[g]], 0.9)
            changes[metric] = {}
            if prior is not None:
                moves = {g: 3 * gains[g] / (2 * now[g] - gains[g] + prior) for g in gains}
                changes[metric] = {g: max(min(move, 1.0), -1.0) for g, move in moves.items()}
        rows = []
        for r in self.joined():
            score, evidence = mean_of_known([(w, changes[m].get(r["game_id"])) for m, w in TREND.items()])
            gained = [(r[f"{metric}_gained_7d"] or 0, r[COUNTS[metric]]) for metric in TREND]
            rising = sum(more > 0 and 100 * more >= now - more for more, now in gained)
            if score is not None and rounded(100 * score) > 0 and evidence >= LEAST_EVIDENCE and rising >= 2:
                rows.append(r | {"trending_score": 100 * score, "score_evidence": evidence, "rising_signals": rising})
        return best(rows, 100, lambda r: (-rounded(r["trending_score"]),))


def best(rows: list[Row], limit: int, order: Callable[[Row], tuple[Any, ...]]) -> list[Row]:
    """Return the first rows by that order and then by game, each with its rank."""
    ordered = sorted(rows, key=lambda r: (*order(r), r["game_id"]))[:limit]
    return [row | {"rank": number} for number, row in enumerate(ordered, start=1)]
