"""A game of RAWG, made from the game of IGDB that it is, or from one that IGDB does not have.

Most fields agree with IGDB's. Names, dates, platforms and companies differ now and then, as two catalogues do that
people write by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sandbox.igdb.chance import FULL, churn_second, digest_of, draws, key_of
from sandbox.rawg import catalog
from sandbox.rawg.names import other_name, slugify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.igdb.table import Row
    from sandbox.igdb.world import World

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEAM_OF_IGDB, _GOG_OF_IGDB, _EPIC_OF_IGDB, _MICROSOFT_OF_IGDB = 1, 5, 26, 11
_IDS = 2**21
_COMPANY_IDS = 2**17
_TIED_SECOND = 30
IMAGE = "https://media.rawg.io/media/games/{0}/{0}{1}.jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A game of RAWG.

    game: its number: the id of a game of IGDB, or above all of these.
    igdb_id: the game of IGDB that it is; None if IGDB does not have it.
    entered: the day on which RAWG got it; None before the first day.
    name: the name at IGDB that it is derived from.
    """

    id: int
    game: int
    igdb_id: int | None
    entered: date | None
    name: str


def rawg_id(seed: int, game: int) -> int:
    """Return the id of a game: another order than IGDB's, without a repetition."""
    return 1 + (game * 1_640_531 + seed * 7919) % _IDS


def company_id(kind: str, company: int) -> int:
    """Return the id of a company of IGDB as a developer or publisher, which have ids of their own."""
    return 1 + (company * 40_503 + (17 if kind == "developers" else 6_911)) % _COMPANY_IDS


def changed_at(row_id: int, day: date) -> int:
    """Return the second of a change on that day: of two in five games the same one, as where a program wrote them."""
    second = churn_second(row_id, day)
    tied = chance(b"%d:%d:tie" % (row_id, day.toordinal())) % 5 < 2
    return second - second % 60 + _TIED_SECOND if tied else second


def chance(of: bytes) -> int:
    """Return a number below 2**32 that looks random and follows from what it is about."""
    return int.from_bytes(blake2b(of, digest_size=4).digest())


def text_of(seconds: int, zone: timedelta = timedelta()) -> str:
    """Return unix seconds as RAWG writes a time: without its zone, which is `zone` ahead of UTC."""
    return (_EPOCH + timedelta(seconds=seconds) + zone).strftime("%Y-%m-%dT%H:%M:%S")


class GameMaker:
    """Makes rows of games."""

    def __init__(self, world: World, seed: int) -> None:
        self._tables = world.tables
        self._first_day = world.first_day
        self._key = key_of(seed, "rawg: games")
        self._companies: dict[int, str] = {}
        self._latest: tuple[int, Row] | None = None

    def draws(self, game: int) -> tuple[int, ...]:
        """Return the numbers that decide on a game."""
        return draws(digest_of(self._key, game))

    def base(self, entry: Entry) -> Row:
        """Return IGDB's row that a game is made from, which the caller must not change."""
        if self._latest is None or self._latest[0] != entry.game:  # one game is asked for several times in a row
            self._latest = entry.game, self._tables["games"].original(entry.game)
        return self._latest[1]

    def name(self, entry: Entry) -> str:
        """Return the name of a game."""
        base, draw = self.base(entry), self.draws(entry.game)
        return _name(entry, base, draw, self._released(base, draw))

    def row(self, entry: Entry, slug: str, changed: date | None) -> Row:
        """Return the row of a list, without figures of other tables. `changed`: the day of its last change."""
        base, draw = self.base(entry), self.draws(entry.game)
        released = self._released(base, draw)
        updated = self._updated(entry, base, draw, changed)
        row: Row = {
            "id": entry.id,
            "slug": slug,
            "name": _name(entry, base, draw, released),
            "released": released,
            "tba": released is None and draw[1] % 2 == 0,
            "background_image": IMAGE.format(f"{entry.id % 4096:03x}", entry.game) if draw[2] < 0.9 * FULL else None,
            **self._figures(base, draw, changed),
            "updated": text_of(updated),
            "updated_at": updated,
            "created_at": min(updated, int(base.get("created_at", 0))),
            "user_game": None,
            "saturated_color": "0f0f0f",
            "dominant_color": "0f0f0f",
            "clip": None,
            "esrb_rating": catalog.ESRB[draw[3] % 4] if draw[3] < 0.3 * FULL else None,
        }
        platforms = self._platforms(base, draw)
        row["platforms"] = [
            {"platform": _platform(key), "released_at": released, "requirements": {}} for key in platforms
        ]
        parents = dict.fromkeys(catalog.PLATFORMS[key][2] for key in platforms)
        row["parent_platforms"] = [{"platform": _parent(key)} for key in parents]
        genres = dict.fromkeys(
            genre for igdb in base.get("genres", ()) for genre in catalog.GENRES_OF_IGDB.get(igdb, ())
        )
        row["genres"] = [named(catalog.GENRES, key) for key in genres]
        row["stores"] = [{"id": link["id"], "store": store(link["store_id"])} for link in self.stores(entry)]
        row["tags"] = [
            {**named(catalog.TAGS, key), "language": "eng"} for key in sorted(catalog.TAGS) if (draw[4] + key) % 3 == 0
        ]
        row["short_screenshots"] = [{"id": -1, "image": row["background_image"]}] if row["background_image"] else []
        return row

    def details(self, entry: Entry, row: Row) -> Row:
        """Return what a detail has more than a row of a list."""
        base, draw = self.base(entry), self.draws(entry.game)
        score = row["metacritic"]
        more: Row = {
            "name_original": row["name"],
            "description": f"<p>{base.get('summary', '')}</p>",
            "description_raw": base.get("summary", ""),
            "background_image_additional": row["background_image"],
            "metacritic_platforms": [{"metascore": score, "url": f"https://www.metacritic.com/game/{row['slug']}"}]
            if score
            else [],
            "metacritic_url": f"https://www.metacritic.com/game/{row['slug']}" if score else "",
            "website": f"https://www.game-{entry.game}.example" if draw[5] % 2 else "",
            "alternative_names": self._alternative_names(entry, base, row, draw),
            "reddit_url": "",
            "reddit_name": "",
            "reddit_description": "",
            "reddit_logo": "",
            "reddit_count": draw[6] % 500,
            "twitch_count": draw[6] % 100,
            "youtube_count": draw[7] % 1000,
        }
        kinds = ("screenshots", "movies", "creators", "achievements", "parent_achievements", "parents", "additions")
        more |= {f"{kind}_count": draw[8 + number] % 12 for number, kind in enumerate(kinds)}
        more["game_series_count"] = len(base.get("collections", ()))
        companies = self.companies(entry)
        return more | {kind: [named_company(*company) for company in found] for kind, found in companies.items()}

    def companies(self, entry: Entry) -> dict[str, list[tuple[int, str]]]:
        """Return the developers and the publishers of a game, each with its id."""
        found: dict[str, dict[int, str]] = {"developers": {}, "publishers": {}}
        for part in self._owned("involved_companies", self.base(entry)):
            name = self._company(part["company"])
            if part["company"] % 20 == 0:
                name += ", Inc."
            for kind, roles in found.items():
                if name and part.get(kind.removesuffix("s")):
                    roles[company_id(kind, part["company"])] = name
        return {kind: list(roles.items()) for kind, roles in found.items()}

    def stores(self, entry: Entry) -> list[Row]:
        """Return the links of a game to stores: those of IGDB's external games, and of some that IGDB does not have."""
        base, draw = self.base(entry), self.draws(entry.game)
        pages: dict[int, str] = {}
        for external in self._owned("external_games", base):
            kind, uid = external.get("external_game_source"), str(external.get("uid", ""))
            url = external.get("url", "")
            if kind == _STEAM_OF_IGDB:
                pages.setdefault(catalog.STEAM, uid)
            elif kind == _GOG_OF_IGDB and url:
                pages.setdefault(catalog.GOG, url.rpartition("/")[2])
            elif kind == _EPIC_OF_IGDB and url:
                pages.setdefault(catalog.EPIC, url.rpartition("/")[2])
            elif kind == _MICROSOFT_OF_IGDB:
                pages.setdefault(catalog.XBOX, uid)
        # Each catalogue misses some links, and a few lead to another game: people write them.
        pages = {key: page for key, page in pages.items() if (draw[16] + key * 13) % 100 >= 8}
        if catalog.STEAM in pages and draw[17] < 0.004 * FULL:
            pages[catalog.STEAM] = str(int(pages[catalog.STEAM]) + 20) if pages[catalog.STEAM].isdecimal() else "440"
        for platform in self._platforms(base, draw):
            other = catalog.STORES_OF_PLATFORMS.get(platform)
            if other and (draw[18] + other * 29) % 100 < 60:
                pages.setdefault(other, f"game-{entry.game}")
        return [
            {
                "id": entry.id * 16 + key,
                "game_id": entry.id,
                "store_id": key,
                "url": catalog.PAGES[key].format(id=page),
            }
            for key, page in sorted(pages.items())
        ]

    def _owned(self, endpoint: str, base: Row) -> Iterator[Row]:
        table = self._tables.get(endpoint)
        for row_id in sorted(base.get(endpoint, ())):
            try:
                if table is not None:
                    yield table.original(row_id)
            except KeyError:  # recorded rows may name rows that were not recorded
                continue

    def _company(self, company: int) -> str:
        if company not in self._companies:
            table = self._tables.get("companies")
            try:
                self._companies[company] = str(table.original(company)["name"]) if table is not None else ""
            except KeyError:
                self._companies[company] = ""
        return self._companies[company]

    def _released(self, base: Row, draw: tuple[int, ...]) -> str | None:
        seconds = base.get("first_release_date")
        share = draw[19] / FULL
        if seconds is None or share < 0.05:
            return None
        days = draw[20] % 7 - 3 if share < 0.11 else 365 if share < 0.12 else 0
        return (_EPOCH + timedelta(seconds=seconds, days=days)).date().isoformat()

    def _updated(self, entry: Entry, base: Row, draw: tuple[int, ...], changed: date | None) -> int:
        if changed or entry.entered:
            return changed_at(entry.id, changed or entry.entered or self._first_day)
        before = churn_second(0, self._first_day) - 1
        updated = min(before, int(base.get("updated_at", before)) - draw[21] % 3600)
        return updated - updated % 300 if draw[22] < 0.3 * FULL else updated

    def _platforms(self, base: Row, draw: tuple[int, ...]) -> list[int]:
        found = dict.fromkeys(
            catalog.PLATFORMS_OF_IGDB[platform]
            for platform in base.get("platforms", ())
            if platform in catalog.PLATFORMS_OF_IGDB
        )
        return list(found)[:-1] if len(found) > 1 and draw[23] < 0.1 * FULL else list(found)

    def _figures(self, base: Row, draw: tuple[int, ...], changed: date | None) -> Row:
        """Return ratings and counts, which agree with IGDB's but for a few games, and grow with each change."""
        days = max(0, (changed - self._first_day).days) if changed else 0
        known = int(base.get("rating_count", 0))
        added = int((known * 12 + draw[24] % 40) * (1 + days / 200)) + days
        counts = int((known * (0.4 + draw[25] / FULL)) * (1 + days / 300))
        liked = float(base.get("rating") or base.get("total_rating") or 60.0) / 20
        if draw[26] < 0.02 * FULL:
            liked = 5 - liked
        liked = min(5.0, max(1.0, liked + (draw[27] / FULL - 0.5) / 2)) if counts else 0.0
        critics: float | None = base.get("aggregated_rating")
        statuses = ("yet", "owned", "beaten", "toplay", "dropped", "playing")
        parts = (0.06, 0.6, 0.14, 0.09, 0.06, 0.05)
        status = {name: round(added * part) for name, part in zip(statuses, parts, strict=True) if round(added * part)}
        return {
            "rating": round(liked, 2),
            "rating_top": round(liked),
            "ratings": _ratings(counts, liked),
            "ratings_count": counts,
            "reviews_text_count": counts // 100,
            "added": added,
            "added_by_status": status or None,
            "metacritic": round(min(99, max(11, critics + draw[28] % 13 - 6)))
            if critics is not None and draw[29] < 0.85 * FULL
            else None,
            "playtime": draw[30] % 60 if counts else 0,
            "suggestions_count": draw[31] % 700,
            "reviews_count": counts,
        }

    def _alternative_names(self, entry: Entry, base: Row, row: Row, draw: tuple[int, ...]) -> list[str]:
        names = [entry.name] if entry.name != row["name"] and draw[12] < 0.6 * FULL else []
        titles = (title.get("name", "") for title in self._owned("game_localizations", base))
        return names + [title for title in titles if title and draw[13] < 0.7 * FULL]


def _name(entry: Entry, base: Row, draw: tuple[int, ...], released: str | None) -> str:
    return other_name(entry.name, str(base.get("slug", "")), draw[0], int(released[:4]) if released else None)


def _ratings(counts: int, liked: float) -> list[dict[str, Any]]:
    """Return how many users gave each of RAWG's four ratings."""
    if not counts:
        return []
    near = {value: 1 / (0.4 + abs(value - liked)) for value in catalog.RATING_TITLES}
    whole = sum(near.values())
    return [
        {
            "id": value,
            "title": catalog.RATING_TITLES[value],
            "count": round(counts * share / whole),
            "percent": round(100 * share / whole, 2),
        }
        for value, share in sorted(near.items(), key=lambda pair: -pair[1])
    ]


def named(table: dict[int, str], key: int) -> Row:
    """Return a genre or a tag within a game."""
    return {"id": key, "name": table[key], "slug": catalog.GENRE_SLUGS.get(key, slugify(table[key]))}


def named_company(key: int, name: str) -> Row:
    """Return a developer or publisher within a game; names are not unique, slugs are."""
    return {"id": key, "name": name, "slug": f"{slugify(name)}-{key}"}


def store(key: int) -> Row:
    """Return a store within a game."""
    name, slug, domain = catalog.STORES[key]
    return {"id": key, "name": name, "slug": slug, "domain": domain}


def _platform(key: int) -> Row:
    name, slug, _parent_key = catalog.PLATFORMS[key]
    return {"id": key, "name": name, "slug": slug}


def _parent(key: int) -> Row:
    name, slug = catalog.PARENT_PLATFORMS[key]
    return {"id": key, "name": name, "slug": slug}
