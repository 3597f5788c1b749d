"""`dbt build` without a DAG: of the newest day, or of a past one, to the same bytes; killed, it harms no reader."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING

import duckdb
import pytest

from gamelake.marts.dbt_project import published_models
from gamelake.marts.generation import publish
from gamelake.marts.pointer import current
from tests.support.dbt import DBT, Dbt
from tests.support.source import Source

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.e2e  # a load of two days and three whole builds

DAYS = (date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Two days, the first of them built and published; nothing is built of the second."""
    source = Source(tmp_path_factory.mktemp("lake"), DAYS[0])
    source.load(DAYS[0])
    dbt = Dbt(tmp_path_factory.mktemp("first"), GAMELAKE_URI=source.store.uri)
    assert dbt("run", generation=None).success
    (generation,) = source.generations(DAYS[0])
    publish(source.store, generation, published_models())
    source.load(DAYS[1])
    return source


@pytest.fixture(scope="module")
def newest(source: Source, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The generation of the second day, built and published."""
    assert Dbt(tmp_path_factory.mktemp("second"), GAMELAKE_URI=source.store.uri)("run", generation=None).success
    (newest,) = source.generations(DAYS[1])
    publish(source.store, newest, published_models())
    return newest


def of_day(source: Source, dbt: Dbt, folder: Path, as_of: str) -> Dbt:
    """dbt with the var `as_of`, without parsing the project again."""
    return Dbt(folder, variables={"as_of": as_of}, manifest=dbt.parse(), GAMELAKE_URI=source.store.uri)


def test_a_past_day_is_built_again_to_the_same_bytes(source: Source, newest: str, dbt: Dbt, tmp_path: Path) -> None:
    expected, history = source.hashes(newest), source.history()
    before, shown = source.generations(DAYS[1]), current(source.store)
    source.load(DAYS[2])
    rebuilt = of_day(source, dbt, tmp_path / "two", str(DAYS[1]))
    assert rebuilt("run", generation=None).success
    *others, again = source.generations(DAYS[1])
    assert others == before
    assert source.hashes(again) == expected
    assert len(expected) == len(published_models())
    assert source.history() == history
    assert shown is not None
    assert current(source.store) == shown, "only the DAG publishes"


def test_ranks_are_those_of_the_day_before(source: Source, newest: str) -> None:
    mart = source.store.url(f"{newest}/mart_theme_trends.parquet")
    assert duckdb.sql(f"select count(*) from '{mart}' where previous_rank is not null").fetchall() != [(0,)]


def test_files_say_their_day_and_row_groups_can_be_left_unread(source: Source) -> None:
    mart = source.store.url(f"{source.generations(DAYS[0])[0]}/dim_games.parquet")
    notes = dict(duckdb.sql(f"select decode(key), decode(value) from parquet_kv_metadata('{mart}')").fetchall())
    assert notes["day"] == str(DAYS[0])
    (facts,) = duckdb.sql(
        f"select bool_and(compression = 'ZSTD'), bool_and(stats_min is not null) from parquet_metadata('{mart}')"
        " where path_in_schema = 'game_id'"
    ).fetchall()
    assert facts == (True, True)


def test_a_day_that_was_never_loaded_is_named(source: Source, dbt: Dbt, tmp_path: Path) -> None:
    done = of_day(source, dbt, tmp_path, "2026-11-01")("run", generation=None)
    assert not done.success
    assert "no load of igdb.games, igdb.popscore" in done.error
    assert "2026-11-01 or a day before it" in done.error


def test_another_day_than_that_of_the_generation_is_refused(source: Source, dbt: Dbt, tmp_path: Path) -> None:
    (generation,) = source.generations(DAYS[0])
    done = of_day(source, dbt, tmp_path, str(DAYS[1]))("run", generation=source.store.url(generation))
    assert not done.success
    assert f"var as_of: found {DAYS[1]}, expected none or {DAYS[0]}" in done.error


def test_killed_while_it_writes(source: Source, newest: str, tmp_path: Path) -> None:
    """Before a file is written and after it, of which a sample; the next build is whole, and readers see no other."""
    shown = current(source.store)
    assert shown is not None

    def build(kill_at: int) -> int:
        environment = {**os.environ, "GAMELAKE_URI": source.store.uri}
        command = [sys.executable, "-m", "tests.dbt.killed_build", str(tmp_path), str(kill_at)]
        return subprocess.run(command, env=environment, cwd=DBT.parent, check=False).returncode

    for kill_at in (9, 22):
        assert build(kill_at) == -signal.SIGKILL
        assert current(source.store) == shown
        for mart in shown.marts:
            assert hashlib.sha256(source.store.get(mart.copy)).hexdigest() == mart.sha256
    assert build(1_000) == 0, "on the database that the killed builds left"
    publish(source.store, source.generations(shown.day)[-1], published_models())
