"""dim_games, dim_companies and the bridge between them, from raw rows."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]
Rows = dict[str, list[Row]]

VISIBLE = re.compile(
    r"[^\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202f\u205f-\u206f\u115f\u1160\u2800\u3164\ufeff\uffa0]"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
PRECISIONS = {0: "day", 1: "month", 3: "quarter", 4: "quarter", 5: "quarter", 6: "quarter", 2: "year"}
FINEST_FIRST = ("day", "month", "quarter", "year")
KOREA = 9
NO_RELEASES = {4, 5}
MAIN_TYPES, UNRELEASED_STATUSES, FOLDED_TYPES = {0, 4, 8, 9, 10}, {6, 7}, {9, 10, 11}


@dataclass
class Loads:
    """What loads of RAWG left: the games that each day read, and the newest rows of the other tables.

    matches: which game of IGDB is which of RAWG, as the build found.
    """

    games: dict[date, list[Row]] = field(default_factory=dict)
    others: Rows = field(default_factory=dict)
    matches: list[Row] = field(default_factory=list)


@dataclass
class World:
    """The rows of one day by entity, the popularity and RAWG's loads of each day, and the day that is built."""

    day: date
    rows: Rows
    popularity: dict[date, list[Row]] = field(default_factory=dict)
    rawg: Loads = field(default_factory=Loads)

    def of(self, entity: str) -> list[Row]:
        return self.rows.get(entity, [])


def text(value: str | None) -> str | None:
    return value if value is not None and VISIBLE.search(value) else None


def utc(seconds: int | None) -> datetime | None:
    return None if seconds is None or not -5364662400 <= seconds <= 7258118399 else EPOCH + timedelta(seconds=seconds)


def rating(value: float | None) -> float | None:
    return None if value is None or not -1e-6 <= value <= 100 + 1e-6 else min(max(value, 0.0), 100.0)


def id_set(ids: list[int] | None) -> list[int] | None:
    return None if ids is None else sorted({each for each in ids if each is not None})


def names(world: World, entity: str, column: str = "name") -> dict[int | None, str]:
    return {row["id"]: name for row in world.of(entity) if (name := text(row.get(column))) is not None}


def by_bytes(values: set[str]) -> list[str]:
    return sorted(values, key=lambda value: value.encode())


def named(ids: list[int] | None, known: dict[int | None, str]) -> list[str] | None:
    return by_bytes({known[each] for each in ids or () if each in known}) or None


def dim_games(world: World) -> dict[int, Row]:
    """Return one row per game that has a name."""
    games = {row["id"]: row for row in world.of("games") if text(row.get("name")) is not None}
    lookups = {
        "platform": ("platforms", names(world, "platforms")),
        "genre": ("genres", names(world, "genres")),
        "game_mode": ("game_modes", names(world, "game_modes")),
        "theme": ("themes", names(world, "themes")),
        "perspective": ("player_perspectives", names(world, "player_perspectives")),
        "franchise": ("franchises", names(world, "franchises")),
        "collection": ("collections", names(world, "collections")),
    }
    abbreviations = names(world, "platforms") | names(world, "platforms", "abbreviation")
    types, statuses = names(world, "game_types", "type"), names(world, "game_statuses", "status")
    images = names(world, "covers", "image_id")
    releases, makers = releases_of(world), makers_of(world, games)
    labels = display_names(games, releases)
    links, titles = links_of(world), korean_titles(world)
    rows = {}
    for game_id, game in games.items():
        released, days = utc(game.get("first_release_date")), releases[game_id]
        kind, status, image = game.get("game_type"), game.get("game_status"), images.get(game.get("cover", -1))
        rows[game_id] = {
            "game_id": game_id,
            "game_name": game["name"],
            "display_name": labels[game_id],
            "game_slug": text(game.get("slug")),
            "game_summary": text(game.get("summary")),
            "url": text(game.get("url")),
            "cover": game.get("cover"),
            "cover_url": image and f"https://images.igdb.com/igdb/image/upload/t_cover_big/{image}.jpg",
            "hypes": game.get("hypes"),
            "aggregated_rating": rating(game.get("aggregated_rating")),
            "aggregated_rating_count": game.get("aggregated_rating_count"),
            "rating": rating(game.get("rating")),
            "rating_count": game.get("rating_count"),
            "total_rating": rating(game.get("total_rating")),
            "first_release_date": released,
            "release_date_precision": precision(released, days),
            "korean_release_date": korean_release(days),
            "release_year": release_year(released, days),
            "created_at": utc(game.get("created_at")),
            "updated_at": utc(game.get("updated_at")),
            "game_type": kind,
            "game_type_name": types.get(kind),
            "game_status": status,
            "game_status_name": statuses.get(status),
            "parent_game_id": game.get("parent_game"),
            "original_game_id": original(game_id, games),
            "is_releasable": status not in UNRELEASED_STATUSES,
            "is_main_game": (kind is None or kind in MAIN_TYPES) and status not in UNRELEASED_STATUSES,
            "developer_names": by_bytes(makers[game_id, "developer"]) or None,
            "publisher_names": by_bytes(makers[game_id, "publisher"]) or None,
            "platform_abbreviations": named(game.get("platforms"), abbreviations),
            "name_ko": titles.get(game_id),
            **{column: found.get(game_id) for column, found in links.items()},
        }
        for name, (column, known) in lookups.items():
            rows[game_id][f"{name}_ids"] = id_set(game.get(column))
            rows[game_id][f"{name}_names"] = named(game.get(column), known)
    return rows


STEAM_PAGE = re.compile(r"/app/([1-9][0-9]{0,9})(?:[^0-9]|$)")
STEAM_UID = re.compile(r"[1-9][0-9]{0,9}")


def oldest(rows: list[Row], value: Callable[[Row], Any]) -> dict[int, Any]:
    """Return for each game the value of the row with the lowest id that has one."""
    found: dict[int, Any] = {}
    for row in sorted(rows, key=lambda row: row["id"]):
        if "game" in row and (each := value(row)) is not None:
            found.setdefault(row["game"], each)
    return found


def links_of(world: World) -> dict[str, dict[int, Any]]:
    """Return by column the links of each game: of a website, else of external_games."""

    def sites(kind: int, value: Callable[[Row], Any] = lambda row: text(row.get("url"))) -> dict[int, Any]:
        return oldest([row for row in world.of("websites") if row.get("type") == kind], value)

    def stores(source: int, value: Callable[[Row], Any] = lambda row: text(row.get("url"))) -> dict[int, Any]:
        return oldest([row for row in world.of("external_games") if row.get("external_game_source") == source], value)

    def page_app(row: Row) -> int | None:
        found = STEAM_PAGE.search(row.get("url", ""))
        return int(found[1]) if found else None

    def uid_app(row: Row) -> int | None:
        return int(row["uid"]) if STEAM_UID.fullmatch(row.get("uid", "")) else None

    apps = stores(1, uid_app) | sites(13, page_app)
    return {
        "steam_app_id": apps,
        "steam_url": {game: f"https://store.steampowered.com/app/{app}" for game, app in apps.items()} | sites(13),
        "official_url": sites(1),
        "gog_url": stores(5) | sites(17),
        "epic_url": stores(26) | sites(16),
    }


def korean_titles(world: World) -> dict[int, str]:
    korea = {row["id"] for row in world.of("regions") if row.get("identifier") == "ko-KR"}
    rows = [row for row in world.of("game_localizations") if row.get("region") in korea]
    return oldest(rows, lambda row: text(row.get("name")))


def year_of(release: Row) -> int | None:
    year = release.get("y")
    return year if year is not None and 1800 <= year <= 2199 else None


def releases_of(world: World) -> defaultdict[int, list[Row]]:
    releases: defaultdict[int, list[Row]] = defaultdict(list)
    for row in world.of("release_dates"):
        if row.get("status") in NO_RELEASES:
            continue
        releases[row.get("game", -1)].append(
            {
                "at": utc(row.get("date")),
                "precision": PRECISIONS.get(row.get("date_format", -1)),
                "year": year_of(row),
                "region": row.get("release_region"),
            }
        )
    return releases


def precision(released: datetime | None, days: list[Row]) -> str | None:
    """Return the finest precision of the game's release dates that equal its first one."""
    found = {row["precision"] for row in days if released is not None and row["at"] == released}
    return next((name for name in FINEST_FIRST if name in found), None)


def korean_release(days: list[Row]) -> datetime | None:
    known = [row["at"] for row in days if row["region"] == KOREA and row["precision"] == "day" and row["at"]]
    return min(known, default=None)


def release_year(released: datetime | None, days: list[Row]) -> int | None:
    if released is not None:
        return released.year
    return min((row["year"] for row in days if row["year"] is not None), default=None)


def original(game_id: int, games: dict[int, Row]) -> int:
    """Return the last game of the chain of editions, remasters and ports; itself if the chain has no end."""
    seen, at = {game_id}, game_id
    while (above := link(games.get(at))) is not None:
        if above in seen:
            return game_id
        seen.add(above)
        at = above
    return at


def link(game: Row | None) -> Any:
    if game is None:
        return None
    if game.get("version_parent") is not None:
        return game["version_parent"]
    return game.get("parent_game") if game.get("game_type") in FOLDED_TYPES else None


def display_names(games: dict[int, Row], releases: dict[int, list[Row]]) -> dict[int, str]:
    """Return each game's name, with its year if others have the name, and with its id if that tells too little."""
    year = {g: release_year(utc(row.get("first_release_date")), releases[g]) for g, row in games.items()}
    alike = Counter(row["name"] for row in games.values())
    same_year = Counter((row["name"], year[g]) for g, row in games.items())
    labels = {}
    for game_id, row in games.items():
        name, when = row["name"], year[game_id]
        if alike[name] == 1:
            labels[game_id] = name
        elif when is not None and same_year[name, when] == 1 and f"{name} ({when})" not in alike:
            labels[game_id] = f"{name} ({when})"
        else:
            labels[game_id] = f"{name} ({'' if when is None else f'{when}, '}#{game_id})"
    return labels


REGIONS = (
    *("europe", "north_america", "australia", "new_zealand", "japan"),
    *("china", "asia", "worldwide", "korea", "brazil"),
)


def release_dates(world: World) -> list[Row]:
    """Return one row per release of a game that has a name."""
    games = {row["id"] for row in world.of("games") if text(row.get("name")) is not None}
    platforms, regions = names(world, "platforms"), dict(enumerate(REGIONS, 1))
    return [
        {
            "release_date_id": row["id"],
            "game_id": row["game"],
            "platform_id": row.get("platform"),
            "platform_name": platforms.get(row.get("platform")),
            "release_region": regions.get(row.get("release_region", 0)),
            "release_date": utc(row.get("date")),
            "date_precision": PRECISIONS.get(row.get("date_format", -1)),
            "release_year": year_of(row),
        }
        for row in world.of("release_dates")
        if row.get("game") in games and row.get("status") not in NO_RELEASES
    ]


ROLES = ("developer", "publisher", "porting", "supporting")


def bridge_game_company(world: World) -> set[tuple[int, int, str]]:
    games = {row["id"] for row in world.of("games") if text(row.get("name")) is not None}
    companies = {row["id"] for row in world.of("companies")}
    return {
        (row["game"], row["company"], role)
        for row in world.of("involved_companies")
        for role in ROLES
        if row.get(role) and row.get("game") in games and row.get("company") in companies
    }


def makers_of(world: World, games: dict[int, Row]) -> defaultdict[tuple[int, str], set[str]]:
    makers: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    known = names(world, "companies")
    for game_id, company_id, role in bridge_game_company(world):
        if game_id in games and company_id in known:
            makers[game_id, role].add(known[company_id])
    return makers
