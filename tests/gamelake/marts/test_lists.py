"""Why a list is empty: from the days of the history, in both languages."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gamelake.marts.lists import BY_KEY, LISTS, texts, why_empty

LAST = date(2026, 11, 22)


def days(number: int) -> list[date]:
    return [LAST - timedelta(days=n) for n in range(number)]


@pytest.mark.parametrize("key", ["trending", "rising"])
def test_what_compares_weeks_needs_eight_days(key: str) -> None:
    assert why_empty(BY_KEY[key], days(1)) == ("none.history", {"needs": 8, "has": 1})
    assert why_empty(BY_KEY[key], days(7)) == ("none.history", {"needs": 8, "has": 7})
    assert why_empty(BY_KEY[key], days(8)) == (f"none.{key}", {})
    assert why_empty(BY_KEY[key], [LAST, LAST - timedelta(days=7)]) == (f"none.{key}", {})


def test_a_list_of_users_needs_popularity() -> None:
    assert [why_empty(each, [])[0] for each in LISTS if each.key in {"trending", "played", "hidden"}] == [
        "none.popularity",
        "none.hidden",
        "none.popularity",
    ]


def test_every_list_has_its_texts_in_both_languages() -> None:
    for each in BY_KEY.values():
        for section, key in (("list", each.key), ("unit", each.unit), ("none", each.key)):
            assert set(texts()[section][key]) == {"en", "ko"}
