"""The filter of an entity: the rows that meet it are the table, also when they begin or cease to meet it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.loads import LONG_AGO, Loads
from tests.support.moving_sandbox import MovingSandbox

if TYPE_CHECKING:
    from gamelake.lake.store import Store
    from gamelake.load.report import LoadReport

NAME = "external_games"
STEAM, TWITCH = 1, 14


def test_a_row_is_in_the_table_as_long_as_it_meets_the_filter(store: Store) -> None:
    sandbox = MovingSandbox([])
    rows = [
        {"id": i, "name": f"Game {i}", "updated_at": LONG_AGO, "external_game_source": TWITCH if i % 3 else STEAM}
        for i in range(3_000)
    ]
    sandbox.upsert(NAME, rows)
    with sandbox.running() as url:
        loads = Loads(sandbox, url, store)

        def night() -> LoadReport:
            report = loads.load(NAME, day=sandbox.today, run_id=f"{sandbox.today}")
            met = {i: row for i, row in loads.source_rows(NAME).items() if row["external_game_source"] == STEAM}
            assert loads.table_rows(NAME) == met
            assert loads.newest(NAME).source_count == len(met)
            return report

        report = night()
        assert (report.mode, report.requests) == ("full", 2), "counts that lack the filter ask again"
        sandbox.next_day()
        sandbox.upsert(NAME, [{"id": 1_500, "external_game_source": TWITCH}])  # with a new updated_at, and without
        sandbox.upsert(NAME, [{"id": 1_503, "external_game_source": TWITCH, "updated_at": LONG_AGO}])
        sandbox.upsert(NAME, [{"id": 1_501, "external_game_source": STEAM}])
        sandbox.upsert(NAME, [{"id": 1_502, "external_game_source": STEAM, "updated_at": LONG_AGO}])
        report = night()
        assert (report.mode, report.requests) == ("incremental", 6)
