"""Airflow's own command on a laptop."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command import GAMELAKE, environment_without

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_dags_test_prepares_the_database_of_a_new_folder(tmp_path: Path) -> None:
    """It ended with "Database migration required", and after that migration without connections."""
    own = {"GAMELAKE_LOCAL": str(tmp_path / "local"), "GAMELAKE_URI": (tmp_path / "lake").as_uri()}
    ran = subprocess.run(
        [GAMELAKE, "laptop", "airflow", "dags", "test", "no_dag"],
        env={**environment_without("AIRFLOW", "GAMELAKE"), **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "Preparing Airflow's database ..." in ran.stdout
    assert "Dag 'no_dag' could not be found" in ran.stdout + ran.stderr
    assert "migration required" not in ran.stdout + ran.stderr
