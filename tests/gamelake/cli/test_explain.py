"""`gamelake explain`: the plan of a model in a build."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gamelake.cli.main import main
from gamelake.lake.factory import open_store
from gamelake.marts import build_results
from gamelake.marts.documents import POINTER, PUBLICATIONS, Operator
from gamelake.marts.profiles import Profile
from tests.support.generations import published

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

PLAN = (
    Operator(depth=0, name="COPY_TO_FILE", rows=1, seconds=0.001),
    Operator(depth=1, name="CROSS_PRODUCT", rows=4_000_000, seconds=2.5),
    Operator(depth=2, name="READ_PARQUET", target="dim_games", detail="Filters: rank<9", rows=2000, seconds=0.4),
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    return store


@pytest.fixture
def built(store: Store) -> list[str]:
    """Two days; on the second one the model took longer."""
    generations = published(store, "2026-11-20", "2026-11-21")
    for number, generation in enumerate(generations):
        seconds = {"mart_top_rated": 1.5 + number, "mart_top_hyped": 0.2, "stg_run": 0.1}
        results = [
            {"unique_id": f"model.gamelake.{name}", "status": "success", "execution_time": took}
            for name, took in seconds.items()
        ]
        node = "model.gamelake.mart_top_rated"
        profile = Profile(
            node=node, cpu_seconds=1.2, bytes_read=3_000_000, rows=50, memory_bytes=9_000_000, operators=PLAN
        )
        build_results.keep(store, generation, 1, results, {node: profile}, at=datetime(2026, 11, 20, 19, tzinfo=UTC))
    return generations


def test_the_plan_names_the_costly_operator_and_a_hint(built: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "mart_top_rated"]) == 0
    _, where, figures, _, header, *lines = capsys.readouterr().out.splitlines()
    assert where == f"mart_top_rated in {built[1]}, built 2026-11-21 04:00 KST"
    assert figures == (
        "success in 2.50 s, usually 1.50 s (median of 1 build); 1.20 CPU s; 50 rows; 3.0 MB read; 9.0 MB memory at most"
    )
    assert header.split() == ["operator", "seconds", "share", "rows", "scanned", "reads", "by"]
    assert lines[0].split() == ["->", "CROSS_PRODUCT", "2.500", "86%", "4,000,000"]
    assert lines[1].split()[0] == "READ_PARQUET"
    assert lines[1].split()[-3:] == ["dim_games", "Filters:", "rank<9"]
    assert lines[2].startswith("1 operators that took less than 1 %")
    assert lines[4] == "Costly: CROSS_PRODUCT, 2.50 s of 2.90 s"
    assert lines[5].startswith("Hint: CROSS_PRODUCT returned 4,000,000 rows")

    assert main(["explain", "mart_top_rated", "--all", "--generation", built[0]]) == 0
    out = capsys.readouterr().out
    assert "COPY_TO_FILE" in out
    assert "success in 1.50 s; " in out


def test_a_model_without_a_plan_and_one_that_is_unknown(built: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "stg_run"]) == 0
    assert "It has no plan: it is a view" in capsys.readouterr().out
    assert main(["explain", "mart_top_rate"]) == 2
    assert "found MODEL 'mart_top_rate', expected a model of that build, such as mart_top_rated" in (
        capsys.readouterr().err
    )


def test_a_plan_without_measured_time_has_no_costly_operator(
    store: Store, built: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    plan = json.loads(store.get(f"{built[1]}/_plans-1.json"))
    for operator in plan["plans"]["mart_top_rated"]:
        operator["seconds"] = 0.0
    store.put(f"{built[1]}/_plans-1.json", json.dumps(plan).encode())
    assert main(["explain", "mart_top_rated"]) == 0
    told = capsys.readouterr().out
    assert "CROSS_PRODUCT" in told
    assert "Costly" not in told
    assert "->" not in told


@pytest.mark.parametrize("form", ["marts/dt={}/run", "marts/dt={}/run/", "dt={}/run", "{}"])
def test_a_build_is_named_by_its_key_or_its_day(
    built: list[str], capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert built[0] == "marts/dt=2026-11-20/run"
    assert main(["explain", "mart_top_rated", "--generation", form.format("2026-11-20")]) == 0
    assert f"mart_top_rated in {built[0]}, built" in capsys.readouterr().out


def test_a_day_without_a_build_is_named(built: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "mart_top_rated", "--generation", "2026-11-19"]) == 1
    assert "found no finished generation of 2026-11-19" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["_results-1.json", "_plans-1.json"])
def test_costs_that_are_torn_cost_no_mart(
    store: Store, built: list[str], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    store.put(f"{built[1]}/{name}", b"{")
    assert main(["explain", "mart_top_rated"]) == 1
    told = capsys.readouterr().err
    assert f"{built[1]}/{name}: document: found" in told
    assert "only the costs of this build are lost" in told
    assert "delete marts/" not in told


def test_a_torn_record_hides_what_is_usual_and_no_plan(
    store: Store, built: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    store.put(f"{built[1]}/_generation.json", b"{")
    assert main(["explain", "mart_top_rated"]) == 0
    told = capsys.readouterr().out
    assert "success in 2.50 s; " in told
    assert "CROSS_PRODUCT" in told


def test_a_lake_without_builds_names_what_to_run(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "dim_games"]) == 1
    assert "nothing is published yet" in capsys.readouterr().err
    (generation,) = published(store, "2026-11-20")
    assert main(["explain", "dim_games"]) == 1
    assert generation in capsys.readouterr().err


def test_a_lost_pointer_names_what_writes_it_again(
    store: Store, built: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    store.delete(POINTER)
    assert main(["explain", "mart_top_rated"]) == 1
    told = capsys.readouterr().err
    assert ("`make rollforward`" in told, "no build left its costs" in told) == (True, False)
    for info in list(store.list(PUBLICATIONS)):
        store.delete(info.key)
    assert main(["explain", "mart_top_rated"]) == 1
    assert "--generation" in capsys.readouterr().err
    assert main(["explain", "mart_top_rated", "--generation", built[1]]) == 0
