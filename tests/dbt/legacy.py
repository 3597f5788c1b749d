"""The predecessor's marts in plain Python: no SQL, nothing of dbt. Sorted in full, ties by id or name."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

METRICS = {
    1: "visits", 2: "want_to_play", 3: "playing", 4: "played", 5: "peak", 6: "positive", 7: "negative", 8: "total",
    9: "sellers", 10: "wishlisted", 34: "hours",
}  # fmt: skip


def tiles(values: dict[int, float | None]) -> dict[int, int]:
    """NTILE(100) OVER (ORDER BY COALESCE(x, 0)): of a hundred groups the first ones have one more where they must."""
    ordered = sorted(values, key=lambda key: (values[key] or 0, key))
    size, larger = divmod(len(ordered), 100)
    tile: dict[int, int] = {}
    place = 0
    for number in range(1, 101):
        for _ in range(size + (number <= larger)):
            tile[ordered[place]] = number
            place += 1
    return tile


def popularity(values: list[Row]) -> dict[int, Row]:
    """One row per game with any value."""
    games: dict[int, Row] = {}
    for row in values:
        game = games.setdefault(row["game_id"], dict.fromkeys(METRICS.values()))
        if metric := METRICS.get(row["popularity_type"]):
            game[metric] = max(row["value"], game[metric]) if game[metric] is not None else row["value"]
    for game in games.values():
        game["engagement"] = sum(game[METRICS[n]] or 0 for n in (1, 2, 3, 4))
    for metric in ("positive", "negative", "total", "engagement", "playing", "played"):
        tile = tiles({game_id: game[metric] for game_id, game in games.items()})
        for game_id, game in games.items():
            game[f"{metric}_pct"] = tile[game_id]
    return games


def top_rated(games: dict[int, Row]) -> list[tuple[int, float]]:
    rated = {
        i: g for i, g in games.items() if g.get("aggregated_rating") is not None and g["aggregated_rating_count"] > 0
    }
    mean = sum(g["aggregated_rating"] for g in rated.values()) / len(rated)
    counts = sorted(g["aggregated_rating_count"] for g in rated.values())
    place = 0.25 * (len(counts) - 1)
    low = int(place)
    m = counts[low] + (place - low) * (counts[min(low + 1, len(counts) - 1)] - counts[low])
    scores = {}
    for i, g in rated.items():
        v = g["aggregated_rating_count"]
        if v >= 5:
            scores[i] = v / (v + m) * g["aggregated_rating"] + m / (v + m) * mean
    order = sorted(scores, key=lambda i: (-round(scores[i], 9), -rated[i]["aggregated_rating_count"], i))
    return [(i, scores[i]) for i in order[:50]]


def recent_games(games: dict[int, Row], until: int) -> list[int]:
    out = [i for i, g in games.items() if g.get("first_release_date") is not None and g["first_release_date"] < until]
    return sorted(out, key=lambda i: (-games[i]["first_release_date"], i))[:50]


def top_hyped(games: dict[int, Row], until: int) -> list[int]:
    waited = [i for i, g in games.items() if g.get("hypes", 0) > 0 and g.get("first_release_date", until) >= until]
    return sorted(waited, key=lambda i: (-games[i]["hypes"], i))[:50]


def theme_trends(games: dict[int, Row], names: dict[int, str]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for game in games.values():
        for name in {names[i] for i in game.get("themes", []) if i in names}:
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))[:50]


def trending_now(games: dict[int, Row], facts: dict[int, Row]) -> list[int]:
    kept = [
        i for i, f in facts.items()
        if i in games and f["playing"] is not None and f["played"] is not None
        and f["playing_pct"] >= 50 and f["played_pct"] >= 20
    ]  # fmt: skip
    return sorted(kept, key=lambda i: (-facts[i]["playing_pct"], -facts[i]["playing"], i))[:100]


def controversial_games(games: dict[int, Row], facts: dict[int, Row]) -> list[tuple[int, float]]:
    scores = {
        i: 0.50 * f["negative_pct"] + 0.30 * f["positive_pct"] + 0.20 * f["total_pct"]
        for i, f in facts.items()
        if i in games and None not in (f["positive"], f["negative"], f["total"])
        and f["negative_pct"] >= 40 and f["positive_pct"] >= 30 and f["total_pct"] >= 30
    }  # fmt: skip
    order = sorted(scores, key=lambda i: (-round(scores[i], 9), -facts[i]["total"], i))
    return [(i, scores[i]) for i in order[:100]]


def hidden_gems(games: dict[int, Row], facts: dict[int, Row]) -> list[tuple[int, float]]:
    scores, ratings = {}, {i: games[i].get("aggregated_rating") for i in games}
    for i, f in facts.items():
        if i not in games:
            continue
        good = f["positive_pct"] >= 50 or (ratings[i] is not None and ratings[i] >= 75)
        if good and f["engagement_pct"] <= 50 and f["total_pct"] <= 60 and f["negative_pct"] <= 40:
            rating = 75 if ratings[i] is None else ratings[i]
            scores[i] = (
                0.40 * f["positive_pct"] + 0.30 * rating
                + 0.20 * (100 - f["engagement_pct"]) + 0.10 * (100 - f["total_pct"])
            )  # fmt: skip

    def place(i: int) -> tuple[float, bool, float, int, int]:
        rating = ratings[i]
        return (-round(scores[i], 9), rating is None, -(rating or 0), -facts[i]["positive_pct"], i)

    return [(i, scores[i]) for i in sorted(scores, key=place)[:100]]


def rising_stars(games: dict[int, Row], facts: dict[int, Row]) -> list[tuple[int, float]]:
    playing = {i: f for i, f in facts.items() if f["playing"] is not None}
    velocity = {i: f["playing"] / f["played"] if (f["played"] or 0) > 0 else 0 for i, f in playing.items()}
    velocity_pct, hours_pct = tiles(velocity), tiles({i: f["hours"] for i, f in playing.items()})
    scores = {}
    for i, f in playing.items():
        if i in games and f["playing_pct"] >= 30:
            rating = games[i].get("aggregated_rating")
            scores[i] = (
                0.30 * f["playing_pct"] + 0.25 * velocity_pct[i] + 0.05 * f["engagement_pct"]
                + 0.15 * f["positive_pct"] + 0.10 * hours_pct[i] + 0.15 * (75 if rating is None else rating)
            )  # fmt: skip

    def place(i: int) -> tuple[float, bool, float, int, int]:
        released = games[i].get("first_release_date")
        return (-round(scores[i], 9), released is None, -(released or 0), -playing[i]["playing_pct"], i)

    return [(i, scores[i]) for i in sorted(scores, key=place)[:100]]
