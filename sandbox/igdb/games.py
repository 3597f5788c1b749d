"""The games of a generated world, each made from its id on demand.

The share of each field, and the length of texts and arrays, follow replies recorded in 2025: most full rows are 1.3 to
2.0 KB. Only the ids are kept: 345,000 games are 3 MB.
"""

from __future__ import annotations

import random
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sandbox.igdb import catalog, words
from sandbox.igdb.chance import FULL, checksum, churn_second, digest_of, draws, key_of, midnight
from sandbox.igdb.fame import Fame, fame_of, rating_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sandbox.igdb.table import Row

_GAP = 1 / 11  # the share of missing ids up to the highest: density 0.9
_DAY = 86_400
_YEARS = 15 * 365 * _DAY
_POOL = 1024  # combinations of genres, platforms and the like
_MORE = 32  # the first of the draws that a second digest gives
_GAME_TYPES = (0,) * 212 + (1,) * 14 + (3,) * 8 + (5,) * 6 + (2, 8, 9, 10, 11, 13) * 2 + (4, 6, 7, 14)
_MAIN_TYPES = {0, 4, 8, 9, 10}
_PC = 6
_STATUSES = (0, 2, 3, 4, 4, 4, 5, 6, 6, 7, 8)
_RELATIONS = ("dlcs", "expansions", "standalone_expansions", "remakes", "remasters", "expanded_games", "ports", "forks")


class _Owned(NamedTuple):
    """Which rows of a table belong to a game.

    first: the first id of game 0. apart: the ids from one game to the next. share: how many games have rows.
    most: rows of a game. draw: the number that decides on both; the next one decides on the order of the ids.
    """

    first: int
    apart: int
    most: int
    share: float
    draw: int


OWNED = {
    "covers": _Owned(163_000, 1, 1, 0.91, 9),
    "external_games": _Owned(0, 8, 6, 0.9, 10),
    "websites": _Owned(0, 6, 6, 0.93, 13),
    "involved_companies": _Owned(0, 4, 3, 0.64, 15),
    "release_dates": _Owned(0, 4, 3, 0.94, 16),
    "game_localizations": _Owned(0, 2, 2, 0.13, _MORE + 16),
}
"""By endpoint."""


class GameSource:
    """Base rows of `games` as of a first day; `platforms` are the ids that games may refer to."""

    def __init__(
        self, *, seed: int, count: int, first_day: date, platforms: Sequence[int], fields: frozenset[str]
    ) -> None:
        self.ids = _ids_with_gaps(seed, count)
        self.fields = fields
        self.first_year = first_day.year
        self._start = midnight(first_day)
        self._key = key_of(seed, "games")
        self._more_key = key_of(seed, "games: more")
        self._fame_key = key_of(seed, "fame")
        self._change_key = key_of(seed, "games: changes")
        self._highest = self.ids[-1]
        self.companies, self.franchises, self.collections = (
            max(20, count // 10),
            max(5, count // 100),
            max(9, count // 40),
        )
        self._all_platforms = list(platforms)
        self._sentences = words.sentences(seed)
        pools = _pools(seed, tuple(platforms))
        self._genres, self._themes, self._modes, self._perspectives, self._platforms = pools

    def row(self, row_id: int) -> Row:
        """Return the game as of the first day."""
        digest = digest_of(self._key, row_id)
        draw = draws(digest)
        more = draws(digest_of(self._more_key, row_id))
        created, updated = self._times(row_id, draw)
        name, slug = words.game_name(draw[3], draw[4], draw[5])
        slug = f"{slug}--{row_id}"
        row: Row = {"id": row_id}
        self._add_media(row, row_id, draw)
        row["created_at"] = created
        self._add_traits(row, row_id, draw, more)
        row["name"] = name
        self._add_relations(row, row_id, more)
        self._add_figures(row, self._fame(row_id, draw, more), more)
        row["slug"] = slug
        self._add_texts(row, draw)
        row["updated_at"] = updated
        row["url"] = f"https://www.igdb.com/games/{slug}"
        row["checksum"] = checksum(digest)
        return row

    def updated_at(self, row_id: int) -> int:
        """Return the game's `updated_at` as of the first day."""
        return self._times(row_id, draws(digest_of(self._key, row_id)))[1]

    def revise(self, row: Row, day: date) -> None:
        """Change a game as a day does: always `updated_at`, `checksum` and the order of an array, often more."""
        digest = digest_of(self._change_key, row["id"], day.toordinal())
        draw = draws(digest)
        row["updated_at"] = self.revised_at(row["id"], day)
        row["checksum"] = checksum(digest)
        for field in ("platforms", "screenshots", "keywords", "similar_games", "tags"):
            if len(row.get(field, ())) > 1:
                row[field] = row[field][1:] + row[field][:1]
        if draw[0] < _share(0.6):
            row["hypes"] = row.get("hypes", 0) + 1 + draw[1] % 3
        if draw[2] < _share(0.5):
            row["summary"] = self._text(draw[3], 2 + draw[4] % 3)
        if draw[5] < _share(0.2):
            row["name"] = words.game_name(draw[6], draw[7], draw[8])[0]
        if draw[9] < _share(0.15):
            added = self._all_platforms[draw[10] % len(self._all_platforms)]
            row["platforms"] = list(dict.fromkeys([*row.get("platforms", ()), added]))
        if draw[11] < _share(0.1):
            row["first_release_date"] = self._release_date(draw[12:15])

    def revised_at(self, row_id: int, day: date) -> int:
        """Return the `updated_at` that a change of that day leaves."""
        return churn_second(row_id, day)

    def times(self, row_id: int) -> tuple[int, int]:
        """Return the game's `created_at` and `updated_at` as of the first day."""
        return self._times(row_id, draws(digest_of(self._key, row_id)))

    def name(self, row_id: int) -> str:
        """Return the game's name as of the first day."""
        draw = draws(digest_of(self._key, row_id))
        return words.game_name(draw[3], draw[4], draw[5])[0]

    def fame(self, row_id: int) -> Fame:
        """Return how well known and how good the game is."""
        return self._fame(row_id, draws(digest_of(self._key, row_id)), draws(digest_of(self._more_key, row_id)))

    def owned_ids(self, endpoint: str, row_id: int) -> list[int]:
        """Return the rows of an endpoint of OWNED that belong to a game; IGDB does not sort them."""
        own = OWNED[endpoint]
        key = self._key if own.draw < _MORE else self._more_key
        return _owned(own, row_id, draws(digest_of(key, row_id)))

    def owner(self, endpoint: str, row_id: int) -> int:
        """Return the game that a row of an endpoint of OWNED belongs to."""
        return (row_id - OWNED[endpoint].first) // OWNED[endpoint].apart

    def part_of_company(self, part: int) -> tuple[int, str]:
        """Return the company of a row of involved_companies, and its role."""
        draw = part * 40_503 % 65_521
        role = ("developer", "publisher", ("porting", "supporting")[draw % 2])[
            part % OWNED["involved_companies"].apart % 3
        ]
        return 1 + (draw * draw // 65_521 + part) % self.companies, role

    def series_of(self, row_id: int) -> dict[str, list[int]]:
        """Return the collections and franchises that the game belongs to."""
        return self._series(draws(digest_of(self._more_key, row_id)))

    def _series(self, more: Sequence[int]) -> dict[str, list[int]]:
        return {
            "collections": [1 + more[14] % self.collections] if more[14] < _share(0.15) else [],
            "franchises": [1 + more[15] % self.franchises] if more[15] < _share(0.08) else [],
        }

    def _times(self, row_id: int, draw: Sequence[int]) -> tuple[int, int]:
        """Return `created_at`, which grows with the id, and `updated_at`, now and then shared: before the first day."""
        age = max(0.0, 1 - row_id / self._highest)
        created = self._start - _DAY - int(age * _YEARS) - draw[0] % 3600
        late = 1 - (draw[1] / FULL) ** 2
        updated = created + int((self._start - 1 - created) * late)
        if draw[2] < _share(0.3):
            updated = max(created, updated - updated % 300)
        return created, updated

    def _fame(self, row_id: int, draw: Sequence[int], more: Sequence[int]) -> Fame:
        return fame_of(
            self._fame_key,
            row_id,
            games=len(self.ids),
            released=self._release_date(more[0:3]) // _DAY if draw[17] < _share(0.83) else None,
            on_pc=draw[24] < _share(0.95) and _PC in self._platforms[draw[24] % _POOL],
            is_main=_GAME_TYPES[draw[28] % len(_GAME_TYPES)] in _MAIN_TYPES,
        )

    def _add_media(self, row: Row, row_id: int, draw: Sequence[int]) -> None:
        if draw[6] < _share(0.27):
            row["age_ratings"] = _span(row_id * 3, 1 + draw[6] % 4, draw[7])
        if draw[7] < _share(0.4):
            row["alternative_names"] = _span(row_id * 2, 1 + draw[7] % 3, draw[8])
        if draw[8] < _share(0.63):
            row["artworks"] = _span(row_id * 2, 1 + draw[8] % 2, draw[9])
        if cover := _owned(OWNED["covers"], row_id, draw):
            row["cover"] = cover[0]
        if draw[11] < _share(0.87):
            row["screenshots"] = _span(row_id * 5, 2 + draw[11] % 11, draw[12])
        if draw[12] < _share(0.4):
            row["videos"] = _span(row_id, 1 + draw[12] % 2, draw[13])
        if draw[14] < _share(0.7):
            row["language_supports"] = _span(row_id * 2, 1 + draw[14] % 14, draw[15])
        for endpoint in ("external_games", "websites", "involved_companies", "release_dates"):
            if owned := _owned(OWNED[endpoint], row_id, draw):
                row[endpoint] = owned

    def _add_traits(self, row: Row, row_id: int, draw: Sequence[int], more: Sequence[int]) -> None:
        tags: list[int] = []
        if draw[17] < _share(0.83):
            row["first_release_date"] = self._release_date(more[0:3])
        if draw[18] < _share(0.33):
            row["game_engines"] = [1 + draw[18] % 900]
        if draw[19] < _share(0.84):
            row["game_modes"] = self._modes[draw[19] % _POOL]
        if draw[21] < _share(0.65):
            row["themes"] = self._themes[draw[21] % _POOL]
            tags += row["themes"]
        if draw[20] < _share(0.89):
            row["genres"] = self._genres[draw[20] % _POOL]
            tags += [1 << 28 | genre for genre in row["genres"]]
        if draw[22] < _share(0.47):
            row["keywords"] = _span(1 + draw[22] % 50_000, 1 + draw[23] % 9, draw[24])
            tags += [2 << 28 | keyword for keyword in row["keywords"]]
        if draw[24] < _share(0.95):
            row["platforms"] = self._platforms[draw[24] % _POOL]
        if draw[25] < _share(0.59):
            row["player_perspectives"] = self._perspectives[draw[25] % _POOL]
        if draw[26] < _share(0.03):
            row["multiplayer_modes"] = [row_id]
        if draw[27] < _share(0.11):
            row["game_status"] = row["status"] = _STATUSES[draw[27] % len(_STATUSES)]
        if tags:
            row["tags"] = tags
        row["game_type"] = _GAME_TYPES[draw[28] % len(_GAME_TYPES)]

    def _add_relations(self, row: Row, row_id: int, more: Sequence[int]) -> None:
        if more[3] < _share(0.88) and (similar := self._others(row_id, more[4], 10)):
            row["similar_games"] = similar
        if row["game_type"] and more[5] < _share(0.75) and (parent := self._others(row_id, more[6], 1)):
            row["parent_game"] = parent[0]
        if more[7] < _share(0.04) and (parent := self._others(row_id, more[8], 1)):
            row["version_parent"] = parent[0]
            row["version_title"] = words.edition(more[9])
        if more[10] < _share(0.06) and (bundles := self._others(row_id, more[11], 1 + more[10] % 2)):
            row["bundles"] = bundles
        if more[12] < _share(0.05) and (games := self._others(row_id, more[13], 1 + more[12] % 2)):
            row[_RELATIONS[more[12] % len(_RELATIONS)]] = games
        for field, series in self._series(more).items():
            if series:
                row[field], row[field.removesuffix("s")] = series, series[0]
        if titles := _owned(OWNED["game_localizations"], row_id, more):
            row["game_localizations"] = titles

    def _add_figures(self, row: Row, fame: Fame, more: Sequence[int]) -> None:
        """Add ratings of known games that are out, and followers, most of all of upcoming ones."""
        upcoming = fame.age(self._start // _DAY) < 0
        players, critics = fame.ahead < 0.12 and not upcoming, fame.is_known and not upcoming
        if critics:
            row["aggregated_rating"] = rating_of(fame, more[22])
            row["aggregated_rating_count"] = 3 + round(40 * fame.reach * more[23] / FULL)
        if more[17] < _share(0.6 if upcoming else 0.1):
            row["hypes"] = round(10 ** (3.4 * fame.reach) * (1 + more[24] / FULL))
        if players:
            row["rating"], row["rating_count"] = rating_of(fame, more[19]), round(10 ** (4 * fame.reach - 0.5))
        if players or critics:
            known = [row[field] for field in ("rating", "aggregated_rating") if field in row]
            row["total_rating"] = sum(known) / len(known)
            row["total_rating_count"] = row.get("rating_count", 0) + row.get("aggregated_rating_count", 0)

    def _add_texts(self, row: Row, draw: Sequence[int]) -> None:
        if draw[29] < _share(0.25):
            row["storyline"] = self._text(draw[29], 4 + draw[30] % 5)
        if draw[31] < _share(0.9):
            row["summary"] = self._text(draw[31], 2 + draw[30] % 6)

    def _release_date(self, draw: Sequence[int]) -> int:
        """Return a midnight in UTC: mostly past, now and then to come, and in rare cases before 1970."""
        if draw[0] < _share(0.003):
            return -_DAY * (1 + draw[1] % 4_000)
        today = self._start // _DAY
        if draw[0] < _share(0.06):
            return (today + 1 + draw[1] % 700) * _DAY
        return (today - int((draw[1] / FULL) ** 2 * 15_000)) * _DAY

    def _text(self, start: int, count: int) -> str:
        first = start % (len(self._sentences) - count)
        return " ".join(self._sentences[first : first + count])

    def _others(self, row_id: int, draw: int, count: int) -> list[int]:
        """Return other games of the first day."""
        first = (draw * 65_537 + row_id) % max(1, len(self.ids) - count)
        return [other for other in self.ids[first : first + count] if other != row_id]


def _share(part: float) -> int:
    return int(part * FULL)


def _owned(own: _Owned, row_id: int, draw: Sequence[int]) -> list[int]:
    at = own.draw % _MORE
    if draw[at] >= _share(own.share):
        return []
    return _span(own.first + row_id * own.apart, 1 + draw[at] % own.most, draw[at + 1])


def _span(first: int, count: int, draw: int) -> list[int]:
    """Return the ids of rows of this game alone; IGDB does not sort them."""
    last = first + count
    if draw & 1:
        return [*range(first + count // 2, last), *range(first, first + count // 2)]
    return list(range(first, last))


# Tests make a world of the same seed hundreds of times.
@lru_cache(maxsize=4)
def _pools(seed: int, platforms: tuple[int, ...]) -> tuple[list[list[int]], ...]:
    """Return the combinations of genres, themes, modes, perspectives and platforms."""
    rng = random.Random(f"{seed}:pools")  # noqa: S311 - a made-up world, not a secret
    return (
        _combinations(rng, list(catalog.GENRES), (1, 2, 2, 3)),
        _combinations(rng, list(catalog.THEMES), (1, 1, 2, 3)),
        _combinations(rng, [1] * 6 + list(catalog.GAME_MODES), (1, 1, 2)),
        _combinations(rng, list(catalog.PLAYER_PERSPECTIVES), (1, 1, 1, 2)),
        _combinations(rng, [*list(catalog.COMMON_PLATFORMS) * 20, *platforms], (1, 1, 2, 3, 5)),
    )


def _combinations(rng: random.Random, population: list[int], sizes: tuple[int, ...]) -> list[list[int]]:
    """Return lists of distinct ids, in no order; ids that are more frequent in the population are drawn more often."""
    return [list(dict.fromkeys(rng.choices(population, k=rng.choice(sizes)))) for _ in range(_POOL)]


def _ids_with_gaps(seed: int, count: int) -> array[int]:
    rng = random.Random(f"{seed}:game ids")  # noqa: S311 - a made-up world, not a secret
    ids = array("q")
    candidate = 0
    while len(ids) < count:
        candidate += 1
        if rng.random() >= _GAP:
            ids.append(candidate)
    return ids
