"""Builds on Spark where there is no Spark; with one, tests/e2e/test_spark.py has them."""

from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gamelake.cli.main import main
from gamelake.lake.factory import open_store
from gamelake.marts.build_inputs import Inputs, RunInput
from gamelake.marts.documents import POINTER, encode
from gamelake.marts.generation import clean_up

RUN = RunInput(day=date(2026, 11, 21), run_id="run", build="test", previous=None)
NO_INPUTS = encode(
    Inputs(run=(RUN,), sources=(), absent=(), files=(), claims=(), previous=(), days=(), days_left_out=(), commits=())
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("GAMELAKE_URI", (tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_DUCKDB", str(tmp_path / "scratch" / "gamelake.duckdb"))
    return open_store((tmp_path / "lake").as_uri())


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is not None, reason="there is a Spark in this environment")
def test_a_build_that_fails_states_where_to_look_and_publishes_nothing(
    store: Any, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    generation = "marts/dt=2026-11-21/run"
    store.put(f"{generation}/_inputs.json", NO_INPUTS)
    assert main(["marts", "build-on-spark", "--generation", generation]) == 1
    printed = capfd.readouterr()
    assert "Could not find adapter type spark" in printed.out + printed.err
    assert f"dbt build on spark ended with 2; its messages are above, and all of them in {tmp_path}" in printed.err
    keys = {info.key for info in store.list("")}
    assert POINTER not in keys
    assert not [key for key in keys if key.endswith(".parquet")]


def test_a_finished_generation_is_not_written_again(store: Any, capfd: pytest.CaptureFixture[str]) -> None:
    generation = "marts/dt=2026-11-21/run"
    store.put(f"{generation}/_inputs.json", NO_INPUTS)
    store.put(f"{generation}/_generation.json", b"{}")
    assert main(["marts", "build-on-spark", "--generation", generation]) == 1
    assert f"{generation} is finished, and readers may use its files" in capfd.readouterr().err
    assert len(list(store.list("marts/"))) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 1, "no load was ever committed"),
        (["--date", "2026-11-21"], 1, "no load of igdb.games"),
        (["--date", "21.11.2026"], 2, "21.11.2026"),
        (["--date", "2026-11-21", "--generation", "marts/dt=2026-11-21/run"], 2, "expected one of them"),
    ],
)
def test_what_cannot_be_built_is_reported_before_dbt_starts(
    store: Any, capfd: pytest.CaptureFixture[str], arguments: Any, status: int, message: str
) -> None:
    assert main(["marts", "build-on-spark", *arguments]) == status
    assert message in capfd.readouterr().err
    assert list(store.list("marts/")) == []


def test_what_a_killed_try_left_goes_when_the_generation_is_published(store: Any) -> None:
    generation = "marts/dt=2026-11-21/run"
    tables = [
        f"{generation}/_spark/1a2b3c4d/{name}" for name in ("inputs.json", "gamelake.db/dim_games/part-0.parquet")
    ]
    kept = [f"{generation}/{name}" for name in ("_inputs.json", "_history.json", "dim_games.parquet")]
    for key in [*tables, *kept]:
        store.put(key, b"{}")
    assert clean_up(store, generation) == len(tables)
    assert {info.key for info in store.list("")} == set(kept)
