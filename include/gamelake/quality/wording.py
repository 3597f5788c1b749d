"""The sentences of the findings, in English and Korean."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages. A value of another text may be one too."""

    en: str
    ko: str

    @classmethod
    def of(cls, name: str, **values: Any) -> Self:
        """Return a text of texts.toml, such as `volume.more`. Raises: KeyError, there is none, or it lacks a value."""
        section, key = name.split(".")
        given = texts()[section][key]
        english, korean = ({name: _in(each, language) for name, each in values.items()} for language in ("en", "ko"))
        return cls(given["en"].format_map(english), given["ko"].format_map(korean))

    def __add__(self, other: Words) -> Words:
        return Words(f"{self.en} {other.en}", f"{self.ko} {other.ko}")

    @property
    def messages(self) -> dict[str, str]:
        """The fields of an Observation that have it."""
        return {"message": self.en, "message_ko": self.ko}


@cache
def texts() -> dict[str, dict[str, dict[str, str]]]:
    """Return all texts by section, key and language."""
    return tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))


def _in(value: Any, language: str) -> Any:
    return getattr(value, language) if isinstance(value, Words) else value
