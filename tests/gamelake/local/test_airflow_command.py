"""Airflow's own command on a laptop."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.command import GAMELAKE, environment_without

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("dag_id", "environment", "message"),
    [
        ("rawg_games", {"IGDB_CLIENT_ID": "a", "IGDB_CLIENT_SECRET": "b"}, "the source rawg is off here.*"),
        ("igdb_gmaes", {}, r"there is no such load, expected one of igdb_games, .*\. Did you mean 'igdb_games'\?"),
        ("igdb_zzzzzzzzzzzzzzzzzzzzzzzz", {}, r"there is no such load, expected one of igdb_games, .*[^?]"),
        pytest.param(
            "transfor",
            {},
            r"there is no such DAG, expected transform or another one of `.venv/bin/airflow dags list`",
            marks=pytest.mark.slow,  # Airflow reads all DAGs
        ),
    ],
)
def test_a_load_that_does_not_exist_is_named_in_place_of_a_traceback(
    dag_id: str, environment: dict[str, str], message: str, tmp_path: Path
) -> None:
    own = {"GAMELAKE_LOCAL": str(tmp_path / "local"), "GAMELAKE_URI": (tmp_path / "lake").as_uri(), **environment}
    ran = subprocess.run(
        [GAMELAKE, "laptop", "airflow", "dags", "test", dag_id],
        env={**environment_without("AIRFLOW", "GAMELAKE", "IGDB", "RAWG"), **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1), ran.stderr
    assert re.fullmatch(f"dags test {dag_id}: {message}\n", ran.stderr), ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("is_begun", [False, True])
def test_dags_test_prepares_the_database_of_a_new_folder(tmp_path: Path, *, is_begun: bool) -> None:
    """It ended with "Database migration required", and after that migration without connections."""
    if is_begun:  # as by `airflow pools list`
        (tmp_path / "local" / "airflow").mkdir(parents=True)
        (tmp_path / "local" / "airflow" / "airflow.db").touch()
    own = {"GAMELAKE_LOCAL": str(tmp_path / "local"), "GAMELAKE_URI": (tmp_path / "lake").as_uri()}
    ran = subprocess.run(
        [GAMELAKE, "laptop", "airflow", "dags", "test", "transform", "--conf", "no-json"],
        env={**environment_without("AIRFLOW", "GAMELAKE"), **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "Preparing Airflow's database ..." in ran.stdout
    with closing(sqlite3.connect(tmp_path / "local" / "airflow" / "airflow.db")) as database:
        (count,) = database.execute("select count(*) from connection where conn_id = 'igdb_default'").fetchone()
    assert count == 1
