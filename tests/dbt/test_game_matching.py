"""The matching of IGDB's games with RAWG's: on a generated world, whose truth is known, and on a checked sample."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pytest

from sandbox.igdb import World
from sandbox.rawg import RawgWorld, catalog
from tests.support.raw_lake import EVERY_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.dbt import Dbt, Outcome
    from tests.support.raw_lake import Lake, Row

DAY = date(2026, 11, 20)
MODELS = ("int_game_match_pairs", "int_game_matches", "bridge_igdb_rawg")
SURE = 0.9

SAMPLE = Path(__file__).parent / "game_matching"
SAMPLE_IDS = 10_000_000
"""Added to the ids of the sample, so that a lake has both."""
PLATFORM_IDS = {slug: key for key, (_, slug, _) in catalog.PLATFORMS.items()}


class Matched(NamedTuple):
    """A lake with its bridge, and what is known of its games.

    truth: IGDB's id by RAWG's. whole, listed: the games of RAWG of the world whose page is loaded, and the others.
    sample: those of the sample.
    """

    lake: Lake
    outcome: Outcome
    truth: dict[int, int]
    whole: set[int]
    listed: set[int]
    sample: set[int]


@pytest.fixture(scope="module")
def matched(dbt: Dbt, make_lake: Callable[[str], Lake]) -> Matched:
    lake = make_lake(str(DAY))
    igdb = World.generate(seed=7, games=1_000, first_day=DAY, today=DAY)
    rawg = RawgWorld(igdb, seed=7)
    tables = {name: list(igdb.rows(name)) for name in ("games", "involved_companies", "companies", "release_dates")}
    tables["game_localizations"] = list(igdb.rows("game_localizations"))
    tables["external_games"] = [row for row in igdb.rows("external_games") if row["external_game_source"] in {1, 5, 26}]
    tables["websites"] = [row for row in igdb.rows("websites") if row["type"] in {1, 13, 16, 17}]
    games = rawg.games()
    pages = [row for row in games if row["id"] % 2]
    tables["rawg.games"] = games
    tables["rawg.game_details"] = [rawg.details(row) for row in pages]
    tables["rawg.game_stores"] = [{"id": row["id"], "items": rawg.stores_of(row)} for row in pages]
    truth = rawg.truth()
    sample_truth = add_sample(tables)
    for name, rows in tables.items():
        lake.add(name, rows, claims=EVERY_ID)
    outcome = dbt("run", "-s", "+bridge_igdb_rawg", generation=lake.generation())
    whole = {row["id"] for row in pages}
    listed = {row["id"] for row in games} - whole
    known = {key: igdb_id for key, igdb_id in sample_truth.items() if igdb_id is not None}
    return Matched(lake, outcome, truth | known, whole, listed, set(sample_truth))


def add_sample(tables: dict[str, list[Row]]) -> dict[int, int | None]:
    """Add the sample to the rows of a lake. Returns: IGDB's id by RAWG's, None for a game that IGDB's side lacks."""
    row: Row
    company_ids: dict[str, int] = {}
    for game in read_sample("igdb_games"):
        key = SAMPLE_IDS + int(game["id"])
        tables["games"].append(
            {
                "id": key,
                "name": game["name"],
                "slug": game["slug"],
                "game_type": int(game["game_type"]),
                "first_release_date": seconds(game["first_release_date"]),
                "platforms": [int(each) for each in texts(game["platforms"])],
            }
        )
        for day in texts(f"{game['first_release_date']};{game['release_dates']}"):
            row = {"id": SAMPLE_IDS + len(tables["release_dates"]), "game": key, "date": seconds(day), "date_format": 0}
            tables["release_dates"].append(row)
        for role in ("developer", "publisher"):
            for name in texts(game[f"{role}s"]):
                company = company_ids.setdefault(name, SAMPLE_IDS + len(company_ids))
                row = {
                    "id": SAMPLE_IDS + len(tables["involved_companies"]),
                    "game": key,
                    "company": company,
                    role: True,
                }
                tables["involved_companies"].append(row)
        for app in texts(game["steam_apps"]):
            row = {"id": SAMPLE_IDS + len(tables["external_games"]), "game": key, "external_game_source": 1, "uid": app}
            tables["external_games"].append(row)
    tables["companies"] += [{"id": key, "name": name} for name, key in company_ids.items()]
    truth: dict[int, int | None] = {}
    for number, game in enumerate(read_sample("rawg_like_games")):
        key = SAMPLE_IDS + number
        truth[key] = SAMPLE_IDS + int(game["igdb_id"]) if game["igdb_id"] else None
        platforms = [{"platform": {"id": PLATFORM_IDS[each]}} for each in texts(game["platforms"])]
        row = {"id": key, "name": game["name"], "slug": game["slug"], "released": game["released"] or None}
        tables["rawg.games"].append(row | {"platforms": platforms})
        companies = [{"id": number, "name": name} for number, name in enumerate(texts(game["companies"]))]
        row |= {"developers": companies[:1], "publishers": companies[1:]}
        tables["rawg.game_details"].append(row | {"alternative_names": texts(game["alternative_names"])})
        if game["steam_app"]:
            url = f"https://store.steampowered.com/app/{game['steam_app']}/"
            tables["rawg.game_stores"].append({"id": key, "items": [{"id": 1, "store_id": 1, "url": url}]})
    return truth


def read_sample(name: str) -> list[dict[str, str]]:
    with (SAMPLE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def texts(text: str) -> list[str]:
    return [each for each in text.split(";") if each]


def seconds(day: str) -> int | None:
    return int(datetime.fromisoformat(f"{day}T00:00:00Z").astimezone(UTC).timestamp()) if day else None


def bridge(dbt: Dbt) -> dict[int, dict[str, Any]]:
    """The rows of the bridge by RAWG's id."""
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        relation = database.sql("from bridge_igdb_rawg")
        rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    return {row["rawg_game_id"]: row for row in rows}


def shares(dbt: Dbt, matched: Matched, games: set[int], confidence: float = SURE) -> tuple[float, float]:
    """Precision and recall of the pairs of some games of RAWG from a confidence on."""
    found = {key: row for key, row in bridge(dbt).items() if row["confidence"] >= confidence and key in games}
    right = sum(matched.truth.get(key) == row["igdb_game_id"] for key, row in found.items())
    return right / len(found), right / len(games & matched.truth.keys())


def test_sure_pairs_of_a_generated_world_are_right(dbt: Dbt, matched: Matched) -> None:
    assert matched.outcome.success, matched.outcome.messages
    precision, recall = shares(dbt, matched, matched.whole)
    assert precision >= 0.99
    assert recall >= 0.94
    # without the page of a game there are no companies and no links to stores
    precision, recall = shares(dbt, matched, matched.listed)
    assert precision >= 0.99
    assert recall >= 0.72


def test_sure_pairs_of_the_sample_are_right(dbt: Dbt, matched: Matched) -> None:
    assert len(matched.sample) >= 250
    precision, recall = shares(dbt, matched, matched.sample)
    assert precision >= 0.99
    assert recall >= 0.9
    assert shares(dbt, matched, matched.sample, confidence=0)[0] >= 0.99


def test_decisions_made_by_hand_win_and_wrong_ones_stop_nothing(dbt: Dbt, matched: Matched) -> None:
    before = bridge(dbt)
    sure = sorted(key for key, row in before.items() if row["confidence"] >= SURE)
    renamed, refused = sure[0], sure[1]
    free = min(matched.listed - before.keys())
    decisions = [
        (str(before[renamed]["igdb_game_id"]), str(free), "same", "seen by a person"),
        (str(before[refused]["igdb_game_id"]), str(refused), "different", ""),
        ("4040404", str(refused), "same", "no such game"),
        ("one", "two", "equal", ""),
    ]
    with duckdb.connect(str(dbt.database)) as database:
        database.executemany("insert into game_match_decisions values (?, ?, ?, ?)", decisions)
    try:
        generation = matched.lake.generation("decided")
        done = dbt("build", "-s", *MODELS, "--exclude-resource-types", "unit_test", generation=generation)
        after = bridge(dbt)
    finally:
        with duckdb.connect(str(dbt.database)) as database:
            database.execute("delete from game_match_decisions")
    assert done.success, done.messages
    assert {name: done.messages[name] for name, status in done.statuses.items() if status == "warn"} == {
        "decisions_count_int_game_matches_": "Got 2 results, configured to warn if != 0"
    }
    assert renamed not in after
    assert after[free]["igdb_game_id"] == before[renamed]["igdb_game_id"]
    assert (after[free]["method"], after[free]["confidence"]) == ("decision", 1)
    assert after[free]["evidence"].startswith("decided by hand: seen by a person; ")
    assert after.get(refused, {}).get("igdb_game_id") != before[refused]["igdb_game_id"]
