"""A night that failed stops no later night, and its day enters the history as its own build would have it."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pandas
import polars
import pyarrow.dataset
import pytest

from gamelake.lake.claims import merge_parts
from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import LoadRun, TableName
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.table import Table
from gamelake.marts.generation import Outcome, open_generation, publish
from gamelake.marts.reader import open_marts
from gamelake.registry import load_entities, load_sources
from tests.support.dbt import Dbt
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from pathlib import Path

DAYS = [date(2026, 11, number) for number in range(18, 22)]
FOLDER = "marts/history/fct_game_popularity_daily"
MARTS = {"fct_game_popularity": "marts/fct_game_popularity.parquet"}
BUILD = (
    "-s",
    "+fct_game_popularity",
    "stg_igdb__popscore",
    "stg_run",
    "--indirect-selection",
    "cautious",
    "--exclude-resource-type",
    "unit_test",
)
REGISTRY = load_sources()["igdb"].entities

Row = dict[str, Any]


def values(scale: float, games: int = 3000) -> list[Row]:
    return [{"id": n, "game_id": n, "popularity_type": 3, "value": scale * n} for n in range(1, games + 1)]


KNOWN: dict[str, list[Row]] = {
    "popularity_types": [{"id": 3, "name": "Playing"}],
    "games": [{"id": n, "name": f"Game {n}"} for n in range(1, 3001)],
}


class Nights:
    """A lake whose popularity is loaded and built day by day."""

    def __init__(self, folder: Path, dbt: Dbt) -> None:
        self.folder = folder
        self.store = open_store((folder / "lake").as_uri())
        self.dbt = dbt
        self.warned: set[str] = set()
        for entity in REGISTRY:
            self.load(entity, DAYS[0], KNOWN.get(entity, []))

    def load(self, entity: str, day: date, rows: list[Row]) -> None:
        lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        ids = [row["id"] for row in rows]
        scratch = self.folder / "scratch"
        run = LoadRun(TableName("igdb", entity), str(day), f"{len(lines)}")
        with PartStage(self.store, run, scratch=scratch) as stage:
            stage.add(Rows(lines, ids, None), IdRange(0, None))
            files = stage.finish()

        def draft(newest: Any) -> Draft:
            earlier = newest.files if newest else ()
            return Draft(
                run_id="load",
                partition=str(day),
                mode=Mode.SNAPSHOT,
                cursor=None,
                source_count=len(ids),
                row_count=len(ids),
                files=merge_parts(earlier, files, per_partition=entity == "popscore"),
            )

        Table(self.store, TableName("igdb", entity)).commit(draft)

    def build(self, day: date, *more: str) -> tuple[dict[str, str], Outcome | None]:
        """Build a day, with its tests, and publish it if they pass. Returns: failures by name; the outcome or None."""
        generation = open_generation(self.store, load_entities(), day=day, run_id="night")
        done = self.dbt("build", *BUILD[:1], *more, *BUILD[1:], generation=self.store.url(generation))
        failed = {name: done.messages[name] for name, status in done.statuses.items() if status in ("fail", "error")}
        self.warned = {name for name, status in done.statuses.items() if status == "warn"}
        return failed, publish(self.store, generation, MARTS) if done.success else None

    def popularity(self) -> tuple[int, str | None]:
        """Of the published fct_game_popularity: how many rows, and of which day."""
        with open_marts(self.store) as marts:
            rows, day = marts.relation("fct_game_popularity").aggregate("count(*), max(day)::varchar").fetchall()[0]
        return rows, day

    def history(self) -> dict[str, dict[int, float | None]]:
        """`playing` by day and game, of the days that the published generation lists."""
        found: dict[str, dict[int, float | None]] = {}
        with open_marts(self.store) as marts:
            history = marts.relation("fct_game_popularity_daily").filter("game_id is null or game_id <= 4")
            for day, game_id, playing in history.project("day::varchar, game_id, playing").fetchall():
                found.setdefault(day, {})[game_id] = playing
        return found


@pytest.fixture
def nights(tmp_path: Path, dbt: Dbt) -> Nights:
    return Nights(tmp_path, dbt)


def test_rows_without_a_game_a_type_or_a_value_cost_themselves(nights: Nights) -> None:
    for day in DAYS[:3]:
        rows = values(1.0)
        if day == DAYS[1]:
            for row, field in zip(rows, ("game_id", "value", "popularity_type"), strict=False):
                del row[field]
        nights.load("popscore", day, rows)
        if day > DAYS[0]:
            failed, document = nights.build(day)
            assert failed == {}
            assert document is not None
            assert document.is_published
    whole = {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}
    assert nights.history() == {str(day): {4: 4.0} if day == DAYS[1] else whole for day in DAYS[:3]}


@pytest.mark.slow
def test_a_night_with_too_many_bad_rows_fails_alone_and_is_taken_in_when_its_load_is_right(nights: Nights) -> None:
    nights.load("popscore", DAYS[0], values(1.0))
    nights.load("popscore", DAYS[1], [{**row, "value": None} for row in values(2.0)])
    failed, _ = nights.build(DAYS[1])
    assert failed == {
        "unusable_popularity_values": "Got 3000 results, configured to fail if > 1 + 0.001 * max(all_rows)"
    }
    nights.load("popscore", DAYS[2], values(3.0))
    failed, document = nights.build(DAYS[2])
    assert failed == {}
    assert document is not None
    assert document.is_published
    (reason,) = document.generation.days_left_out.values()
    assert reason.startswith("3000 of its 3000 rows have no game, type or value")
    assert set(nights.history()) == {str(DAYS[0]), str(DAYS[2])}

    nights.load("popscore", DAYS[1], values(2.0))
    nights.load("popscore", DAYS[3], values(4.0))
    failed, document = nights.build(DAYS[3])
    assert document is not None
    assert document.generation.days_left_out == {}
    assert {day: found[1] for day, found in nights.history().items()} == {
        str(day): float(number) for number, day in enumerate(DAYS, start=1)
    }


@pytest.mark.parametrize(
    ("damage", "test", "reason"),
    [
        (
            lambda row: [row, {**row, "id": row["id"] + 3000, "value": 2 * row["value"]}],
            "rarely_repeated_stg_igdb__popscore_game_id__popularity_type__0_05",
            "3000 games and types of its 6000 rows have more than one value, more than 5.0%",
        ),
        (
            lambda row: [{**row, "popularity_type": 5003}],
            "references_known_stg_igdb__popscore_popularity_type__id__0_5__ref_stg_igdb__popularity_types_",
            "3000 of its 3000 rows name no known type, more than 50.0%",
        ),
    ],
)
@pytest.mark.slow
def test_what_a_test_stopped_stays_out_of_the_history(nights: Nights, damage: Any, test: str, reason: str) -> None:
    nights.load("popscore", DAYS[0], values(1.0))
    nights.load("popscore", DAYS[1], [damaged for row in values(2.0) for damaged in damage(row)])
    assert set(nights.build(DAYS[1])[0]) == {test}
    nights.load("popscore", DAYS[2], values(3.0))
    failed, document = nights.build(DAYS[2])
    assert failed == {}
    assert document is not None
    assert document.is_published
    assert document.generation.days_left_out == {str(DAYS[1]): f"{reason}: it fails the test {test}"}
    assert set(nights.history()) == {str(DAYS[0]), str(DAYS[2])}


@pytest.mark.slow
def test_a_day_without_popularity_shows_none_or_an_earlier_days_and_warns(nights: Nights) -> None:
    nights.load("popscore", DAYS[0], values(1.0))
    assert nights.build(DAYS[0])[0] == {}
    assert nights.popularity() == (3000, str(DAYS[0]))
    assert "no_popularity_of_the_day" not in nights.warned

    nights.load("games", DAYS[1], KNOWN["games"])  # no load of the popularity yet
    assert nights.build(DAYS[1])[0] == {}
    assert nights.popularity() == (3000, str(DAYS[0]))
    assert "no_popularity_of_the_day" in nights.warned

    nights.load("popscore", DAYS[1], [])
    failed, document = nights.build(DAYS[1])
    assert failed == {}
    assert document is not None
    assert document.is_published
    assert nights.popularity() == (0, None)
    assert {"no_popularity_of_the_day", "not_empty_fct_game_popularity_"} <= nights.warned
    assert set(nights.history()) == {str(DAYS[0])}

    nights.load("popscore", DAYS[2], values(3.0))
    assert nights.build(DAYS[2])[0] == {}
    assert nights.popularity() == (3000, str(DAYS[2]))
    assert "no_popularity_of_the_day" not in nights.warned
    assert set(nights.history()) == {str(DAYS[0]), str(DAYS[2])}
    assert nights.build(DAYS[1])[0] == {}  # the past day again
    newest = nights.folder / "lake" / "marts" / f"dt={DAYS[1]}" / "night-3" / "fct_game_popularity.parquet"
    assert duckdb.sql(f"select count(*) from '{newest}'").fetchall() == [(0,)]


@pytest.mark.slow
def test_a_failed_night_before_a_day_without_popularity_is_checked(nights: Nights) -> None:
    nights.load("popscore", DAYS[0], [{**row, "popularity_type": 5003} for row in values(1.0)])
    nights.load("popscore", DAYS[1], [])
    failed, document = nights.build(DAYS[1])
    assert failed == {}
    assert document is not None
    assert set(document.generation.days_left_out) == {str(DAYS[0])}


@pytest.mark.slow
def test_a_day_is_built_although_the_day_before_was_loaded_last(nights: Nights) -> None:
    for day, scale in ((DAYS[0], 1.0), (DAYS[2], 3.0), (DAYS[1], 2.0)):  # as a run of the 19th that is cleared at night
        nights.load("popscore", day, values(scale))
    failed, document = nights.build(DAYS[2], "+fct_load_accounting")
    assert failed == {}
    assert document is not None
    assert document.is_published
    assert {day: found[1] for day, found in nights.history().items()} == {
        str(day): float(number) for number, day in enumerate(DAYS[:3], start=1)
    }


@pytest.mark.slow
def test_a_failed_night_without_a_part_is_left_out(nights: Nights) -> None:
    nights.load("popscore", DAYS[0], values(1.0))
    nights.load("popscore", DAYS[1], values(2.0))
    (lost,) = [file for file in newest_commit(nights.store, "popscore").files if file.partition == str(DAYS[0])]
    nights.store.delete(lost.key)
    failed, document = nights.build(DAYS[1])
    assert failed == {}
    assert document is not None
    assert document.generation.days_left_out == {str(DAYS[0]): f"its part {lost.key} is missing"}
    assert set(nights.history()) == {str(DAYS[1])}


def test_the_history_reads_as_a_data_set(nights: Nights) -> None:
    for number, day in enumerate(DAYS[:2], start=1):
        nights.load("popscore", day, values(number, games=5))
    assert nights.build(DAYS[1])[0] == {}
    folder = nights.store.url(FOLDER)
    expected = [(str(day), n, float(number * n)) for number, day in enumerate(DAYS[:2], start=1) for n in range(1, 6)]
    columns = ["day", "game_id", "playing"]

    frame = pandas.read_parquet(folder)[columns].astype({"day": str})
    assert sorted(frame.itertuples(index=False, name=None)) == expected
    arrow = pyarrow.dataset.dataset(folder, partitioning="hive", exclude_invalid_files=False).to_table(columns=columns)
    assert sorted(tuple(row.values()) for row in arrow.to_pylist()) == expected
    lazy = polars.read_parquet(f"{folder}/**/*.parquet", hive_partitioning=True).select(columns)
    assert sorted(lazy.with_columns(polars.col("day").cast(str)).rows()) == expected
    assert (
        sorted(polars.read_parquet(folder).select(columns).with_columns(polars.col("day").cast(str)).rows()) == expected
    )
    query = f"select day::varchar, game_id, playing from read_parquet('{folder}/*/*.parquet', hive_partitioning = true)"
    assert sorted(duckdb.sql(query).fetchall()) == expected
