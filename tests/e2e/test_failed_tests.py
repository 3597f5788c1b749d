"""A test of dbt that fails leaves the published marts as they are, and the run red: in one process, like `make run`,
and under a scheduler, after one try.
"""

from __future__ import annotations

import gzip
import subprocess
from datetime import date
from typing import TYPE_CHECKING

import pytest

from gamelake.marts.documents import POINTER
from gamelake.marts.pointer import current
from gamelake.paths import REPOSITORY
from tests.support.airflow import airflow_environment, running_airflow
from tests.support.command import GAMELAKE
from tests.support.generations import current_generation
from tests.support.source import Source
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

DAYS = (date(2026, 11, 20), date(2026, 11, 21))
NO_SOURCE = {"AIRFLOW_CONN_IGDB_DEFAULT": '{"conn_type": "igdb", "host": "unused"}'}


def lose_a_row(source: Source) -> tuple[str, bytes]:
    """Take the last row out of a part of genres, which `whole_files` tests. Returns: its key, and what it was."""
    latest = newest_commit(source.store, "genres")
    (part,) = latest.files
    whole = source.store.get(part.key)
    source.store.put(part.key, gzip.compress(b"".join(gzip.decompress(whole).splitlines(keepends=True)[:-1])))
    return part.key, whole


def test_what_fails_its_tests_is_not_published(tmp_path: Path) -> None:
    source = Source(tmp_path / "lake", DAYS[0])
    environment = airflow_environment(tmp_path, lake=source.store.uri, igdb=NO_SOURCE)

    def gamelake(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [GAMELAKE, *arguments]
        return subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    def transform(day: date) -> subprocess.CompletedProcess[str]:
        return gamelake("laptop", "airflow", "dags", "test", "transform", "-c", f'{{"date": "{day}"}}')

    assert gamelake("laptop", "prepare").returncode == 0
    source.load(DAYS[0])
    done = transform(DAYS[0])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    before = source.store.get(POINTER)

    source.load(DAYS[1])
    key, whole = lose_a_row(source)
    done = transform(DAYS[1])
    assert done.returncode != 0
    assert "FAIL 1 whole_files" in done.stdout + done.stderr
    assert source.store.get(POINTER) == before
    for mart in current_generation(source.store).marts:
        assert source.store.get(mart.copy) == source.store.get(mart.key)

    source.store.put(key, whole)
    assert transform(DAYS[1]).returncode == 0
    assert current_generation(source.store).day == DAYS[1]


@pytest.mark.long
def test_a_scheduler_builds_it_once(tmp_path: Path) -> None:
    source = Source(tmp_path / "lake", DAYS[0])
    source.load(DAYS[0])
    lose_a_row(source)
    with running_airflow(tmp_path, airflow_environment(tmp_path, lake=source.store.uri, igdb=NO_SOURCE)) as airflow:
        key = str(DAYS[0])
        airflow.unpause("transform")
        airflow.trigger("transform", key)
        airflow.wait(lambda: airflow.state("transform", key) in {"success", "failed"}, 600, "the run has ended")
        assert airflow.state("transform", key) == "failed"
        [run] = airflow.runs("transform", key)
        path = f"/dags/transform/dagRuns/{run['dag_run_id']}/taskInstances/dbt.build"
        process = airflow.call("GET", path)
        assert (process["state"], process["try_number"]) == ("failed", 1)
        assert "not retried: the next try would read the same files" in airflow.log_of(run, "dbt.build")
    assert current(source.store) is None
