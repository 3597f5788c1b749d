"""Properties of the scores, over the reckoning that equals the marts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reckoning.games import World
from tests.reckoning.marts import Marts
from tests.reckoning.statistics import count_of, unit_of, wilson

DAY = date(2026, 11, 21)
Row = dict[str, Any]
counts = st.lists(st.integers(0, 400), min_size=12, max_size=30)


def world(before: list[int], now: list[int], total: int = 100_000, reviews: list[Row] | None = None) -> World:
    """Games with so many users a week before and now; ten more have 1 to 10 users, so that one user is the unit."""

    def values(users: list[int]) -> list[Row]:
        whole = [*users, *range(1, 11)]
        return [
            {"id": n, "game_id": n, "popularity_type": 3, "value": each / total}
            for n, each in enumerate(whole)
            if each > 0
        ]

    games = [{"id": n, "name": f"Game {n}"} for n in range(len(now) + 10)]
    popularity = {DAY - timedelta(days=7): values(before), DAY: [*values(now), *(reviews or [])]}
    return World(DAY, {"games": games}, popularity)


def ranks(rows: list[Row]) -> dict[int, int]:
    return {row["game_id"]: row["rank"] for row in rows}


@settings(max_examples=30, deadline=None)
@given(before=counts, gains=st.data(), more=st.integers(1, 50))
def test_more_users_gained_never_ranks_lower(before: list[int], gains: st.DataObject, more: int) -> None:
    now = [users + gains.draw(st.integers(0, 40)) for users in before]
    fewer = Marts(world(before, now))
    for mart in (Marts.rising_stars, Marts.most_played):
        ranked = ranks(mart(fewer))
        for game in list(ranked)[:3]:
            if game >= len(now):
                continue
            better = [users + more * (number == game) for number, users in enumerate(now)]
            improved = ranks(mart(Marts(world(before, better))))
            # of a game that gains much, the turnover grows too: all scores fall, and some are below the limit
            assert improved.get(game, 1) <= ranked[game]


@settings(max_examples=30, deadline=None)
@given(before=counts, gained=st.integers(1, 30), times=st.sampled_from([2, 3, 10]))
def test_a_larger_total_with_the_same_users_changes_nothing(before: list[int], gained: int, times: int) -> None:
    now = [users + gained for users in before]
    one, other = Marts(world(before, now)), Marts(world(before, now, total=100_000 * times))
    for mart in (Marts.rising_stars, Marts.most_played):
        assert ranks(mart(one)) == ranks(mart(other))


def steam(game: int, positive: int, negative: int, seller: float | None) -> list[Row]:
    values = {6: positive / 10_000, 7: negative / 10_000, 8: (positive + negative) / 10_000, 9: seller}
    return [
        {"id": 1000 * game + kind, "game_id": game, "popularity_type": kind, "value": value}
        for kind, value in values.items()
        if value is not None
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 30), st.booleans()), min_size=20, max_size=20))
def test_a_best_seller_is_never_a_gem(games: list[tuple[int, int, bool]]) -> None:
    reviews = [row for n, (up, down, sells) in enumerate(games) for row in steam(n, up, down, 0.1 if sells else None)]
    gems = Marts(world([1] * 20, [1] * 20, reviews=reviews)).hidden_gems()
    assert not {row["game_id"] for row in gems} & {n for n, (_, _, sells) in enumerate(games) if sells}
    assert all(row["positive_share_low"] >= 0.8 for row in gems)


@given(users=st.sets(st.integers(1, 5000), min_size=10, max_size=60), total=st.integers(10**4, 10**8))
def test_the_unit_is_one_user_if_neighbours_occur(users: set[int], total: int) -> None:
    users |= {1, 2}
    found = unit_of(count / total for count in users)
    assert found is not None
    assert [count_of(count / total, found[0]) for count in users] == list(users)


@given(users=st.sets(st.integers(1, 5000), min_size=100, max_size=200), odd=st.floats(1e-12, 1e6))
def test_one_odd_value_hides_no_unit(users: set[int], odd: float) -> None:
    users |= {1, 2}
    found = unit_of([*(count / 99_991 for count in users), odd])
    assert found is not None
    assert found[0] == pytest.approx(1 / 99_991)


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_wilsons_bound_is_below_the_share_and_grows_with_the_number(positive: int, negative: int) -> None:
    low, more = wilson(positive, positive + negative), wilson(10 * positive, 10 * (positive + negative))
    assert low is not None
    assert more is not None
    assert 0 <= low < more < positive / (positive + negative) + 1e-12
