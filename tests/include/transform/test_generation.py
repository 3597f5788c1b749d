"""Generations: what a build reads, and when readers see it."""

from __future__ import annotations

from datetime import date

import duckdb
import orjson
import pytest

from include.lake.files import Claim, merge_files
from include.lake.manifest import Draft, Mode, Table
from include.lake.parts import PartStage, Rows
from include.lake.store import open_store
from include.registry import load_registry
from include.transform.generation import TransformError, current, open_generation, publish

REGISTRY = load_registry()
GENRES, THEMES = REGISTRY["genres"], REGISTRY["themes"]
DAY = date(2026, 11, 21)


@pytest.fixture
def store(tmp_path):
    return open_store((tmp_path / "lake").as_uri())


def commit(store, tmp_path, entity, partition, ids):
    with PartStage(
        store, entity=entity.name, partition=partition, run_id=f"run-{partition}", scratch=tmp_path / "scratch"
    ) as stage:
        stage.add(Rows(b"".join(b'{"id": %d}\n' % i for i in ids), list(ids), None), Claim(0, None))
        files = stage.finish()
    Table(store, entity.name).commit(
        lambda newest: Draft(
            run_id=f"run-{partition}",
            partition=partition,
            mode=Mode.SNAPSHOT,
            watermark=None,
            source_count=len(ids),
            row_count=len(ids),
            files=merge_files(newest.files if newest else (), files),
        )
    )


def write_mart(store, generation, name, rows):
    path = store.url(f"{generation}/{name}.parquet")
    duckdb.sql(f"copy (select * from range({rows})) to '{path}' (format parquet)")


def test_a_build_reads_the_newest_commit_of_its_day_or_before(store, tmp_path):
    commit(store, tmp_path, GENRES, "2026-11-19", [1])
    commit(store, tmp_path, GENRES, "2026-11-20", [1, 2])
    commit(store, tmp_path, GENRES, "2026-11-22", [1, 2, 3])
    generation = open_generation(store, [GENRES], day=DAY, run_id="manual__2026-11-21T04:00:00+00:00")
    assert generation == "marts/dt=2026-11-21/manual__2026-11-21T04-00-00-00-00"
    inputs = orjson.loads(store.get(f"{generation}/_inputs.json"))
    (source,) = inputs["sources"]
    assert (inputs["day"], source["version"], source["partition"]) == ("2026-11-21", 2, "2026-11-20")
    (file,) = source["files"]
    assert file["claims"] == [{"low": 0, "high": None}]
    assert duckdb.sql(f"select id from read_json('{file['url']}') order by id").fetchall() == [(1,), (2,)]


def test_an_entity_that_was_never_loaded_is_named(store, tmp_path):
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    commit(store, tmp_path, THEMES, "2026-11-22", [1])
    with pytest.raises(TransformError, match=r"no load of themes .* 2026-11-21 .* run igdb_themes first"):
        open_generation(store, [GENRES, THEMES], day=DAY, run_id="r")


def test_a_run_that_is_repeated_builds_beside_what_it_built_before(store, tmp_path):
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    first = open_generation(store, [GENRES], day=DAY, run_id="r")
    before = store.get(f"{first}/_inputs.json")
    commit(store, tmp_path, GENRES, "2026-11-21", [1, 2])
    assert open_generation(store, [GENRES], day=DAY, run_id="r") == f"{first}-2"
    assert store.get(f"{first}/_inputs.json") == before


def test_the_pointer_moves_only_to_a_whole_generation(store, tmp_path):
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    generation = open_generation(store, [GENRES], day=DAY, run_id="r")
    write_mart(store, generation, "dim_games", 7)
    with pytest.raises(TransformError, match=r"no file of mart_top_rated"):
        publish(store, generation, ["dim_games", "mart_top_rated"])
    assert current(store) is None

    write_mart(store, generation, "mart_top_rated", 2)
    document = publish(store, generation, ["dim_games", "mart_top_rated"])
    assert document["published"]
    shown = current(store)
    assert shown is not None
    assert shown["generation"] == generation
    assert shown["sources"] == {"genres": 1}
    assert {mart["name"]: mart["rows"] for mart in shown["marts"]} == {"dim_games": 7, "mart_top_rated": 2}
    for mart in shown["marts"]:
        assert store.info(mart["key"]).size == mart["bytes"]


def test_a_rebuilt_past_day_does_not_replace_a_later_one(store, tmp_path):
    commit(store, tmp_path, GENRES, "2026-11-20", [1])
    later = open_generation(store, [GENRES], day=DAY, run_id="r")
    earlier = open_generation(store, [GENRES], day=date(2026, 11, 20), run_id="r")
    for generation in (later, earlier):
        write_mart(store, generation, "dim_games", 1)
    publish(store, later, ["dim_games"])
    assert not publish(store, earlier, ["dim_games"])["published"]
    shown = current(store)
    assert shown is not None
    assert shown["generation"] == later
