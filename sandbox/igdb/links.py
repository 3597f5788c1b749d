"""The store pages, websites and regional titles of the games of a generated world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.igdb import catalog, words
from sandbox.igdb.chance import digest_of, draws, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.igdb.games import GameSource
    from sandbox.igdb.table import Row

_STEAM, _MICROSOFT, _AMAZON = 1, 11, 20
_PAGES = {
    _STEAM: "https://store.steampowered.com/app/{uid}",
    5: "https://www.gog.com/en/game/{slug}",
    26: "https://store.epicgames.com/en-US/p/{slug}",
    14: "https://www.twitch.tv/directory/game/{slug}",
}
_WEBSITES = {
    1: "https://www.{slug}.example",
    13: "https://store.steampowered.com/app/{app}",
    16: "https://store.epicgames.com/p/{slug}",
    17: "https://www.gog.com/game/{slug}",
}
_ANY_WEBSITE = "https://site-{type}.example/{slug}"
_PHYSICAL, _DIGITAL = 2, 1
_KOREA, _JAPAN = 2, 3


def link_makers(seed: int, games: GameSource) -> dict[str, Callable[[int, int], Row]]:
    """Return by endpoint what makes a row from its id and its game."""
    key = key_of(seed, "links")

    def external(row_id: int, game: int) -> Row:
        return _external(row_id, game, games.name(game), draws(digest_of(key, game)))

    def website(row_id: int, game: int) -> Row:
        return _website(row_id, game, draws(digest_of(key, game)))

    def localization(row_id: int, game: int) -> Row:
        return _localization(row_id, draws(digest_of(key, game)))

    return {"external_games": external, "websites": website, "game_localizations": localization}


def _steam_app(game: int) -> int:
    return 200 + 20 * game


def _slug(game: int) -> str:
    return f"game-{game}"


def _external(row_id: int, game: int, name: str, draw: tuple[int, ...]) -> Row:
    """Return the game at one service. A few games have two Steam apps: the row of the demo may be the older one."""
    sources = catalog.EXTERNAL_GAME_SOURCES
    source = sources[(row_id + draw[0]) % len(sources)]
    row: Row = {"name": name}
    if source == _MICROSOFT and draw[1] % 4 == 0:
        source, row = _STEAM, {"name": f"{name} Demo"}
        row["uid"] = str(_steam_app(game) + 10)
    elif source == _STEAM:
        row["uid"] = str(_steam_app(game))
    else:
        row["uid"] = f"{row_id * 48_271:x}"
    row["external_game_source"] = source
    if source in _PAGES and row_id % 40:
        row["url"] = _PAGES[source].format(uid=row["uid"], slug=_slug(game))
    if row_id % 2:
        row["year"] = 1990 + draw[2] % 36
    if row_id % 3 == 0:
        row |= {"game_release_format": _PHYSICAL if source == _AMAZON else _DIGITAL, "platform": 6}
    if row_id % 50 == 7:
        row["countries"] = [410, 840]
    return row


def _website(row_id: int, game: int, draw: tuple[int, ...]) -> Row:
    kind = catalog.WEBSITE_TYPES[(row_id + draw[3]) % len(catalog.WEBSITE_TYPES)]
    url = _WEBSITES.get(kind, _ANY_WEBSITE).format(slug=_slug(game), app=_steam_app(game), type=kind)
    return {"type": kind, "url": url, "trusted": False}


def _localization(row_id: int, draw: tuple[int, ...]) -> Row:
    """Return a title; now and then there are two for one region, or a cover alone."""
    regions = tuple(catalog.REGIONS)
    region = regions[(draw[4] + (row_id % 2 if draw[5] % 8 else 0)) % len(regions)]
    row: Row = {"region": region}
    if region == _KOREA:
        row["name"] = words.korean_title(draw[6], draw[7] + row_id)
    elif region == _JAPAN:
        row["name"] = words.japanese_title(draw[6], draw[7] + row_id)
    return row | ({"cover": row_id + 50} if region not in {_KOREA, _JAPAN} or draw[8] % 4 == 0 else {})
