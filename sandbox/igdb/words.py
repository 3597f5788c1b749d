"""Names and texts of a generated world. Every function is a pure function of the numbers it is given (0 and up)."""

from __future__ import annotations

import random
from functools import lru_cache

_ADJECTIVES_TEXT = (
    "Ancient Arcane Ashen Azure Bitter Black Blazing Bright Broken Burning Celestial Cold Crimson Crystal Cursed "
    "Dark Dead Deep Distant Divine Dread Eastern Electric Emerald Endless Eternal Fallen Feral Final Forgotten "
    "Frozen Ghostly Gilded Golden Grand Grim Hidden Hollow Infinite Iron Last Little Lonely Lost Lucky Lunar Mad "
    "Magic Mechanical Midnight Mighty Neon Noble Northern Pale Phantom Pixel Primal Quiet Radiant Rapid Red "
    "Rising Royal Ruined Sacred Savage Scarlet Secret Shattered Silent Silver Sleeping Solar Spectral Stolen "
    "Super Tiny Twilight Velvet Violet Wandering Wild Wooden"
)
_NOUNS_TEXT = (
    "Abyss Alchemist Archive Arena Army Battle Beacon Blade Blossom Bride Bridge Caravan Castle Cathedral Chef "
    "Chronicle Circuit City Colony Commander Courier Covenant Crown Detective Dragon Dream Dungeon Dynasty Echo "
    "Empire Engine Express Factory Farm Fortress Frontier Galaxy Garden Gate Ghost Guild Harbor Heart Hero "
    "Horizon Hunter Island Journey Kingdom Knight Labyrinth Legend Legion Lighthouse Machine Manor Mansion Maze "
    "Mirror Moon Mountain Nebula Night Ninja Oath Ocean Odyssey Oracle Orchard Outpost Paradise Pirate Planet "
    "Prophecy Quest Racer Raid Realm Requiem River Robot Ruins Saga Samurai Sanctuary Shadow Shore Siege Signal "
    "Soul Spire Squad Star Station Storm Story Street Sword Tactics Temple Throne Tower Town Trail Valley Village "
    "Voyage Warrior Wizard Workshop World Zone"
)
_OTHER_NAMES = (
    ("별빛 기사단", "byeolbit-gisadan"), ("검은 성의 비밀", "geomeun-seong-ui-bimil"),
    ("서울 미스터리", "seoul-mystery"),
    ("용사의 귀환", "yongsa-ui-gwihwan"), ("달의 정원", "dal-ui-jeongwon"), ("星の旅人", "hoshi-no-tabibito"),
    ("夜明けの剣", "yoake-no-ken"), ("ネコと魔法の森", "neko-to-mahou-no-mori"), ("東京ラビリンス", "tokyo-labyrinth"),
    ("最後の列車", "saigo-no-ressha"), ("剑与远方", "jian-yu-yuanfang"), ("Élégie d'Été", "elegie-d-ete"),
    ("Über den Wölfen", "uber-den-wolfen"), ("El Corazón del Dragón", "el-corazon-del-dragon"),
    ("São João Rally", "sao-joao-rally"), ("Łowca Cieni", "lowca-cieni"), ("Сталь и пепел", "stal-i-pepel"),
    ("Ægir's Wake", "aegirs-wake"), ("Pixel Party 🎮", "pixel-party"), ("🐸 Frog Quest", "frog-quest"),
    ("Señor \"Loco\" \\ Ñandú", "senor-loco-nandu"), ("Café & Crème", "cafe-and-creme"),
)  # fmt: skip
_KOREAN_ADJECTIVES = (
    "검은", "붉은", "푸른", "잊힌", "잠든", "고요한", "마지막", "작은", "영원한", "숨겨진", "부서진", "빛나는",
)  # fmt: skip
_KOREAN_NOUNS = (
    "기사단", "던전", "정원", "왕국", "바다", "용사", "마을", "도서관", "열차", "탐정", "별", "숲",
)  # fmt: skip
_JAPANESE_NOUNS = (
    "勇者", "迷宮", "星", "森", "剣", "王国", "列車", "探偵", "夜明け", "庭", "海", "図書館",
)  # fmt: skip
_ADJECTIVES = tuple(_ADJECTIVES_TEXT.split())
_NOUNS = tuple(_NOUNS_TEXT.split())
_NUMERALS = ("II", "III", "IV", "V", "2", "3", "Zero", "X")
_EDITIONS = (
    "Deluxe Edition", "Game of the Year Edition", "Collector's Edition", "Gold Edition", "Complete Edition",
    "Anniversary Edition", "Digital Deluxe Edition",
)  # fmt: skip

_SUBJECTS = (
    "A young {noun} keeper", "The last {adjective} guild", "A crew of smugglers", "An exiled heir", "Your small studio",
    "A nameless pilot", "The town's only detective", "A band of four friends", "An old machine", "You",
)  # fmt: skip
_DEEDS = (
    "must cross the {adjective} {noun} before winter comes", "set out to rebuild a {adjective} {noun}",
    "fight for control of the {noun}", "uncover what happened at the {adjective} {noun}",
    "collect, craft and trade in a {noun} that changes every day", "race through hand-drawn stages",
    "solve more than a hundred puzzles in a {adjective} {noun}", "lead an army against the {adjective} {noun}",
    "explore an open world where every choice matters", "survive nights that grow longer",
)  # fmt: skip
_ENDINGS = (
    "alone or with up to three friends.", "in this turn-based adventure.",
    "with a soundtrack by award-winning composers.", "while the clock keeps ticking.",
    "and no two runs are ever the same.", "in a love letter to the 16-bit classics.",
    "- but nothing is what it seems.", "using a deep and flexible combat system.", "across six handcrafted regions.",
    "where \"game over\" is only the beginning…",
)  # fmt: skip

TEXT_POOL = 2048
"""Texts repeat after this many sentences: long enough to look right, short enough to be made at start."""


def game_name(first: int, second: int, pattern: int) -> tuple[str, str]:
    """Return a name and its slug, without a number that would make the slug unique."""
    if pattern % 23 == 0:
        name, slug = _OTHER_NAMES[first % len(_OTHER_NAMES)]
        return (f"{name} {second % 40 + 2}", f"{slug}-{second % 40 + 2}") if second % 2 else (name, slug)
    adjective, noun = _ADJECTIVES[first % len(_ADJECTIVES)], _NOUNS[second % len(_NOUNS)]
    other = _NOUNS[(first // len(_ADJECTIVES)) % len(_NOUNS)]
    shape = pattern % 6
    if shape == 0:
        name = f"{adjective} {noun}"
    elif shape == 1:
        name = f"{noun} of the {adjective} {other}"
    elif shape == 2:
        name = f"{other} {noun}: {adjective} Edition"
    elif shape == 3:
        name = f"{adjective} {other} {_NUMERALS[second % len(_NUMERALS)]}"
    elif shape == 4:
        name = f"{noun}: The {adjective} {other}"
    else:
        name = f"{other} & {noun}"
    return name, name.lower().replace(": ", "-").replace("&", "and").replace(" ", "-")


def korean_title(first: int, second: int) -> str:
    """Return a title in Korean."""
    return f"{_pick(_KOREAN_ADJECTIVES, first)} {_pick(_KOREAN_NOUNS, second)}"


def japanese_title(first: int, second: int) -> str:
    """Return a title in Japanese."""
    return f"{_pick(_JAPANESE_NOUNS, first)}の{_pick(_JAPANESE_NOUNS, second)}"


def _pick(words: tuple[str, ...], number: int) -> str:
    return words[number % len(words)]


def edition(number: int) -> str:
    """Return a version title."""
    return _EDITIONS[number % len(_EDITIONS)]


@lru_cache(maxsize=4)
def sentences(seed: int) -> tuple[str, ...]:
    """TEXT_POOL sentences of about 95 characters."""
    rng = random.Random(f"{seed}:sentences")  # noqa: S311 - a made-up world, not a secret

    def sentence() -> str:
        form = f"{rng.choice(_SUBJECTS)} {rng.choice(_DEEDS)} {rng.choice(_ENDINGS)}"
        return form.format(adjective=rng.choice(_ADJECTIVES).lower(), noun=rng.choice(_NOUNS).lower())

    return tuple(sentence() for _ in range(TEXT_POOL))
