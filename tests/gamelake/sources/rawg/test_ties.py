"""The local RAWG, whose equal rows change places with every request: no load leaves a game out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from gamelake.lake.manifest import Proof
from gamelake.lake.table import Table
from tests.support.loads import table_rows
from tests.support.rawg_loads import ENTITIES
from tests.support.source import Source

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 11, 21)


def test_games_that_are_equal_in_an_order_are_all_read(tmp_path: Path) -> None:
    source = Source(tmp_path, DAY)
    games = [row["id"] for row in source.rawg.rows("games")]
    for day, owned in ((DAY, 0), (DAY + timedelta(days=1), 1)):
        source.sandbox.advance(day)
        # All have the same `added`, by which a table begins, and the same `updated`, by which changes are read.
        updated = f"{source.clock:%Y-%m-%dT%H:%M:%S}"
        source.rawg.upsert("games", [{"id": each, "added": owned, "updated": updated} for each in games])
        source.load_rawg(day, "games")

        rows = table_rows(source.store, "games", "rawg")
        assert {each: rows[each]["added"] for each in games} == dict.fromkeys(games, owned)
        commit = Table(source.store, ENTITIES["games"].table).latest()
        assert commit is not None
        assert commit.summary.proof is Proof.COUNTED
