"""A model that takes much longer than usual is a finding, with what changed in its plan."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from gamelake.marts import build_results
from gamelake.marts.documents import Operator
from gamelake.marts.findings import Observation, Severity
from gamelake.marts.pointer import current
from gamelake.marts.profiles import Profile
from gamelake.quality.slow_models import observations
from gamelake.thresholds import ModelThresholds
from tests.support.generations import published

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.lake.store import Store

FIRST = date(2026, 11, 1)
USUAL = {"dim_games": 6.0, "mart_top_rated": 0.4, **{f"stg_igdb__{n}": 2.0 for n in range(12)}}


def build(store: Store, *nights: Mapping[str, float], scanned: Mapping[int, int] | None = None) -> None:
    """Builds of one night after the other, and what their models took; all are published."""
    days = [str(FIRST + timedelta(days=number)) for number in range(len(nights))]
    for number, (generation, seconds) in enumerate(zip(published(store, *days), nights, strict=True)):
        results = [
            {"unique_id": f"model.gamelake.{name}", "status": "success", "execution_time": took}
            for name, took in seconds.items()
        ]
        rows = (scanned or {}).get(number, 1000)
        scan = Operator(depth=1, name="READ_JSON", target="igdb.games", rows=rows, seconds=seconds["dim_games"] - 1)
        plan = (Operator(depth=0, name="COPY_TO_FILE", seconds=0.5), scan)
        node = "model.gamelake.dim_games"
        profiles = {node: Profile(node=node, cpu_seconds=1, bytes_read=1, operators=plan)}
        build_results.keep(store, generation, 1, results, profiles, at=datetime(2026, 11, 1, tzinfo=UTC))


def found(store: Store, thresholds: Mapping[str, ModelThresholds] | None = None) -> dict[str, Observation]:
    return {each.subject: each for each in observations(store, current(store), thresholds or {})}


def test_a_model_that_takes_twice_its_usual_is_found_with_the_difference(store: Store) -> None:
    build(store, *[USUAL] * 9, {**USUAL, "dim_games": 14.0}, scanned={9: 5000})
    (finding,) = found(store).values()
    assert (finding.id, finding.severity, finding.value) == ("slow_models:dim_games", Severity.P2, 14.0)
    assert finding.expected == "about 6.0 s"
    assert "2.3 times its usual 6.0 s of 9 builds" in finding.message
    assert "READ_JSON of igdb.games took 13.0 s in place of 5.0 s and read 5,000 rows" in finding.message
    assert "READ_JSON of igdb.games: 13.0초(이전 5.0초), 읽은 행 5,000개" in finding.message_ko
    assert found(store, {"dim_games": ModelThresholds(max_slowdown=3)}) == {}
    assert found(store, {"dim_games": ModelThresholds(min_slowdown_seconds=20)}) == {}


def test_what_is_usual_small_or_new_is_no_finding(store: Store) -> None:
    noisy = [{name: took * (1 + 0.3 * (number % 3)) for name, took in USUAL.items()} for number in range(9)]
    tenfold_and_short = {**USUAL, "mart_top_rated": 4.0, "mart_new": 60.0}
    build(store, *noisy, tenfold_and_short)
    assert found(store) == {}


def test_a_short_history_has_nothing_usual(store: Store) -> None:
    build(store, *[USUAL] * 4, {**USUAL, "dim_games": 60.0})
    assert found(store) == {}


def test_outliers_do_not_move_what_is_usual(store: Store) -> None:
    slow = {**USUAL, "dim_games": 30.0}
    build(store, *[USUAL] * 8, slow, slow, slow)
    assert set(found(store)) == {"dim_games"}


def test_a_lasting_change_is_usual_after_half_of_the_builds(store: Store) -> None:
    slow = {**USUAL, "dim_games": 30.0}
    build(store, *[USUAL] * 8, *[slow] * 9)
    assert found(store) == {}


def test_a_slow_machine_is_one_finding(store: Store) -> None:
    build(store, *[USUAL] * 9, {name: 4 * took for name, took in USUAL.items()})
    (finding,) = found(store).values()
    assert finding.subject == "build"
    assert "4.0 times" in finding.message


def test_a_model_is_found_on_a_slow_machine_too(store: Store) -> None:
    build(store, *[USUAL] * 9, {**{name: 1.5 * took for name, took in USUAL.items()}, "dim_games": 40.0})
    assert set(found(store)) == {"dim_games"}


def test_generations_without_figures_are_left_out(store: Store) -> None:
    assert found(store) == {}
    build(store, *[USUAL] * 9, {**USUAL, "dim_games": 14.0})
    shown = current(store)
    assert shown is not None
    store.put("marts/dt=2026-11-03/run/_results-1.json", b"{")
    assert set(found(store)) == {"dim_games"}
    store.put(f"{shown.generation}/_results-1.json", b"{")
    assert found(store) == {}
