"""The path of a mart, by a lake of real commits and a build that was published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gamelake.marts import mart_path as module
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.mart_path import UnknownMartError, mart_path
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

if TYPE_CHECKING:
    from pathlib import Path


def steps(store: Any) -> dict[str, Any]:
    path = mart_path(store, "dim_games")
    assert path
    return {step.path: step for step in path.steps}


def test_the_path_names_the_files_and_commits_that_the_build_read(store: Any, tmp_path: Path) -> None:
    commit(store, tmp_path, GENRES, "2026-11-20", [1])
    commit(store, tmp_path, GENRES, "2026-11-21", [1, 2])
    commit(store, tmp_path, THEMES, "2026-11-21", [1])
    generation = open_generation(store, [GENRES, THEMES], day=DAY, run_id="r")
    write_mart(store, generation, "dim_games", 7)
    publish(store, generation, GAMES)
    commit(store, tmp_path, GENRES, "2026-11-22", [1, 2, 3])  # after the build

    path = mart_path(store)
    assert path
    assert (path.name, path.marts, path.generation) == ("dim_games", ("dim_games",), generation)
    found = steps(store)
    mart, genres = found["marts/dim_games"], found["raw/igdb/genres"]
    assert path.steps[0].path == "marts/dim_games"
    assert mart.mart.rows == 7
    assert "staging/stg_igdb__genres" in mart.reads
    assert found["staging/stg_igdb__genres"].reads == ("raw/igdb/genres",)
    assert (genres.commit.version, genres.commit.row_count, genres.origin) == (2, 2, "igdb: genres")
    assert [(each.partition, each.rows) for each in genres.files] == [("2026-11-21", 2)]
    assert all(store.info(each.key) for step in path.steps for each in step.files)
    assert found["raw/igdb/games"].commit is None, "not loaded"


def test_of_many_files_the_newest_are_listed(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 2)
    for day in ("2026-11-19", "2026-11-20", "2026-11-21"):
        commit_day(store, tmp_path, day, [1])
    generation = open_generation(store, [POPSCORE], day=DAY, run_id="r")
    write_mart(store, generation, "fct_game_popularity", 1)
    for each in inputs_of(store, generation).days:
        write_day(store, generation, each, 1)
    publish(store, generation, {"fct_game_popularity": "marts/fct_game_popularity.parquet"})
    path = mart_path(store)
    assert path
    found = {step.path: step for step in path.steps}
    for table in ("raw/igdb/popscore", "marts/fct_game_popularity_daily"):
        assert [each.partition for each in found[table].files] == ["2026-11-21", "2026-11-20"]
        assert found[table].file_count == 3
        assert all(store.info(each.key) for each in found[table].files)


def test_an_unknown_mart_is_told_the_known_ones(store: Any, tmp_path: Path) -> None:
    assert mart_path(store) is None, "nothing is published"
    commit_day(store, tmp_path, "2026-11-21", [1])
    build_and_publish(store, DAY)
    with pytest.raises(UnknownMartError, match="dim_games"):
        mart_path(store, "mart_unknown")
