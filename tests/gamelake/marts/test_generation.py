"""Generations: what a build reads, and when readers see it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gamelake.lake.factory import open_store, place_of
from gamelake.lake.keys import run_folder
from gamelake.lake.table import Table
from gamelake.load.apply_events import apply_events
from gamelake.marts.commits import newest_day
from gamelake.marts.errors import TransformError
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.pointer import current, record_of
from gamelake.marts.rollback import rollback
from gamelake.paths import airflow_command
from tests.support.feed_tables import GAMES as FEED_GAMES
from tests.support.feed_tables import load_whole
from tests.support.id_lake import (
    DAY,
    GAMES,
    GENRES,
    POPSCORE,
    THEMES,
    build_and_publish,
    commit,
    commit_day,
    inputs_of,
    write_day,
    write_mart,
)
from tests.support.inbox_events import event, put
from tests.support.tables import IGDB_GENRES

COPIES = {**GAMES, "mart_top_rated": "marts/marketing/mart_top_rated.parquet"}


def test_a_build_reads_the_newest_commit_of_its_day_or_before(store: Any, tmp_path: Path) -> None:
    commit(store, tmp_path, GENRES, "2026-11-19", [1])
    commit(store, tmp_path, GENRES, "2026-11-20", [1, 2])
    commit(store, tmp_path, GENRES, "2026-11-22", [1, 2, 3])
    generation = open_generation(store, [GENRES], day=DAY, run_id="manual__2026-11-21T04:00:00+00:00")
    assert generation == f"marts/dt=2026-11-21/{run_folder('manual__2026-11-21T04:00:00+00:00')}"
    inputs = inputs_of(store, generation)
    (source,), (file,), (claim,) = inputs.sources, inputs.files, inputs.claims
    assert (inputs.run[0].day, source.version, source.partition) == (DAY, 2, "2026-11-20")
    assert (claim.ordinal, claim.low, claim.high) == (file.ordinal, 0, None)
    assert duckdb.sql(f"select id from read_json('{file.url}') order by id").fetchall() == [(1,), (2,)]


def test_an_entity_that_was_never_loaded_is_named(store: Any, tmp_path: Path) -> None:
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    with pytest.raises(TransformError, match=r"no load of igdb.themes .* 2026-11-21 .* run igdb_themes first"):
        open_generation(store, [GENRES, THEMES], day=DAY, run_id="r")
    commit(store, tmp_path, THEMES, "2026-11-22", [1])  # a load of the past is refused: this day cannot be built
    with pytest.raises(TransformError, match=r"the first load of igdb.themes is of a later day, .* that day"):
        open_generation(store, [GENRES, THEMES], day=DAY, run_id="r")


def test_a_table_that_no_build_waits_for_may_be_absent_or_loaded_by_the_hour(store: Any, tmp_path: Path) -> None:
    optional = replace(THEMES, gates_transform=False)
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    inputs = inputs_of(store, open_generation(store, [GENRES, optional], day=DAY, run_id="r"))
    assert [(each.source, each.entity) for each in inputs.absent] == [("igdb", "themes")]
    assert {each.entity for each in (*inputs.sources, *inputs.files, *inputs.commits)} == {"genres"}

    for hour, ids in (("2026-11-21T04", [1]), ("2026-11-21T23", [1, 2]), ("2026-11-22T00", [1])):
        commit(store, tmp_path, optional, hour, ids)
    inputs = inputs_of(store, open_generation(store, [GENRES, optional], day=DAY, run_id="r"))
    (loaded,) = [each for each in inputs.sources if each.entity == "themes"]
    assert (loaded.partition, loaded.newest_day, inputs.absent) == ("2026-11-21T23", "2026-11-21", ())
    assert [file.is_newest for file in inputs.files] == [True, True]
    assert newest_day(store, [GENRES, optional]) == date(2026, 11, 22)


def test_a_run_that_is_repeated_builds_beside_what_it_built_before(store: Any, tmp_path: Path) -> None:
    """Cleared twice, with or without other inputs: a folder each, and those that were published stay as they are."""
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    folders = []
    for _ in range(3):
        folders.append(open_generation(store, [GENRES], day=DAY, run_id="scheduled__2026-11-21"))
        assert [info.key for info in store.list(f"{folders[-1]}/")] == [f"{folders[-1]}/_inputs.json"]
        write_mart(store, folders[-1], "dim_games", len(folders))
        assert publish(store, folders[-1], GAMES).is_published
    first = "marts/dt=2026-11-21/scheduled__2026-11-21"
    assert folders == [first, f"{first}-2", f"{first}-3"]
    for rows, folder in enumerate(folders, start=1):
        [mart] = record_of(store, folder).marts
        assert mart.rows == rows
        assert hashlib.sha256(store.get(mart.key)).hexdigest() == mart.sha256


def test_builds_by_hand_do_not_share_a_folder(store: Any, tmp_path: Path) -> None:
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    assert len({open_generation(store, [GENRES], day=DAY, run_id="dbt") for _ in range(3)}) == 3


@pytest.mark.parametrize("run_id", ["~~", "+", "~", ".a", ".hid", "..", "a/b", "manual__한글", "r" * 250])
def test_any_run_id_that_airflow_takes_names_a_folder(store: Any, tmp_path: Path, run_id: Any) -> None:
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    generation = open_generation(store, [GENRES], day=DAY, run_id=run_id)
    assert generation == f"marts/dt=2026-11-21/{run_folder(run_id)}"
    assert inputs_of(store, generation).run[0].run_id == run_id


@pytest.mark.parametrize("day", [date(2026, 11, 22), date(2027, 11, 1)])
def test_a_day_after_the_newest_load_is_refused(store: Any, tmp_path: Path, day: Any) -> None:
    commit(store, tmp_path, GENRES, "2026-11-20", [1])
    commit(store, tmp_path, THEMES, "2026-11-21", [1])
    with pytest.raises(TransformError, match=rf"date: found {day}, expected 2026-11-21 or earlier: .* was loaded into"):
        open_generation(store, [GENRES, THEMES], day=day, run_id="r")
    assert list(store.list("marts/")) == []


def test_a_night_that_was_missed_can_be_built_from_the_commits_before_it(store: Any, tmp_path: Path) -> None:
    commit(store, tmp_path, GENRES, "2026-11-20", [1])
    commit(store, tmp_path, GENRES, "2026-11-22", [1, 2])
    (source,) = inputs_of(store, open_generation(store, [GENRES], day=DAY, run_id="r")).sources
    assert source.partition == "2026-11-20"


def test_the_pointer_moves_only_to_a_whole_generation(store: Any, tmp_path: Path) -> None:
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    generation = open_generation(store, [GENRES], day=DAY, run_id="r")
    write_mart(store, generation, "dim_games", 7)
    with pytest.raises(TransformError, match=r"no file of mart_top_rated"):
        publish(store, generation, COPIES)
    assert current(store) is None

    write_mart(store, generation, "mart_top_rated", 2)
    document = publish(store, generation, COPIES)
    assert document.is_published
    shown = current(store)
    assert shown is not None
    assert shown.generation == generation
    assert shown.sources == {"igdb.genres": 1}
    assert {mart.name: mart.rows for mart in shown.marts} == {"dim_games": 7, "mart_top_rated": 2}
    for mart in shown.marts:
        assert store.info(mart.key).size == mart.bytes
        assert mart.copy == COPIES[mart.name]
        assert store.get(mart.copy) == store.get(mart.key)


def test_a_rebuilt_past_day_does_not_replace_a_later_one(store: Any, tmp_path: Path) -> None:
    commit(store, tmp_path, GENRES, "2026-11-20", [1])
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    later = open_generation(store, [GENRES], day=DAY, run_id="r")
    earlier = open_generation(store, [GENRES], day=date(2026, 11, 20), run_id="r")
    for rows, generation in enumerate((later, earlier)):
        write_mart(store, generation, "dim_games", rows)
    publish(store, later, GAMES)
    document = publish(store, earlier, GAMES)
    assert not document.is_published
    assert document.reason == "not published: readers already have 2026-11-21, which is later than 2026-11-20"
    shown = current(store)
    assert shown is not None
    assert shown.generation == later
    assert store.get("marts/dim_games.parquet") == store.get(f"{later}/dim_games.parquet")


def test_a_part_that_is_lost_is_named_before_a_build_begins(store: Any, tmp_path: Path) -> None:
    for partition, ids in (("2026-11-20", [1]), ("2026-11-21", [1, 2])):
        commit(store, tmp_path, GENRES, partition, ids)
    (lost,) = Table(store, IGDB_GENRES).read(1).files
    store.delete(lost.key)  # as the lifecycle rule does
    with pytest.raises(TransformError, match=rf"2026-11-20 cannot be built: 1 of .* {lost.key}.* a later day"):
        open_generation(store, [GENRES], day=date(2026, 11, 20), run_id="r")
    assert list(store.list("marts/")) == []
    open_generation(store, [GENRES], day=DAY, run_id="r")


def test_a_lost_part_that_counts_names_the_load_that_brings_it_back(store: Any, tmp_path: Path) -> None:
    commit(store, tmp_path, GENRES, "2026-11-21", [1, 2])
    (lost,) = Table(store, IGDB_GENRES).read(1).files
    store.delete(lost.key)
    trigger = f"`{airflow_command()} dags trigger igdb_genres "
    with pytest.raises(TransformError, match=rf"{lost.key}.* igdb\.genres .*{trigger}") as told:
        open_generation(store, [GENRES], day=DAY, run_id="r")
    assert "a later day" not in str(told.value)


def test_the_newest_day_that_was_loaded(store: Any, tmp_path: Path) -> None:
    with pytest.raises(TransformError, match=r"no load was ever committed in /.*make run"):
        newest_day(store, [GENRES, THEMES])
    commit(store, tmp_path, GENRES, "2026-11-20", [1])
    commit(store, tmp_path, THEMES, "2026-11-21", [1])
    assert newest_day(store, [GENRES, THEMES]) == DAY
    commit_day(store, tmp_path, "2026-11-22", [1])
    commit_day(store, tmp_path, "2026-11-20", [1, 2])  # of a past day, after it
    assert newest_day(store, [POPSCORE]) == date(2026, 11, 22)


def test_a_build_of_older_loads_does_not_replace_one_of_newer_loads(store: Any, tmp_path: Path) -> None:
    """Two builds of one day, between which it was loaded again: the order in which they end does not count."""
    for entity in (GENRES, THEMES):
        commit(store, tmp_path, entity, "2026-11-21", [1])
    opened = []
    for run_id, reloaded in (("older", THEMES), ("newer", None)):
        opened.append(open_generation(store, [GENRES, THEMES], day=DAY, run_id=run_id))
        write_mart(store, opened[-1], "dim_games", len(opened))
        if reloaded:
            commit(store, tmp_path, reloaded, "2026-11-21", [1, 2])
    older, newer = opened
    assert publish(store, newer, GAMES).is_published
    for _ in range(2):  # the first time it is finished too
        document = publish(store, older, GAMES)
        assert not document.is_published
        assert document.reason == (
            f"not published: readers already have {newer}, which was built from newer commits: "
            f"igdb.themes: version 2, not 1; `make rollback TO={older}` shows this one anyway"
        )
        shown = current(store)
        assert shown is not None
        assert shown.generation == newer
    assert rollback(store, older, by="hana")[0].generation == older
    rebuilt = open_generation(store, [GENRES, THEMES], day=DAY, run_id="again")
    write_mart(store, rebuilt, "dim_games", 3)
    assert publish(store, rebuilt, GAMES).is_published, "after a rollback"


def test_a_rebuild_after_a_table_was_lost_and_loaded_again_is_published(store: Any, tmp_path: Path) -> None:
    """Its version 1 is newer than the version 2 that readers have: they kept the marts of the lost table."""
    for ids in ([1], [1, 2]):
        commit(store, tmp_path, GENRES, "2026-11-21", ids)
    write_mart(store, lost := open_generation(store, [GENRES], day=DAY, run_id="lost"), "dim_games", 1)
    assert publish(store, lost, GAMES).is_published
    for info in list(store.list("raw/igdb/genres/")):
        store.delete(info.key)
    commit(store, tmp_path, GENRES, "2026-11-21", [1, 2, 3])
    rebuilt = open_generation(store, [GENRES], day=DAY, run_id="again")
    write_mart(store, rebuilt, "dim_games", 2)
    assert publish(store, rebuilt, GAMES).is_published


def test_a_rebuild_of_the_same_loads_is_published(store: Any, tmp_path: Path) -> None:
    """A changed model, also after a rollback to the day itself or the one before."""
    for day in ("2026-11-20", "2026-11-21"):
        commit(store, tmp_path, GENRES, day, [1])
    first = ""
    for number, target in enumerate((None, None, "2026-11-21", "first")):
        if target:
            rollback(store, first if target == "first" else target, by="hana")
        rebuilt = open_generation(store, [GENRES], day=DAY, run_id=f"run-{number}")
        write_mart(store, rebuilt, "dim_games", number)
        assert publish(store, rebuilt, GAMES).is_published
        first = first or rebuilt


def test_ranks_are_compared_with_the_last_generation_of_an_earlier_day(store: Any, tmp_path: Path) -> None:
    for day in (19, 20, 21):
        commit_day(store, tmp_path, f"2026-11-{day}", [1])
    first, _ = build_and_publish(store, date(2026, 11, 19))
    second, _ = build_and_publish(store, date(2026, 11, 20))
    repeated, _ = build_and_publish(store, date(2026, 11, 20), run_id="again")
    third, _ = build_and_publish(store, DAY)
    rebuilt, _ = build_and_publish(store, date(2026, 11, 20), run_id="later")
    before = {
        generation: inputs_of(store, generation).run[0].previous
        for generation in (first, second, repeated, third, rebuilt)
    }
    assert before == {first: None, second: first, repeated: first, third: repeated, rebuilt: first}
    [mart] = inputs_of(store, third).previous
    assert (mart.name, mart.url) == ("dim_games", store.url(f"{repeated}/dim_games.parquet"))

    store.delete(f"{repeated}/_generation.json")  # generations are not kept without end
    forgotten = open_generation(store, [POPSCORE], day=date(2026, 11, 20), run_id="much later")
    assert inputs_of(store, forgotten).previous == ()


def test_sources_come_from_another_lake_and_marts_stay_at_home(store: Any, tmp_path: Path) -> None:
    other = open_store((tmp_path / "other").as_uri())
    for day in (20, 21):
        commit_day(other, tmp_path, f"2026-11-{day}", [1])
    build_and_publish(other, date(2026, 11, 20))  # of the same name as ours will be, and with other bytes
    ours = open_generation(store, [POPSCORE], day=date(2026, 11, 20), run_id="r", sources=other)
    write_mart(store, ours, "dim_games", 2)
    for each in inputs_of(store, ours).days:
        assert each.url is None
        write_day(store, ours, each, 3)
    publish(store, ours, {"dim_games": "marts/dim_games.parquet"})

    inputs = inputs_of(store, open_generation(store, [POPSCORE], day=DAY, run_id="r", sources=other))
    assert [file.url.startswith(other.url("raw")) for file in inputs.files] == [True]
    assert [mart.url for mart in inputs.previous] == [store.url(f"{ours}/dim_games.parquet")]
    assert [day.url for day in inputs.days] == [store.url(inputs.days[0].key), None]
    assert [day.is_built for day in inputs.days] == [True, False]
    assert list(store.list("raw/")) == []


def test_what_is_built_is_read_the_way_that_sources_are_if_it_is_one_lake(store: Any, tmp_path: Path) -> None:
    for day in (20, 21):
        commit_day(store, tmp_path, f"2026-11-{day}", [1])
    build_and_publish(store, date(2026, 11, 20))
    (tmp_path / "way").symlink_to(tmp_path / "lake")
    way = open_store((tmp_path / "way").as_uri())
    inputs = inputs_of(store, open_generation(store, [POPSCORE], day=DAY, run_id="r", sources=way))
    built, new = inputs.days
    assert (built.url, new.url) == (way.url(built.key), None)
    assert [mart.url.startswith(way.url("marts")) for mart in inputs.previous] == [True]


def test_an_entity_that_the_other_lake_lacks_is_named_with_that_lake(store: Any, tmp_path: Path) -> None:
    other = open_store((tmp_path / "other").as_uri())
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    with pytest.raises(TransformError, match=rf"no load of igdb.genres .* in {place_of(other)}"):
        open_generation(store, [GENRES], day=DAY, run_id="r", sources=other)


def test_fresh_marts_read_applied_events_and_a_build_of_loads_does_not_replace_them(store: Any, tmp_path: Path) -> None:
    rows = [{"id": number, "name": "A game", "updated_at": 5} for number in (1, 2)]
    load_whole(store, tmp_path, *rows)
    later = datetime.now(UTC).timestamp() + 60
    put(store, FEED_GAMES.table, event("update", {"id": 1, "name": "Fresh", "updated_at": int(later)}, later))
    (applied,) = apply_events(store, FEED_GAMES)
    fresh = open_generation(store, [FEED_GAMES], day=DAY, run_id="fresh", fresh=True)
    usual = open_generation(store, [FEED_GAMES], day=DAY, run_id="usual")
    for generation in (fresh, usual):
        write_mart(store, generation, "dim_games", 2)
    (source,) = inputs_of(store, fresh).sources
    assert (source.version, source.row_count, source.source_count) == (applied.version, 2, None)
    assert [file.ordinal for file in inputs_of(store, fresh).files] == [0, 1]
    assert [each.version for each in inputs_of(store, usual).sources] == [1]
    assert publish(store, fresh, GAMES).is_published
    kept = publish(store, usual, GAMES)
    assert kept.reason is not None
    assert f"igdb.games: version 2, not 1; `make rollback TO={usual}`" in kept.reason
