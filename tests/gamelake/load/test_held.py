"""A source that has lost its rows, through whole loads: nothing is committed, and the next honest night is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.keys import TableName
from gamelake.lake.table import Table
from gamelake.limits import Allow
from gamelake.load.errors import ContractError, HeldError
from gamelake.sources.igdb.options import IgdbOptions
from tests.support.errors import having
from tests.support.loads import (
    REGISTRY,
    SMALL_PARTS,
    small_sandbox,
    source_rows,
    table_rows,
)
from tests.support.nightly_loads import NightlyLoads

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store


@pytest.mark.parametrize("name", ["games", "genres", "popscore"])
def test_an_endpoint_without_rows_for_a_night_changes_nothing(name: str, nights: NightlyLoads) -> None:
    nights.load(name)
    before = nights.committed(name)
    nights.next_day()
    rows = nights.take_away(name)
    with pytest.raises(HeldError) as held:
        nights.load(name)
    assert (held.value.loss.table, held.value.loss.rows) == (f"igdb.{name}", 0)
    assert nights.committed(name) == before
    nights.give_back(name, rows)
    assert nights.load(name).row_count == len(rows)
    assert nights.committed(name).keys() > before.keys()


def test_a_full_refresh_is_held_too(nights: NightlyLoads) -> None:
    nights.load("games")
    before = nights.committed("games")
    nights.take_away("games", 0.5)
    with pytest.raises(HeldError, match=r"Held: nothing was committed.*ALLOW_SHRINK=igdb\.games"):
        nights.load("games", full_refresh=True)
    assert nights.committed("games") == before


def test_games_are_halved_and_the_shrink_is_allowed_once(nights: NightlyLoads) -> None:
    nights.load("games")
    nights.next_day()
    nights.take_away("games", 0.5)
    with pytest.raises(HeldError):
        nights.load("games")
    report = nights.load("games", allow=Allow(shrink=True))
    assert report.row_count == len(source_rows(nights.sandbox))
    assert report.warnings
    assert report.warnings[0].endswith("Committed, as allow_shrink is set.")
    newest = nights.newest()
    assert newest.shrink_allowed
    # What it was before counts no more: neither the next night nor a quiet one needs the param.
    nights.next_day()
    assert nights.load("games").warnings == []
    nights.take_away("games", 0.5)
    with pytest.raises(HeldError):
        nights.load("games")


def test_the_param_alone_marks_nothing(nights: NightlyLoads) -> None:
    nights.load("genres")
    nights.load("genres", allow=Allow(shrink=True))
    newest = nights.newest("genres")
    assert not newest.shrink_allowed


@pytest.mark.parametrize("name", ["covers", "popscore", "games"])
def test_an_empty_table_can_be_allowed(name: str, nights: NightlyLoads) -> None:
    nights.load(name)
    nights.next_day()
    nights.take_away(name)
    assert nights.load(name, allow=Allow(shrink=True)).row_count == 0
    assert nights.load(name).row_count == 0


def test_a_first_load_without_rows_warns(nights: NightlyLoads, caplog: pytest.LogCaptureFixture) -> None:
    nights.take_away("genres")
    report = nights.load("genres")
    assert report.warnings == ["igdb.genres: the source shows no rows; the table begins empty"]
    assert (report.row_count, nights.table_rows("genres")) == (0, {})
    assert report.warnings[0] in caplog.text


def test_four_per_cent_less_every_night_is_held_on_the_second(nights: NightlyLoads) -> None:
    nights.load("covers")
    nights.take_away("covers", 0.04)
    nights.next_day()
    nights.load("covers")
    nights.take_away("covers", 0.04)
    nights.next_day()
    with pytest.raises(HeldError):
        nights.load("covers")


@pytest.mark.parametrize(
    ("name", "bad", "passes"),
    [
        ("popularity_types", 1, True), ("popularity_types", 9, False), ("game_modes", 1, True),
        ("game_modes", 5, False), ("game_modes", 6, False), ("genres", 9, False), ("genres", 2, False),
    ],
)  # fmt: skip
def test_a_lookup_may_have_one_rejected_row(name: str, bad: int, passes: bool, nights: NightlyLoads) -> None:
    endpoint = IgdbOptions.of(REGISTRY[name]).endpoint
    for row_id in sorted(source_rows(nights.sandbox, endpoint))[:bad]:
        nights.sandbox.upsert(endpoint, [{"id": row_id, "name": 7}])
    if passes:
        assert nights.load(name).rejected == bad
        return
    with pytest.raises(ContractError, check=having(entity=f"igdb.{name}", allowed=1)):
        nights.load(name)
    assert Table(nights.store, TableName("igdb", name)).latest() is None


def test_rejected_rows_and_deleted_ones_are_lost_together(nights: NightlyLoads) -> None:
    nights.load("genres")
    ids = sorted(source_rows(nights.sandbox, "genres"))
    nights.sandbox.delete("genres", [ids[0]])
    nights.sandbox.upsert("genres", [{"id": ids[1], "name": 7}])
    with pytest.raises(HeldError) as held:
        nights.load("genres")
    assert held.value.loss.rejected == 1


@pytest.mark.parametrize("full_refresh", [False, True])
def test_rows_that_are_replaced_by_others_are_held(full_refresh: bool, store: Store) -> None:
    with small_sandbox(600) as (sandbox, url):
        nights = NightlyLoads(sandbox, url, store)
        nights.load("games")
        rows = nights.take_away("games")
        nights.give_back("games", {row_id + 5_000: row | {"id": row_id + 5_000} for row_id, row in rows.items()})
        with pytest.raises(HeldError, match="shows 600 good rows, but 600 of the table's 600 rows"):
            nights.load("games", full_refresh=full_refresh)
        assert table_rows(store) == rows
        assert nights.load("games", allow=Allow(shrink=True)).warnings
        assert nights.newest().shrink_allowed
        assert nights.load("games").warnings == []


def test_the_next_try_of_a_held_run_reads_what_the_source_has_then(store: Store, tmp_path: Path) -> None:
    with small_sandbox() as (sandbox, url):
        nights = NightlyLoads(sandbox, url, store)
        nights.load("games")
        rows = nights.take_away("games", 0.3)
        options: dict[str, Any] = {"run_id": "the run", "full_refresh": True, "part_bytes": SMALL_PARTS}
        with pytest.raises(HeldError):
            nights.load("games", **options)
        nights.give_back("games", rows)
        report = nights.load("games", **options)
        assert (report.row_count, report.resumed_rows) == (len(rows), 0)
        assert table_rows(store) == rows
