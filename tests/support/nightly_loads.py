"""A sandbox and a store, and loads of the one into the other night by night."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gamelake.lake.keys import TableName
from gamelake.sources.igdb.options import IgdbOptions
from tests.support.loads import DAY, LONG_AGO, REGISTRY, Loads
from tests.support.moving_sandbox import MovingSandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from gamelake.lake.store import Store
    from gamelake.load.report import LoadReport
    from sandbox.igdb import Sandbox, World
    from tests.support.loads import Rows
QUIET = 1 + 2 + 1
"""Requests of a load without changes: what changed, ranges of ids, windows of time."""


def row(row_id: int, **fields: Any) -> dict[str, Any]:
    return {"id": row_id, "name": f"Game {row_id}", "updated_at": LONG_AGO} | fields


class ScriptedSandbox(MovingSandbox):
    """Runs the step of the script right before it serves the n-th request since the script was set."""

    def __init__(self, rows: int) -> None:
        super().__init__(row(3 + i + i // 9) for i in range(rows))
        self.plan()

    def plan(self, script: dict[int, Callable[[World], object]] | None = None) -> None:
        self._script = script or {}
        self._served = 0

    def before_reply(self) -> None:
        self._served += 1
        if step := self._script.get(self._served):
            step(self.world)


class ScriptedLoads(Loads):
    """Nights that load a scripted sandbox into a store; the first one is made at once."""

    sandbox: ScriptedSandbox

    def __init__(self, sandbox: ScriptedSandbox, url: str, store: Store) -> None:
        super().__init__(sandbox, url, store, client={"max_open_requests": 1}, part_bytes=10**8)
        self._nights = 0
        self.night()

    def night(self, **options: Any) -> LoadReport:
        """The load of the next day."""
        if self._nights:
            self.sandbox.next_day()
        self._nights += 1
        given: dict[str, Any] = {"day": self.sandbox.today, "run_id": f"night-{self._nights}"}
        return self.load(**given | options)

    def check_equal(self) -> None:
        """The table is the source, and the newest commit counts it rightly."""
        assert self.table_rows() == self.source_rows()
        assert self.newest().row_count == self.newest().source_count == len(self.source_rows())


class NightlyLoads(Loads):
    """A sandbox that is loaded into a store, night by night."""

    def __init__(self, sandbox: Sandbox, url: str, store: Store) -> None:
        super().__init__(sandbox, url, store, part_bytes=10**8)
        self.day: date = DAY
        self._runs = 0

    def load(self, name: str = "games", **options: Any) -> LoadReport:
        """A run of its own, unless `run_id` names one."""
        self._runs += 1
        given: dict[str, Any] = {"day": self.day, "run_id": f"run-{self._runs}"}
        return super().load(name, **given | options)

    def next_day(self) -> None:
        self.day += timedelta(days=1)
        self.sandbox.advance(self.day)

    def take_away(self, name: str, share: float = 1.0) -> Rows:
        """Delete a share of an endpoint's rows. Returns: what it had."""
        endpoint = IgdbOptions.of(REGISTRY[name]).endpoint
        rows = self.source_rows(endpoint)
        self.sandbox.delete(endpoint, sorted(rows)[: round(len(rows) * share)])
        return rows

    def give_back(self, name: str, rows: Rows) -> None:
        self.sandbox.upsert(IgdbOptions.of(REGISTRY[name]).endpoint, list(rows.values()))

    def committed(self, name: str) -> dict[str, bytes]:
        """The pointer and the manifests of a table."""
        keys = [info.key for info in self.store.list(TableName("igdb", name).manifests_prefix)]
        return {key: self.store.get(key) for key in [TableName("igdb", name).pointer_key, *keys]}
