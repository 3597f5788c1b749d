"""Worlds to reckon: recorded rows, and a generated one of 40 days with the most extreme values that JSON allows."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.igdb.world import World as Sandbox
from sandbox.rawg.world import RawgWorld
from tests.reckoning.games import Loads, World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.raw_lake import Lake

Row = dict[str, Any]
FIRST, DAYS = date(2026, 10, 12), 40
RAWG_DAYS = 13
"""RAWG is loaded so often: the last time on the last of the days."""
EVERY_ID = [(0, None)]
MOST = 2**63 - 1
ODD_GAMES: list[Row] = [
    {"id": MOST, "name": "Most", "aggregated_rating": 100.0, "aggregated_rating_count": MOST, "hypes": MOST},
    {"id": MOST - 1, "name": "Most", "rating": 100.00000000000001, "rating_count": MOST, "first_release_date": MOST},
    {"id": MOST - 2, "name": "Least", "aggregated_rating": 5e-324, "aggregated_rating_count": -MOST, "hypes": -MOST},
    {"id": MOST - 3, "name": "\U0001f3ae\u0000", "version_parent": MOST, "first_release_date": -MOST},
    {"id": MOST - 4, "name": "Cycle", "game_type": 11, "parent_game": MOST - 4, "platforms": [MOST, -1]},
]
CHAIN: list[Row] = [
    {"id": MOST - 20, "name": "Original", "aggregated_rating": 90.0, "aggregated_rating_count": 9},
    *({"id": MOST - 20 + n, "name": "Port", "game_type": 11, "parent_game": MOST - 21 + n} for n in range(1, 9)),
    {"id": MOST - 30, "name": "Circle", "version_parent": MOST - 31},
    {"id": MOST - 31, "name": "Circle", "version_parent": MOST - 30, "rating_count": 9, "rating": 80.0},
]
ODD_LINKS: dict[str, list[Row]] = {
    "websites": [
        {"id": MOST, "game": MOST, "type": 13, "url": "https://store.steampowered.com/app/9999999999?l=koreana"},
        {"id": MOST - 1, "game": MOST - 1, "type": 13, "url": "https://store.steampowered.com/app/99999999999"},
        {"id": MOST - 2, "game": MOST, "type": 1, "url": "\u200b"},
        {"id": MOST - 3, "type": 1, "url": "https://no-game.example"},
    ],
    "external_games": [
        {"id": MOST, "game": MOST - 2, "external_game_source": 1, "uid": "9999999999"},
        {"id": MOST - 1, "game": MOST - 2, "external_game_source": 1, "uid": "010"},
        {"id": MOST - 2, "game": MOST - 2, "external_game_source": 26, "uid": "epic", "url": " "},
    ],
    "game_localizations": [{"id": MOST, "game": MOST, "region": 2, "name": "\u3164"}],
    "release_dates": [
        {"id": MOST, "game": MOST, "date": 0, "y": 1970, "date_format": 0, "release_region": 9, "status": 4},
        {"id": MOST - 1, "game": MOST, "date": 0, "y": 1970, "date_format": 0, "release_region": 9, "status": 5},
    ],
}
ODD_VALUES: list[Row] = [
    {"id": MOST, "game_id": MOST, "popularity_type": 3, "value": 9e299, "calculated_at": MOST},
    {"id": MOST - 1, "game_id": MOST - 1, "popularity_type": 3, "value": 5e-324},
    {"id": MOST - 2, "game_id": MOST - 2, "popularity_type": 3, "value": 0.0},
    {"id": MOST - 3, "game_id": MOST, "popularity_type": 6, "value": 9e299},
    {"id": MOST - 4, "game_id": MOST, "popularity_type": MOST, "value": 1.0},
]


def take(loads: Loads, world: RawgWorld, day: date) -> None:
    """Load the games of RAWG that changed since the last load, and all rows of the other tables."""
    known = {row["id"]: row for rows in loads.games.values() for row in rows}
    games = world.games()
    loads.games[day] = [row for row in games if known.get(row["id"]) != row]
    loads.others = {name: world.rows(name) for name in ("genres", "platforms", "stores", "developers", "publishers")}
    deleted = known.keys() - {row["id"] for row in games}
    loads.others["game_details"] = [world.details(row) for row in games] + [
        {"id": row_id, "is_missing": True, "updated_at": known[row_id]["updated_at"]} for row_id in sorted(deleted)
    ]
    loads.others["game_stores"] = [{"id": row["id"], "items": world.stores_of(row)} for row in games]


def _disliked(sandbox: Sandbox, rawg: RawgWorld) -> list[Row]:
    """Return RAWG's rows of games that users of IGDB rated: each second one is rated badly, by more users each time."""
    rated = {row["id"] for row in sandbox.rows("games") if row.get("rating_count")}
    games = sorted(row_id for row_id, game in rawg.truth().items() if game in rated)[::2]
    return [
        {"id": row_id, "rating": 1.5, "ratings_count": 4**n, "ratings": [{"id": 1, "count": 3}, {"id": 3, "count": 1}]}
        for n, row_id in enumerate(games, start=1)
    ]


def generated(games: int = 300) -> World:
    """Return 40 days of a made-up world, with odd rows on every day."""
    last = FIRST + timedelta(days=DAYS - 1)
    sandbox = Sandbox.generate(seed=7, games=games, first_day=FIRST, today=FIRST, popularity_per_game=6)
    popularity = {}
    rawg, loads = RawgWorld(sandbox, seed=7), Loads()
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        sandbox.advance(day)
        if number % RAWG_DAYS == 0:
            rawg.follow()
            rawg.delete("games", [min(row["id"] for row in rawg.games())])
            rawg.upsert("games", _disliked(sandbox, rawg))
            take(loads, rawg, day)
        popularity[day] = [*map(dict, sandbox.rows("popularity_primitives")), *ODD_VALUES]
    rows = {endpoint: [dict(row) for row in sandbox.rows(endpoint)] for endpoint in sandbox.tables}
    rows["games"] += ODD_GAMES + CHAIN
    for endpoint, odd in ODD_LINKS.items():
        rows[endpoint] += odd
    return World(last, rows, popularity, loads)


def recorded(folder: Path, days: tuple[str, ...]) -> World:
    """Return the rows of the first of some recorded days, with the popularity of each."""
    rows = {
        file.stem: [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        for file in (folder / days[0]).glob("*.jsonl")
    }
    popularity = {
        date.fromisoformat(day): [
            json.loads(line) for line in (folder / day / "popularity_primitives.jsonl").read_text("utf-8").splitlines()
        ]
        for day in days
    }
    return World(date.fromisoformat(days[-1]), rows, popularity)


def up_to(world: World, day: date) -> World:
    """Return the world as it was known on an earlier day: the same rows, and the popularity up to then."""
    rawg = Loads({each: rows for each, rows in world.rawg.games.items() if each <= day}, world.rawg.others)
    return World(day, world.rows, {each: rows for each, rows in world.popularity.items() if each <= day}, rawg)


def fill(lake: Lake, world: World, entities: dict[str, str]) -> None:
    """Add every row of a world to a lake. entities: the endpoint of each entity."""
    lake.day = world.day.isoformat()
    for entity, endpoint in entities.items():
        if endpoint != "popularity_primitives":
            lake.add(entity, world.of(endpoint), claims=EVERY_ID)
    for day, rows in world.popularity.items():
        lake.add("popscore", rows, claims=EVERY_ID, partition=day.isoformat())
    for day, rows in world.rawg.games.items():
        lake.add("rawg.games", rows, partition=day.isoformat())
    for entity, rows in world.rawg.others.items():
        lake.add(f"rawg.{entity}", rows)
