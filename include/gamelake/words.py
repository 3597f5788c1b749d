"""Sentences for people, in English and Korean: a pair of texts, and the files that have them.

    text = Texts(Path(__file__).with_name("texts.toml"))
    text("load.missing", table="igdb.games").fields("note")     # {"note": "...", "note_ko": "..."}

What is a `Words` is in both languages. The own message of an error is a `str`, and stays in English.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Language = Literal["en", "ko"]


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages. A value of another text may be one too."""

    en: str
    ko: str

    def __add__(self, other: Words) -> Words:
        return Words(f"{self.en} {other.en}", f"{self.ko} {other.ko}")

    def in_language(self, language: Language) -> str:
        """Return it in one language."""
        return self.ko if language == "ko" else self.en

    def fields(self, name: str) -> dict[str, Any]:
        """Return it as the two fields of a document: `name` in English, `name_ko` in Korean."""
        return {name: self.en, f"{name}_ko": self.ko}


def lines(name: str, words: Iterable[Words]) -> dict[str, Any]:
    """Return several texts as the two fields of a document, as `Words.fields` does."""
    found = tuple(words)
    return {name: tuple(each.en for each in found), f"{name}_ko": tuple(each.ko for each in found)}


class Texts:
    """The sentences of a TOML file: `[section]` has `key = { en = "...", ko = "..." }`.

    Args:
        path: The file. It is read at the first use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def all(self) -> dict[str, dict[str, dict[str, str]]]:
        """All of them, by section, key and language."""
        return tomllib.loads(self._path.read_text(encoding="utf-8"))

    def __call__(self, name: str, /, **values: Any) -> Words:
        """Return a text, such as `volume.more`. Raises: KeyError, there is none, or it lacks a value."""
        section, key = name.split(".")
        given = self.all[section][key]
        return Words(*(given[language].format_map(_in(values, language)) for language in ("en", "ko")))


def _in(values: dict[str, Any], language: str) -> dict[str, Any]:
    return {name: getattr(each, language) if isinstance(each, Words) else each for name, each in values.items()}
