"""Builds in folders of any name: none of their characters is a pattern, a URL's or the end of a text of SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.querying import connect, literal
from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

ODD = "C# a[1]*?'%20 한글"


@pytest.fixture
def odd_lake(small_lake: Lake, tmp_path: Path) -> Lake:
    """The small lake in such a folder, which has neighbours that its name as a pattern means too."""
    lake = Lake(tmp_path / ODD / "lake")
    for entity, files in small_lake.files.items():
        for file in files:
            path = lake.root / "raw" / file["url"].partition("/raw/")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(file["url"])
            lake.files[entity].append({**file, "url": str(path)})
    neighbour = tmp_path / "C# a1xy'%20 한글"
    neighbour.mkdir()
    return lake


@pytest.mark.slow
def test_a_build_in_a_folder_of_any_name(odd_lake: Lake, tmp_path: Path) -> None:
    dbt = Dbt(tmp_path / ODD.replace("?", "") / "scratch")  # where DuckDB's own log would be cut at a question mark
    dbt.folder.mkdir(parents=True)
    generation = odd_lake.generation()
    done = dbt("run", generation=generation)
    assert done.success, done.error or done.messages
    store = open_store(odd_lake.root.as_uri())
    with connect(store) as connection:
        mart = literal(store.url(f"marts/dt={odd_lake.day}/run/dim_games.parquet"))
        assert connection.execute(f"select count(*) from read_parquet({mart})").fetchone() == (58,)
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        assert database.execute("select count(*) from fct_game_popularity_daily").fetchone() != (0,)


@pytest.mark.parametrize("name", ["a#b.duckdb", "a?b.duckdb"])
def test_a_database_that_dbt_cannot_name_is_refused(name: str, small_lake: Lake, tmp_path: Path) -> None:
    dbt = Dbt(tmp_path)
    dbt.environment["GAMELAKE_DUCKDB"] = str(tmp_path / name)
    assert f"found {name[1]!r} in the file's name" in dbt("run", generation=small_lake.root).error


def test_a_database_in_no_folder_is_told_at_once(small_lake: Lake, tmp_path: Path) -> None:
    """dbt tried for 13 minutes, and printed nothing."""
    (tmp_path / "file").touch()
    dbt = Dbt(tmp_path)
    dbt.environment["GAMELAKE_DUCKDB"] = str(tmp_path / "file" / "gamelake.duckdb")
    assert "GAMELAKE_DUCKDB: cannot make the folder" in dbt("run", generation=small_lake.root).error


def test_a_wrong_variable_is_an_error_of_dbt(small_lake: Lake, tmp_path: Path) -> None:
    """Of another class dbt prints a traceback."""
    dbt = Dbt(tmp_path, GAMELAKE_DUCKDB_MEMORY="much")
    done = dbt("run", generation=small_lake.root)
    assert "Database Error" in done.error
    assert "GAMELAKE_DUCKDB_MEMORY: found 'much'" in done.error
