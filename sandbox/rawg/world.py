"""The rows of the local RAWG: the same games as the local IGDB has, under other ids and slightly other names.

    world = RawgWorld(igdb_world)
    world.follow()                          # after the IGDB world has changed or turned to another day
    world.truth()[rawg_id] == igdb_id       # which game is which, for tests of a matching

About one game of IGDB in ten is missing, one in twelve is only here, and some of those have the name of another game. A
new game of IGDB comes up to three days later. A deleted one stays, if IGDB had it on the first day. The same seed,
IGDB world and today make the same rows, whether made at once or day by day. Used by `RawgSandbox`, under its lock.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gamelake.days import day_of
from sandbox.igdb.chance import FULL
from sandbox.igdb.errors import WorldError
from sandbox.rawg import catalog
from sandbox.rawg.games import Entry, GameMaker, chance, named, named_company, rawg_id, store, text_of
from sandbox.rawg.names import slugify
from sandbox.rawg.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.igdb.table import Row
    from sandbox.igdb.world import World

CHANGED = 0.01
"""Share of the games that a day changes."""

_ONLY_HERE = 1 / 12
_SAME_NAME = 0.25
_FIRST_ONLY_HERE = 2**21 - 1
_MAIN_TYPES = {0, 4, 8, 9, 10}
_GAMES_SHOWN = 6
_LISTS = ("genres", "platforms", "stores", "developers", "publishers", "tags")


class RawgWorld:
    """Games and reference lists over a world of IGDB.

    Args:
        igdb: The world that has the games.
        seed: The same seed makes the same ids, names and figures.
        changed: The share of the games that a day changes.
    """

    def __init__(self, igdb: World, *, seed: int = 1, changed: float = CHANGED) -> None:
        self._igdb = igdb
        self._seed = seed
        self._changed_share = changed
        self._make = GameMaker(igdb, seed)
        self._entries: dict[int, Entry] = {}
        self._slugs: dict[int, str] = {}
        self._changed: dict[int, date] = {}
        self._rows: dict[int, Row] = {}
        self._written: dict[str, dict[int, Row]] = {}
        self._deleted: dict[str, set[int]] = {}
        self._lists: dict[str, list[Row]] = {}
        self._games: list[Row] | None = None
        self._by_day: dict[timedelta, dict[str, list[Row]]] = {}
        self._followed: tuple[date, int] | None = None
        self._turned_to = igdb.first_day
        self._add_first_games()
        self.follow()

    @property
    def igdb(self) -> World:
        """The world of IGDB."""
        return self._igdb

    def follow(self) -> None:
        """Take in what has changed in the world of IGDB, and turn to its day."""
        games = self._igdb.tables["games"]
        now = (self._igdb.today, games.version)
        if now == self._followed:
            return
        self._followed = now
        self._forget_lists()
        first = set(games.first_ids)
        inserted = {game for game in games.ids if game not in first}
        for game in inserted:
            self._insert(game)
        left = [entry.id for entry in self._entries.values() if entry.entered and entry.game not in inserted]
        for row_id in left:
            del self._entries[row_id]
        while self._turned_to < self._igdb.today:
            self._turned_to += timedelta(days=1)
            self._turn(self._turned_to)

    def truth(self) -> dict[int, int]:
        """Return which games of IGDB the games of RAWG are, by RAWG's id: those that both have had."""
        return {
            row_id: entry.igdb_id
            for row_id, entry in self._entries.items()
            if entry.igdb_id is not None and row_id not in self._deleted.get("games", ())
        }

    def games(self) -> list[Row]:
        """Return the rows of all live games, as a list has them, and with `updated_at` and `created_at` as numbers."""
        if self._games is None:
            deleted = self._deleted.get("games", set())
            ids = sorted({*self._entries, *self._written.get("games", ())} - deleted)
            self._games, self._by_day = [self.game(row_id) for row_id in ids], {}
        return self._games

    def updated_within(self, ranges: Iterable[tuple[str, str]], zone: timedelta) -> list[Row]:
        """Return the live games whose last change was on a day of some ranges, both ends included, in a zone."""
        games = self.games()
        if zone not in self._by_day:
            days = self._by_day[zone] = defaultdict(list)
            for row in games:
                days[text_of(row["updated_at"], zone)[:10]].append(row)
        found = (day for day in self._by_day[zone] if any(low <= day <= high for low, high in ranges))
        return [row for day in found for row in self._by_day[zone][day]]

    def game(self, row_id: int) -> Row:
        """Return one game, which the caller must not change. Raises: KeyError, if there is none."""
        if row_id in self._deleted.get("games", ()):
            raise KeyError(row_id)
        written = self._written.get("games", {}).get(row_id)
        if row_id not in self._rows and row_id in self._entries:
            entry = self._entries[row_id]
            self._rows[row_id] = self._make.row(entry, self._slugs[row_id], self._changed.get(row_id))
        row = self._rows.get(row_id) if row_id in self._entries else None
        if row is None and written is None:
            raise KeyError(row_id)
        if row is None:
            row = _BLANK | {"id": row_id, "slug": f"game-{row_id}"}
        return row | written if written else row

    def game_of(self, key: str) -> Row:
        """Return one game by its id or its slug. Raises: KeyError."""
        if (row_id := whole_number(key)) is not None:
            return self.game(row_id)
        found = next((row for row in self.games() if row["slug"] == key), None)
        if found is None:
            raise KeyError(key)
        return found

    def details(self, row: Row) -> Row:
        """Return a game with what only a detail has."""
        entry = self._entries.get(row["id"])
        more: Row = (
            {"name_original": row["name"], "developers": [], "publishers": []}
            if entry is None
            else self._make.details(entry, row)
        )
        found = row | more | self._written.get("games", {}).get(row["id"], {})
        return {name: value for name, value in found.items() if name != "short_screenshots"}

    def stores_of(self, row: Row) -> list[Row]:
        """Return the links of a game to stores."""
        entry = self._entries.get(row["id"])
        found = self._written.get("game_stores", {}).get(row["id"])
        if found is not None:
            return list(found["stores"])
        return [] if entry is None else self._make.stores(entry)

    def companies_of(self, row: Row, kind: str) -> list[tuple[int, str]]:
        """Return the `developers` or `publishers` of a game, each with its id."""
        entry = self._entries.get(row["id"])
        return [] if entry is None else self._make.companies(entry)[kind]

    def rows(self, name: str) -> list[Row]:
        """Return a reference list, most games first. Raises: WorldError, naming those that there are."""
        if name not in _LISTS:
            raise WorldError(f"list: found {name!r}, expected one of games, game_stores, {', '.join(_LISTS)}")
        if name not in self._lists:
            self._lists[name] = self._listed(name)
        return self._lists[name]

    def upsert(self, name: str, rows: Iterable[Row]) -> int:
        """Write rows of `games` or a reference list: given fields replace those of the row, a new id is a new row.

        `updated` of a game becomes the clock unless given, as text. A row of `game_stores` has the `id` of its game,
        and `stores`, all of its links.

        Returns:
            The number of rows.

        Raises:
            WorldError: There is no such list, or a row has no id.
        """
        if name not in ("games", "game_stores"):
            self.rows(name)
        given = [dict(row) for row in rows]
        for row in given:
            if not isinstance(row.get("id"), int):
                raise WorldError(f"{name}: found a row without an id, expected a number: {row}")
        for row in given:
            if name == "games":
                row.setdefault("updated", text_of(int(self._igdb.clock().timestamp())))
                row["updated_at"] = int(datetime.fromisoformat(f"{row['updated']}+00:00").timestamp())
            written = self._written.setdefault(name, {})
            written[row["id"]] = written.get(row["id"], {}) | row
            self._deleted.get(name, set()).discard(row["id"])
        self._forget_lists()
        return len(given)

    def delete(self, name: str, ids: Iterable[int]) -> int:
        """Delete rows of `games` or a reference list, and return how many existed. Raises: WorldError."""
        live = {row["id"] for row in (self.games() if name == "games" else self.rows(name))}
        deleted = live & set(ids)
        self._deleted.setdefault(name, set()).update(deleted)
        for row_id in deleted:
            self._written.get(name, {}).pop(row_id, None)
        self._forget_lists()
        return len(deleted)

    def _forget_lists(self) -> None:
        self._lists, self._games = {}, None

    def _add_first_games(self) -> None:
        games = self._igdb.tables["games"]
        first = list(games.first_ids)
        slugs: dict[int, str] = {}

        def add(game: int, name: str, igdb_id: int | None) -> None:
            entry = Entry(id=rawg_id(self._seed, game), game=game, igdb_id=igdb_id, entered=None, name=name)
            self._entries[entry.id] = entry
            slugs[entry.id] = self._slug(entry)

        names: dict[int, str] = {}
        for game in first:
            base = games.original(game)
            names[game] = str(base.get("name", ""))
            if self._has(game, base):
                add(game, names[game], game)
        for number in range(round(len(first) * _ONLY_HERE)):
            game = _FIRST_ONLY_HERE - number
            try:
                name = str(games.original(game).get("name", ""))
            except KeyError:  # recorded rows: no other can be made
                break
            draw = self._make.draws(game)
            add(game, names[first[draw[14] % len(first)]] if draw[15] < _SAME_NAME * FULL else name, None)
        taken: Counter[str] = Counter()
        for row_id, slug in sorted(slugs.items()):
            taken[slug] += 1
            self._slugs[row_id] = slug if taken[slug] == 1 else f"{slug}-{taken[slug]}"

    def _insert(self, game: int) -> None:
        """Add a game that IGDB got after the first day, once it is due here."""
        row_id = rawg_id(self._seed, game)
        base = self._igdb.tables["games"].original(game)
        came = datetime.fromtimestamp(int(base.get("created_at", 0)), UTC)
        entered = max(self._igdb.first_day, day_of(came)) + timedelta(days=self._make.draws(game)[14] % 4)
        if row_id in self._entries or entered > self._igdb.today or not self._has(game, base):
            return
        name = str(base.get("name", ""))
        entry = Entry(id=row_id, game=game, igdb_id=game, entered=entered, name=name)
        self._entries[row_id] = entry
        self._slugs[row_id] = f"{self._slug(entry)}-{row_id}"

    def _slug(self, entry: Entry) -> str:
        return slugify(self._make.name(entry)) or f"game-{entry.game}"

    def _has(self, game: int, base: Row) -> bool:
        share = 0.9 if base.get("game_type", 0) in _MAIN_TYPES else 0.45
        return self._make.draws(game)[15] < (0.98 if "rating_count" in base else share) * FULL

    def _turn(self, day: date) -> None:
        """Change a share of the games on a day: a function of the game and the day alone."""
        below = int(self._changed_share * 2**32)
        number = day.toordinal()
        for row_id, entry in self._entries.items():
            due = entry.entered is None or entry.entered < day
            if due and chance(b"%d:%d:%d" % (self._seed, row_id, number)) < below:
                self._changed[row_id] = day
                self._rows.pop(row_id, None)

    def _listed(self, name: str) -> list[Row]:
        rows = {row["id"]: row for row in self._made(name)}
        for row_id, written in self._written.get(name, {}).items():
            rows[row_id] = rows.get(row_id, {"name": "", "slug": "", "games_count": 0}) | written
        live = (row for row_id, row in rows.items() if row_id not in self._deleted.get(name, ()))
        return sorted(live, key=lambda row: (-row["games_count"], row["id"]))

    def _made(self, name: str) -> list[Row]:
        """Return the rows of a reference list, each with the number of its games and the best known ones."""
        members: dict[int, list[Row]] = {}
        companies: dict[int, Row] = {}
        member = {"platforms": "platform", "stores": "store"}.get(name)
        for game in sorted(self.games(), key=lambda game: (-game["added"], game["id"])):
            if name in ("developers", "publishers"):
                found = [named_company(*company) for company in self.companies_of(game, name)]
                companies |= {each["id"]: each for each in found}
            else:
                found = [each[member] if member else each for each in game[name]]
            for each in found:
                members.setdefault(each["id"], []).append(game)
        rows: dict[int, Row] = companies
        if name == "platforms":
            years = {"image": None, "year_start": None, "year_end": None}
            rows = {
                key: {"id": key, "name": title, "slug": slug} | years
                for key, (title, slug, _parent) in catalog.PLATFORMS.items()
            }
        elif name == "stores":
            rows = {key: store(key) for key in catalog.STORES}
        elif name in ("genres", "tags"):
            table = catalog.GENRES if name == "genres" else catalog.TAGS
            rows = {key: named(table, key) for key in table}
        return [row | _about(members.get(key, [])) for key, row in rows.items()]


def _about(games: list[Row]) -> Row:
    shown = [{name: game[name] for name in ("id", "slug", "name", "added")} for game in games[:_GAMES_SHOWN]]
    return {"games_count": len(games), "image_background": None, "games": shown}


def parent_platforms() -> list[Row]:
    """Return the list of parent platforms, each with its platforms."""
    return [
        {
            "id": key,
            "name": name,
            "slug": slug,
            "platforms": [
                {"id": platform, "name": title, "slug": part}
                for platform, (title, part, parent) in catalog.PLATFORMS.items()
                if parent == key
            ],
        }
        for key, (name, slug) in catalog.PARENT_PLATFORMS.items()
    ]


_BLANK: dict[str, Any] = {
    "name": "",
    "released": None,
    "tba": False,
    "background_image": None,
    "rating": 0.0,
    "rating_top": 0,
    "ratings": [],
    "ratings_count": 0,
    "reviews_text_count": 0,
    "added": 0,
    "added_by_status": None,
    "metacritic": None,
    "playtime": 0,
    "suggestions_count": 0,
    "reviews_count": 0,
    "created_at": 0,
    "user_game": None,
    "saturated_color": "0f0f0f",
    "dominant_color": "0f0f0f",
    "clip": None,
    "esrb_rating": None,
    "platforms": [],
    "parent_platforms": [],
    "genres": [],
    "stores": [],
    "tags": [],
    "short_screenshots": [],
}
