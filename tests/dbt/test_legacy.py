"""`scoring: legacy` against the predecessor's formulas in plain Python, on recorded rows where there are any."""

from __future__ import annotations

import json
import os
import random
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from include.registry import load_registry
from tests.dbt import legacy

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = "2026-06-08"
UNTIL = (date(2026, 6, 9) - date(1970, 1, 1)).days * 86_400
Row = dict[str, Any]


def recorded(folder: Path) -> dict[str, list[Row]]:
    files = {entity.name: folder / f"{entity.endpoint}.jsonl" for entity in load_registry().values()}
    return {
        name: [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]
        for name, file in files.items()
        if file.exists()
    }


def generated() -> dict[str, list[Row]]:
    """900 games of every type, some unrated, unreleased or unpopular; many equal values."""
    rng = random.Random(4)  # noqa: S311 - made-up rows, not a secret
    games, popscore = [], []
    for game_id in range(900):
        game: Row = {"id": game_id, "name": f"Game {game_id}", "game_type": rng.choice([0, 0, 0, 1, 5]), "themes": []}
        game["themes"] = rng.sample(range(1, 9), rng.randrange(4))
        if rng.random() < 0.8:
            game["first_release_date"] = UNTIL + rng.randrange(-900, 100) * 43_200
        if rng.random() < 0.4:
            game |= {
                "aggregated_rating": rng.choice([60.0, 70.5, 80.25, 95.0]),
                "aggregated_rating_count": rng.randrange(30),
            }
        if rng.random() < 0.3:
            game["hypes"] = rng.randrange(6)
        games.append(game)
        for popularity_type in legacy.METRICS:
            if rng.random() < 0.5:
                value = rng.choice([0.0, 0.001, rng.random() / 100])
                row = {"id": len(popscore), "game_id": game_id, "popularity_type": popularity_type, "value": value}
                popscore.append(row)
    popscore.append({"id": len(popscore), "game_id": 10_000, "popularity_type": 3, "value": 0.5})
    themes = [{"id": i, "name": f"Theme {i}"} for i in range(1, 8)]
    return {"games": games, "popscore": popscore, "themes": themes}


@pytest.fixture(scope="module")
def rows() -> dict[str, list[Row]]:
    folder = os.environ.get("IGDB_RECORDED")
    return recorded(Path(folder)) if folder else generated()


@pytest.fixture(scope="module")
def games(rows) -> dict[int, Row]:
    return {row["id"]: row for row in rows["games"] if row.get("name") is not None}


@pytest.fixture(scope="module")
def facts(rows) -> dict[int, Row]:
    return legacy.popularity(rows["popscore"])


@pytest.fixture(scope="module")
def mart(rows, legacy_dbt, make_lake) -> Callable[..., list[Any]]:
    """Columns of a mart in the order of its file, built from the rows with the legacy formulas."""
    lake = make_lake(DAY)
    for entity, of_entity in rows.items():
        lake.add(entity, sorted(of_entity, key=lambda row: row["id"]), claims=[(0, None)])
    generation = lake.generation()
    done = legacy_dbt("run", "-s", "+marts.marketing", generation=generation)
    assert done.success, done.messages

    def columns(name: str, *columns: str) -> list[Any]:
        found = duckdb.sql(f"select {', '.join(columns)} from '{generation}/{name}.parquet'").fetchall()
        return [row[0] for row in found] if len(columns) == 1 else found

    return columns


def assert_scores(found: list[tuple[int, float]], expected: list[tuple[int, float]]) -> None:
    assert expected
    assert [key for key, _ in found] == [key for key, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=1e-12)


def test_recent_games(mart, games):
    expected = legacy.recent_games(games, UNTIL)
    assert expected
    assert mart("mart_recent_games", "game_id") == expected


def test_top_hyped(mart, games):
    assert mart("mart_top_hyped", "game_id") == legacy.top_hyped(games, UNTIL)


def test_top_rated(mart, games):
    assert_scores(mart("mart_top_rated", "game_id", "weighted_rating"), legacy.top_rated(games))


def test_theme_trends(mart, games, rows):
    expected = legacy.theme_trends(games, {row["id"]: row["name"] for row in rows["themes"]})
    assert expected
    assert mart("mart_theme_trends", "theme", '"count"') == expected


def test_trending_now(mart, games, facts):
    expected = legacy.trending_now(games, facts)
    assert expected
    assert mart("mart_trending_now", "game_id") == expected


def test_controversial_games(mart, games, facts):
    expected = legacy.controversial_games(games, facts)
    assert_scores(mart("mart_controversial_games", "game_id", "controversy_score"), expected)


def test_hidden_gems(mart, games, facts):
    assert_scores(mart("mart_hidden_gems", "game_id", "hidden_score"), legacy.hidden_gems(games, facts))


def test_rising_stars(mart, games, facts):
    assert_scores(mart("mart_rising_stars", "game_id", "rising_score"), legacy.rising_stars(games, facts))


def test_facts(mart, facts):
    columns = ["playing_percentile", "positive_reviews_percentile", "engagement_percentile", "igdb_total_engagement"]
    found = {row[0]: row[1:] for row in mart("fct_game_popularity", "game_id", *columns)}
    assert found == {
        game_id: (fact["playing_pct"], fact["positive_pct"], fact["engagement_pct"], pytest.approx(fact["engagement"]))
        for game_id, fact in facts.items()
    }
