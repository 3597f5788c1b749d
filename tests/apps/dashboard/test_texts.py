"""Both languages have every text, with the same values in it; every text is used, and every used one exists."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from apps.dashboard.data.changes import DERIVED
from apps.dashboard.texts import LANGUAGES, Texts, all_texts
from gamelake.lake.manifest import Mode
from gamelake.paths import REPOSITORY

FILES = [*sorted((REPOSITORY / "apps/dashboard").rglob("*.py")), REPOSITORY / "include/gamelake/marts/lists.py"]
SOURCE = "\n".join(file.read_text("utf-8") for file in FILES)


def test_both_languages_have_the_same_values() -> None:
    for key, text in all_texts().items():
        fields = {
            language: {name for _, name, _, _ in Formatter().parse(text[language]) if name} for language in LANGUAGES
        }
        assert fields["en"] == fields["ko"], key
        assert all(text[language].strip() for language in LANGUAGES), key


def test_every_text_that_is_asked_for_exists() -> None:
    asked = set(re.findall(r"""(?:texts|\bt)\(\s*["']([a-z_]+\.[a-z_0-9.]+)["']""", SOURCE))
    assert len(asked) > 50
    assert asked <= set(all_texts())


@pytest.mark.parametrize("mode", Mode)
def test_each_mode_of_a_commit_has_a_text(mode: Mode) -> None:
    assert Texts("ko")(f"pipeline.mode_{mode}")


def test_every_text_is_used() -> None:
    """By its key, or by a key that is put together: f"list.{key}"."""
    prefixes = set(re.findall(r"""f["']([a-z_]+\.[a-z_.]*)\{""", SOURCE))
    unused = [
        key
        for key in all_texts()
        if not re.search(f"""["']{re.escape(key)}["']""", SOURCE) and not key.startswith(tuple(prefixes))
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (0.0, "0 %"), (0.5, "50 %"), (0.9999, "99.9 %"), (1.0, "100 %"), (0.995, "99.5 %")],
)
def test_a_share_is_never_rounded_to_all(value: float | None, words: str) -> None:
    assert Texts("en").percent(value) == words


def test_every_field_that_can_change_has_its_name() -> None:
    """The names of fct_game_changes: docs and page say the same."""
    macro = (REPOSITORY / "dbt/macros/game_change_fields.sql").read_text("utf-8")
    labels = dict(re.findall(r'"(\w+)": \("([^"]+)", "\w+"\)', macro))
    assert len(labels) > 50
    texts = {field: text["en"] for key, text in all_texts().items() if (field := key.removeprefix("changed.")) != key}
    assert texts == {field: label for field, label in labels.items() if field not in DERIVED}
