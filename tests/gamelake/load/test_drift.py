"""A source that does not hold still: with every request that it serves, a row comes, one changes and one goes.

After each night the table is checked against what the source had when that night began, and after one night without
drift against the source itself. The number of seeds is DRIFT_SEEDS (4); `make drift` runs 200. A seed always
does the same, clock included: to see one again, run it alone by the name that pytest prints.
"""

from __future__ import annotations

import os
import random
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.rows import read_ids
from gamelake.sources.igdb import late_updates
from gamelake.sources.igdb import request_planner as planner
from tests.support.loads import LONG_AGO, Rows, load, new_client, source_rows, table_rows, token_of
from tests.support.moving_sandbox import MovingSandbox
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from sandbox.igdb.table import Table as SandboxTable

SEEDS = int(os.environ.get("DRIFT_SEEDS", "4"))
NIGHTS = 10

ARCHIVE = 500
"""Below this id nothing changes and nothing goes, but rows that were deleted long ago come back as they were.

A row that comes back with its old `updated_at` is in no reply to "what changed": only counts show it, and they cannot
where another row of the same range was deleted. So it is promised here, in the first range that is counted, and nowhere
else.
"""
COMES_BACK = 0.2  # of the requests
FILLS_A_GAP = 0.2  # of the inserts; the others get an id above the highest
GOES_YOUNG = 0.3  # of the deletes: rows that came lately, as duplicates that an editor has noticed
AS_IF_LARGE = 0.5
"""Of the seeds: batches are small, as if rows were large; and ids are dear, so that counts narrow ranges down first."""

MINUTE = 60


class RestlessSandbox(MovingSandbox):
    """Serves small games of which one comes, one changes and one goes before each reply."""

    def __init__(self, rng: random.Random) -> None:
        rows = [_row(row_id, version=0) | {"updated_at": LONG_AGO + row_id} for row_id in some_ids(rng)]
        archived = [row for row in rows if row["id"] < ARCHIVE]
        self._archive = rng.sample(archived, len(archived) // 2)
        away = {row["id"] for row in self._archive}
        super().__init__(row for row in rows if row["id"] not in away)
        self.drifts = True
        self.came: set[int] = set()
        """Ids that were inserted or came back since this was last emptied."""
        self.written = {(row["id"], 0): row for row in rows}
        """Every row that there ever was, by id and version."""
        self._rng = rng
        self._versions: Counter[int] = Counter()
        self._young: list[int] = []

    def before_reply(self) -> None:
        if self.drifts:
            self._drift(seconds=1)

    def pass_a_day(self) -> None:
        """Let as much happen as some requests bring about, and turn to the next day."""
        for _ in range(self._rng.randrange(20) if self.drifts else 0):
            self._drift(seconds=20 * MINUTE)
        self.next_day()

    def _drift(self, *, seconds: int) -> None:
        rng, table = self._rng, self.world.table("games")
        self.world.seconds += seconds
        row_id = self._new_id(table)
        self._write(row_id)
        self.came.add(row_id)
        self._young = [*self._young[-20:], row_id]
        settled = range(bisect_left(table.ids, ARCHIVE), len(table))
        self._write(table.ids[rng.choice(settled)])
        young = [row_id for row_id in self._young if row_id in table]
        goes = rng.choice(young) if young and rng.random() < GOES_YOUNG else table.ids[rng.choice(settled)]
        self.world.delete("games", [goes])
        if self._archive and rng.random() < COMES_BACK:
            row = self._archive.pop()
            self.world.upsert("games", [row])
            self.came.add(row["id"])

    def _new_id(self, table: SandboxTable) -> int:
        """An id that no row has; in a gap it may be one that a row had before."""
        rng = self._rng
        if rng.random() < FILLS_A_GAP:
            for _ in range(20):
                row_id = rng.randrange(ARCHIVE, table.highest)
                if row_id not in table:
                    return row_id
        return table.highest + 1 + (rng.random() < 0.1)

    def _write(self, row_id: int) -> None:
        self._versions[row_id] += 1
        row = _row(row_id, self._versions[row_id]) | {"updated_at": int(self.world.clock().timestamp())}
        self.written[row_id, row["hypes"]] = row
        self.world.upsert("games", [row])


def _row(row_id: int, version: int) -> dict[str, Any]:
    return {"id": row_id, "name": f"Game {row_id}", "hypes": version}


def some_ids(rng: random.Random) -> list[int]:
    """600 to 2,000 ids: without gaps, with many, or in clumps far apart; all below 50,000."""
    often, wide = rng.choice(((0.0, 1), (0.1, 3), (0.5, 20), (0.9, 20), (0.01, 1_500)))
    row_id, ids = rng.randrange(2), []
    for _ in range(rng.randrange(600, 2_000)):
        ids.append(row_id)
        row_id += 1 + (rng.randrange(wide) if rng.random() < often else 0)
    return ids


def seen_by_a_reader(store: Store) -> Rows:
    """The rows of the newest commit, of which no part holds an id twice, and which are as many as it counts."""
    manifest = newest_commit(store)
    for file in manifest.files:
        ids = list(read_ids(store, file))
        assert len(ids) == len(set(ids)), f"{file.key} holds an id twice"
    rows = table_rows(store)
    assert manifest.row_count == len(rows)
    return rows


def check_night(table: Rows, sandbox: RestlessSandbox, began: Rows) -> None:
    """Nothing is missing, older than the night, or other than the source had it."""
    ended = source_rows(sandbox)
    stayed = [row_id for row_id in began if row_id in ended and row_id not in sandbox.came]
    missing = sorted(row_id for row_id in stayed if row_id not in table)
    assert not missing, "live rows are missing"
    ghosts = sorted(row_id for row_id in table if row_id not in began and row_id not in sandbox.came)
    assert not ghosts, "rows that were deleted before the night began"
    for row_id, row in table.items():
        assert row == sandbox.written[row_id, row["hypes"]], "a row that never was"
    old = [row_id for row_id in stayed if table[row_id]["hypes"] < began[row_id]["hypes"]]
    assert not old, "rows older than they were when the night began"


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_full_read_and_ten_nights_of_a_source_that_drifts(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(f"drift {seed}")  # noqa: S311 - made-up rows, not a secret
    if rng.random() < AS_IF_LARGE:
        monkeypatch.setattr(planner, "BATCH_BYTES", 20_000)
        monkeypatch.setattr(late_updates, "BATCH_WINDOWS", 1 / 20)
    sandbox = RestlessSandbox(rng)
    store = open_store((tmp_path / "lake").as_uri())
    part_bytes = rng.choice((50_000, 10_000_000))
    with sandbox.running() as url:
        # One request at a time, so that a seed always meets the same rows; they are planned as far ahead as ever.
        async with new_client(url, token_of(sandbox), max_open_requests=1) as client:
            for night in range(NIGHTS + 2):
                sandbox.drifts = night <= NIGHTS
                sandbox.came.clear()
                began = source_rows(sandbox)
                report = await load(client, store, day=sandbox.today, run_id=f"night-{night}", part_bytes=part_bytes)
                assert report.mode == ("incremental" if night else "full")
                check_night(seen_by_a_reader(store), sandbox, began)
                sandbox.pass_a_day()
    assert seen_by_a_reader(store) == source_rows(sandbox), "a night without drift repairs all that there is to repair"
