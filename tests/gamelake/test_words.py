"""Every sentence for people is in both languages, and a text of ours is one of them."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from gamelake.paths import REPOSITORY
from gamelake.words import Texts, Words, lines

FILES = sorted((REPOSITORY / "include" / "gamelake").rglob("*.toml"))
NAMES_ONLY = {"line.game", "line.first", "line.release", "warning.load"}
"""Texts of the names and figures that are put in."""


def sentences(document: dict[str, Any], *path: str) -> list[tuple[str, dict[str, str]]]:
    """Every pair of a file, by its path."""
    if {"en", "ko"} & document.keys():
        return [(".".join(path), document)]
    inner = ((key, each) for key, each in document.items() if isinstance(each, dict))
    return [pair for key, each in inner for pair in sentences(each, *path, key)]


ALL = [
    (f"{file.parent.name}: {name}", pair)
    for file in FILES
    for name, pair in sentences(tomllib.loads(file.read_text("utf-8")))
]


def test_every_file_of_sentences_is_read() -> None:
    rooms = {file.parent.name for file in FILES if file.name == "texts.toml"}
    assert {"brief", "incidents", "nights", "quality"} <= rooms
    assert len(ALL) > 150


@pytest.mark.parametrize(("name", "pair"), ALL, ids=[name for name, _ in ALL])
def test_a_sentence_is_in_both_languages_with_the_same_values(name: str, pair: dict[str, str]) -> None:
    english, korean = (sorted(re.findall(r"\{\w+[^}]*\}", pair[language])) for language in ("en", "ko"))
    assert english == korean
    assert not re.search("[가-힣]", pair["en"])
    assert re.search("[가-힣]", pair["ko"]) or name.partition(": ")[2] in NAMES_ONLY


def test_a_value_that_is_a_text_has_the_language_of_the_whole(tmp_path: Any) -> None:
    file = tmp_path / "texts.toml"
    file.write_text('[a]\nb = { en = "{n} of {c}", ko = "{c}의 {n}" }\nc = { en = "all", ko = "전체" }\n', "utf-8")
    text = Texts(file)
    words = text("a.b", n=1, c=text("a.c"))
    assert words == Words("1 of all", "전체의 1")
    assert (words + text("a.c")).fields("note") == {"note": "1 of all all", "note_ko": "전체의 1 전체"}
    assert lines("notes", [words]) == {"notes": ("1 of all",), "notes_ko": ("전체의 1",)}
    assert words.in_language("ko") == "전체의 1"
