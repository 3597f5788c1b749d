"""Which day may be read, and which changes belong to it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gamelake.days import partition_bounds
from gamelake.load.errors import UnreadablePartitionError
from gamelake.load.schedule import Period, check_readable, period_of_changes
from gamelake.registry import load_sources
from gamelake.sources.base import OVERLAP_SECONDS
from tests.support.errors import having

PARTITION = "2026-11-21"
ENTITIES = load_sources()["igdb"].entities
START, END = partition_bounds(PARTITION)


@pytest.mark.parametrize("entity", ["games", "popscore", "genres"])
@pytest.mark.parametrize("hours", [0, 4, 23.9, 27.9])
def test_a_day_can_be_read_from_its_start_until_the_next_load_is_due(entity: str, hours: float) -> None:
    check_readable(ENTITIES[entity], PARTITION, START + timedelta(hours=hours))


def test_only_changes_of_a_past_day_can_be_read() -> None:
    check_readable(ENTITIES["games"], PARTITION, END + timedelta(days=30))
    past = having(partition=PARTITION, today="2026-11-22", is_future=False)
    for entity in ("popscore", "genres"):
        with pytest.raises(UnreadablePartitionError, check=past):
            check_readable(ENTITIES[entity], PARTITION, END + timedelta(hours=4))


def test_a_weekly_table_can_be_read_until_the_load_of_the_next_week_is_due() -> None:
    """Where RAWG is switched on on a Tuesday, Airflow begins with the run of Monday."""
    weekly = load_sources()["rawg"].entities["genres"]
    due = END + timedelta(days=6, hours=4)
    check_readable(weekly, PARTITION, due - timedelta(seconds=1))
    with pytest.raises(UnreadablePartitionError, check=having(partition=PARTITION, is_future=False)):
        check_readable(weekly, PARTITION, due)


def test_a_time_series_is_of_its_day_also_with_a_weekly_schedule() -> None:
    weekly = replace(ENTITIES["popscore"], schedule="0 4 * * 1")
    with pytest.raises(UnreadablePartitionError):
        check_readable(weekly, PARTITION, END + timedelta(hours=4))


def test_a_future_day_is_refused() -> None:
    with pytest.raises(UnreadablePartitionError, check=having(table="igdb.games", is_future=True)):
        check_readable(ENTITIES["games"], PARTITION, START - timedelta(seconds=1))


LOW, HIGH = int(START.timestamp()), int(END.timestamp())


@pytest.mark.parametrize(
    ("watermark", "period"),
    [
        (LOW - 20 * 3600, Period(LOW - 20 * 3600 - OVERLAP_SECONDS, None)),
        (HIGH - 1, Period(HIGH - 1 - OVERLAP_SECONDS, None)),
        (HIGH, Period(LOW, HIGH)),
        (None, Period(0, None)),
    ],
    ids=["the next day", "a late run", "a day that was read before", "no watermark"],
)
def test_the_period_of_changes(watermark: int | None, period: Period) -> None:
    assert period_of_changes(PARTITION, watermark) == period
