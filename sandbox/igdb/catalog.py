"""The small tables of a generated world: names that players know, under the ids that IGDB gives them."""

from __future__ import annotations

GENRES = {
    2: "Point-and-click",
    4: "Fighting",
    5: "Shooter",
    7: "Music",
    8: "Platform",
    9: "Puzzle",
    10: "Racing",
    11: "Real Time Strategy (RTS)",
    12: "Role-playing (RPG)",
    13: "Simulator",
    14: "Sport",
    15: "Strategy",
    16: "Turn-based strategy (TBS)",
    24: "Tactical",
    25: "Hack and slash/Beat 'em up",
    26: "Quiz/Trivia",
    30: "Pinball",
    31: "Adventure",
    32: "Indie",
    33: "Arcade",
    34: "Visual Novel",
    35: "Card & Board Game",
    36: "MOBA",
}

THEMES = {
    1: "Action",
    17: "Fantasy",
    18: "Science fiction",
    19: "Horror",
    20: "Thriller",
    21: "Survival",
    22: "Historical",
    23: "Stealth",
    27: "Comedy",
    28: "Business",
    31: "Drama",
    32: "Non-fiction",
    33: "Sandbox",
    34: "Educational",
    35: "Kids",
    38: "Open world",
    39: "Warfare",
    40: "Party",
    41: "4X (explore, expand, exploit, and exterminate)",
    42: "Erotic",
    43: "Mystery",
    44: "Romance",
}

GAME_MODES = {
    1: "Single player",
    2: "Multiplayer",
    3: "Co-operative",
    4: "Split screen",
    5: "Massively Multiplayer Online (MMO)",
    6: "Battle Royale",
}

PLAYER_PERSPECTIVES = {
    1: "First person",
    2: "Third person",
    3: "Bird view / Isometric",
    4: "Side view",
    5: "Text",
    6: "Auditory",
    7: "Virtual Reality",
}

GAME_TYPES = {
    0: "Main Game",
    1: "DLC",
    2: "Expansion",
    3: "Bundle",
    4: "Standalone Expansion",
    5: "Mod",
    6: "Episode",
    7: "Season",
    8: "Remake",
    9: "Remaster",
    10: "Expanded Game",
    11: "Port",
    12: "Fork",
    13: "Pack / Addon",
    14: "Update",
}

GAME_STATUSES = {
    0: "Released",
    2: "Alpha",
    3: "Beta",
    4: "Early Access",
    5: "Offline",
    6: "Cancelled",
    7: "Rumored",
    8: "Delisted",
}

DATE_FORMATS = {
    0: "YYYYMMDD",
    1: "YYYYMM",
    2: "YYYY",
    3: "YYYYQ1",
    4: "YYYYQ2",
    5: "YYYYQ3",
    6: "YYYYQ4",
    7: "TBD",
}

PLATFORM_TYPES = {
    1: "Console",
    2: "Arcade",
    3: "Platform",
    4: "Operating_system",
    5: "Portable_console",
    6: "Computer",
}

REGIONS = {2: ("Korea", "ko-KR", "locale"), 3: ("Japan", "ja-JP", "locale"), 4: ("Europe", "EU", "continent")}
"""Name, identifier and category."""

EXTERNAL_GAME_SOURCES = (1, 20, 14, 3, 26, 20, 14, 20, 1, 20, 14, 3, 5, 20, 14, 20, 1, 20, 14, 3, 11, 20, 14, 20)
"""Some neighbours of these are a game's: 1 Steam, 3 GiantBomb, 5 GOG, 11 Microsoft, 14 Twitch, 20 Amazon, 26 Epic."""

WEBSITE_TYPES = (1, 3, 17, 4, 13, 5, 9, 6, 1, 3, 16, 4, 13, 5, 9, 6, 1, 3, 18, 4, 13, 5, 9, 6)
"""Some neighbours of these are a game's: 1 official, 13 Steam, 16 Epic, 17 GOG; the others are no shops."""

POPULARITY_TYPES = {
    1: ("Visits", 121),
    2: ("Want to Play", 121),
    3: ("Playing", 121),
    4: ("Played", 121),
    5: ("24hr Peak Players", 1),
    6: ("Positive Reviews", 1),
    7: ("Negative Reviews", 1),
    8: ("Total Reviews", 1),
    9: ("Global Top Sellers", 1),
    10: ("Most Wishlisted Upcoming", 1),
    34: ("24hr Hours Watched", 14),
}
"""Name and external_popularity_source (121 IGDB, 1 Steam, 14 Twitch)."""

PLATFORMS = {
    3: ("Linux", "Linux", 4, None),
    4: ("Nintendo 64", "N64", 1, 5),
    5: ("Wii", "Wii", 1, 7),
    6: ("PC (Microsoft Windows)", "PC", 4, None),
    7: ("PlayStation", "PS1", 1, 5),
    8: ("PlayStation 2", "PS2", 1, 6),
    9: ("PlayStation 3", "PS3", 1, 7),
    11: ("Xbox", "XBOX", 1, 6),
    12: ("Xbox 360", "X360", 1, 7),
    13: ("DOS", "DOS", 4, None),
    14: ("Mac", "Mac", 4, None),
    15: ("Commodore C64/128/MAX", "C64", 6, None),
    16: ("Amiga", "Amiga", 6, None),
    18: ("Nintendo Entertainment System", "NES", 1, 3),
    19: ("Super Nintendo Entertainment System", "SNES", 1, 4),
    20: ("Nintendo DS", "NDS", 5, 7),
    21: ("Nintendo GameCube", "NGC", 1, 6),
    22: ("Game Boy Color", "GBC", 5, 5),
    23: ("Dreamcast", "DC", 1, 6),
    24: ("Game Boy Advance", "GBA", 5, 6),
    25: ("Amstrad CPC", "ACPC", 6, None),
    26: ("ZX Spectrum", "ZXS", 6, None),
    27: ("MSX", "MSX", 6, None),
    29: ("Sega Mega Drive/Genesis", "Genesis", 1, 4),
    32: ("Sega Saturn", "Saturn", 1, 5),
    33: ("Game Boy", "Game Boy", 5, 4),
    34: ("Android", "Android", 4, None),
    35: ("Sega Game Gear", "Game Gear", 5, 4),
    37: ("Nintendo 3DS", "3DS", 5, 8),
    38: ("PlayStation Portable", "PSP", 5, 7),
    39: ("iOS", "iOS", 4, None),
    41: ("Wii U", "WiiU", 1, 8),
    46: ("PlayStation Vita", "Vita", 5, 8),
    48: ("PlayStation 4", "PS4", 1, 8),
    49: ("Xbox One", "XONE", 1, 8),
    50: ("3DO Interactive Multiplayer", "3DO", 1, 5),
    52: ("Arcade", "Arcade", 2, None),
    55: ("Legacy Mobile Device", "Mobile", None, None),
    58: ("Super Famicom", "SFAM", 1, 4),
    59: ("Atari 2600", "Atari2600", 1, 2),
    61: ("Atari Lynx", "Lynx", 5, 4),
    63: ("Atari ST/STE", "Atari-ST", 6, None),
    64: ("Sega Master System/Mark III", "SMS", 1, 3),
    75: ("Apple II", "Apple][", 6, None),
    82: ("Web browser", "browser", 3, None),
    86: ("TurboGrafx-16/PC Engine", "TG16", 1, 4),
    99: ("Family Computer", "famicom", 1, 3),
    130: ("Nintendo Switch", "Switch", 1, 8),
    162: ("Oculus VR", "OculusVR", None, None),
    163: ("SteamVR", "Steam VR", None, None),
    165: ("PlayStation VR", "PSVR", 1, 8),
    166: ("Pokémon mini", "PKMini", 5, 6),
    167: ("PlayStation 5", "PS5", 1, 9),
    169: ("Xbox Series X|S", "Series X|S", 1, 9),
    170: ("Google Stadia", "Stadia", 3, 9),
    386: ("Meta Quest 2", None, 1, 9),
    390: ("PlayStation VR2", "PSVR2", 1, 9),
    471: ("Meta Quest 3", None, 1, 9),
    472: ("visionOS", None, 4, None),
    508: ("Nintendo Switch 2", "Switch 2", 1, 10),
}
"""Name, abbreviation, platform_type and generation."""

PLATFORM_COUNT = 220

COMMON_PLATFORMS = (6, 6, 6, 6, 6, 6, 6, 6, 14, 14, 3, 130, 130, 48, 48, 49, 167, 167, 169, 34, 34, 39, 39, 82)
"""Most games are for one of these; the rest are drawn from all."""

MAKERS = (
    "Aurora", "Binatek", "Corvina", "Datamax", "Elektra", "Fujimoto", "Gradient", "Halcyon", "Interdata", "Juno",
    "Kestrel", "Lumen", "Meridian", "Novatron", "Orbital", "Pixelon", "Quanta", "Radiant", "Sonora", "Tandem",
)  # fmt: skip
MACHINES = (
    "Game System",
    "Home Computer",
    "Pocket",
    "TV Game",
    "Micro 8",
    "Console",
    "CD",
    "Advanced",
    "Entertainment",
)

COMPANY_KINDS = ("Games", "Studios", "Interactive", "Entertainment", "Software", "Works")
