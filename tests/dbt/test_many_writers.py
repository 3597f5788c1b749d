"""Models that are built by processes of their own: the same marts, killed and tried again, two generations at once."""

from __future__ import annotations

import json
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.lake.store import open_store
from gamelake.marts.dbt_project import published_models
from gamelake.marts.duckdb_extensions import link_extensions
from gamelake.marts.generation import clean_up
from tests.dbt.test_build import bucket, recorded_rows  # noqa: F401 - a fixture
from tests.dbt.writers import Writers, run_in_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dbt.conftest import Dbt, Lake


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> Writers:
    return Writers(tmp_path_factory.mktemp("writers"))


@pytest.fixture(scope="module")
def parents(writers: Writers) -> dict[str, list[str]]:
    return writers.parse()


def built(generation: Path) -> dict[str, bytes]:
    """The marts of a generation."""
    return {file.name: file.read_bytes() for file in generation.glob("*.parquet") if not file.name.startswith("_")}


def history(lake: Lake) -> dict[str, bytes]:
    """The days of the history."""
    return {str(file): file.read_bytes() for file in (lake.root / "marts" / "history").rglob("*.parquet")}


def ran(result: tuple[int | None, str]) -> None:
    assert result[0] == 0, result[1]


def by_depth(parents: dict[str, list[str]]) -> list[list[str]]:
    """The models, first those that build on none, then those that build on these only, and so on."""
    left, levels = dict(parents), []
    while left:
        levels.append([name for name, needs in left.items() if not left.keys() & set(needs)])
        for name in levels[-1]:
            del left[name]
    return levels


@dataclass(frozen=True)
class Builds:
    """The same inputs, built by one process and by many: the folders, the days of the history, the scratch database."""

    lake: Lake
    one: Path
    many: Path
    days_of_one: dict[str, bytes]
    days_of_many: dict[str, bytes]
    database: Path


@pytest.fixture(scope="module")
def recorded_lake(make_lake: Callable[[str], Lake]) -> Lake:
    """Real rows where IGDB_RECORDED names a folder of them, else rows of the same shape."""
    lake = make_lake("2026-06-08")
    for entity, rows in recorded_rows().items():
        middle = rows[len(rows) // 2]["id"]
        lake.add(entity, [row for row in rows if row["id"] < middle], claims=[(0, middle)])
        lake.add(entity, [row for row in rows if row["id"] >= middle], claims=[(middle, None)])
    return lake


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.e2e) for name in ("small_lake", "recorded_lake")]
)
def builds(request: pytest.FixtureRequest, dbt: Dbt, writers: Writers, parents: dict[str, list[str]]) -> Builds:
    """Four processes at once; of the recorded rows one for each model, as tasks are, which takes a minute."""
    lake = request.getfixturevalue(request.param)
    one, many = lake.generation("one_process"), lake.generation("many_writers")
    assert dbt("run", generation=one).success
    days = history(lake)
    for day in days:
        (lake.root / day).unlink()
    if request.param == "recorded_lake":
        run_in_order(parents, lambda model: ran(writers("run", "-s", model, generation=many)), at_once=4)
    else:
        with ThreadPoolExecutor(4) as pool:
            for level in by_depth(parents):
                shares = [level[share::4] for share in range(4)] if len(level) > 8 else [level]
                for result in pool.map(lambda share: writers("run", "-s", *share, generation=many), shares):
                    ran(result)
    return Builds(lake, one, many, days, history(lake), dbt.database)


def test_the_marts_are_those_of_one_process(builds: Builds) -> None:
    assert len(built(builds.one)) == len(published_models())
    assert built(builds.many) == built(builds.one)
    assert builds.days_of_one
    assert builds.days_of_many == builds.days_of_one


def test_a_file_keeps_the_types_of_its_model(builds: Builds) -> None:
    """Parquet has no type for some of DuckDB's, such as hugeint: a model that is exported must not have them."""
    with duckdb.connect(str(builds.database), read_only=True) as database:
        tables = database.execute("select table_name from duckdb_tables() where schema_name = 'main'").fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            [file] = [path for path in builds.many.glob("*.parquet") if path.stem.removeprefix("_") == table]
            handed_on = f"describe from read_parquet('{file}', hive_partitioning = false)"
            columns = [row[:2] for row in database.execute(f"describe main.{table}").fetchall()]
            assert [row[:2] for row in database.execute(handed_on).fetchall()] == columns, table


def test_nothing_but_marts_stays_of_a_published_generation(builds: Builds) -> None:
    store = open_store(builds.lake.root.as_uri())
    assert clean_up(store, f"marts/dt={builds.lake.day}/many_writers") > 20
    assert {file.name for file in builds.many.iterdir()} == {*built(builds.one), "_inputs.json"}


@pytest.mark.e2e
def test_a_killed_writer_is_run_again(small_lake: Lake, writers: Writers, parents: dict[str, list[str]]) -> None:
    unharmed, killed = small_lake.generation("unharmed"), small_lake.generation("killed")
    ran(writers("run", "-s", "stg_genres", generation=unharmed))
    expected = (unharmed / "_stg_genres.parquet").read_bytes()
    file = killed / "_stg_genres.parquet"
    for kill_at in (1, 2):  # when it begins to write, and when it has written
        code, said = writers("run", "-s", "stg_genres", generation=killed, kill_at=kill_at)
        assert code == -signal.SIGKILL, said
        assert file.exists() == (kill_at == 2)
    file.write_bytes(expected[:100])  # between the two
    ran(writers("run", "-s", "stg_genres", generation=killed))
    assert file.read_bytes() == expected


def test_two_generations_at_once_do_not_mix(
    make_lake: Callable[[str], Lake], writers: Writers, parents: dict[str, list[str]]
) -> None:
    lakes = [make_lake("2026-11-20"), make_lake("2026-11-21")]
    for number, lake in enumerate(lakes):
        lake.add("genres", [{"id": 1, "name": f"Genre of lake {number}"}], claims=[(0, None)])
    generations = [lake.generation() for lake in lakes]
    with ThreadPoolExecutor(2) as pool:
        for result in pool.map(lambda each: writers("run", "-s", "stg_genres", generation=each), generations):
            ran(result)
    names = [duckdb.sql(f"select name from '{each}/_stg_genres.parquet'").fetchall() for each in generations]
    assert names == [[("Genre of lake 0",)], [("Genre of lake 1",)]]


def test_a_model_that_is_not_there_is_named(small_lake: Lake, writers: Writers, parents: dict[str, list[str]]) -> None:
    generation = small_lake.generation("nothing")
    code, said = writers("run", "-s", "stg_games", generation=generation)
    assert code == 1
    assert f"base_games: found no file {generation}/_base_games.parquet" in said
    assert "clear open_generation" in said


def test_two_processes_spill_to_folders_of_their_own(writers: Writers, parents: dict[str, list[str]]) -> None:
    inline = "select error(current_setting('temp_directory'))"
    said = [writers("show", "--inline", inline, generation=None)[1] for _ in range(2)]
    folders = [re.search(r"gamelake\.duckdb\.\w+\.tmp", each)[0] for each in said]
    assert folders[0] != folders[1]


@pytest.mark.e2e
def test_on_s3(small_lake: Lake, bucket: Any, tmp_path: Path) -> None:  # noqa: F811
    inputs = small_lake.upload(bucket, "lake", "deep")
    prefix = "deep/marts/dt=2026-11-21/writers"
    bucket.put_object(Bucket="lake", Key=f"{prefix}/_inputs.json", Body=json.dumps(inputs).encode())
    writers = Writers(
        tmp_path,
        {
            "GAMELAKE_TRANSFORM": "many_writers",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": bucket.meta.endpoint_url,
            "GAMELAKE_URI": "s3://lake/deep",
            "GAMELAKE_DUCKDB_EXTENSIONS": str(link_extensions(tmp_path / "extensions")),
        },
    )
    writers.parse()
    games = ("base_game_rows", "base_outdated_game_rows", "base_games", "stg_games")  # tables, and views of views
    for model in (*games, "stg_game_genre_bridge"):
        ran(writers("run", "-s", model, generation=f"s3://lake/{prefix}"))
    found = {each["Key"] for each in bucket.list_objects_v2(Bucket="lake", Prefix=prefix)["Contents"]}
    assert f"{prefix}/_stg_game_genre_bridge.parquet" in found
    code, said = writers("run", "-s", "dim_companies", generation=f"s3://lake/{prefix}")
    assert code == 1
    assert f"found no file s3://lake/{prefix}/" in said
