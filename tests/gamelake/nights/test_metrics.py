"""The metrics of a lake at a chosen moment; tests/plugins/gamelake_ui/test_metrics.py has their page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.nights import metrics
from gamelake.nights.report import NightReports
from gamelake.nights.samples import samples
from gamelake.registry import loaded_sources
from tests.support.night_lake import ENTITIES, NAMES, NightLake, moment

if TYPE_CHECKING:
    from gamelake.lake.store import Store

DAY = "2026-11-21"


def test_a_load_that_was_held_is_shown(store: Store) -> None:
    lake = NightLake(store)
    lake.night("2026-11-20")
    lake.loads(DAY, without=["games", "genres"])
    # What a held load leaves: rows without a commit.
    store.put(f"{ENTITIES['games'].table.prefix}dt={DAY}/run/part-00000.jsonl.gz", b"rows")
    state = NightReports(store, loaded_sources(), clock=lambda: moment(DAY, "12:00")).state()
    found = {(each.metric, each.labels): each.value for each in samples(state)}
    uncommitted = {name: found[metrics.UNCOMMITTED, ("igdb", name)] for name in NAMES}
    assert {name for name, value in uncommitted.items() if value} == {"games"}
    statuses = {name: found[metrics.STATUS, ("igdb", name, "missing")] for name in NAMES}
    assert {name for name, value in statuses.items() if value} == {"games", "genres"}
    assert found[metrics.NIGHT_STATUS, ("incomplete",)] == 1
    assert found[metrics.NIGHT_STATUS, ("complete",)] == 0
    assert found[metrics.NIGHT_DAY, ()] == moment(DAY, "00:00").timestamp()
    assert len(state.newest) == len(NAMES), "the newest commit of each, of the night before where it is older"
