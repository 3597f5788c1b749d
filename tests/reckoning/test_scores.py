"""Properties of the scores, by the SQL of the marts; those of units and bounds, by the reckoning that equals it."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reckoning.games import World
from tests.reckoning.sql_marts import SqlMarts
from tests.reckoning.statistics import count_of, unit_of, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.dbt import Dbt

DAY = date(2026, 11, 21)
Row = dict[str, Any]
counts = st.lists(st.integers(0, 400), min_size=12, max_size=30)


def world(
    before: list[int],
    now: list[int],
    total: int = 100_000,
    values: Sequence[Row] = (),
    earlier: Sequence[Row] = (),
) -> World:
    """Games with so many users a week before and now; ten more have 1 to 10 users, so that one user is the unit.

    values, earlier: further values of the day, and of the day a week before.
    """

    def playing(users: list[int]) -> list[Row]:
        whole = [*users, *range(1, 11)]
        return [
            {"id": n, "game_id": n, "popularity_type": 3, "value": each / total}
            for n, each in enumerate(whole)
            if each > 0
        ]

    games = [{"id": n, "name": f"Game {n}"} for n in range(len(now) + 10)]
    popularity = {DAY - timedelta(days=7): [*playing(before), *earlier], DAY: [*playing(now), *values]}
    return World(DAY, {"games": games}, popularity)


@pytest.fixture(scope="module")
def marts(dbt: Dbt) -> SqlMarts:
    return SqlMarts(dbt)


def ranks(rows: list[Row]) -> dict[int, int]:
    return {row["game_id"]: row["rank"] for row in rows}


@settings(max_examples=8, deadline=None)
@given(before=counts, gains=st.data(), more=st.integers(1, 50))
def test_more_users_gained_never_ranks_lower(
    marts: SqlMarts, before: list[int], gains: st.DataObject, more: int
) -> None:
    now = [users + gains.draw(st.integers(0, 40)) for users in before]
    game = gains.draw(st.integers(0, len(now) - 1))
    better = [users + more * (number == game) for number, users in enumerate(now)]
    fewer, improved = marts(world(before, now)), marts(world(before, better))
    for mart in ("mart_rising_stars", "mart_most_played"):
        ranked, then = ranks(fewer[mart]), ranks(improved[mart])
        # of a game that gains much, the turnover grows too: all scores fall, and some are below the limit
        assert then.get(game, 1) <= ranked.get(game, len(now) + 10)


@settings(max_examples=8, deadline=None)
@given(before=counts, gained=st.integers(1, 30), times=st.sampled_from([2, 3, 10]))
def test_a_larger_total_with_the_same_users_changes_nothing(
    marts: SqlMarts, before: list[int], gained: int, times: int
) -> None:
    now = [users + gained for users in before]
    assert marts(world(before, now)) == marts(world(before, now, total=100_000 * times))


def by_chance(users: list[int], randomly: Random, rate: float = 0.01) -> list[int]:
    """Each user leaves by chance, and as many come."""
    return [
        each + sum(randomly.random() < rate for _ in range(each)) - sum(randomly.random() < rate for _ in range(each))
        for each in users
    ]


def test_chance_lists_no_rising_star(marts: SqlMarts) -> None:
    """Of 300 games whose users come and leave at the rate of the recorded days; among them one that really gains."""
    randomly = Random(13)  # noqa: S311 - made-up users, not a secret
    users = [1 + min(int(randomly.paretovariate(0.7)), 600) for _ in range(300)]
    listed = []
    for _ in range(8):
        now = by_chance(users, randomly)
        now[7] = users[7] + 20
        listed += [row["game_id"] for row in marts(world(users, now))["mart_rising_stars"]]
    assert listed.count(7) == 8
    assert len(listed) <= 10


def values_of(game: int, **values: float | None) -> list[Row]:
    return [
        {"id": 1000 * game + TYPES[name], "game_id": game, "popularity_type": TYPES[name], "value": value}
        for name, value in values.items()
        if value is not None
    ]


TYPES = {"visits": 1, "positive": 6, "negative": 7, "total": 8, "seller": 9, "twitch": 34}


def steam(game: int, positive: int, negative: int, seller: float | None) -> list[Row]:
    up, down = positive / 10_000, negative / 10_000
    return values_of(game, positive=up, negative=down, total=up + down, seller=seller)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 30), st.booleans()), min_size=20, max_size=20))
def test_a_best_seller_is_never_a_gem(marts: SqlMarts, games: list[tuple[int, int, bool]]) -> None:
    reviews = [row for n, (up, down, sells) in enumerate(games) for row in steam(n, up, down, 0.1 if sells else None)]
    gems = marts(world([1] * 20, [1] * 20, values=reviews))["mart_hidden_gems"]
    assert not {row["game_id"] for row in gems} & {n for n, (_, _, sells) in enumerate(games) if sells}
    assert all(row["positive_share_low"] >= 0.8 for row in gems)


def test_one_gap_of_a_source_makes_no_trend(marts: SqlMarts) -> None:
    """As League of Legends on 2026-06-17: Twitch had missed it a week before. Its visits fell, and one user came."""

    def day(visits: list[int], hours: list[int]) -> list[Row]:
        return [
            row
            for game, (seen, watched) in enumerate(zip(visits, hours, strict=True))
            for row in values_of(game, visits=seen / 10_000, twitch=watched / 10_000_000)
        ]

    hours = [1000 * game + 7 for game in range(1, 12)]
    before = day([317, 14, *range(20, 29)], [100, *hours[1:]])
    now = day([259, 33, *range(20, 29)], [1_798_900, hours[1] + 900, *hours[2:]])
    users = [278, 82, *range(20, 29)]
    found = marts(world(users, [279, 84, *users[2:]], values=now, earlier=before))["mart_trending_now"]
    assert [row["game_id"] for row in found] == [1]
    assert 0 < found[0]["trending_score"] < 100


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
