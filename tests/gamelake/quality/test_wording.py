"""The sentences of the findings in both languages."""

from __future__ import annotations

import re

import pytest

from gamelake.quality.objectives import load_objectives
from gamelake.quality.wording import Words, texts

NAMES = [(section, key) for section, keys in texts().items() for key in keys]


@pytest.mark.parametrize(("section", "key"), NAMES)
def test_both_languages_have_the_same_values(section: str, key: str) -> None:
    given = texts()[section][key]
    english, korean = (sorted(re.findall(r"\{\w+[^}]*\}", given[language])) for language in ("en", "ko"))
    assert english == korean
    assert re.search("[가-힣]", given["ko"])
    assert not re.search("[가-힣]", given["en"])


def test_a_value_that_is_a_text_has_the_language_of_the_whole() -> None:
    words = Words.of("anomaly.drop", table="igdb.games", figure=Words.of("figure.rows_read"), value=1234.0,
                     expected=2000.0, unit=Words.of("unit.rows"), day="2026-11-21")  # fmt: skip
    assert words.en.startswith("igdb.games: rows read 1,234, fewer than usual: about 2,000 rows.")
    assert words.ko.startswith("igdb.games: 읽은 행 1,234, 평소보다 적음(평소 약 2,000 행).")


def test_the_promises_are_those_of_slo_yaml() -> None:
    assert {name: each.title for name, each in load_objectives().items()} == {
        name: given["en"] for name, given in texts()["promise"].items()
    }
