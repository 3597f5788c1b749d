"""The planner: whatever the table looks like, its windows ask for every id exactly once."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.extract.windows import PAGE, RECONCILE_RANGES, cut, reconcile_width, window_width

ids = st.integers(min_value=0, max_value=10_000_000)


@given(low=ids, span=st.integers(0, 200_000), width=st.integers(1, 50_000))
def test_windows_cover_every_id_from_low_on_once(low, span, width):
    windows = cut(low, low + span, width)
    assert windows[0].low == low
    assert windows[-1].high is None
    for window, following in pairwise(windows):
        assert window.high == following.low
        assert window.high - window.low <= width


@given(rows=st.integers(0, 1_000_000), gaps=st.floats(1, 1000))
def test_a_window_is_wide_enough_for_a_page_and_not_expected_to_overflow(rows, gaps):
    span = int(rows * gaps)
    width = window_width(rows, span)
    assert width >= PAGE
    if rows and width > PAGE:
        assert width * rows / span <= PAGE


@given(ids)
def test_the_ranges_of_a_night_stay_within_their_number(span):
    assert len(cut(0, span, reconcile_width(span))) <= RECONCILE_RANGES + 1


def test_a_width_below_one_is_refused():
    with pytest.raises(ValueError, match="width: found 0"):
        cut(0, 10, 0)
