"""Why a list is empty: from the days of the history, in both languages."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import yaml

from gamelake.marts.lists import BY_KEY, LISTS, texts, why_empty
from gamelake.paths import REPOSITORY

LAST = date(2026, 11, 22)


def days(number: int) -> list[date]:
    return [LAST - timedelta(days=n) for n in range(number)]


@pytest.mark.parametrize("key", ["trending", "rising"])
def test_what_compares_weeks_needs_eight_days(key: str) -> None:
    assert why_empty(BY_KEY[key], days(1)) == ("none.history", {"needs": 8, "has": 1})
    assert why_empty(BY_KEY[key], days(7)) == ("none.history", {"needs": 8, "has": 7})
    assert why_empty(BY_KEY[key], days(8)) == (f"none.{key}", {})
    assert why_empty(BY_KEY[key], [LAST, LAST - timedelta(days=7)]) == (f"none.{key}", {})


@pytest.mark.parametrize("key", ["trending", "rising"])
def test_what_compares_weeks_needs_a_day_of_the_week_before(key: str) -> None:
    tolerance = yaml.safe_load((REPOSITORY / "dbt" / "dbt_project.yml").read_text())["vars"]["growth_tolerance_days"]
    for before, reason in ((7 + tolerance, f"none.{key}"), (8 + tolerance, "none.week_ago"), (40, "none.week_ago")):
        history = [LAST, LAST - timedelta(days=1), LAST - timedelta(days=before)]
        assert why_empty(BY_KEY[key], history) == (reason, {})
    assert set(texts()["none"]["week_ago"]) == {"en", "ko"}


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
