"""What the DAG does with a lake, as a task and through Airflow; that it parses is for test_policy."""

from __future__ import annotations

import importlib
import os
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pytest

from gamelake.lake.factory import open_store
from gamelake.paths import REPOSITORY
from tests.support.airflow import airflow_environment
from tests.support.command import GAMELAKE
from tests.support.generations import published
from tests.support.series_lake import load_days, parts_of

ORPHAN = "raw/igdb/genres/dt=2026-11-21/killed/part-00000.jsonl.gz"
OLD_DAYS = [date(2025, 5, 30) + timedelta(days=each) for each in range(4)]
PARAMS = {"remove": True, "older_than_hours": 48, "verify": False}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    store.put(ORPHAN, b"four")
    old = (datetime.now(UTC) - timedelta(hours=49)).timestamp()
    os.utime(store.url(ORPHAN), (old, old))
    return store


@pytest.fixture(scope="module")
def audit() -> Any:
    module: Any = importlib.import_module("dags.lake_audit")

    def run(params: dict[str, Any], **conf: bool) -> Any:
        return module.audit.function(params=params, dag=module.dag, dag_run=SimpleNamespace(conf=conf))

    return run


@pytest.fixture(scope="module")
def compact() -> Any:
    module: Any = importlib.import_module("dags.lake_audit")
    return module.compact.function


def test_orphans_are_removed(store: Any, audit: Any) -> None:
    assert audit(params=PARAMS | {"remove": False}) == {"orphans": 1, "removed": 0, "removed_bytes": 0}
    assert audit(params=PARAMS) == {"orphans": 1, "removed": 1, "removed_bytes": 4}
    assert list(store.list("raw/")) == []


def test_a_misspelt_param_removes_nothing(store: Any, audit: Any) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=r"param Remove: .* expected one of .*, remove, verify"):
        audit(params=PARAMS, Remove=False)
    assert store.info(ORPHAN)


def test_what_is_missing_fails_the_task_without_a_retry(store: Any, audit: Any) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    (key,) = published(store, "2026-11-21")
    store.delete(f"{key}/dim_games.parquet")
    with pytest.raises(AirflowFailException, match=f"damaged or unread:\nmissing: {key}/dim_games"):
        audit(params=PARAMS)


def test_old_months_are_compacted(store: Any, compact: Any, tmp_path: Path) -> None:
    load_days(store, tmp_path / "scratch", OLD_DAYS)
    done = compact(params={"compact_again": False})
    assert done == {"months": 2, "parts": 8, "bytes_before": ANY, "bytes_after": ANY}
    assert compact(params={"compact_again": False}) == dict.fromkeys(done, 0)
    assert compact(params={"compact_again": True})["months"] == 2


def test_a_month_that_fails_fails_the_task_without_a_retry(store: Any, compact: Any, tmp_path: Path) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    load_days(store, tmp_path / "scratch", OLD_DAYS)
    part = parts_of(store, "2025-05")[0]
    store.put(part.key, b"not gzip")
    with pytest.raises(
        AirflowFailException, match=r"1 months cannot be compacted, and their parts stay:\nigdb.popscore"
    ):
        compact(params={"compact_again": False})


@pytest.mark.e2e
def test_airflow_runs_it(store: Any, tmp_path: Path) -> None:
    environment = airflow_environment(tmp_path, lake=store.uri, igdb={})
    laptop = [GAMELAKE, "laptop"]
    subprocess.run([*laptop, "prepare"], env=environment, check=True, capture_output=True, cwd=REPOSITORY)
    ran = subprocess.run(
        [*laptop, "airflow", "dags", "test", "lake_audit"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-5000:]
    assert f"removed: {ORPHAN}: no commit of the last 7 days names it" in ran.stdout
    assert list(store.list("raw/")) == []
