"""Which day may be read, and which changes belong to it."""

from datetime import timedelta

import pytest

from gamelake.days import partition_bounds
from gamelake.load.errors import PermanentLoadError
from gamelake.load.schedule import OVERLAP_SECONDS, Period, check_readable, period_of_changes
from gamelake.registry import load_sources

PARTITION = "2026-11-21"
START, END = partition_bounds(PARTITION)


@pytest.mark.parametrize("entity", ["games", "popscore", "genres"])
@pytest.mark.parametrize("hours", [0, 4, 23.9, 27.9])
def test_a_day_can_be_read_from_its_start_until_the_next_load_is_due(entity: str, hours: float) -> None:
    check_readable(load_sources()["igdb"].entities[entity], PARTITION, START + timedelta(hours=hours))


@pytest.mark.parametrize("entity", ["popscore", "genres"])
def test_a_past_day_of_rows_without_a_past_is_refused(entity: str) -> None:
    with pytest.raises(PermanentLoadError, match=rf"{entity}: date 2026-11-21 can no longer be read.*2026-11-22"):
        check_readable(load_sources()["igdb"].entities[entity], PARTITION, END + timedelta(hours=4))


def test_a_past_day_of_changes_can_be_read() -> None:
    check_readable(load_sources()["igdb"].entities["games"], PARTITION, END + timedelta(days=30))


def test_a_future_day_is_refused() -> None:
    with pytest.raises(PermanentLoadError, match="lies in the future"):
        check_readable(load_sources()["igdb"].entities["games"], PARTITION, START - timedelta(seconds=1))


def test_changes_are_read_from_before_the_watermark_with_no_end() -> None:
    watermark = int(START.timestamp()) - 20 * 3600
    assert period_of_changes(PARTITION, watermark) == Period(watermark - OVERLAP_SECONDS, None)


def test_a_late_run_reads_everything_since_the_watermark() -> None:
    watermark = int(END.timestamp()) - 1
    assert period_of_changes(PARTITION, watermark) == Period(watermark - OVERLAP_SECONDS, None)


def test_a_day_that_was_read_is_read_again_within_its_bounds() -> None:
    assert period_of_changes(PARTITION, int(END.timestamp())) == Period(int(START.timestamp()), int(END.timestamp()))
