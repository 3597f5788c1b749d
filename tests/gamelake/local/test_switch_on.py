"""The DAGs that `make up` unpauses."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gamelake.local.switch_on import when_loads_start
from tests.support.command import GAMELAKE, environment_without

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 12, 1, 18, tzinfo=UTC)


@pytest.mark.slow
def test_a_dag_that_a_person_paused_stays_paused(tmp_path: Path) -> None:
    """A bad build was published at the next 04:00 after a restart, although `transform` had been paused for it."""
    own = {"GAMELAKE_LOCAL": str(tmp_path / "local"), "GAMELAKE_URI": (tmp_path / "lake").as_uri()}

    def laptop(*arguments: str) -> str:
        environment = environment_without("AIRFLOW", "GAMELAKE", "IGDB", "RAWG") | own
        command = [GAMELAKE, "laptop", *arguments]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def paused() -> list[str]:
        line = next(each for each in reversed(laptop("switch-on").splitlines()) if each.startswith("{"))
        printed = json.loads(line)
        with closing(sqlite3.connect(tmp_path / "local" / "airflow" / "airflow.db")) as database:
            first = "select min(next_dagrun_create_after) from dag where dag_id like 'igdb_%'"
            (due,) = database.execute(first).fetchone()
        assert datetime.fromisoformat(printed["next_loads"]) == datetime.fromisoformat(due).replace(tzinfo=UTC), (
            "not those of RAWG, which transform does not wait for"
        )
        return list(printed["paused"])

    assert paused() == []
    laptop("airflow", "dags", "pause", "transform")
    assert paused() == ["transform"]
    laptop("airflow", "dags", "unpause", "transform")
    assert paused() == []


def test_the_dags_that_stay_paused_are_named() -> None:
    assert when_loads_start(NOW, [], NOW).startswith("All DAGs are on. The loads of the last 04:00")
    paused = when_loads_start(NOW, ["transform"], NOW)
    assert paused.startswith("Paused, as before: transform (docs/")
    assert paused.endswith("start now.")
    assert when_loads_start(None, ["igdb_games"], NOW).startswith("Paused, as before: igdb_games (docs/")
