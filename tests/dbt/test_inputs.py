"""What a build refuses, and what it can bear."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gamelake.registry import load_sources
from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake
from tests.support.raw_lake import Lake as RawLake

GENRES = [{"id": i, "name": f"Genre {i}"} for i in range(1, 2001)]


def test_parsing_and_listing_need_no_generation(dbt: Dbt) -> None:
    assert dbt("parse", generation=None).success
    assert dbt("list", "--resource-type", "model", generation=None).success


def test_tests_without_a_generation_say_what_to_do(tmp_path: Path) -> None:
    dbt = Dbt(tmp_path, GAMELAKE_URI=(tmp_path / "lake").as_uri())
    done = dbt("test", "-s", "stg_run", generation=None)
    assert not done.success
    assert "GAMELAKE_GENERATION: not set" in done.error
    assert "there is none yet. Run `dbt build` first" in done.error


@pytest.mark.slow
def test_commands_that_build_nothing_find_their_generation(small_lake: RawLake, tmp_path: Path) -> None:
    """What the scratch file was built from, so that tests compare like with like; else what readers have."""
    dbt = Dbt(tmp_path, GAMELAKE_URI=small_lake.root.as_uri())
    published, built = small_lake.generation("published"), small_lake.generation("by-hand")
    small_lake.show(published)

    def looked_at() -> Any:
        with duckdb.connect(str(dbt.database)) as scratch:
            return scratch.sql("select url from inputs.generation").fetchone()

    assert dbt("docs", "generate", generation=None).success
    assert (tmp_path / "catalog.json").exists()
    assert not dbt("test", "-s", "stg_run", generation=None).success, "nothing is built yet"
    assert looked_at() == (str(published),)
    assert dbt("run", "-s", "stg_run", generation=built).success
    assert dbt("test", "-s", "stg_run", generation=None).success
    assert looked_at() == (str(built),)
    assert not dbt("source", "freshness", generation=None).success, "its loads are old"
    assert looked_at() == (str(published),)
    (small_lake.root / "marts" / "_current.json").unlink()


def test_a_missing_inputs_file_is_named(dbt: Dbt, tmp_path: Path) -> None:
    done = dbt("run", "-s", "stg_run", generation=tmp_path)
    assert not done.success
    assert f"found no file {tmp_path}/_inputs.json" in done.error
    assert list(tmp_path.iterdir()) == []


def test_an_entity_that_is_not_listed_is_named(dbt: Dbt, lake: Lake) -> None:
    generation = lake.generation()
    inputs = lake.inputs()
    inputs["sources"] = [source for source in inputs["sources"] if source["entity"] != "themes"]
    (generation / "_inputs.json").write_text(json.dumps(inputs))
    done = dbt("run", "-s", "stg_run", generation=generation)
    assert not done.success
    assert "found no table igdb.themes" in done.error

    inputs["absent"] = [*inputs["absent"], {"source": "igdb", "entity": "themes"}]
    (generation / "_inputs.json").write_text(json.dumps(inputs))
    assert dbt("run", "-s", "stg_igdb__themes", generation=generation).success
    with duckdb.connect(str(dbt.database)) as scratch:
        assert scratch.sql("from raw_igdb.themes").fetchall() == []


def test_a_torn_line_fails(dbt: Dbt, lake: Lake) -> None:
    path = lake.add("genres", GENRES[:3])
    generation = lake.generation()
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-10]))
    done = dbt("run", "-s", "stg_igdb__genres", generation=generation)
    assert done.statuses["stg_igdb__genres"] == "error"
    assert "Malformed JSON" in done.messages["stg_igdb__genres"]


def test_many_undeclared_fields_that_change_fit_into_memory(dbt: Dbt, lake: Lake) -> None:
    lake.add("games", [{"id": number, "name": "One"} for number in range(100)], claims=[(0, None)])
    names = [f"field_{number}" for number in range(1000)]

    def row(number: int, value: str) -> dict[str, Any]:
        return {"id": number, "name": "One", **{name: f"{value} of {name}" for name in names}}

    rows = ({"id": number, "before": row(number, "old"), "after": row(number, "new")} for number in range(100))
    lake.change(*({"op": "u", "changed": names, "source": {"ts_ms": 1}, **each} for each in rows))
    assert dbt("run", "-s", "+int_game_changes", generation=lake.generation()).success
    with duckdb.connect(str(dbt.database)) as scratch:
        changes = "count(*), min(before_value), max(after_value) from int_game_changes"
        assert scratch.sql(f"select {changes}").fetchall() == [(100_000, "old of field_0", "new of field_999")]


def test_a_value_that_was_stored_before_its_field_was_declared_is_null(dbt: Dbt, lake: Lake) -> None:
    odd: list[dict[str, Any]] = [
        {"hypes": "many"},
        {"hypes": [1]},
        {"genres": "all"},
        {"genres": [1, "two"]},
        {"rating": {}},
        {"hypes": 2**63},
    ]
    rows = [{"id": number, "name": f"Game {number}", **fields} for number, fields in enumerate([*odd, {"hypes": 5}])]
    lake.add("games", rows, claims=[(0, None)])
    assert dbt("run", "-s", "+stg_igdb__games", generation=lake.generation()).success
    with duckdb.connect(str(dbt.database)) as scratch:
        found = scratch.sql("select id, name, hypes, genres, rating from stg_igdb__games order by id").fetchall()
    assert [row[:2] for row in found] == [(number, f"Game {number}") for number in range(7)]
    assert [row[2] for row in found] == [None] * 6 + [5]
    assert [row[3] for row in found][2:4] == [None, [1]]
    assert [row[4] for row in found] == [None] * 7


@pytest.mark.parametrize("damage", ["cut short", "a line null"])
def test_a_file_without_all_its_rows_fails(dbt: Dbt, lake: Lake, damage: str) -> None:
    path = lake.add("genres", GENRES)
    generation = lake.generation()
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    if damage == "cut short":  # after a line: DuckDB reads what is left without a word
        compressor = zlib.compressobj(wbits=31)
        path.write_bytes(compressor.compress(b"".join(lines[:1000])) + compressor.flush(zlib.Z_FULL_FLUSH))
    else:
        path.write_bytes(gzip.compress(b"".join([*lines[:-1], b"null\n"])))
    only_their_tests = ["--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"]
    done = dbt("build", "-s", "+base_file_row_counts", *only_their_tests, generation=generation)
    assert not done.success
    if damage == "cut short":
        assert [name for name, status in done.statuses.items() if status == "fail"] == ["whole_files"]
    else:
        assert any(f"{path} has a line that is no row with an id" in message for message in done.messages.values())


def test_many_dangling_references_fail(dbt: Dbt, lake: Lake) -> None:
    # One game with any number of dangling references is let through.
    lake.add("games", [{"id": number, "name": "One", "genres": [4, 5]} for number in (1, 2)])
    models = ["+bridge_game_genre"]
    only_their_tests = ["--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"]
    done = dbt("build", "-s", *models, *only_their_tests, generation=lake.generation())
    failed = [name for name, status in done.statuses.items() if status == "fail"]
    assert len(failed) == 1
    assert failed[0].startswith("references_known_bridge_game_genre_genre_id")


@pytest.mark.slow
def test_references_to_one_unknown_row_only_warn(dbt: Dbt, lake: Lake) -> None:
    # A load may reject one row of a small table, whose games are many.
    lake.add("games", [{"id": number, "name": "One", "genres": [4, 5]} for number in range(1, 9)])
    lake.add("genres", [{"id": 4, "name": "Action"}])
    only_their_tests = ["--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"]
    done = dbt("build", "-s", "+bridge_game_genre", *only_their_tests, generation=lake.generation())
    assert done.success, done.messages
    assert [done.messages[name] for name, status in done.statuses.items() if status == "warn"] == [
        "Got 8 results, configured to warn if > 0"
    ]


def test_values_of_one_game_only_fail(dbt: Dbt, lake: Lake) -> None:
    values = [{"id": n, "game_id": 7, "popularity_type": 1 + n % 2, "value": 0.5} for n in range(1, 101)]
    lake.add("popscore", values, claims=[(0, None)])
    lake.add("popularity_types", [{"id": 1, "name": "Visits"}, {"id": 2, "name": "Want to Play"}])
    only_its_tests = ["--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"]
    done = dbt("build", "-s", "+stg_igdb__popscore", *only_its_tests, generation=lake.generation())
    failed = [name for name, status in done.statuses.items() if status == "fail"]
    assert failed == ["rarely_repeated_stg_igdb__popscore_game_id__popularity_type__0_05"], done.messages
    assert done.messages[failed[0]] == "Got 98 results, configured to fail if > 1 + 0.05 * max(all_rows)"


def test_hundreds_of_files_and_a_row_of_megabytes(dbt: Dbt, lake: Lake) -> None:
    for n in range(400):
        lake.add("genres", [{"id": n % 300, "name": f"From file {n}"}])
    lake.add("platforms", [{"id": 1, "name": "Long", "url": "x" * 5_000_000}, {"id": 2, "name": "O'Brien"}])
    done = dbt("run", "-s", "stg_igdb__genres", "stg_igdb__platforms", generation=lake.generation())
    assert done.success, done.messages
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        genres = dict(database.execute("select id, name from stg_igdb__genres").fetchall())
        assert genres == {n % 300: f"From file {n}" for n in range(400)}
        assert database.execute("select max(length(url)) from stg_igdb__platforms").fetchone() == (5_000_000,)


@pytest.mark.parametrize("models", [["-s", "+dim_games"], pytest.param([], marks=pytest.mark.slow)], ids=["few", "all"])
def test_no_files_at_all_is_an_empty_table_with_the_same_types(models: list[str], dbt: Dbt, lake: Lake) -> None:
    generation = lake.generation()
    done = dbt("run", *models, generation=generation)
    assert done.success, done.messages
    games = f"'{generation}/dim_games.parquet'"
    types = {name: kind for name, kind, *_ in duckdb.sql(f"describe from {games}").fetchall()}
    assert types["genre_names"] == "VARCHAR[]"
    assert types["first_release_date"] == "TIMESTAMP"
    assert duckdb.sql(f"from {games}").fetchall() == []


def test_every_entity_has_a_source(dbt: Dbt) -> None:
    """A staging model is not asked for: a new entity is loaded before anything reads it."""
    dbt("parse", generation=None)
    manifest = json.loads((dbt.folder / "manifest.json").read_text("utf-8"))
    assert {source["name"] for source in manifest["sources"].values()} >= set(load_sources()["igdb"].entities)
