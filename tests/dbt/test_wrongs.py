"""Results that the earlier pipeline gets wrong (docs/decisions/0020-keep-one-set-of-formulas.md): ours are right."""

from __future__ import annotations

import gzip
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.marts.dbt_project import PROJECT
from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake

if TYPE_CHECKING:
    from collections.abc import Callable

Mart = dict[int, dict[str, Any]]

TODAY = (date(2026, 11, 21) - date(1970, 1, 1)).days * 86_400
PLAYING, PLAYED, POSITIVE, NEGATIVE, TOTAL = 3, 4, 6, 7, 8


def game(game_id: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": game_id,
        "name": f"Game {game_id}",
        "updated_at": TODAY - 99,
        "game_type": 0,
        "platforms": [6],
        **fields,
    }


GAMES = [
    *(game(n) for n in range(1, 61)),
    game(61, first_release_date=TODAY - 86_400),
    game(62, first_release_date=TODAY - 86_400, game_type=1),  # a DLC
    game(63, aggregated_rating=96.0, aggregated_rating_count=5),
    game(64, aggregated_rating=94.0, aggregated_rating_count=60),
    *(game(n, aggregated_rating=50.0 + n % 7, aggregated_rating_count=1 + n % 3) for n in range(65, 95)),
    game(95),  # without a rating and without a review
    game(96, aggregated_rating=90.0, aggregated_rating_count=40),
]


def release(game_id: int, date: int = TODAY - 86_400) -> dict[str, Any]:
    return {"id": game_id, "game": game_id, "date": date, "date_format": 0}


def values(today: bool) -> list[dict[str, Any]]:
    """Popularity of a day: some of games 1 to 60 have reviews; 58 divides its players, 60 is liked by all."""
    found: dict[tuple[int, int], float] = {}
    for n in range(1, 61):
        found[n, PLAYING] = found[n, PLAYED] = 0.001 * (n // 2)
        if n % 4 == 0 or n == 58:
            m = n // 4
            positive, negative = {58: (300, 300), 60: (3000, 30)}.get(n, (80 + m, m))
            found[n, POSITIVE], found[n, NEGATIVE] = 0.0001 * positive, 0.001 * negative
            found[n, TOTAL] = 0.00009 * (positive + negative)
    found[41, PLAYING] = 0.020 if today else 0.002  # as many as play 40, but a week ago hardly any
    found[95, PLAYING] = found[96, PLAYING] = 0.0001
    return [
        {"id": 100 * n + kind, "game_id": n, "popularity_type": kind, "value": value}
        for (n, kind), value in sorted(found.items())
    ]


@pytest.fixture(scope="module")
def built(make_lake: Callable[[str], Lake], dbt: Dbt) -> Callable[[str], Mart]:
    """`built(mart)`: its rows by game."""
    lake = make_lake("2026-11-21")
    lake.add("games", GAMES, claims=[(0, None)])
    lake.add("platforms", [{"id": 6, "name": "PC"}], claims=[(0, None)])
    lake.add("release_dates", [release(61), release(62)], claims=[(0, None)])
    lake.add("popscore", values(today=False), claims=[(0, None)], partition="2026-11-14")
    lake.add("popscore", values(today=True), claims=[(0, None)])
    generation = lake.generation()
    done = dbt("run", "-s", "+marts.marketing", generation=generation)
    assert done.success, done.messages

    def rows(mart: str) -> Mart:
        found = duckdb.sql(f"from '{generation}/{mart}.parquet'")
        named = (dict(zip(found.columns, row, strict=True)) for row in found.fetchall())
        return {row["game_id"]: row for row in named}

    return rows


@pytest.fixture(scope="module")
def days(make_lake: Callable[[str], Lake], dbt: Dbt) -> tuple[dict[str, Any], Mart]:
    """Three days, of which only the last one is built: the paths of their parts, and dim_games."""
    lake = make_lake("2026-11-21")
    parts = {
        "old platforms": lake.add("platforms", [{"id": 6, "name": "PC"}], claims=[(0, None)], partition="2026-11-20"),
        "new platforms": lake.add("platforms", [{"id": 6, "name": "PC (Windows)"}], claims=[(0, None)]),
        "all": lake.add(
            "games", [game(1, summary="A game.", hypes=3), game(2), game(3)], claims=[(0, None)], partition="2026-11-19"
        ),
        "changed": lake.add("games", [game(4)], partition="2026-11-20"),
        "read again": lake.add("games", [game(3)], claims=[(2, 4)]),
    }
    generation = lake.generation()
    done = dbt("run", "-s", "+dim_games", generation=generation)
    assert done.success, done.messages
    found = duckdb.sql(f"from '{generation}/dim_games.parquet'")
    rows = (dict(zip(found.columns, row, strict=True)) for row in found.fetchall())
    return parts, {row["game_id"]: row for row in rows}


def test_an_increment_without_a_column(days: tuple[dict[str, Any], Mart]) -> None:
    """Its SQL names a column that no row of a small increment has: an error, and the day is lost to it."""
    parts, games = days
    with pytest.raises(duckdb.BinderException, match="hypes"):
        duckdb.sql(f"select id, hypes from read_json('{parts['changed']}', ignore_errors = true)")
    assert games[4]["hypes"] is None
    assert games[1]["hypes"] == 3


def test_a_renamed_platform(days: tuple[dict[str, Any], Mart]) -> None:
    """Two days' rows of a platform are two platforms to it; here every game has the new name the same night."""
    parts, games = days
    both = f"read_json(['{parts['old platforms']}', '{parts['new platforms']}'])"
    assert duckdb.sql(f"select count(*) from {both} where id = 6").fetchall() == [(2,)]
    assert games[1]["platform_names"] == ["PC (Windows)"]


def test_a_deleted_game(days: tuple[dict[str, Any], Mart]) -> None:
    """It keeps the newest row of each id, of all that there ever were; here a range read again deletes."""
    parts, games = days
    every = f"read_json(['{parts['all']}', '{parts['changed']}', '{parts['read again']}'], union_by_name = true)"
    newest = "qualify row_number() over (partition by id order by updated_at desc) = 1"
    assert duckdb.sql(f"select id from {every} {newest} order by id").fetchall() == [(1,), (2,), (3,), (4,)]
    assert set(games) == {1, 3, 4}


def test_an_unknown_summary_is_no_text(days: tuple[dict[str, Any], Mart]) -> None:
    parts, games = days
    text = duckdb.sql(f"select coalesce(summary, '') from read_json('{parts['all']}') where id = 3").fetchall()
    assert text == [("",)]
    assert games[3]["game_summary"] is None
    assert games[1]["game_summary"] == "A game."


def test_percentiles_of_what_is_unknown(built: Callable[[str], Mart]) -> None:
    games = built("fct_game_popularity")
    unknown = [n for n, row in games.items() if row["steam_positive_reviews"] is None]
    assert unknown
    assert {games[n]["positive_reviews_percentile"] for n in unknown} == {None}


def test_percentiles_of_equal_values(built: Callable[[str], Mart]) -> None:
    games = built("fct_game_popularity")
    assert games[20]["played"] == games[21]["played"]
    assert games[20]["played_percentile"] == games[21]["played_percentile"]


def test_praise_without_a_review(built: Callable[[str], Mart]) -> None:
    """A game without a review is no hidden gem, however few know it."""
    gems, games = built("mart_hidden_gems"), built("fct_game_popularity")
    assert gems
    assert all(games[n]["steam_positive_count"] for n in gems)


def test_the_unrated_are_not_average(built: Callable[[str], Mart]) -> None:
    """A score is the mean of its known parts."""
    gems = built("mart_hidden_gems")
    assert all(row["weighted_rating"] is None for row in gems.values())
    for row in gems.values():
        assert row["quality_score"] == pytest.approx(100 * row["positive_share_low"])


def test_velocity_is_growth(built: Callable[[str], Mart]) -> None:
    """Games 40 and 41 have equal figures today, but a week ago only two users played 41."""
    stars = built("mart_rising_stars")
    assert set(stars) == {41}
    assert (stars[41]["playing_users_7d_ago"], stars[41]["playing_users"]) == (2, 20)


def test_a_prior_that_draws(built: Callable[[str], Mart]) -> None:
    """The prior weighs ten votes beside the five of game 63."""
    rated = built("mart_top_rated")
    assert rated[64]["rank"] == 1
    mean = sum(g["aggregated_rating"] for g in GAMES if "aggregated_rating" in g) / 33
    assert (96 - rated[63]["weighted_rating"]) / (96 - mean) == pytest.approx(10 / 15)


def test_controversy_is_balance_and_not_size(built: Callable[[str], Mart]) -> None:
    """Everybody likes game 60, the largest by far; 58 has as many reviews for it as against it."""
    games = built("mart_controversial_games")
    assert games[58]["rank"] == 1
    assert games[58]["positive_share"] == pytest.approx(0.5)
    assert 60 not in games


def test_dlc_beside_games(built: Callable[[str], Mart]) -> None:
    assert set(built("mart_recent_games")) == {61}


def test_the_day_is_the_only_clock(lake: Lake, dbt: Dbt) -> None:
    """`first_release_date <= current_timestamp` lists what had not come out on the day that is built."""
    lake.day = "2020-02-01"
    on_the_day = (date(2020, 2, 1) - date(1970, 1, 1)).days * 86_400
    path = lake.add("games", [game(1, first_release_date=on_the_day), game(2, first_release_date=on_the_day + 86_400)])
    released = f"select id from read_json('{path}') where to_timestamp(first_release_date) <= current_timestamp"
    assert sorted(duckdb.sql(released).fetchall()) == [(1,), (2,)]
    lake.add("release_dates", [release(1, on_the_day), release(2, on_the_day + 86_400)])
    generation = lake.generation()
    assert dbt("run", "-s", "+mart_recent_games", generation=generation).success
    assert duckdb.sql(f"select game_id from '{generation}/mart_recent_games.parquet'").fetchall() == [(1,)]
    for file in PROJECT.glob("models/**/*.sql"):
        assert not re.search(r"\b(now\(|today\(|current_(date|time|timestamp))", file.read_text("utf-8")), file


def test_a_torn_line_is_no_empty_row(lake: Lake, dbt: Dbt) -> None:
    path = lake.add("genres", [{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}])
    generation = lake.generation()
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-9]))
    columns = "columns = {id: 'bigint', name: 'varchar'}, format = 'newline_delimited'"
    torn = duckdb.sql(f"select id from read_json('{path}', {columns}, ignore_errors = true)").fetchall()
    assert torn == [(1,), (None,)]
    assert dbt("run", "-s", "stg_igdb__genres", generation=generation).statuses["stg_igdb__genres"] == "error"
