"""An account of IGDB as a user has it: id and secret in the environment or stored, no ready-made connection."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gamelake.days import day_of
from gamelake.lake.factory import open_store
from gamelake.paths import REPOSITORY
from sandbox.igdb import Sandbox, World
from tests.support.airflow import account, airflow_environment
from tests.support.command import GAMELAKE
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.e2e

TODAY = day_of(datetime.now(UTC))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    world = World.generate(seed=5, games=100, first_day=TODAY, today=TODAY, popularity_per_game=1)
    with Sandbox(world, latency=0.0).running() as address:
        yield address


def laptop(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [GAMELAKE, *arguments]
    return subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def loaded(lake: str) -> str:
    """The run that committed genres. The lake is fresh, so the rows are those of this test's sandbox."""
    manifest = newest_commit(open_store(lake), "genres")
    return manifest.run_id


def test_dags_test_reads_the_account_from_the_database(tmp_path: Path, url: str) -> None:
    """Airflow's async getter finds no stored connection there."""
    lake = (tmp_path / "lake").as_uri()
    environment = airflow_environment(tmp_path, lake=lake, igdb=account(url))
    assert laptop(environment, "laptop", "prepare").returncode == 0
    stored = {name: value for name, value in environment.items() if not name.startswith("IGDB_")}
    # Airflow's own command: the launcher would read the environment before the database.
    command = [sys.executable, "-m", "airflow", "dags", "test", "igdb_genres"]
    settings = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__FERNET_KEY": (tmp_path / "fernet.key").read_text(),
    }
    done = subprocess.run(
        command, env={**stored, **settings}, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert loaded(lake).startswith("manual__")


def test_the_command_of_a_laptop_reads_the_account_from_the_database(tmp_path: Path) -> None:
    """It loaded the sandbox's rows in their place, without a word."""
    world = World.generate(seed=5, games=100, first_day=TODAY, today=TODAY, popularity_per_game=1)
    lake = (tmp_path / "lake").as_uri()
    with Sandbox(world, client_id="mine", latency=0.0).running() as url:
        environment = airflow_environment(tmp_path, lake=lake, igdb=account(url) | {"IGDB_CLIENT_ID": "mine"})
        assert laptop(environment, "laptop", "prepare").returncode == 0
        environment = {name: value for name, value in environment.items() if not name.startswith("IGDB_")}
        done = laptop(environment, "laptop", "airflow", "dags", "test", "igdb_companies")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.startswith("Loading by the connection igdb_default of Airflow's database\n")
    assert newest_commit(open_store(lake), "companies").row_count == len(list(world.rows("companies")))


def test_make_run_reads_the_account(tmp_path: Path, url: str) -> None:
    """The whole command, as a user with an account types it."""
    lake = (tmp_path / "lake").as_uri()
    done = laptop(airflow_environment(tmp_path, lake=lake, igdb=account(url)), "run")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{url}/v4 answers and accepts the client id and secret" in done.stdout
    assert f"Published {TODAY}" in done.stdout
    assert re.search(r"make run +what changed since", done.stdout)
    assert loaded(lake).startswith("manual__")


def test_a_wrong_secret_is_told_at_once(tmp_path: Path, url: str) -> None:
    wrong = account(url) | {"IGDB_CLIENT_SECRET": "wrong-secret"}
    environment = airflow_environment(tmp_path, lake=(tmp_path / "lake").as_uri(), igdb=wrong)
    done = laptop(environment, "run")
    assert done.returncode == 1
    assert "IGDB_CLIENT_ID, IGDB_CLIENT_SECRET and IGDB_TOKEN_URL set them" in done.stderr
    assert not {"Traceback", "wrong-secret"} & set((done.stdout + done.stderr).split())


def test_dags_test_asks_the_account_of_the_environment(tmp_path: Path, url: str) -> None:
    """Not what an earlier command has stored: a new secret is tried, and a wrong one is told before anything runs."""
    lake = (tmp_path / "lake").as_uri()
    elsewhere = account("http://127.0.0.1:9")
    assert laptop(airflow_environment(tmp_path, lake=lake, igdb=elsewhere), "laptop", "prepare").returncode == 0
    load = ("laptop", "airflow", "dags", "test", "igdb_genres")
    wrong = account(url) | {"IGDB_CLIENT_SECRET": "wrong-secret"}
    done = laptop(airflow_environment(tmp_path, lake=lake, igdb=wrong), *load)
    assert done.returncode == 1
    assert "IGDB_CLIENT_ID, IGDB_CLIENT_SECRET and IGDB_TOKEN_URL set them" in done.stderr
    assert "Traceback" not in done.stderr
    done = laptop(airflow_environment(tmp_path, lake=lake, igdb=account(url)), *load)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert loaded(lake).startswith("manual__")
    given = airflow_environment(tmp_path, lake=lake, igdb={})
    assert url in laptop(given, "laptop", "airflow", "connections", "get", "igdb_default", "-o", "json").stdout


def test_a_load_that_fails_under_dags_test_is_tried_once_and_states_why_last(tmp_path: Path, url: str) -> None:
    environment = airflow_environment(tmp_path, lake="s3://no-such-bucket/lake", igdb=account(url))
    environment |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert laptop(environment, "laptop", "prepare").returncode == 0
    done = laptop(environment, "laptop", "airflow", "dags", "test", "igdb_genres")
    assert done.returncode == 1
    printed = [line for line in done.stderr.splitlines() if line.startswith("igdb_genres failed in extract_load: ")]
    assert len(printed) == 1, done.stderr[-2000:]
    assert "http://127.0.0.1:9" in printed[0]


@pytest.mark.parametrize(
    ("ending", "at"), [(signal.SIGTERM, "Loading"), (signal.SIGHUP, "Loading"), (signal.SIGTERM, "igdb.genres")]
)
def test_a_run_that_is_ended_leaves_no_sandbox(tmp_path: Path, ending: signal.Signals, at: str) -> None:
    environment = airflow_environment(tmp_path, lake=(tmp_path / "lake").as_uri(), igdb={})
    command = [GAMELAKE, "run"]
    with subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = next(re.search(r"sandbox at http://127.0.0.1:(\d+)", line) for line in process.stdout)
        assert at == "Loading" or any(line.split()[:1] == [at] for line in process.stdout)
        process.send_signal(ending)
        assert process.wait(60) == 130
    assert address is not None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(address[1]))) != 0


@pytest.mark.long
def test_ctrl_c_states_that_nothing_is_lost(tmp_path: Path, url: str) -> None:
    environment = airflow_environment(tmp_path, lake=(tmp_path / "lake").as_uri(), igdb=account(url))
    command = [GAMELAKE, "run"]
    with subprocess.Popen(
        command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Building and testing the marts"):
                break
        time.sleep(5)
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert stderr.strip() == "Interrupted. Nothing is lost: `make run` again continues."
    assert laptop(environment, "run").returncode == 0
