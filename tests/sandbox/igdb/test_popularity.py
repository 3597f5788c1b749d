"""The popularity of a world: its values of a day, and from day to day."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from sandbox.igdb import World
from sandbox.igdb.fame import NEGATIVE, PEAK, PLAYED, PLAYING, POSITIVE, REVIEWS, STEAM
from sandbox.igdb.popularity import total_of
from tests.support.worlds import by_id, start_of

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = date(2026, 11, 20)


def test_popularity_is_one_row_a_game_and_type_of_a_live_game(build: Callable[..., World]) -> None:
    world = build(games=1_000, today=FIRST + timedelta(days=4))
    rows = list(world.rows("popularity_primitives"))
    assert len(rows) == pytest.approx(1_100, rel=0.2)
    assert len({(row["game_id"], row["popularity_type"]) for row in rows}) == len(rows)
    assert {row["game_id"] for row in rows} <= set(by_id(world, "games"))
    assert {row["popularity_type"] for row in rows} == set(by_id(world, "popularity_types"))
    assert all(0 < row["value"] <= 0.1 for row in rows)
    assert 0.1 < len(rows) / max(row["id"] for row in rows) < 0.5


def test_a_day_calculates_popularity_again(build: Callable[..., World]) -> None:
    world = build(games=2_000)
    before = by_id(world, "popularity_primitives")
    day = FIRST + timedelta(days=1)
    world.advance(day)
    after = by_id(world, "popularity_primitives")
    kept = set(before) & set(after)
    assert set(before) - set(after)
    assert set(after) - set(before)
    fresh = [row_id for row_id in kept if after[row_id]["calculated_at"] >= start_of(day)]
    assert all(before[row_id]["value"] != after[row_id]["value"] for row_id in fresh)  # totals grow every day
    seconds = {(row["popularity_type"], row["calculated_at"]) for row in after.values()}
    assert len(seconds) == 11
    assert all(start_of(day) <= second < start_of(day) + 60 for kind, second in seconds if kind not in STEAM)


def test_steam_stands_still_for_three_days_of_four(build: Callable[..., World]) -> None:
    world = build(games=500)
    seen: dict[bool, list[bool]] = {True: [], False: []}
    for number in range(1, 9):
        before = by_id(world, "popularity_primitives")
        world.advance(FIRST + timedelta(days=number))
        rows = [row for row_id, row in by_id(world, "popularity_primitives").items() if row_id in before]
        for is_steam, days in seen.items():
            ours = [row for row in rows if (row["popularity_type"] in STEAM) == is_steam]
            days.append(any(row["value"] != before[row["id"]]["value"] for row in ours))
    assert Counter(seen[True]) == {True: 2, False: 6}
    assert all(seen[False])


def test_the_figures_of_a_game_agree(build: Callable[..., World]) -> None:
    world = build(games=3_000, today=FIRST + timedelta(days=9))
    counts: dict[int, dict[int, int]] = {}
    for row in world.rows("popularity_primitives"):
        kind = row["popularity_type"]
        count = row["value"] * total_of(kind, row["calculated_at"] // 86_400)
        assert count == pytest.approx(round(count), abs=1e-4)
        counts.setdefault(row["game_id"], {})[kind] = round(count)
    complete = [each for each in counts.values() if {POSITIVE, NEGATIVE, REVIEWS} <= set(each)]
    assert len(complete) > 100
    assert all(each[POSITIVE] + each[NEGATIVE] == each[REVIEWS] for each in complete)
    assert all(each[PLAYING] <= each[PLAYED] for each in counts.values() if {PLAYING, PLAYED} <= set(each))
    assert all(each[PEAK] <= each[REVIEWS] for each in counts.values() if {PEAK, REVIEWS} <= set(each))
    played = sorted(each[PLAYED] for each in counts.values() if PLAYED in each)
    assert played[-1] > 50 * played[len(played) // 2]  # few are known to many
    games = by_id(world, "games")
    rated = sorted(
        (games[game]["rating"], each[POSITIVE] / each[REVIEWS])
        for game, each in counts.items()
        if REVIEWS in each and POSITIVE in each and "rating" in games[game]
    )
    third = len(rated) // 3
    assert sum(share for _, share in rated[-third:]) > sum(share for _, share in rated[:third]) + 0.1 * third


def test_some_games_gain_and_others_lose(build: Callable[..., World]) -> None:
    world = build(games=3_000)
    before = {row["id"]: row for row in world.rows("popularity_primitives") if row["popularity_type"] == PLAYING}
    world.advance(FIRST + timedelta(days=7))
    changes = [
        row["value"] / before[row["id"]]["value"] - 1
        for row in world.rows("popularity_primitives")
        if row["id"] in before
    ]
    assert max(changes) > 0.3
    assert min(changes) < -0.2
    assert sum(abs(change) < 0.05 for change in changes) > len(changes) / 2


def test_a_game_is_played_from_its_release_on(build: Callable[..., World]) -> None:
    last = FIRST + timedelta(days=40)
    world = build(games=3_000, popularity_per_game=6)
    started = {row["game_id"] for row in world.rows("popularity_primitives") if row["popularity_type"] == PLAYING}
    released = {game: row.get("first_release_date", 2**40) for game, row in by_id(world, "games").items()}
    assert all(released[game] < start_of(FIRST) + 86_400 for game in started)
    world.advance(last)
    now = {row["game_id"] for row in world.rows("popularity_primitives") if row["popularity_type"] == PLAYING}
    assert [game for game in now if start_of(FIRST) + 86_400 < released.get(game, 0) <= start_of(last) + 86_400]
