"""What belongs to the games of a generated world: covers, release dates, companies and their parts, series, links.

The id of a row that belongs to one game names that game, so the row is made from its id on request.
"""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.igdb import catalog, words
from sandbox.igdb.chance import checksum, churn_second, digest_of, draws, key_of
from sandbox.igdb.links import link_makers
from sandbox.igdb.static import StaticSource, stamp
from sandbox.igdb.table import NO_UPDATED_AT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from sandbox.igdb.games import GameSource
    from sandbox.igdb.table import Row, Source

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TO_BE_DETERMINED, _YEAR, _DAY = 7, 2, 0
_WORLDWIDE = 8


class OwnedSource:
    """Rows that belong to one game each.

    endpoint: one of OWNED. make: a row from its id and its game. Without times a table has no `updated_at`.
    """

    def __init__(
        self, games: GameSource, endpoint: str, make: Callable[[int, int], Row], fields: frozenset[str], key: bytes
    ) -> None:
        self.fields = fields
        self.ids = array("q", sorted(row_id for game in games.ids for row_id in games.owned_ids(endpoint, game)))
        self._games = games
        self._endpoint = endpoint
        self._make = make
        self._key = key
        self._timed = "updated_at" in fields

    def row(self, row_id: int) -> Row:
        """Return the row as of the first day, or as of the day on which its game came."""
        game = self._games.owner(self._endpoint, row_id)
        row = {"id": row_id, "game": game} | self._make(row_id, game)
        if self._timed:
            row["created_at"], row["updated_at"] = self._games.times(game)
        return row | {"checksum": checksum(digest_of(self._key, row_id))}

    def ids_of(self, game: int) -> Iterable[int]:
        """Return the ids of a game's rows."""
        return self._games.owned_ids(self._endpoint, game)

    def rows_of(self, game: int, at: int) -> Iterable[Row]:
        """Return the rows of a game that came at that second."""
        times = {"created_at": at, "updated_at": at} if self._timed else {}
        return (self.row(row_id) | times for row_id in self.ids_of(game))

    def updated_at(self, row_id: int) -> int:
        """Return the `updated_at` of its game, or NO_UPDATED_AT."""
        return self._games.updated_at(self._games.owner(self._endpoint, row_id)) if self._timed else NO_UPDATED_AT

    def revise(self, row: Row, day: date) -> None:
        """Touch the row."""
        if self._timed:
            stamp(row, day)

    def revised_at(self, row_id: int, day: date) -> int:
        """Return the second of a touch on that day."""
        return churn_second(row_id, day) if self._timed else NO_UPDATED_AT


def related_sources(seed: int, games: GameSource, fields: Mapping[str, frozenset[str]]) -> dict[str, Source]:
    """Return the sources of what the games refer to, by endpoint."""
    key = key_of(seed, "related")

    def cover(row_id: int, _game: int) -> Row:
        draw = draws(digest_of(key, row_id))
        image = f"co{row_id:x}"
        row: Row = {
            "height": 1200 + draw[0] % 800,
            "width": 800 + draw[1] % 400,
            "image_id": image,
            "url": f"//images.igdb.com/igdb/image/upload/t_thumb/{image}.jpg",
            "alpha_channel": False,
            "animated": draw[2] % 50 == 0,
        }
        return row | ({"game_localization": row_id * 2} if draw[3] % 20 == 0 else {})

    def part(row_id: int, _game: int) -> Row:
        company, role = games.part_of_company(row_id)
        roles = dict.fromkeys(("developer", "publisher", "porting", "supporting"), False)
        return {"company": company} | roles | {role: True} | ({"publisher": True} if row_id % 8 == 0 else {})

    def release(row_id: int, game: int) -> Row:
        return _release(row_id, games.row(game), draws(digest_of(key, -row_id)), games.first_year)

    made = {"covers": cover, "involved_companies": part, "release_dates": release} | link_makers(seed, games)
    owned: dict[str, Source] = {
        endpoint: OwnedSource(games, endpoint, make, fields[endpoint], key_of(seed, endpoint))
        for endpoint, make in made.items()
    }
    return owned | _shared(seed, games, fields)


def _shared(seed: int, games: GameSource, fields: Mapping[str, frozenset[str]]) -> dict[str, Source]:
    """Return the rows that several games share, with the ids of their games."""
    about: dict[str, dict[int, dict[str, list[int]]]] = {"companies": {}, "franchises": {}, "collections": {}}

    def note(endpoint: str, row_id: int, field: str, game: int) -> None:
        listed = about[endpoint].setdefault(row_id, {}).setdefault(field, [])
        if game not in listed[-1:]:
            listed.append(game)

    for game in games.ids:
        for endpoint, row_ids in games.series_of(game).items():
            for row_id in row_ids:
                note(endpoint, row_id, "games", game)
        for part_id in games.owned_ids("involved_companies", game):
            company, role = games.part_of_company(part_id)
            if role in {"developer", "publisher"}:
                note("companies", company, {"developer": "developed", "publisher": "published"}[role], game)
    counts = {"companies": games.companies, "franchises": games.franchises, "collections": games.collections}
    return {
        endpoint: StaticSource(
            (
                _named(seed, games, endpoint, row_id) | about[endpoint].get(row_id, {})
                for row_id in range(1, counts[endpoint] + 1)
            ),
            fields[endpoint],
        )
        for endpoint in about
    }


def _named(seed: int, games: GameSource, endpoint: str, row_id: int) -> Row:
    digest = digest_of(key_of(seed, endpoint), row_id)
    draw = draws(digest)
    first = games.ids[draw[0] % len(games.ids)]
    created, updated = games.times(first)
    if endpoint == "companies":
        maker, kind = catalog.MAKERS[draw[1] % len(catalog.MAKERS)], draw[2] % len(catalog.COMPANY_KINDS)
        name = f"{maker} {catalog.COMPANY_KINDS[kind]} {row_id}"
    else:
        name = words.game_name(draw[1], draw[2], draw[3])[0]
    slug = "-".join(name.lower().replace(":", "").replace("&", "and").split()) + f"--{row_id}"
    row: Row = {"id": row_id, "created_at": created, "updated_at": updated, "name": name, "slug": slug}
    row |= {"url": f"https://www.igdb.com/{endpoint}/{slug}", "checksum": checksum(digest)}
    if endpoint == "collections":
        row["type"] = 1 + draw[4] % 2
        if draw[5] % 10 == 0:
            row["as_child_relations"], row["as_parent_relations"] = [row_id], [row_id + 1]
    return row | (_company(row_id, draw) if endpoint == "companies" else {})


def _company(row_id: int, draw: tuple[int, ...]) -> Row:
    row: Row = {"country": (840, 392, 410, 826, 124, 276, 250)[draw[6] % 7], "status": 0}
    if draw[7] % 2:
        row |= {
            "logo": row_id + 50,
            "websites": [row_id * 3],
            "description": f"Makes games since {1975 + draw[8] % 50}.",
        }
        row |= {"start_date": (1975 + draw[8] % 50 - 1970) * 31_557_600, "start_date_format": _YEAR}
    if draw[9] % 12 == 0 and row_id > 1:
        row |= {"parent": row_id - 1, "changed_company_id": row_id - 1, "change_date": 1_400_000_000}
        row |= {"change_date_format": _DAY}
    return row


def _release(row_id: int, game: Row, draw: tuple[int, ...], first_year: int) -> Row:
    """Return a release date: the first one is the game's, others follow it. Without one a year may be announced."""
    platforms = game.get("platforms", [6])
    row: Row = {"platform": platforms[row_id % len(platforms)], "release_region": _WORLDWIDE, "status": 6}
    if draw[0] % 3 == 0:
        row["release_region"] = 1 + draw[1] % 10
    if "first_release_date" not in game:
        if draw[2] % 3 == 0:
            year = first_year + 1 + draw[3] % 3
            return row | {"date_format": _YEAR, "y": year, "human": str(year)}
        return row | {"date_format": _TO_BE_DETERMINED, "human": "TBD"}
    later = 0 if row_id % 4 == 0 else draw[4] % 900
    moment = _EPOCH + timedelta(seconds=game["first_release_date"], days=later)
    row |= {
        "date_format": _DAY,
        "date": game["first_release_date"] + later * 86_400,
        "y": moment.year,
        "m": moment.month,
    }
    return row | {"human": f"{moment:%b %d, %Y}"}
