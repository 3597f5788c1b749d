"""The marts of RAWG, from the rows of its loads. Which games are one is taken from the published bridge."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from math import sqrt
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.reckoning.games import text, utc
from tests.reckoning.marts import Marts, best, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = dict[str, Any]
VOTES = {5: "exceptional", 4: "recommended", 3: "meh", 1: "skip"}
STATUSES = ("yet", "owned", "beaten", "toplay", "dropped", "playing")
STORES = {1: "steam", 2: "xbox", 3: "playstation", 4: "app_store", 5: "gog", 6: "nintendo", 7: "xbox_360",
          8: "google_play", 9: "itch", 11: "epic"}  # fmt: skip
LISTS = {"store": "stores", "genre": "genres", "platform": "platforms"}
SPREAD, SURE, LEAST, FEWEST = 20, 1.96, 3, 10
POPULARITY = (
    "visit_count",
    "want_to_play_users",
    "playing_users",
    "played_users",
    "steam_peak_players",
    "steam_review_count",
    "positive_share",
    "twitch_hours_watched",
)


def figures(row: Row) -> Row:
    """Return the figures of a game that change."""
    lists = row.get("added_by_status") or {}
    votes = {vote["id"]: vote["count"] for vote in row["ratings"]}
    return {
        "rating": row["rating"] or None,
        **{name: row[name] for name in ("ratings_count", "reviews_text_count", "added", "metacritic")},
        "suggestions_count": row["suggestions_count"],
        "playtime": row["playtime"] or None,
        **{f"{title}_count": votes.get(vote, 0) for vote, title in VOTES.items()},
        **{f"added_{status}": lists.get(status) for status in STATUSES},
        "updated_at": utc(row["updated_at"]),
        "attribution": "RAWG",
        "attribution_url": f"https://rawg.io/games/{row['slug']}",
    }


def daily(marts: Marts) -> list[Row]:
    return [
        {"rawg_game_id": row["id"], "day": day, **figures(row)}
        for day, rows in marts.world.rawg.games.items()
        for row in rows
    ]


def current(marts: Marts) -> dict[int, Row]:
    """Return the newest row of each game that has a name and was not deleted, with its details."""
    loads = marts.world.rawg
    details = {row["id"]: row for row in loads.others.get("game_details", ())}
    rows = {row["id"]: row for day in sorted(loads.games) for row in loads.games[day]}
    found = {}
    for row_id, row in rows.items():
        detail = details.get(row_id, {})
        if text(row["name"]) and not (detail.get("is_missing") and detail["updated_at"] >= row["updated_at"]):
            esrb = row["esrb_rating"] or {}
            found[row_id] = row | {"metacritic_url": text(detail.get("metacritic_url")), "esrb": esrb.get("name")}
    return found


def both(marts: Marts) -> list[tuple[Row, Row, Row]]:
    games = current(marts)
    return [
        (match, marts.dim[match["igdb_game_id"]], games[match["rawg_game_id"]])
        for match in marts.world.rawg.matches
        if match["igdb_game_id"] in marts.dim and match["rawg_game_id"] in games
    ]


def of_100(rawg: Row) -> float | None:
    return round(20 * rawg["rating"], 1) if rawg["rating"] else None


def overview(marts: Marts) -> list[Row]:
    pages: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in marts.world.rawg.others.get("game_stores", ()):
        for link in row["items"]:
            pages[row["id"]][link["store_id"]].append(link["url"])
    rows = []
    for match, igdb, rawg in both(marts):
        shown = figures(rawg)
        rows.append(
            igdb
            | shown
            | {"rating": igdb["rating"], "rawg_rating": shown["rating"], "rawg_rating_of_100": of_100(rawg)}
            | {"rawg_game_id": rawg["id"], "rawg_name": rawg["name"], "rawg_ratings_count": rawg["ratings_count"]}
            | {"metacritic_url": rawg["metacritic_url"], "esrb_rating": rawg["esrb"]}
            | {"match_method": match["method"], "match_confidence": match["confidence"], "day": marts.world.day}
            | {f"{name}_store_url": min(pages[rawg["id"]][store], default=None) for store, name in STORES.items()}
            | {name: marts.popularity.get(igdb["game_id"], {}).get(name) for name in POPULARITY}
            | {"rawg_updated_at": shown["updated_at"]}
        )
    return rows


def segments(marts: Marts) -> list[Row]:
    members: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in current(marts).values():
        ids = {
            "store": {each["store"]["id"] for each in row["stores"]},
            "genre": {each["id"] for each in row["genres"]},
            "platform": {each["platform"]["id"] for each in row["platforms"]},
        }
        for category, found in ids.items():
            for each in found:
                members[category, each].append(row)
    names = {
        (category, row["id"]): row for category, name in LISTS.items() for row in marts.world.rawg.others.get(name, ())
    }
    since = marts.world.day - timedelta(days=364)
    rows = []
    for (category, key), games in members.items():
        released = [date.fromisoformat(row["released"]) for row in games if row["released"]]
        shown = [figures(row) for row in games]

        def known(name: str, shown: list[Row] = shown) -> list[Any]:
            return [row[name] for row in shown if row[name] is not None]

        rows.append(
            {
                "category": category,
                "category_id": key,
                "name": names[category, key]["name"],
                "rawg_games_count": names[category, key]["games_count"],
                "games": len(games),
                "released_in_a_year": sum(since <= each <= marts.world.day for each in released),
                "rated_games": len(known("rating")),
                "median_rating": thousandths(middle(known("rating"))),
                "scored_games": len(known("metacritic")),
                "median_metacritic": middle(known("metacritic")),
                "median_playtime": middle(known("playtime")),
                **{
                    name: sum(known(name)) if known(name) else None
                    for name in ("added", *(f"added_{s}" for s in STATUSES))
                },
                "day": marts.world.day,
                "attribution": "RAWG",
                "attribution_url": "https://rawg.io",
            }
        )
    return rows


def middle(values: Iterable[float]) -> float | None:
    listed = list(values)
    return float(median(listed)) if listed else None


def thousandths(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def disagreements(marts: Marts) -> list[Row]:
    rated = [
        (match, igdb, rawg)
        for match, igdb, rawg in both(marts)
        if igdb["is_main_game"] and igdb["rating"] is not None and (igdb["rating_count"] or 0) >= FEWEST
        and rawg["rating"] and rawg["ratings_count"] >= FEWEST and match["confidence"] >= 0.9
    ]  # fmt: skip
    typical = middle(of_100(rawg) - igdb["rating"] for _, igdb, rawg in rated)
    rows = []
    for match, igdb, rawg in rated:
        difference = of_100(rawg) - igdb["rating"]
        unusual = difference - (typical or 0.0)
        uncertainty = SPREAD * sqrt(1 / igdb["rating_count"] + 1 / rawg["ratings_count"])
        sure = abs(unusual) - SURE * uncertainty
        if abs(unusual) < LEAST * uncertainty or rounded(sure) <= 0:
            continue
        shown = figures(rawg)
        rows.append(
            igdb
            | {"rawg_game_id": rawg["id"], "rawg_name": rawg["name"], "rawg_rating": shown["rating"]}
            | {"rawg_rating_of_100": of_100(rawg), "rawg_ratings_count": rawg["ratings_count"]}
            | {"difference": difference, "typical_difference": typical or 0.0, "unusual_difference": unusual}
            | {"uncertainty": uncertainty, "sure_difference": sure, "match_confidence": match["confidence"]}
            | {"attribution": "RAWG", "attribution_url": shown["attribution_url"]}
        )
    return best(rows, 100, lambda row: (-rounded(row["sure_difference"]),))
