"""The operator as Airflow runs it: real task runs, time-outs and kills; dags/loads.py has the loads."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import environment_without

pytestmark = pytest.mark.slow

LOADS = Path(__file__).parent / "dags" / "loads.py"


@dataclass(frozen=True)
class Ran:
    """What became of the loads: by name of the DAG, what loads noted, and the log."""

    loads: dict[str, Any]
    notes: list[str]
    log: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The loads run once, in whichever of pytest-xdist's workers comes first; the others wait, and read what it saw."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    base = tmp_path_factory.getbasetemp()
    home = base.parent / f"airflow-{run}" if run else base / "airflow"
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "log").exists():
            run_loads(home)
    text = (home / "log").read_text()
    assert (home / "outcome.json").exists(), text[-5000:]
    loads = json.loads((home / "outcome.json").read_text())
    return Ran(loads=loads, notes=(home / "notes").read_text().splitlines(), log=text)


def run_loads(home: Path) -> None:
    (home / "notes").touch()
    environment = environment_without("AIRFLOW_") | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(LOADS.parent),
        "NOTES": str(home / "notes"),
        "OUTCOME": str(home / "outcome.json"),
    }
    with (home / "log").open("w") as log:
        # Without check: the log has more than the return code.
        subprocess.run([sys.executable, LOADS], env=environment, stdout=log, stderr=log, timeout=180, check=False)


def test_a_good_load_succeeds(ran: Ran) -> None:
    assert ran.loads["good"]["state"] == "success"


def test_a_load_out_of_time_is_cancelled_cleaned_up_and_closed(ran: Ran) -> None:
    outcome = ran.loads["timed_out"]
    assert outcome["state"] == "failed"
    assert outcome["seconds"] < 15
    assert outcome["closed"] == [True] * 8
    assert [note for note in ran.notes if note.startswith("timed_out")] == [
        "timed_out: started",
        "timed_out: CancelledError",
        "timed_out: cleaned up",
    ]
    assert "AirflowTaskTimeout: load: cancelled after 2 s, near its time-out" in ran.log


def test_a_killed_load_is_cancelled_cleaned_up_and_closed(ran: Ran) -> None:
    outcome = ran.loads["killed"]
    assert outcome["state"] == "failed"
    assert outcome["seconds"] < 15
    assert outcome["closed"] == [True] * 8
    assert [note for note in ran.notes if note.startswith("killed")] == [
        "killed: started",
        "killed: CancelledError",
        "killed: cleaned up",
    ]


def test_airflows_alarm_still_ends_a_load_that_blocks_the_loop(ran: Ran) -> None:
    assert ran.loads["blocking"]["state"] == "failed"
    assert ran.loads["blocking"]["seconds"] < 15
    assert ran.notes[-1] == "blocking: cleaned up"


def test_no_session_is_left_for_the_garbage_collector(ran: Ran) -> None:
    assert "Unclosed" not in ran.log
    assert "a-static-token" not in ran.log
