"""Random histories of a database's table: whenever all parts of the inbox are applied, the lake has the same rows.

CHANGE_HISTORIES is how many there are (25); `make change-histories` runs 1,000.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gamelake.feeds.check import check_feed
from gamelake.feeds.feed import make_missing
from gamelake.lake.disk import DiskStore
from gamelake.lake.factory import open_store
from gamelake.lake.table import Table
from gamelake.load import change_batch, inbox_batch
from gamelake.load.apply_events import apply_events
from tests.support.captured import Capture, Database, things
from tests.support.loads import table_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

HISTORIES = int(os.environ.get("CHANGE_HISTORIES", "25"))
IDS = 6
"""Few ids: what matters happens to the same rows."""

FREQUENCIES = {
    "insert": 12,
    "update": 8,
    "update early": 4,
    "update together": 6,
    "write note": 4,
    "delete": 5,
    "move": 3,
    "truncate": 1,
    "store": 12,
    "restart": 4,
    "lose offset": 1,
    "new server": 1,
    "unfinished snapshot": 1,
    "apply": 8,
    "killed": 4,
    "feed": 2,
}
CHANGES = {"insert", "update", "update early", "update together", "write note", "delete", "move", "truncate"}
kinds = st.sampled_from([kind for kind, times in FREQUENCIES.items() for _ in range(times)])
steps = st.tuples(kinds, st.integers(0, IDS - 1), st.integers(1, 9))


class KilledError(BaseException):
    """The process ends here."""


class History:
    """A database, its capture, and its table in a lake."""

    def __init__(self, folder: Path, key: str) -> None:
        self.store = open_store((folder / "lake").as_uri())
        self.entity = things(key)
        self.database = Database(key)
        self.capture = Capture(self.store, self.entity.table, self.database)

    def take(self, step: str, one: int, other: int) -> None:
        capture = self.capture
        if step in CHANGES:
            self._change(step, one, other)
        elif step == "store" and not capture.waits and capture.expected is not None:
            capture.run(other, None if one > 2 else other)
        elif step == "restart":
            capture.restart(other)
        elif step in {"lose offset", "new server", "unfinished snapshot"}:
            if step == "new server":
                self.database.restart()
            capture.snapshot(unfinished=other if step == "unfinished snapshot" else None, cut=one + 1)
        elif step == "apply":
            self.apply()
        elif step == "killed":
            self.kill(other)
        elif step == "feed":
            make_missing(self.store, self.entity)

    def _change(self, step: str, one: int, other: int) -> None:
        database = self.database
        if step == "truncate":
            database.truncate()
        elif one not in database.rows:
            if step == "insert":
                database.insert(one, note=f"note {other}")
        elif step in {"update", "update early", "update together"}:
            database.update(one, name=f"name {other}", early=step == "update early", together=step == "update together")
        elif step == "write note":
            database.update(one, note=f"note {other}")
        elif step == "delete":
            database.delete(one)
        elif step == "move" and other % IDS not in database.rows:
            database.move(one, other % IDS)

    def apply(self) -> None:
        apply_events(self.store, self.entity, allow_shrink=True)
        newest = Table(self.store, self.entity.table).latest()
        rows = table_rows(self.store, "things", "shop")
        assert len(rows) == (newest.row_count if newest else 0)
        if not self.capture.waits:
            assert rows == self.database.shown(self.capture.expected or {})

    def kill(self, at: int) -> None:
        """Apply, and end at a change of the lake."""
        left = at
        put = DiskStore._put

        def counted(store: DiskStore, *given: Any, **options: Any) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise KilledError
            put(store, *given, **options)
            if left == 1:
                raise KilledError

        with patch.object(DiskStore, "_put", counted), suppress(KilledError):
            apply_events(self.store, self.entity, allow_shrink=True)


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=st.lists(steps, min_size=40, max_size=90),
    key=st.sampled_from(["id", "thing_id"]),
    limits=st.sampled_from([(1, 1, 1), (300, 2, 2), (600, 4, 8), (10**6, 10**6, 64)]),
)
def test_the_table_has_the_rows_of_the_database(
    history: Sequence[tuple[str, int, int]], key: str, limits: tuple[int, int, int], scratch: None
) -> None:
    batch, fold, parts = limits
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(inbox_batch, "BATCH_BYTES", batch),
        patch.object(inbox_batch, "BATCH_EVENTS", batch),
        patch.object(inbox_batch, "FOLD_ROWS", fold),
        patch.object(change_batch, "MOST_PARTS", parts),
    ):
        run = History(Path(folder), key)
        run.apply()
        run.capture.snapshot()
        for step in history:
            run.take(*step)
        if run.capture.waits or run.capture.expected is None:
            run.capture.snapshot()
        run.capture.run(4)
        run.apply()
        assert table_rows(run.store, "things", "shop") == run.database.shown()
        make_missing(run.store, run.entity)
        assert check_feed(run.store, run.entity, since=1).differing == 0
