"""The history is built from the beginning without the parts of a compacted month: to the same bytes."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from gamelake.lake.factory import open_store
from gamelake.maintenance.compaction import compact
from gamelake.marts.build_inputs import Inputs
from gamelake.marts.documents import INPUTS, History, read
from gamelake.marts.generation import open_generation, publish
from gamelake.marts.restored import RESTORED
from gamelake.registry import load_entities
from tests.support.committed_lake import commit_lake
from tests.support.series_lake import DAYS, LATER, POPSCORE, load_days, parts_of, remove

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from tests.support.dbt import Dbt
    from tests.support.raw_lake import Lake

MODELS = (
    "stg_igdb__popularity_types",
    "stg_loads",
    "stg_run",
    "stg_popularity_days",
    "stg_igdb__popscore_day",
    "fct_game_popularity_daily",
)


def build(store: Store, dbt: Dbt, run_id: str) -> dict[str, str]:
    """Build and publish the newest day. Returns: the hash of each day of the history."""
    generation = open_generation(store, load_entities(), day=DAYS[-1], run_id=run_id)
    done = dbt("run", "-s", *MODELS, generation=store.url(generation))
    assert done.success, done.messages
    assert all(not day.is_built for day in read(store, f"{generation}/{INPUTS}", Inputs).days)
    publish(store, generation, {})
    return {str(day.day): day.sha256 for day in read(store, f"{generation}/_history.json", History).days}


@pytest.mark.slow
def test_the_days_of_a_compacted_month_have_the_same_bytes(lake: Lake, dbt: Dbt, tmp_path: Path) -> None:
    lake.add("games", [{"id": n, "name": f"Game {n}", "updated_at": 1} for n in range(1, 60)], claims=[(0, None)])
    lake.add("popularity_types", [{"id": 3, "name": "Playing"}], claims=[(0, None)])
    lake.day = str(DAYS[-1])
    store = open_store((tmp_path / "store").as_uri())
    commit_lake(store, lake)
    load_days(store, tmp_path / "scratch", DAYS)
    expected = build(store, dbt, "first")
    assert sorted(expected) == [str(day) for day in DAYS]

    (month,) = compact(store, POPSCORE, now=LATER)
    assert (month.rows, month.rows_as_text) == (14, 6)
    remove(store, parts_of(store, "2026-08"))
    shutil.rmtree(tmp_path / "store" / "marts")
    assert build(store, dbt, "second") == expected
    assert list(store.list(RESTORED)) == []
