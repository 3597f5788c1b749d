"""A run of `transform` for a day that cannot be built: it ends at once, and shows no model as a task of its own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from gamelake.paths import REPOSITORY
from tests.support.airflow import airflow_environment
from tests.support.command import GAMELAKE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

NO_SOURCE = {"AIRFLOW_CONN_IGDB_DEFAULT": '{"conn_type": "igdb", "host": "unused"}'}


def test_a_run_that_reads_nothing_ends_at_once(tmp_path: Path) -> None:
    environment = airflow_environment(tmp_path, lake=(tmp_path / "lake").as_uri(), igdb=NO_SOURCE)
    subprocess.run([GAMELAKE, "laptop", "prepare"], env=environment, check=True, capture_output=True)
    command = [GAMELAKE, "laptop", "airflow", "dags", "test", "transform", "-c", '{"date": "2026-11-20"}']
    run = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    lines = [*run.stderr.splitlines(), *run.stdout.splitlines()]
    assert run.returncode == 1
    assert any(line.startswith("transform failed in open_generation: not retried: no load of") for line in lines)
    assert not any("was not built; the log of" in line for line in lines), "no model has a task that ran"
