"""A whole build from a small lake: its marts against an independent reading of the same parts."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import defaultdict
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from moto.server import ThreadedMotoServer

from gamelake.marts.dbt_project import MANIFEST, published_models
from gamelake.marts.documents import mart_key
from gamelake.marts.duckdb_extensions import link_extensions
from gamelake.registry import load_sources
from gamelake.sources.igdb.options import IgdbOptions
from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake
from tests.support.raw_lake import Lake as RawLake
from tests.support.stores import new_client

if TYPE_CHECKING:
    from collections.abc import Iterator

MARTS = [
    "mart_companies",
    "mart_controversial_games",
    "mart_engagement_funnel",
    "mart_game_sales",
    "mart_hidden_gems",
    "mart_market_overview",
    "mart_market_segments",
    "mart_most_played",
    "mart_rating_disagreements",
    "mart_recent_games",
    "mart_release_cohorts",
    "mart_release_trends",
    "mart_rising_stars",
    "mart_theme_trends",
    "mart_top_hyped",
    "mart_top_rated",
    "mart_trending_now",
    "mart_weekly_trends",
]


@pytest.fixture(scope="module")
def built(small_lake: RawLake, dbt: Dbt) -> Any:
    """The small lake, built with all tests of its rows: (outcome, generation)."""
    generation = small_lake.generation()
    return dbt("build", "--exclude-resource-type", "unit_test", generation=generation), generation


@pytest.mark.slow
def test_the_unit_tests_of_models_pass(generation: Path, dbt: Dbt) -> None:
    """dbt takes the columns of what a model reads from the tables that are built."""
    done = dbt("test", "-s", "test_type:unit", generation=generation)
    assert len(done.statuses) > 40
    assert done.success, done.messages


@pytest.fixture(scope="module")
def outcome(built: Any) -> Any:
    return built[0]


@pytest.fixture(scope="module")
def generation(built: Any) -> Path:
    folder: Path = built[1]
    return folder


def rows_of(generation: Path | str, model: str) -> list[dict[str, Any]]:
    relation = duckdb.sql(f"select * from read_parquet('{generation}/{model}.parquet', hive_partitioning = false)")
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def read_plainly(files: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The rows of a table, by the rules word by word: row by row, from the oldest part to the newest."""
    rows: dict[int, dict[str, Any]] = {}
    for part in files:
        for claim in part["claims"]:
            replaced = [i for i in rows if claim["low"] <= i and (claim["high"] is None or i < claim["high"])]
            for row_id in replaced:
                del rows[row_id]
        with gzip.open(part["url"], "rt", encoding="utf-8") as lines:
            rows.update((row["id"], row) for row in map(json.loads, lines))
    return rows


def _claims(inputs: dict[str, Any], file: dict[str, Any]) -> list[dict[str, Any]]:
    """The claims of a file."""
    key = (file["entity"], file["ordinal"])
    return [claim for claim in inputs["claims"] if (claim["entity"], claim["ordinal"]) == key]


def expected_games(inputs: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """What dim_games has to say, by a reading that shares nothing with dbt."""
    tables = {
        entity: read_plainly(
            [{**file, "claims": _claims(inputs, file)} for file in inputs["files"] if file["entity"] == entity]
        )
        for entity in load_sources()["igdb"].entities
        if entity != "popscore"
    }
    links = {
        "platform_names": ("platforms", "platforms"),
        "genre_names": ("genres", "genres"),
        "game_mode_names": ("game_modes", "game_modes"),
        "theme_names": ("themes", "themes"),
        "perspective_names": ("player_perspectives", "player_perspectives"),
    }
    games = {}
    for game_id, game in tables["games"].items():
        if "name" not in game:
            continue
        games[game_id] = {"game_name": game["name"]}
        for column, (key, table) in links.items():
            names = {tables[table][i]["name"] for i in game.get(key, []) if i in tables[table]}
            games[game_id][column] = sorted(names, key=str.encode) or None
    return games


def found_games(generation: Path) -> dict[int, dict[str, Any]]:
    columns = ["game_name", "platform_names", "genre_names", "game_mode_names", "theme_names", "perspective_names"]
    return {row["game_id"]: {column: row[column] for column in columns} for row in rows_of(generation, "dim_games")}


def test_build_passes_and_warns_of_what_is_lost(outcome: Any) -> None:
    assert outcome.success, outcome.messages
    warned = {name for name, status in outcome.statuses.items() if status == "warn"}
    assert {"__".join(name.split("__")[:2]) for name in warned} == {
        "rarely_stg_igdb__games_name_is_null",  # a game without a name
        "references_known_bridge_game_platform_platform_id__id",  # a platform deleted between two loads
        "references_known_stg_igdb__popscore_game_id",  # games deleted since they were popular
        "stale_popularity_types",  # values of a year ago
    }


def test_dim_games_is_what_the_parts_say(small_lake: RawLake, generation: Path) -> None:
    expected = expected_games(small_lake.inputs())
    assert len(expected) == 60 + 1 - 2 - 1  # one new; 11 and 12 deleted; 6 has no name
    assert found_games(generation) == expected
    assert expected[13]["game_name"] == "Read again"
    assert expected[14]["game_name"] == "Came back"
    assert expected[40]["platform_names"] == ["Linux", "PC (Microsoft Windows)"]


def test_nulls_stay_null_and_times_are_utc(generation: Path) -> None:
    games = {row["game_id"]: row for row in rows_of(generation, "dim_games")}
    assert games[5]["game_summary"] is None
    assert games[5]["genre_names"] is None
    assert str(games[2]["first_release_date"]) == "1969-12-31 00:00:00"
    assert {game_id for game_id, row in games.items() if not row["is_main_game"]} == {3}


def test_changes_are_in_words(generation: Path) -> None:
    changes = {(row["game_id"], row["field"]): row for row in rows_of(generation, "fct_game_changes")}
    found = {key: (row["field_name"], row["before_value"], row["after_value"]) for key, row in changes.items()}
    assert found == {
        (40, "cover"): ("Cover", "#3", None),
        (40, "field_of_tomorrow"): ("field_of_tomorrow", '{"nested":[1]}', "[1]"),
        (40, "genres"): ("Genres", "#9, Adventure, Shooter", "Shooter"),
        (40, "hypes"): ("Followers before release", "1", None),
        (40, "name"): ("Name", "Game 40 ☃", "Changed"),
        (40, "parent_game"): ("Parent game", None, "Game 2 ☃"),
        (40, "rating"): ("Rating of users", "80.0", "83.4783"),
        (61, "game"): ("Game", None, "New"),
        (99, "game"): ("Game", "#99", None),
    }
    assert changes[40, "genres"]["removed_names"] == ["#9", "Adventure"]
    assert str(changes[40, "genres"]["changed_at"]) == "2025-11-20 19:00:00"
    steps = [(row["to_version"], row["games_updated"]) for row in rows_of(generation, "fct_game_change_steps")]
    assert steps == [(2, 1), (3, 0)]


def test_popularity_is_of_the_newest_day(generation: Path) -> None:
    facts = {row["game_id"]: row for row in rows_of(generation, "fct_game_popularity")}
    assert set(facts) == set(range(1, 41))
    assert facts[40]["playing"] == 5.0
    assert facts[7]["twitch_24hr_hours_watched"] == 0.25
    assert facts[7]["cross_platform_score"] == 2
    values = sorted(row["playing"] for row in facts.values())
    for row in facts.values():
        smaller = sum(value < row["playing"] for value in values)
        assert row["playing_percentile"] == pytest.approx(100 * smaller / 39)
        assert row["positive_reviews_percentile"] is None


def test_every_raw_row_is_accounted_for(built: Any, small_lake: RawLake, dbt: Dbt) -> None:
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        columns = "entity, day::varchar, current_rows, superseded_rows, voided_rows, rejected_rows, unnamed_rows"
        found = {
            (entity, day): figures
            for entity, day, *figures in database.execute(f"select {columns} from fct_load_accounting").fetchall()
            if any(figures)
        }
    expected = {
        (entity, day): [counts["current"], counts["superseded"], counts["voided"], 0, 0]
        for entity in load_sources()["igdb"].entities
        for day, counts in small_lake.row_counts(entity).items()
    }
    expected["games", "2026-11-21"][3] = 3
    expected["games", "2026-11-20"][4] = 1
    assert {key: figures for key, figures in found.items() if key != ("popscore", "2026-11-20")} == expected
    assert found["popscore", "2026-11-20"] == [50, 0, 0, 0, 0], "a past day of the history"
    assert found["games", "2026-11-20"] == [54, 1, 5, 0, 1]


def test_history_keeps_every_day(built: Any, dbt: Dbt) -> None:
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        query = "select day::varchar, count(*), max(playing) from fct_game_popularity_daily group by day order by day"
        found = database.execute(query).fetchall()
    assert found == [("2026-11-20", 50, 12.5), ("2026-11-21", 40, 5.0)]


def test_the_columns_that_are_described_are_those_that_are_there(built: Any, dbt: Dbt) -> None:
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        columns = "select table_name, list(column_name) from duckdb_columns() where schema_name = 'main' group by all"
        found = dict(database.execute(columns).fetchall())
    nodes = json.loads(MANIFEST.read_text(encoding="utf-8"))["nodes"].values()
    models = [node for node in nodes if node["resource_type"] == "model"]
    assert {node["name"]: sorted(node["columns"]) for node in models} == {
        node["name"]: sorted(found[node["name"]]) for node in models
    }


def test_files_have_the_columns_and_types_of_their_contracts(generation: Path) -> None:
    """Parquet has no type for some of DuckDB's, such as hugeint, so that the SQL alone does not say them."""
    nodes = json.loads(MANIFEST.read_text(encoding="utf-8"))["nodes"].values()
    published = published_models()
    for mart in [node for node in nodes if node["name"] in published]:
        declared = [(column["name"], column["data_type"]) for column in mart["columns"].values()]
        path = mart_key(str(generation), published[mart["name"]])
        file = duckdb.sql(f"from read_parquet('{path}', hive_partitioning = false)")
        assert list(zip(file.columns, [str(kind).lower() for kind in file.types], strict=True)) == declared


def test_every_mart_is_written_in_its_order(generation: Path) -> None:
    files = {path.stem for path in generation.glob("**/*.parquet")}
    assert {name for name in files if not name.startswith("_day=")} == set(published_models())
    recent = [(row["first_release_date"], -row["game_id"]) for row in rows_of(generation, "mart_recent_games")]
    assert recent == sorted(recent, reverse=True)
    assert len(recent) == 50
    assert [row["game_id"] for row in rows_of(generation, "mart_top_hyped")] == [4]
    assert [row["name"] for row in rows_of(generation, "mart_theme_trends")] == [
        *("Shooter", "Adventure"),
        *("Linux", "PC (Microsoft Windows)"),
    ]
    assert rows_of(generation, "mart_rising_stars") == []  # there is no week of history


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """An empty bucket `lake` on a real S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    s3 = new_client(f"http://{host}:{port}")
    s3.create_bucket(Bucket="lake")
    yield s3
    server.stop()


@pytest.mark.slow
def test_s3_and_a_fresh_database_give_the_same_bytes(
    small_lake: RawLake, generation: Path, dbt: Dbt, bucket: Any, tmp_path: Path
) -> None:
    inputs = small_lake.upload(bucket, "lake", "deep")
    prefix = "deep/marts/dt=2026-11-21/run"
    bucket.put_object(Bucket="lake", Key=f"{prefix}/_inputs.json", Body=json.dumps(inputs).encode())

    on_s3 = type(dbt)(
        tmp_path,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION="us-east-1",
        AWS_ENDPOINT_URL=bucket.meta.endpoint_url,
        GAMELAKE_URI="s3://lake/deep",
        GAMELAKE_DUCKDB_EXTENSIONS=str(link_extensions(tmp_path / "extensions")),
    )
    missing = on_s3("run", "-s", "stg_run", generation="s3://lake/elsewhere")
    assert "found no file s3://lake/elsewhere/_inputs.json" in missing.error
    done = on_s3("run", generation=f"s3://lake/{prefix}")
    assert done.success, done.messages
    for path in generation.glob("**/*.parquet"):
        there = bucket.get_object(Bucket="lake", Key=f"{prefix}/{path.relative_to(generation)}")["Body"].read()
        assert hashlib.sha256(there).digest() == hashlib.sha256(path.read_bytes()).digest(), path.name


def recorded_rows() -> dict[str, list[dict[str, Any]]]:
    """Real rows where IGDB_RECORDED names a folder of them, else rows of the same shape."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    if folder := os.environ.get("IGDB_RECORDED"):
        for entity in load_sources()["igdb"].entities.values():
            path = Path(folder) / f"{IgdbOptions.of(entity).endpoint}.jsonl"
            if path.exists():
                lines = filter(None, path.read_text("utf-8").split("\n"))
                rows[entity.name] = sorted(map(json.loads, lines), key=itemgetter("id"))
        return rows
    lookups = ("platforms", "genres", "game_modes", "themes", "player_perspectives")
    for step, name in enumerate(lookups, start=1):
        rows[name] = [{"id": i, "name": f"{name} {i * 7 % 11}", "slug": f"{name}-{i}"} for i in range(1, 12, step)]
    for i in range(600):
        game: dict[str, Any] = {"id": i * 3, "name": f"Game {i}", "checksum": f"{i:032x}", "game_type": i % 15}
        for name in lookups:
            if i % 7:
                game[name] = [row["id"] for row in rows[name] if (i + row["id"]) % 3 == 0]
        rows["games"].append(game)
        if i % 3:
            rows["covers"].append({"id": 5000 + i, "game": i * 3, "image_id": f"co{i}"})
            game["cover"] = 5000 + i
        for n in range(i % 4):
            part = {
                "id": i * 4 + n,
                "game": i * 3 + n // 3,
                "company": i % 40,
                "publisher": n == 1,
                "developer": n != 1,
            }
            rows["involved_companies"].append(part)
    rows["companies"] = [{"id": i, "name": f"Company {i}"} for i in range(35)]
    rows["game_types"] = [{"id": i, "type": f"Type {i}"} for i in range(15)]
    rows["popularity_types"] = [{"id": 3, "name": "Playing", "external_popularity_source": 121}]
    rows["popscore"] = [{"id": i, "game_id": i * 3, "popularity_type": 3, "value": 1 / (i + 1)} for i in range(600)]
    return rows


def test_recorded_games_have_their_names_covers_and_companies(lake: Lake, dbt: Dbt) -> None:
    rows = recorded_rows()
    for entity, of_entity in rows.items():
        half = len(of_entity) // 2
        cut = of_entity[half]["id"]
        lake.add(entity, of_entity[:half], claims=[(0, cut)])
        lake.add(entity, of_entity[half:], claims=[(cut, None)])
    generation = lake.generation()
    models = ("+dim_games", "+dim_companies", "+bridge_game_company")
    only_their_tests = ["--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"]
    done = dbt("build", "-s", *models, *only_their_tests, generation=generation)
    assert done.success, done.messages
    expected_names = expected_games(lake.inputs())
    assert len(expected_names) == len(rows["games"])
    assert found_games(generation) == expected_names
    games = {row["id"]: row for row in rows["games"] if "name" in row}
    images = {row["id"]: row["image_id"] for row in rows["covers"]}
    found = {row["game_id"]: row for row in rows_of(generation, "dim_games")}
    assert any(row["cover_url"] for row in found.values())
    for game_id, row in found.items():
        image = images.get(games[game_id].get("cover"))
        assert (row["cover_url"] or "").rpartition("/")[2] == (f"{image}.jpg" if image else "")
    companies = {row["id"] for row in rows["companies"]}
    expected = {
        (row["game"], row["company"], role)
        for row in rows["involved_companies"]
        for role in ("developer", "publisher", "porting", "supporting")
        if row.get(role) and row["game"] in games and row["company"] in companies
    }
    assert expected
    bridge = rows_of(generation, "bridge_game_company")
    assert [(row["game_id"], row["company_id"], row["role"]) for row in bridge] == sorted(expected)
