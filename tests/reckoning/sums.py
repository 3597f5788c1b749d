"""The marts that sum over games: by theme, genre, platform, year and company."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.reckoning.games import bridge_game_company, names, text, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.reckoning.marts import Marts

Row = dict[str, Any]
CATEGORIES = {"theme": "theme_names", "genre": "genre_names", "platform": "platform_names"}
LEAST_BASE = 10


COUNTRIES = {
    32: ("AR", "Argentina"),
    36: ("AU", "Australia"),
    40: ("AT", "Austria"),
    56: ("BE", "Belgium"),
    76: ("BR", "Brazil"),
    100: ("BG", "Bulgaria"),
    124: ("CA", "Canada"),
    152: ("CL", "Chile"),
    156: ("CN", "China"),
    158: ("TW", "Taiwan"),
    191: ("HR", "Croatia"),
    203: ("CZ", "Czechia"),
    208: ("DK", "Denmark"),
    233: ("EE", "Estonia"),
    246: ("FI", "Finland"),
    250: ("FR", "France"),
    276: ("DE", "Germany"),
    356: ("IN", "India"),
    380: ("IT", "Italy"),
    392: ("JP", "Japan"),
    410: ("KR", "South Korea"),
    504: ("MA", "Morocco"),
    528: ("NL", "Netherlands"),
    554: ("NZ", "New Zealand"),
    608: ("PH", "Philippines"),
    616: ("PL", "Poland"),
    642: ("RO", "Romania"),
    643: ("RU", "Russia"),
    702: ("SG", "Singapore"),
    710: ("ZA", "South Africa"),
    724: ("ES", "Spain"),
    752: ("SE", "Sweden"),
    792: ("TR", "Türkiye"),
    804: ("UA", "Ukraine"),
    826: ("GB", "United Kingdom"),
    840: ("US", "United States"),
}
"""The countries of the worlds that are reckoned."""


def total(numbers: Iterable[int | None]) -> int | None:
    """Return the sum of the known numbers; None if none is known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def ratio(part: int | None, whole: int | None) -> float | None:
    return None if part is None or whole is None or whole < LEAST_BASE else part / whole


def grouped(rows: Iterable[Row], keys: Callable[[Row], Iterable[tuple[Any, ...]]]) -> dict[tuple[Any, ...], list[Row]]:
    groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        for key in keys(row):
            groups[key].append(row)
    return groups


def categories(row: Row) -> list[tuple[str, str]]:
    return [(category, name) for category, column in CATEGORIES.items() for name in row[column] or ()]


def released(row: Row, day: datetime, first: int, last: int) -> bool:
    """Return whether the game came out so many to so many days before the day, by a date known to the day."""
    date = row["first_release_date"]
    if row["release_date_precision"] != "day" or date is None:
        return False
    return bool(day - timedelta(days=last) <= date < day - timedelta(days=first - 1))


def with_popularity(marts: Marts) -> list[Row]:
    empty = dict.fromkeys(next(iter(marts.popularity.values()), {}))
    return [empty | marts.popularity.get(g, {}) | row for g, row in marts.games.items()]


def theme_trends(marts: Marts) -> list[Row]:
    day = datetime.combine(marts.world.day, datetime.min.time())
    rows = []
    for (category, name), games in grouped(with_popularity(marts), categories).items():
        row: Row = {
            "category": category,
            "name": name,
            "games": len(games),
            "releases_52w": sum(released(game, day, 0, 363) for game in games),
            "releases_previous_52w": sum(released(game, day, 364, 727) for game in games),
        }
        for metric, column in (
            ("visits", "visit_count"),
            ("want_to_play", "want_to_play_users"),
            ("playing", "playing_users"),
        ):
            row[column] = total(game.get(column) for game in games)
            row[f"{metric}_gained_7d"] = total(game.get(f"{metric}_gained_7d") for game in games)
            compared = [game for game in games if game.get(f"{metric}_gained_7d") is not None]
            before = total((game[column] or 0) - game[f"{metric}_gained_7d"] for game in compared)
            row[f"{metric}_growth_7d"] = ratio(row[f"{metric}_gained_7d"], before)
        rows.append(row)
    ranked = []
    for category in CATEGORIES:
        mine = sorted(
            (row for row in rows if row["category"] == category),
            key=lambda r: (
                *last_if_unknown(r["playing_gained_7d"]),
                *last_if_unknown(r["playing_users"]),
                -r["games"],
                r["name"].encode(),
            ),
        )
        ranked += [row | {"rank": rank} for rank, row in enumerate(mine[:50], start=1)]
    return ranked


def last_if_unknown(number: int | None) -> tuple[bool, int]:
    return (number is None, -(number or 0))


def release_trends(marts: Marts) -> list[Row]:
    dated = [row for row in with_popularity(marts) if row["release_year"] is not None]

    def keys(row: Row) -> list[tuple[Any, ...]]:
        return [(*each, row["release_year"]) for each in categories(row)]

    return [
        {"category": category, "name": name, "release_year": year, "games": len(games)}
        | {
            column: total(game.get(column) for game in games)
            for column in ("want_to_play_users", "playing_users", "played_users")
        }
        for (category, name, year), games in grouped(dated, keys).items()
    ]


STEPS = ("visit_count", "want_to_play_users", "playing_users", "played_users")


def plus(sums: Row, *steps: str) -> int | None:
    """Return the sum of some steps; None if one is unknown."""
    found = [sums[step] for step in steps]
    return None if None in found else sum(found)


def engagement_funnel(marts: Marts) -> list[Row]:
    counted = [row for row in marts.joined() if any(row[step] is not None for step in STEPS)]

    def keys(row: Row) -> Iterable[tuple[str, str, str]]:
        yield "game", str(row["game_id"]), row["display_name"]
        if row["release_year"] is not None:
            yield "release_year", str(row["release_year"]), str(row["release_year"])
        for category, name in categories(row):
            yield category, name, name

    rows = []
    for (category, member, name), games in grouped(counted, keys).items():
        sums = {step: total(game[step] for game in games) for step in STEPS}
        rows.append(
            {"category": category, "member": member, "name": name, "games": len(games)}
            | sums
            | {
                "want_to_play_per_visit": ratio(sums["want_to_play_users"], sums["visit_count"]),
                "playing_per_want_to_play": ratio(sums["playing_users"], sums["want_to_play_users"]),
                "played_per_playing": ratio(sums["played_users"], sums["playing_users"]),
                "started_share": ratio(plus(sums, "playing_users", "played_users"), plus(sums, *STEPS[1:])),
            }
        )
    return rows


def dim_companies(marts: Marts) -> list[Row]:
    bridge = bridge_game_company(marts.world)
    known = names(marts.world, "companies")
    alike = Counter(text(row.get("name")) for row in marts.world.of("companies"))
    return [
        {
            "company_id": row["id"],
            "company_name": text(row.get("name")),
            "display_name": f"{row['name']} (#{row['id']})"
            if alike[text(row.get("name"))] > 1
            else text(row.get("name")),
            "company_slug": text(row.get("slug")),
            "company_description": text(row.get("description")),
            "country": row.get("country"),
            "country_code": COUNTRIES.get(row.get("country", 0), (None, None))[0],
            "country_name": COUNTRIES.get(row.get("country", 0), (None, None))[1],
            "parent_company_id": row.get("parent"),
            "parent_company_name": known.get(row.get("parent", -1)),
            "changed_company_id": row.get("changed_company_id"),
            "start_date": utc(row.get("start_date")),
            "developed_games": sum(c == row["id"] and role == "developer" for _, c, role in bridge),
            "published_games": sum(c == row["id"] and role == "publisher" for _, c, role in bridge),
            "url": text(row.get("url")),
            "created_at": utc(row.get("created_at")),
            "updated_at": utc(row.get("updated_at")),
        }
        for row in marts.world.of("companies")
    ]


def companies(marts: Marts) -> list[Row]:
    day = datetime.combine(marts.world.day, datetime.min.time())
    games = {row["game_id"]: row for row in with_popularity(marts)}
    made: defaultdict[int, set[int]] = defaultdict(set)
    for game_id, company_id, role in bridge_game_company(marts.world):
        if role in {"developer", "publisher"} and game_id in games:
            made[company_id].add(game_id)
    rows = []
    for company in dim_companies(marts):
        mine = [games[g] for g in made[company["company_id"]]]
        if not mine or company["company_name"] is None:
            continue
        ratings = [
            round(g["aggregated_rating"], 6)
            for g in mine
            if g["aggregated_rating"] is not None and (g["aggregated_rating_count"] or 0) > 0
        ]
        rows.append(
            company
            | {
                "games": len(mine),
                "releases_52w": sum(released(game, day, 0, 363) for game in mine),
                "rated_games": len(ratings),
                "mean_aggregated_rating": sum(ratings) / len(ratings) if ratings else None,
            }
            | {
                column: total(game.get(column) for game in mine)
                for column in ("playing_users", "playing_gained_7d", "played_users", "want_to_play_users")
            }
        )
    ordered = sorted(rows, key=lambda r: (*last_if_unknown(r["playing_users"]), -r["games"], r["company_id"]))
    return [row | {"rank": rank} for rank, row in enumerate(ordered[:500], start=1)]
