"""How RAWG names what IGDB names in another way. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from sandbox.igdb.chance import FULL

if TYPE_CHECKING:
    from collections.abc import Callable

_TO_ARABIC = {"II": "2", "III": "3", "IV": "4", "V": "5", "X": "10"}
_TO_ROMAN = {"2": "II", "3": "III", "4": "IV", "5": "V"}
_LAST_WORD = re.compile(r"(\w+)$")
_CHANGES: tuple[tuple[float, Callable[[str, int | None], str]], ...] = (
    (0.04, lambda name, _year: f"{name}™"),
    (0.08, lambda name, year: name if year is None else f"{name} ({year})"),
    (0.10, lambda name, _year: f"The {name}"),
    (0.15, lambda name, _year: name.replace(": ", " - ")),
    (0.20, lambda name, _year: name.replace(" & ", " and ")),
    (0.23, lambda name, _year: name.upper()),
    (0.25, lambda name, _year: name.replace(" of the ", " of ").replace(": The ", ": ")),
)
"""Up to which share of the games a change is made."""


def slugify(name: str) -> str:
    """Return a name as a part of an address; letters without an ASCII form are left out."""
    plain = unicodedata.normalize("NFKD", name.replace("'", "").replace("&", " "))
    plain = plain.encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))


def other_name(name: str, igdb_slug: str, draw: int, year: int | None) -> str:
    """Return the name of a game at RAWG: for three games in four the same.

    Args:
        name: That at IGDB.
        igdb_slug: For the Latin letters of a name in another script.
        draw: A number below FULL of this game alone.
        year: Of the release, which RAWG adds to names that several games have.
    """
    if not name.isascii() and draw % 2:
        latin = re.sub(r"--\d+$", "", igdb_slug).replace("-", " ").title()
        return latin if slugify(name) == "" else unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    last = _LAST_WORD.search(name)
    number = last and (_TO_ARABIC.get(last[1]) or _TO_ROMAN.get(last[1]))
    if last and number and draw < 0.4 * FULL:
        return name[: last.start()] + number
    changed = name
    for share, change in _CHANGES:
        if draw < share * FULL:
            changed = change(name, year)
            break
    return changed
