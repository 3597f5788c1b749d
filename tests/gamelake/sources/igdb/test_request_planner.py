"""The planner: for any table it asks for every id once, and settles every batch by its count."""

from __future__ import annotations

import bisect
import random
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamelake.lake.id_ranges import IdRange, ids_outside, merge_ranges
from gamelake.sources.igdb.request_planner import BATCH_WINDOWS, PAGE, RequestBatch, RequestPlanner, WindowRows

if TYPE_CHECKING:
    from collections.abc import Sequence


class Source:
    """A table of nothing but ids, which answers batches as the API does."""

    def __init__(self, ids: Sequence[int], row_bytes: int = 2000) -> None:
        self.ids = sorted(ids)
        self.row_bytes = row_bytes
        self.requests = 0
        self.refused = 0

    def within(self, claim: IdRange) -> list[int]:
        high = len(self.ids) if claim.high is None else bisect.bisect_left(self.ids, claim.high)
        return self.ids[bisect.bisect_left(self.ids, claim.low) : high]

    def read(
        self, ranges: Sequence[IdRange], *, ahead: int = 4, cap: int = 10_000_000, **options: int
    ) -> list[IdRange]:
        """Follow a plan to its end. Returns: the claims of all rows, in the order in which they were settled."""
        given = {"rows": len(self.ids), "end": max(self.ids, default=-1) + 1, "row_bytes": self.row_bytes}
        plan = RequestPlanner(ranges, **given | options)
        reading: deque[RequestBatch] = deque()
        held: set[RequestBatch] = set()
        claims: list[IdRange] = []
        while True:
            while len(reading) < ahead and (batch := plan.next_batch()):
                assert 1 <= len(batch.windows) <= options.get("windows", BATCH_WINDOWS)
                reading.append(batch)
                self.requests += 1
            if not reading:
                break
            batch = reading.popleft()
            pages = [self.within(window)[:PAGE] for window in batch.windows]
            size = sum(map(len, pages)) * self.row_bytes
            if size > cap:
                self.refused += 1
                assert plan.split(batch)
                continue
            found = [
                WindowRows(len(page), page[-1] + 1 if len(page) == PAGE and window.end - window.low > PAGE else None)
                for window, page in zip(batch.windows, pages, strict=True)
            ]
            count = sum(len(self.within(window)) for window in batch.windows)
            held.add(batch)
            for settled in plan.record_response(batch, found, count=count, reply_bytes=size):
                assert settled.proven
                held.remove(settled)
                claims += settled.claims
        assert not held, "every batch is settled in the end"
        return claims


def check_asked_once(ranges: Sequence[IdRange], claims: Sequence[IdRange]) -> None:
    ascending = sorted(claims)
    for one, following in pairwise(ascending):
        assert one.end <= following.low, "no id is asked for twice"
    assert merge_ranges(claims) == merge_ranges(ranges), "every id is asked for"


@st.composite
def tables(draw: st.DrawFn) -> list[int]:
    """Ids of any density, in clumps of any length."""
    seed, clumps = draw(st.integers(0, 2**32)), draw(st.integers(0, 12))
    rng = random.Random(seed)  # noqa: S311
    ids: set[int] = set()
    for _ in range(clumps):
        start, length, density = rng.randrange(10 ** rng.randint(1, 7)), rng.randrange(1, 4000), rng.random()
        ids.update(row_id for row_id in range(start, start + length) if rng.random() < density)
    return sorted(ids)


@settings(max_examples=150, deadline=None)
@given(
    ids=tables(),
    low=st.integers(0, 2_000),
    windows=st.sampled_from([1, 2, BATCH_WINDOWS]),
    ahead=st.integers(1, 8),
    row_bytes=st.sampled_from([50, 2_000, 30_000, 900_000, 5_000_000]),
    guess=st.sampled_from([1, 100, 10_000]),
)
def test_every_id_is_asked_for_once(
    ids: list[int], low: int, windows: int, ahead: int, row_bytes: int, guess: int
) -> None:
    """Also if the plan knows nothing true of the number of rows or their size, and replies are refused as too large."""
    if row_bytes > 2_000:
        ids = ids[:300]
    source = Source(ids, row_bytes)
    ranges = [IdRange(low, None)]
    claims = source.read(ranges, ahead=ahead, windows=windows, row_bytes=guess, rows=guess)
    check_asked_once(ranges, claims)


@settings(max_examples=50, deadline=None)
@given(ids=tables(), cuts=st.lists(st.integers(0, 10_000_000), max_size=6, unique=True))
def test_every_id_of_several_ranges_is_asked_for_once(ids: list[int], cuts: list[int]) -> None:
    cuts = sorted(cuts)
    taken = [IdRange(one, following) for one, following in zip(cuts[::2], cuts[1::2], strict=False)]
    ranges = ids_outside(taken)
    check_asked_once(ranges, Source(ids).read(ranges))


def dense(rows: int, density: float) -> list[int]:
    rng = random.Random(7)  # noqa: S311
    return [row_id for row_id in range(int(rows / density)) if rng.random() < density]


@pytest.mark.parametrize(
    ("density", "row_bytes"),
    [(0.9, 2_300), (0.9, 1_000), (0.075, 350), (1.0, 350)],
    ids=["games", "light", "popularity", "full"],
)
@pytest.mark.parametrize("ahead", [1, 8])
def test_requests_are_near_the_floor(density: float, row_bytes: int, ahead: int) -> None:
    source = Source(dense(100_000, density), row_bytes)
    source.read([IdRange(0, None)], ahead=ahead)
    floor = max(len(source.ids) / 5_000, len(source.ids) * row_bytes / 10_000_000)
    assert source.requests <= 1.35 * floor + 1
    assert source.refused == 0


@pytest.mark.parametrize("ahead", [1, 8])
def test_clumped_ids_cost_few_requests_more(ahead: int) -> None:
    """Ids as popularity has them: here every one is taken, there none for a long way."""
    rng = random.Random(5)  # noqa: S311
    ids = {start + i for start in rng.sample(range(5_300_000), 60) for i in range(rng.randrange(4_000))}
    source = Source(list(ids), 350)
    source.read([IdRange(0, None)], ahead=ahead)
    single = Source(list(ids), 350)
    single.read([IdRange(0, None)], windows=1)
    assert source.requests < 2.5 * len(ids) / 5_000 + 4
    assert source.requests < single.requests / 4


def test_a_batch_stays_below_the_cap_of_a_reply() -> None:
    source = Source(dense(60_000, 0.9), 6_000)
    source.read([IdRange(0, None)])
    assert source.refused == 0


def test_rows_larger_than_planned_halve_the_batch() -> None:
    source = Source(dense(60_000, 0.9), 20_000)
    check_asked_once([IdRange(0, None)], source.read([IdRange(0, None)], row_bytes=1_000))
    assert 1 <= source.refused <= 40


def test_a_batch_that_cannot_be_halved() -> None:
    plan = RequestPlanner([IdRange(7, 8)], rows=1, end=8, row_bytes=100.0)
    batch = plan.next_batch()
    assert batch is not None
    assert not plan.split(batch)


def answered(plan: RequestPlanner, rows: Sequence[int], count: int) -> list[RequestBatch]:
    batch = plan.next_batch()
    assert batch is not None
    assert len(batch.windows) == len(rows)
    return plan.record_response(batch, [WindowRows(each, None) for each in rows], count=count, reply_bytes=100)


def test_the_windows_of_a_batch_that_differs_from_its_count_are_asked_again_alone() -> None:
    plan = RequestPlanner([IdRange(0, 1_000)], rows=900, end=1_000, row_bytes=100.0)
    (batch,) = answered(plan, [400, 400], 801)
    assert not batch.proven
    ids = frozenset({1, 2})
    plan.retry(batch, ids)
    for claim in batch.claims:
        (alone,) = answered(plan, [400], 400)
        assert (alone.windows, alone.earlier, alone.proven) == ((claim,), ids, True)
    assert plan.next_batch() is None


@pytest.mark.parametrize(
    ("rows", "count", "short"), [(499, 501, True), (250, 501, True), (249, 501, False), (499, 500, False)]
)
def test_a_window_that_may_have_lost_rows_to_the_page_limit_is_halved(rows: int, count: int, short: bool) -> None:
    plan = RequestPlanner([IdRange(0, None)], rows=600, end=1_000, row_bytes=100.0, windows=1)
    plan.next_batch()
    batch = RequestBatch((IdRange(0, 1_000),), ((),), earlier=frozenset())
    assert plan.record_response(batch, [WindowRows(rows, None)], count=count, reply_bytes=100) == [batch]
    assert batch.cut_short is short
    assert plan.split_settled(batch)
    halves = [plan.next_batch(), plan.next_batch()]
    assert [half and (half.windows, half.earlier) for half in halves] == [
        ((IdRange(0, 500),), None), ((IdRange(500, 1_000),), None),
    ]  # fmt: skip


def test_a_window_of_one_id_cannot_be_halved() -> None:
    plan = RequestPlanner([IdRange(7, 8)], rows=1, end=8, row_bytes=100.0)
    (batch,) = answered(plan, [1], 2)
    assert not plan.split_settled(batch)


@pytest.mark.parametrize("count", [399, 401])
def test_a_window_that_differs_again_is_not_proven(count: int) -> None:
    plan = RequestPlanner([IdRange(0, 1_000)], rows=900, end=1_000, row_bytes=100.0, windows=1)
    (batch,) = answered(plan, [400], count)
    assert not batch.proven


def test_a_row_lost_beside_a_full_window_is_noticed() -> None:
    """The count is over full windows too: it is compared when their rests are read."""
    plan = RequestPlanner([IdRange(0, 4_000)], rows=1_000, end=4_000, row_bytes=100.0)
    first = plan.next_batch()
    assert first is not None
    assert len(first.windows) >= 2
    found = [WindowRows(PAGE, 700), *(WindowRows(100, None) for _ in first.windows[1:])]
    more = 100
    count = sum(each.rows for each in found) + more + 1  # one row of a later window was lost
    assert plan.record_response(first, found, count=count, reply_bytes=100) == []
    rest = plan.next_batch()
    assert rest is not None
    (own, owner) = plan.record_response(rest, [WindowRows(more, None)], count=more, reply_bytes=100)
    assert (own, own.proven) == (rest, True)
    assert (owner, owner.proven) == (first, False)
