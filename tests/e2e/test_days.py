"""Two days through a real scheduler: a load fails and holds the marts back, is repaired, and the next day is right."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gamelake.days import day_of, format_day
from gamelake.kinds import Kind
from gamelake.lake.factory import open_store
from gamelake.marts.pointer import current
from gamelake.registry import load_sources, loaded_entities
from sandbox.igdb import Fault, Sandbox, World
from tests.support.airflow import account, airflow_environment, ready_made, running_airflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.marts.documents import Generation

pytestmark = pytest.mark.e2e

LOADS = [entity.dag_id for entity in loaded_entities()]
# The day of the last 04:00 in Korea: what a scheduler runs first when the DAGs are unpaused.
DAY = day_of(datetime.now(UTC) - timedelta(hours=4))
NEXT_DAY = DAY + timedelta(days=1)
# The columns of names in dim_games, and the source (also the field of a game's row) that each comes from.
NAMED = {
    "platform_names": "platforms",
    "genre_names": "genres",
    "game_mode_names": "game_modes",
    "theme_names": "themes",
    "perspective_names": "player_perspectives",
}


@pytest.mark.parametrize("igdb", [ready_made, pytest.param(account, marks=pytest.mark.long)])
def test_a_failed_load_holds_the_marts_back_and_the_next_day_is_right(tmp_path: Path, igdb: Any) -> None:
    sandbox = Sandbox(World.generate(seed=11, games=1200, first_day=DAY, today=DAY), latency=0.0)
    lake = (tmp_path / "lake").as_uri()
    with (
        sandbox.running() as url,
        running_airflow(tmp_path, airflow_environment(tmp_path, lake=lake, igdb=igdb(url))) as airflow,
    ):
        key = format_day(DAY)
        for endpoint, text in (("multiquery", "query genres "), ("genres", "")):
            sandbox.faults.add(Fault("status", status=400, times=1, endpoint=endpoint, contains=text))
        airflow.unpause("transform", *LOADS)  # the consumer first: a paused one loses its events

        def all_loads_ended() -> bool:
            return all(airflow.state(dag_id, key) in {"success", "failed"} for dag_id in LOADS)

        airflow.wait(all_loads_ended, 300, "every load of the first day has ended")
        assert {dag_id for dag_id in LOADS if airflow.state(dag_id, key) == "failed"} == {"igdb_genres"}
        assert airflow.state("transform", key) == "none"
        assert current(open_store(lake)) is None

        airflow.clear("igdb_genres", key)
        airflow.wait(lambda: airflow.state("transform", key) == "success", 360, "the repaired day is transformed")
        first = published(lake)
        assert str(first.day) == key
        assert games_in(first, lake) == games_of(sandbox)

        change_a_day(sandbox)
        key = format_day(NEXT_DAY)
        for dag_id in LOADS:
            airflow.trigger(dag_id, key)
        airflow.wait(lambda: airflow.state("transform", key) == "success", 360, "the second day is transformed")
        second = published(lake)
        assert str(second.day) == key
        assert games_in(second, lake) == games_of(sandbox)
        assert popularity_in(second, lake) == popularity_of(sandbox)
        assert load_modes(lake) == {
            entity.name: "incremental" if entity.kind is Kind.INCREMENTAL else "snapshot"
            for entity in loaded_entities()
        }


def change_a_day(sandbox: Sandbox) -> None:
    """The next day: its own churn, and changes that this test knows of."""
    sandbox.advance(NEXT_DAY)
    games = sorted(sandbox.rows("games"), key=lambda row: row["id"])
    platform = max(sandbox.rows("platforms"), key=lambda row: sum(row["id"] in g.get("platforms", []) for g in games))
    sandbox.delete("games", [games[0]["id"], games[len(games) // 2]["id"], games[-1]["id"]])
    renamed = {field: value for field, value in games[1].items() if field != "updated_at"}  # IGDB moves it
    sandbox.upsert("games", [{**renamed, "name": "Renamed by hand", "platforms": [platform["id"]]}])
    sandbox.upsert("games", [{"id": games[-1]["id"] + 40, "name": "New at night", "genres": [games[1]["genres"][0]]
                              if games[1].get("genres") else []}])  # fmt: skip
    sandbox.upsert("platforms", [{**platform, "name": "A platform with a new name"}])


def published(lake: str) -> Generation:
    pointer = current(open_store(lake))
    assert pointer is not None
    return pointer


def games_of(sandbox: Sandbox) -> dict[int, tuple[Any, ...]]:
    """What dim_games must hold, from the sandbox's own rows."""
    names = {source: {row["id"]: row["name"] for row in sandbox.rows(source)} for source in NAMED.values()}
    return {
        row["id"]: (
            row["name"],
            row.get("updated_at"),
            *(sorted({names[source][i] for i in row.get(source, [])}) for source in NAMED.values()),
        )
        for row in sandbox.rows("games")
        if row.get("name") is not None
    }


def games_in(pointer: Generation, lake: str) -> dict[int, tuple[Any, ...]]:
    """What the published dim_games holds."""
    columns = ", ".join(f"coalesce({column}, [])" for column in NAMED)
    rows = query(pointer, lake, "dim_games", f"game_id, game_name, epoch(updated_at)::bigint, {columns}")
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: tuple(row[1:]) for row in rows}


def popularity_of(sandbox: Sandbox) -> dict[int, float]:
    """IGDB visits (type 1) by game."""
    return {
        row["game_id"]: row["value"] for row in sandbox.rows("popularity_primitives") if row["popularity_type"] == 1
    }


def popularity_in(pointer: Generation, lake: str) -> dict[int, float]:
    return dict(query(pointer, lake, "fct_game_popularity where visits is not null", "game_id, visits"))


def query(pointer: Generation, lake: str, model: str, columns: str) -> Sequence[Any]:
    name, _, rest = model.partition(" ")
    path = open_store(lake).url(f"{pointer.generation}/{name}.parquet")
    return duckdb.sql(f"select {columns} from read_parquet('{path}') {rest}").fetchall()


def load_modes(lake: str) -> dict[str, str]:
    """The mode of each table's newest commit."""
    folder = Path(lake.removeprefix("file://"))
    return {
        name: json.loads((folder / "raw" / "igdb" / name / "_manifest.json").read_text())["mode"]
        for name in load_sources()["igdb"].entities
    }
