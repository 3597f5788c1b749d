"""The popularity history: a day is built once, and what a night costs does not depend on how many there are."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake

FIRST = date(2026, 10, 1)
MODELS = [
    "stg_loads",
    "stg_run",
    "stg_popularity_days",
    "stg_igdb__popscore_day",
    "fct_game_popularity_daily",
    "int_popularity_bases",
]
MODELS += ["int_popularity_changes", "fct_game_popularity", "stg_igdb__popularity_types"]


def add_day(lake: Lake, number: int) -> str:
    """A day of values of playing (type 3), of 12 games: as many users as the game's number and that of the day."""
    day = (FIRST + timedelta(days=number)).isoformat()
    rows = [{"id": n, "game_id": n, "popularity_type": 3, "value": float(n + number)} for n in range(1, 13)]
    lake.add("popscore", rows, claims=[(0, None)], partition=day)
    lake.day = day
    return day


def add_to_history(lake: Lake, generation: Path) -> None:
    """What a publication does with the days that a build wrote: the next build finds them, and their counts."""
    counts = {"current_rows": 12, "superseded_rows": 0, "voided_rows": 0}
    for day in lake.days():
        shutil.copyfile(generation / f"_day={day['day']}.parquet", day["key"])
        lake.built[day["day"]] = counts


@pytest.mark.slow
def test_a_day_that_is_built_is_read_no_more(lake: Lake, dbt: Dbt, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(29):
        add_day(lake, number)
    first = lake.generation("first")
    assert dbt("run", "-s", *MODELS, generation=first).success
    add_to_history(lake, first)
    before = {day["url"]: Path(day["url"]).read_bytes() for day in lake.days()}

    known = lake.days()
    for file in lake.files["popscore"]:
        Path(file["url"]).unlink()
    lake.files["popscore"].clear()
    add_day(lake, 29)
    today = lake.days()
    monkeypatch.setattr(lake, "days", lambda: known + today)
    generation = lake.generation("second")
    done = dbt("build", "-s", *MODELS, "--indirect-selection", "cautious", generation=generation)
    assert done.success, done.messages
    assert {url: Path(url).read_bytes() for url in before} == before
    facts = duckdb.sql(f"from '{generation}/fct_game_popularity.parquet' order by game_id")
    found = {row["game_id"]: row for row in (dict(zip(facts.columns, row, strict=True)) for row in facts.fetchall())}
    assert (found[5]["playing_users"], found[5]["playing_gained_7d"], found[5]["playing_gained_28d"]) == (34, 7, 28)
    assert found[5]["playing_growth_7d"] == pytest.approx(7 / 27)
    assert found[5]["playing_growth_28d"] is None  # from 6 users, fewer than 10
    assert found[9]["playing_growth_28d"] == pytest.approx(2.8)


@pytest.mark.slow
def test_a_condition_on_the_day_reads_one_file(lake: Lake, dbt: Dbt) -> None:
    for number in range(12):
        add_day(lake, number)
    first = lake.generation("first")
    assert dbt("run", "-s", *MODELS, generation=first).success
    add_to_history(lake, first)
    add_day(lake, 12)
    assert dbt("run", "-s", *MODELS, generation=lake.generation("second")).success
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        history = "main.fct_game_popularity_daily"
        plan = database.execute(f"explain analyze select * from {history} where day = date '2026-10-05'").fetchall()
        assert "Total Files Read: 1 " in plan[0][1]
        plan = database.execute(f"explain analyze select * from {history} where day = date '2026-10-13'").fetchall()
        assert "Total Files Read: 1 " in plan[0][1], "the day that this build adds"
        plan = database.execute(f"explain analyze select * from {history} join (select date '2026-10-05' as day union "
                                "select date '2026-10-09') using (day)").fetchall()  # fmt: skip
        assert "Total Files Read: 2 " in plan[0][1]
        assert database.execute(f"select count(*) from {history}").fetchone() == (156,)


def test_a_folder_above_the_lake_is_no_day(tmp_path: Path, dbt: Dbt) -> None:
    """Each day of the history was that of the folder."""
    lake = Lake(tmp_path / "day=2020-01-01" / "lake")
    days = [add_day(lake, number) for number in range(2)]
    first = lake.generation("first")
    assert dbt("run", "-s", *MODELS, generation=first).success
    add_to_history(lake, first)
    days.append(add_day(lake, 2))
    assert dbt("run", "-s", *MODELS, generation=lake.generation("second")).success
    with duckdb.connect(str(dbt.database), read_only=True) as database:
        found = database.execute("select distinct day from main.fct_game_popularity_daily order by day").fetchall()
    assert [str(day) for (day,) in found] == days


def test_a_day_states_what_became_of_its_rows(lake: Lake, dbt: Dbt) -> None:
    day = add_day(lake, 0)
    lake.add("popscore", [{"id": 2, "game_id": 2, "popularity_type": 3, "value": 9.0}], claims=[(1, 3)], partition=day)
    lake.add("popscore", [{"id": 5, "game_id": 5, "popularity_type": 3, "value": 8.0}], partition=day)
    generation = lake.generation()
    assert dbt("run", "-s", *MODELS, generation=generation).success
    url = str(generation / f"_day={day}.parquet")
    notes = duckdb.execute("select decode(key), decode(value) from parquet_kv_metadata(?)", [url]).fetchall()
    assert dict(notes) == {"current_rows": "11", "superseded_rows": "1", "voided_rows": "2"}
    assert duckdb.sql(f"select game_id, playing from '{url}' where game_id < 6").fetchall() == [
        (2, 9.0),
        (3, 3.0),
        (4, 4.0),
        (5, 8.0),
    ]
