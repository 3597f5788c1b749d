"""The quota's plan and its ledger: never more requests than the plan allows, with any number of workers."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamelake.lake.factory import open_store
from gamelake.lake.keys import LoadRun, TableName, numbered_key
from gamelake.sources.rawg.ledger import Ledger, entries, month_prefix, newest_entry
from gamelake.sources.rawg.plan import NoRequestLeftError, Plan, Priority, Used
from tests.support.stores import FLAT_STORES, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SMALL = Plan(requests_per_month=31 * 4)
"""4 requests a day, 111 a month."""


@pytest.fixture(params=FLAT_STORES)
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, request, tmp_path) as store:
        yield store


class Clock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def ledger(
    store: Store, clock: Clock, *, entity: str = "games", plan: Plan = SMALL, priority: Priority = Priority.CHANGES
) -> Ledger:
    return Ledger(store, LoadRun(TableName("rawg", entity), "2026-11-21", "run"), plan, priority, clock=clock)


def spend(reserving: Ledger) -> int:
    """Reserve requests until the plan has none left."""
    sent = 0
    while True:
        try:
            reserving.reserve()
        except NoRequestLeftError:
            return sent
        sent += 1


def test_a_day_ends_at_its_share_and_the_next_day_has_more(store: Store) -> None:
    clock = Clock()
    assert spend(ledger(store, clock)) == SMALL.day == 4
    assert spend(ledger(store, clock, entity="genres")) == 0
    clock.now += timedelta(days=1)
    assert spend(ledger(store, clock, entity="genres")) == 4
    newest = newest_entry(store, NOON)
    assert newest is not None
    assert (newest.number, newest.day) == (8, {"genres": 4})


def test_a_month_ends_at_nine_tenths_and_the_next_month_has_more(store: Store) -> None:
    clock = Clock(datetime(2026, 10, 1, 1, tzinfo=UTC))
    sent = 0
    for _ in range(31):
        sent += spend(ledger(store, clock))
        clock.now += timedelta(days=1)
    assert sent == SMALL.month == 111
    assert spend(ledger(store, clock)) == SMALL.day
    assert [entry.number for entry in entries(store, NOON)] == [1, 2, 3, 4]


def test_details_leave_requests_to_the_changes_and_to_the_days_to_come() -> None:
    plan = Plan()
    day = NOON.date()
    assert (plan.month, plan.day) == (18_000, 645)
    plan.check(day, Used(12_599, 544), Priority.DETAILS)
    with pytest.raises(NoRequestLeftError, match="545 of the 545"):
        plan.check(day, Used(12_599, 545), Priority.DETAILS)
    with pytest.raises(NoRequestLeftError, match="12,600 of the 12,600 requests up to 2026-11-21"):
        plan.check(day, Used(12_600, 0), Priority.DETAILS)
    plan.check(day, Used(17_999, 644), Priority.CHANGES)


def test_stores_leave_half_of_what_is_left_to_the_details() -> None:
    plan, day = Plan(), NOON.date()
    # 145 for lists and changes leave 400 of the 545.
    plan.check(day, Used(9_000, 344, 199), Priority.STORES)
    with pytest.raises(NoRequestLeftError, match="200 of the 200 requests of 2026-11-21 for stores are used"):
        plan.check(day, Used(9_000, 345, 200), Priority.STORES)
    plan.check(day, Used(9_000, 544), Priority.DETAILS)
    # 100 are left of the month's share up to that day: 40 were sent before this day's 30 others and 20 of its own.
    plan.check(day, Used(12_550, 49, 19), Priority.STORES)
    with pytest.raises(NoRequestLeftError, match="35 of the 35 requests"):
        plan.check(day, Used(12_565, 65, 35), Priority.STORES)


@pytest.mark.parametrize(("requests", "of_day"), [(100, 1), (1_000, 16), (3_100, 50), (7_000, 125)])
def test_stores_and_details_leave_at_most_half_of_a_small_plan(requests: int, of_day: int) -> None:
    """They had none of it: `0 of the -97 requests of 2026-11-21 that stores and details may use are used`."""
    plan, day = Plan(requests), NOON.date()
    plan.check(day, Used(0, of_day - 1), Priority.DETAILS)
    with pytest.raises(NoRequestLeftError, match=f"^{of_day} of the {of_day} requests"):
        plan.check(day, Used(0, of_day), Priority.DETAILS)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 400), min_size=30, max_size=30))
def test_the_changes_of_every_day_have_requests_beside_all_details(days: list[int]) -> None:
    """Stores and details of a day never take what 80 requests of changes need on any later day."""
    plan, month = Plan(), 0
    for number, by_games in enumerate(days, start=1):
        used = 0
        for each, wanted in ((Priority.CHANGES, 80), (Priority.STORES, by_games), (Priority.DETAILS, by_games)):
            for own in range(wanted):
                try:
                    plan.check(NOON.date().replace(day=number), Used(month, used, own), each)
                except NoRequestLeftError:
                    assert each is not Priority.CHANGES
                    break
                month, used = month + 1, used + 1
    assert month <= plan.month


def test_workers_at_once_never_send_more_than_the_plan_allows(any_store: Store) -> None:
    plan = Plan(requests_per_month=31 * 40)
    sent: list[int] = []
    together = threading.Barrier(4)

    def work(name: str) -> None:
        reserving = ledger(any_store, Clock(), entity=name, plan=plan)
        together.wait()
        sent.append(spend(reserving))

    workers = [threading.Thread(target=work, args=(f"entity_{number}",)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    newest = newest_entry(any_store, NOON)
    assert newest is not None
    assert sum(sent) == newest.number == sum(newest.day.values()) == plan.day == 40
    assert sorted(sent) == sorted(newest.day.get(f"entity_{number}", 0) for number in range(4))


def test_a_clock_that_is_behind_begins_no_day_again(store: Store) -> None:
    ahead = Clock(datetime(2026, 11, 22, 0, 1, tzinfo=UTC))
    assert spend(ledger(store, ahead)) == 4
    behind = Clock(datetime(2026, 11, 21, 23, 59, tzinfo=UTC))
    assert spend(ledger(store, behind)) == 0
    assert spend(ledger(store, ahead)) == 0


DAMAGES = [
    pytest.param(b"", id="empty"),
    pytest.param(b'{"number": 0}', id="another document"),
    pytest.param(b"\xff\x00", id="no text"),
    pytest.param(None, id="the entry of another key"),
]


def damage(store: Store, number: int, data: bytes | None = b"", *, moment: datetime = NOON) -> str:
    key = numbered_key(month_prefix(moment), number)
    store.put(key, store.get(numbered_key(month_prefix(moment), 1)) if data is None else data)
    return key


@pytest.mark.parametrize("data", DAMAGES)
def test_a_damaged_newest_entry_costs_one_request(
    any_store: Store, data: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    first = ledger(any_store, Clock())
    first.reserve()
    first.reserve()
    key = damage(any_store, 2, data)
    assert spend(ledger(any_store, Clock(), entity="genres")) == SMALL.day - 2
    assert f"{key}: " in caplog.text
    assert "restore the object from a backup" in caplog.text
    newest = newest_entry(any_store, NOON)
    assert newest is not None
    assert (newest.number, newest.day) == (4, {"games": 1, "(damaged entries)": 1, "genres": 2})


def test_a_month_of_damaged_entries_keeps_the_plan(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    clock = Clock(datetime(2026, 10, 1, 1, tzinfo=UTC))
    sent = 0
    for day in range(31):
        today = spend(ledger(store, clock))
        for number in range(sent + 1 + day % 4, sent + today + 1):
            key = damage(store, number, moment=clock.now)
            os.utime(tmp_path / key, (clock.now.timestamp(), clock.now.timestamp()))
        assert spend(ledger(store, clock)) == 0, "the day is used up"
        sent += today
        clock.now += timedelta(days=1)
    assert sent == SMALL.month


def test_entries_that_are_written_again_count_on_that_day(store: Store) -> None:
    spend(ledger(store, Clock(NOON - timedelta(days=1))))
    for number in range(1, 4):
        damage(store, number)
    damage(store, 4)
    assert spend(ledger(store, Clock())) == 0
    assert spend(ledger(store, Clock(NOON + timedelta(days=31)))) == SMALL.day
