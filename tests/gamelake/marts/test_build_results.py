"""What a try of a build leaves, and which of it a later build reads."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.marts import build_results
from gamelake.marts.documents import Operator
from gamelake.marts.generation import open_generation
from gamelake.marts.profiles import Profile
from tests.support.generations import published
from tests.support.id_lake import GENRES, commit, inputs_of

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

AT = datetime(2026, 11, 20, 19, 30, 0, 5, tzinfo=UTC)
NODE = "model.gamelake.dim_games"
PLAN = (Operator(depth=0, name="COPY_TO_FILE", rows=1), Operator(depth=1, name="PARQUET_SCAN", rows=7, seconds=0.2))


def result(node: str, status: str = "success", seconds: float = 0.5) -> dict[str, Any]:
    """A result as dbt writes it."""
    return {"unique_id": node, "status": status, "execution_time": seconds}


def left(store: Store, generation: str, attempt: int = 1, seconds: float = 0.5) -> None:
    """What a try of a build leaves."""
    results = [
        result("operation.gamelake.gamelake-on-run-start-0"),
        result(NODE, seconds=seconds),
        result("test.gamelake.unique_dim_games_game_id.5f21", "pass"),
    ]
    profiles = {
        NODE: Profile(node=NODE, cpu_seconds=0.4, bytes_read=300, rows=7, memory_bytes=9, operators=PLAN),
        "operation.gamelake.gamelake-on-run-start-0": Profile(node="", cpu_seconds=0.1, bytes_read=None),
    }
    build_results.keep(store, generation, attempt, results, profiles, at=AT)


def test_the_newest_try_counts_with_its_figures_and_plans(store: Store) -> None:
    assert build_results.newest_results(store, "marts/dt=2026-11-20/run") is None
    for attempt in (2, 9, 10):
        left(store, "marts/dt=2026-11-20/run", attempt, seconds=attempt)
    found = build_results.newest_results(store, "marts/dt=2026-11-20/run")
    assert found is not None
    assert found.at.microsecond == 0
    model, test = found.nodes
    assert (found.models, found.tests) == ({"success": 1}, {"pass": 1})
    assert (model.name, model.kind, model.seconds, model.cpu_seconds) == ("dim_games", "model", 10, 0.4)
    assert (model.rows, model.bytes_read, model.memory_bytes, model.spilled_bytes) == (7, 300, 9, None)
    assert (test.name, test.kind, test.status, test.rows) == ("unique_dim_games_game_id", "test", "pass", None)
    plans = build_results.newest_plans(store, "marts/dt=2026-11-20/run")
    assert plans is not None
    assert plans.plans == {"dim_games": PLAN}


def test_a_build_reads_what_the_builds_since_the_generation_before_it_cost(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for day in ("2026-11-19", "2026-11-20", "2026-11-21"):
        commit(store, tmp_path, GENRES, day, [1])
    published(store, "2026-11-20")
    left(store, "marts/dt=2026-11-19/run")
    left(store, "marts/dt=2026-11-20/run")
    left(store, "marts/dt=2026-11-20/run", attempt=2)
    store.put("marts/dt=2026-11-20/torn/_results-1.json", b"{")
    store.put("marts/dt=notes/run/_results-1.json", b"of another program")
    for number in ("0", "01", "002", "١", "1 (copy)"):
        copied = store.get("marts/dt=2026-11-20/run/_results-1.json")
        store.put(f"marts/dt=2026-11-20/run/_results-{number}.json", copied)
    left(store, "marts/dt=2026-11-21/run")
    with caplog.at_level(logging.WARNING):
        inputs = inputs_of(store, open_generation(store, [GENRES], day=date(2026, 11, 21), run_id="again"))
    assert {(each.generation, each.attempt, str(each.day)) for each in inputs.model_runs} == {
        ("marts/dt=2026-11-20/run", 1, "2026-11-20"),
        ("marts/dt=2026-11-20/run", 2, "2026-11-20"),
    }, "the generation of the 20th has the builds before it, and that of the day after will have those of the 21st"
    assert [each.name for each in inputs.model_runs if each.attempt == 1] == ["dim_games", "unique_dim_games_game_id"]
    assert len(inputs.model_runs) == 4, "a copy of a try is no other try: fct_model_runs would have its rows twice"
    assert "marts/dt=2026-11-20/torn/_results-1.json is left out" in caplog.text


def test_the_first_build_of_a_lake_reads_all_builds_before_it(store: Store, tmp_path: Path) -> None:
    commit(store, tmp_path, GENRES, "2026-11-19", [1])
    commit(store, tmp_path, GENRES, "2026-11-21", [1])
    left(store, "marts/dt=2026-11-19/failed")
    inputs = inputs_of(store, open_generation(store, [GENRES], day=date(2026, 11, 21), run_id="run"))
    assert {each.generation for each in inputs.model_runs} == {"marts/dt=2026-11-19/failed"}
