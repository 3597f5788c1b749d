"""The small tables of RAWG under its own ids, and which of IGDB's genres, platforms and sources they stand for."""

from __future__ import annotations

GENRES = {
    4: "Action", 51: "Indie", 3: "Adventure", 5: "RPG", 10: "Strategy", 2: "Shooter", 40: "Casual", 14: "Simulation",
    7: "Puzzle", 11: "Arcade", 83: "Platformer", 59: "Massively Multiplayer", 1: "Racing", 15: "Sports",
    6: "Fighting", 19: "Family", 28: "Board Games", 17: "Card", 34: "Educational",
}  # fmt: skip
GENRE_SLUGS = {5: "role-playing-games-rpg"}
GENRES_OF_IGDB = {
    2: (3,), 4: (6, 4), 5: (2, 4), 7: (40,), 8: (83,), 9: (7,), 10: (1,), 11: (10,), 12: (5,), 13: (14,), 14: (15,),
    15: (10,), 16: (10,), 24: (10,), 25: (4,), 26: (40,), 30: (11,), 31: (3,), 32: (51,), 33: (11,), 34: (3,),
    35: (28, 17), 36: (59,),
}  # fmt: skip

PLATFORMS = {
    4: ("PC", "pc", 1), 187: ("PlayStation 5", "playstation5", 2), 18: ("PlayStation 4", "playstation4", 2),
    16: ("PlayStation 3", "playstation3", 2), 15: ("PlayStation 2", "playstation2", 2),
    27: ("PlayStation", "playstation1", 2), 19: ("PS Vita", "ps-vita", 2), 17: ("PSP", "psp", 2),
    1: ("Xbox One", "xbox-one", 3), 186: ("Xbox Series S/X", "xbox-series-x", 3), 14: ("Xbox 360", "xbox360", 3),
    80: ("Xbox", "xbox-old", 3), 3: ("iOS", "ios", 4), 5: ("macOS", "macos", 5), 6: ("Linux", "linux", 6),
    7: ("Nintendo Switch", "nintendo-switch", 7), 8: ("Nintendo 3DS", "nintendo-3ds", 7),
    9: ("Nintendo DS", "nintendo-ds", 7), 10: ("Wii U", "wii-u", 7), 11: ("Wii", "wii", 7),
    105: ("GameCube", "gamecube", 7), 83: ("Nintendo 64", "nintendo-64", 7),
    24: ("Game Boy Advance", "game-boy-advance", 7),
    43: ("Game Boy Color", "game-boy-color", 7), 26: ("Game Boy", "game-boy", 7), 79: ("SNES", "snes", 7),
    49: ("NES", "nes", 7), 21: ("Android", "android", 8), 23: ("Atari 2600", "atari-2600", 9),
    34: ("Atari ST", "atari-st", 9), 46: ("Atari Lynx", "atari-lynx", 9),
    166: ("Commodore / Amiga", "commodore-amiga", 10), 167: ("Genesis", "genesis", 11),
    107: ("SEGA Saturn", "sega-saturn", 11), 74: ("SEGA Master System", "sega-master-system", 11),
    106: ("Dreamcast", "dreamcast", 11), 77: ("Game Gear", "game-gear", 11), 111: ("3DO", "3do", 12),
    41: ("Apple II", "apple-ii", 5), 171: ("Web", "web", 14),
}  # fmt: skip
"""Name, slug and parent platform."""

PARENT_PLATFORMS = {
    1: ("PC", "pc"), 2: ("PlayStation", "playstation"), 3: ("Xbox", "xbox"), 4: ("iOS", "ios"),
    5: ("Apple Macintosh", "mac"), 6: ("Linux", "linux"), 7: ("Nintendo", "nintendo"), 8: ("Android", "android"),
    9: ("Atari", "atari"), 10: ("Commodore / Amiga", "commodore-amiga"), 11: ("SEGA", "sega"), 12: ("3DO", "3do"),
    14: ("Web", "web"),
}  # fmt: skip
PLATFORMS_OF_IGDB = {
    3: 6, 4: 83, 5: 11, 6: 4, 7: 27, 8: 15, 9: 16, 11: 80, 12: 14, 13: 4, 14: 5, 15: 166, 16: 166, 18: 49, 19: 79,
    20: 9, 21: 105, 22: 43, 23: 106, 24: 24, 29: 167, 32: 107, 33: 26, 34: 21, 35: 77, 37: 8, 38: 17, 39: 3, 41: 10,
    46: 19, 48: 18, 49: 1, 50: 111, 58: 79, 59: 23, 61: 46, 63: 34, 64: 74, 75: 41, 82: 171, 99: 49, 130: 7, 162: 4,
    163: 4, 165: 18, 167: 187, 169: 186, 390: 187, 508: 7,
}  # fmt: skip
"""RAWG has no other platforms: a game for one of those alone has none."""

STEAM, XBOX, PLAYSTATION, APP_STORE, GOG, NINTENDO, XBOX_360, GOOGLE_PLAY, ITCH, EPIC = 1, 2, 3, 4, 5, 6, 7, 8, 9, 11
STORES = {
    STEAM: ("Steam", "steam", "store.steampowered.com"),
    XBOX: ("Xbox Store", "xbox-store", "microsoft.com"),
    PLAYSTATION: ("PlayStation Store", "playstation-store", "store.playstation.com"),
    APP_STORE: ("App Store", "apple-appstore", "apps.apple.com"),
    GOG: ("GOG", "gog", "gog.com"),
    NINTENDO: ("Nintendo Store", "nintendo", "nintendo.com"),
    XBOX_360: ("Xbox 360 Store", "xbox360", "marketplace.xbox.com"),
    GOOGLE_PLAY: ("Google Play", "google-play", "play.google.com"),
    ITCH: ("itch.io", "itch", "itch.io"),
    EPIC: ("Epic Games", "epic-games", "epicgames.com"),
}
"""Name, slug and domain."""

STORES_OF_PLATFORMS = {7: NINTENDO, 18: PLAYSTATION, 187: PLAYSTATION, 3: APP_STORE, 21: GOOGLE_PLAY, 1: XBOX}
"""Stores that only RAWG links to, by a platform of the game."""

PAGES = {
    STEAM: "https://store.steampowered.com/app/{id}/",
    XBOX: "https://www.microsoft.com/store/apps/{id}",
    PLAYSTATION: "https://store.playstation.com/product/{id}",
    APP_STORE: "https://apps.apple.com/app/id{id}",
    GOG: "https://www.gog.com/game/{id}",
    NINTENDO: "https://www.nintendo.com/games/detail/{id}/",
    GOOGLE_PLAY: "https://play.google.com/store/apps/details?id={id}",
    EPIC: "https://www.epicgames.com/store/en-US/p/{id}",
}

ESRB = (
    {"id": 1, "name": "Everyone", "slug": "everyone"},
    {"id": 2, "name": "Everyone 10+", "slug": "everyone-10-plus"},
    {"id": 3, "name": "Teen", "slug": "teen"},
    {"id": 4, "name": "Mature", "slug": "mature"},
)
RATING_TITLES = {5: "exceptional", 4: "recommended", 3: "meh", 1: "skip"}
TAGS = {31: "Singleplayer", 7: "Multiplayer", 18: "Co-op", 36: "Open World", 24: "RPG", 16: "Horror", 1: "Survival"}
