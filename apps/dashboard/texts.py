"""The texts of the dashboard in a language, and how figures and times are written in it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gamelake.marts import lists

if TYPE_CHECKING:
    from datetime import date

LANGUAGES = {"en": "English", "ko": "한국어"}


class Texts:
    """The texts of one language: `texts("nav.lists")`, `texts("lists.shown", shown=3, all=50)`."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with its values. Raises: KeyError, if there is no such text."""
        return _table()[key][self.language].format(**values)

    def number(self, value: float | None) -> str:
        """Return a count: `12,345`; a dash for one that is unknown."""
        return "–" if value is None else f"{value:,.0f}"

    def signed(self, value: float | None) -> str:
        """Return a change: `+1,234`, `−5`, `±0`."""
        if value is None:
            return "–"
        return f"{value:+,.0f}".replace("-", "−") if round(value) else "±0"

    def rating(self, value: float | None) -> str:
        """Return a rating or a score with one decimal."""
        return "–" if value is None else f"{value:,.1f}"

    def percent(self, value: float | None) -> str:
        """Return a share of 1 as a percentage; one that is not all is never rounded to 100 %."""
        if value is None:
            return "–"
        return f"{int(value * 1000) / 10} %" if 0.99 < value < 1 else f"{value * 100:.0f} %"

    def date(self, value: date | datetime | None, precision: str | None = "day", *, year: int | None = None) -> str:
        """Return a date as exactly as it is known: `2026`, `Q4 2026`, `Nov 2026` or `21 Nov 2026`.

        Args:
            value: The date; None if it is not known.
            precision: How exactly it is known.
            year: Its year, which may be known where the date is not.
        """
        if value is None:
            return self("time.undecided") if year is None else self("time.year", year=year)
        month = self("time.months").split()[value.month - 1]
        parts = {"year": value.year, "quarter": (value.month + 2) // 3, "month": month, "day": value.day}
        return self(f"time.{precision or 'day'}", **parts)

    def cut(self, found: int, most: int) -> str:
        """Return that a search has more results than are shown; nothing if these are all."""
        return self("game.first_results", count=most) if found >= most else ""

    def ago(self, moment: datetime, now: datetime | None = None) -> str:
        """Return how long ago a moment was, in words."""
        seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
        if seconds < 90:
            return self("time.now")
        if seconds < 5400:
            return self("time.minutes", n=round(seconds / 60))
        return (
            self("time.hours", n=round(seconds / 3600))
            if seconds < 172_800
            else self("time.days", n=round(seconds / 86_400))
        )

    def age(self, hours: float) -> str:
        """Return an age in words: `40 hours`, `3 days`."""
        return self("time.age_hours", n=round(hours)) if hours < 72 else self("time.age_days", n=round(hours / 24))

    def value(self, name: str, value: Any) -> str:
        """Return a value of a reason, written as its name demands."""
        return str(_WRITERS.get(name, Texts.number)(self, value))


_WRITERS: dict[str, Any] = {
    "score": Texts.rating,
    "rating": Texts.rating,
    "rawg": Texts.rating,
    "igdb": Texts.rating,
    "points": Texts.rating,
    "gained": Texts.signed,
    "share": Texts.percent,
    "low": Texts.percent,
    "turnover": Texts.percent,
    "day": Texts.date,
    "names": lambda _, value: value,
}


@cache
def _table() -> dict[str, dict[str, str]]:
    """Every text by its key: `section.name`; those of the lists, which `make run` shows too, with the others."""
    found: dict[str, dict[str, str]] = {}

    def collect(prefix: str, entries: dict[str, Any]) -> None:
        for name, entry in entries.items():
            if set(entry) == set(LANGUAGES):
                found[prefix + name] = entry
            else:
                collect(f"{prefix}{name}.", entry)

    collect("", lists.texts())
    collect("", tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8")))
    return found


def all_texts() -> dict[str, dict[str, str]]:
    """Return every text, by key and language."""
    return _table()
