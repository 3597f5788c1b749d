"""Korean days and partition keys."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamelake.days import FIRST_DAY, LAST_DAY, PartitionError, bounds_of, day_of, format_day, parse_day
from tests.support.errors import having


@given(st.dates(min_value=FIRST_DAY, max_value=LAST_DAY))
def test_a_key_names_its_day(day: Any) -> None:
    assert parse_day(format_day(day)) == day


@pytest.mark.parametrize("key", ["0001-01-01", "1999-12-31", "2010-12-31", "2200-01-01", "9999-12-31"])
def test_a_day_that_no_lake_has_is_refused(key: str) -> None:
    with pytest.raises(PartitionError, check=having(found=key, expected="a Korean day from 2011-01-01 to 2199-12-31")):
        parse_day(key)


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 1, 1)))
def test_a_day_holds_its_first_moment_and_not_its_end(day: Any) -> None:
    start, end = bounds_of(day)
    assert day_of(start) == day != day_of(end)


def test_the_korean_day_begins_at_fifteen_hundred_utc() -> None:
    assert day_of(datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC)) == date(2026, 11, 20)
    assert day_of(datetime(2026, 11, 20, 15, 0, tzinfo=UTC)) == date(2026, 11, 21)


@pytest.mark.parametrize("key", ["2026-1-1", "20261121", "yesterday", "2026-02-30", "", None])
def test_what_names_no_day_is_refused(key: Any) -> None:
    with pytest.raises(PartitionError, check=having(key="date", found=key)):
        parse_day(key)
