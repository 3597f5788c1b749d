"""The settings of the laptop's Airflow."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gamelake.local import environment
from gamelake.local.environment import FERNET_KEY
from gamelake.settings import SettingsError
from tests.support.command import GAMELAKE, environment_without

SHOW = """
import json, sys
from gamelake.local import environment
from gamelake.settings import SettingsError
found = environment.environment()
environment.password()
slow = {"aiohttp", "airflow", "boto3", "duckdb"} & set(sys.modules)
assert not slow, f"every command of a laptop would import {slow}"
print(json.dumps(found))
"""


def found_in(folder: Path, **variables: str) -> dict[str, str]:
    """The environment as a process in a folder finds it."""
    inherited = environment_without("AIRFLOW", "GAMELAKE", "IGDB", "RAWG")
    ran = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=folder,
        env={**inherited, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, str] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "rawg"),
        ({"IGDB_CLIENT_ID": "x", "IGDB_CLIENT_SECRET": "y"}, ""),
        ({"IGDB_CLIENT_ID": "x", "IGDB_CLIENT_SECRET": "y", "RAWG_API_KEY": "my-own-key"}, "rawg"),
        ({"IGDB_BASE_URL": "http://127.0.0.1:1/v4"}, ""),
        ({"GAMELAKE_OPTIONAL_SOURCES": ""}, ""),
    ],
)
def test_rawg_is_on_where_it_answers(variables: dict[str, str], expected: str, tmp_path: Path) -> None:
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"), **variables)
    assert found.get("GAMELAKE_OPTIONAL_SOURCES", "") == expected


def test_folders_that_cannot_be_made_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(environment, "LOCAL", tmp_path / "file" / "own")
    with pytest.raises(SettingsError, match=r"^GAMELAKE_LOCAL: cannot write in"):
        environment.private_folder()
    monkeypatch.setattr(environment, "LOCAL", tmp_path / "own")
    monkeypatch.setattr(environment, "AIRFLOW_HOME", tmp_path / "file" / "airflow")
    with pytest.raises(SettingsError, match=r"^GAMELAKE_LOCAL: cannot make"):
        environment.environment()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_address_is_this_machines(tmp_path: Path) -> None:
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"))
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST"] == "127.0.0.1"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8080/execution/"


def test_airflow_sends_its_metrics_to_no_one_by_itself(tmp_path: Path) -> None:
    assert found_in(tmp_path)["AIRFLOW__METRICS__OTEL_ON"] == "False"


def test_a_busy_api_server_has_a_minute_to_answer_a_task(tmp_path: Path) -> None:
    assert found_in(tmp_path)["AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT"] == "60"


WAITS = """
import asyncio, sys
sys.argv = ["airflow", sys.argv[1]]
from airflow import settings

async def waits() -> str:
    async with settings.async_engine.connect() as connection:
        found = str((await connection.exec_driver_sql("pragma busy_timeout")).scalar())
    await settings.async_engine.dispose()
    return found

with settings.engine.connect() as connection:
    print(connection.exec_driver_sql("pragma busy_timeout").scalar(), asyncio.run(waits()))
"""


@pytest.mark.parametrize(
    ("part", "milliseconds"),
    [("api-server", 5_000), ("scheduler", 60_000), pytest.param("dag-processor", 60_000, marks=pytest.mark.slow)],
)
def test_the_scheduler_waits_longer_for_the_database_than_the_api_server(
    part: str, milliseconds: int, tmp_path: Path
) -> None:
    """The API server has the database and waits for itself, at times: then it gives up before the others."""
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "my 'lake' #1 [한글]"))
    ran = subprocess.run(
        [sys.executable, "-c", WAITS, part], cwd=tmp_path, env=found, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout.split()[-2:] == [str(milliseconds)] * 2


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_this_machine_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    variables = {"HTTP_PROXY": "http://proxy:3128", name: "internal.example, localhost"}
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"), **variables)
    assert found["no_proxy"] == found["NO_PROXY"] == "internal.example,localhost,127.0.0.1"


def test_no_proxy_for_any_host_stays_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a list with other hosts the `*` would count for none."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"), HTTPS_PROXY="http://proxy:3128", no_proxy="*")
    assert found["no_proxy"] == found["NO_PROXY"] == "*"


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "own"
    first = found_in(tmp_path, GAMELAKE_LOCAL=str(folder))
    assert mode(folder) == 0o700
    login = json.loads((folder / "passwords.json").read_text(encoding="utf-8"))
    assert len(login["admin"]) >= 12
    assert {mode(path) for path in folder.iterdir() if path.is_file()} == {0o600}
    assert found_in(tmp_path, GAMELAKE_LOCAL=str(folder)) == first
    other = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "other"))
    own = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
    assert all(other[name] != first[name] for name in own)
    assert json.loads((tmp_path / "other" / "passwords.json").read_text(encoding="utf-8")) != login


def test_a_relative_folder_is_of_where_the_command_was_given(tmp_path: Path) -> None:
    """The sandbox and dbt, which are started with it, have other working directories."""
    given = {"IGDB_RECORDED": "rec", "GAMELAKE_DUCKDB_EXTENSIONS": "ext"}
    found = found_in(tmp_path, GAMELAKE_LOCAL="not/there/yet", **given)
    assert found["GAMELAKE_LOCAL"] == str(tmp_path / "not" / "there" / "yet")
    assert {name: found[name] for name in given} == {name: str(tmp_path / value) for name, value in given.items()}


def test_files_of_another_project_in_the_shell_are_not_used(tmp_path: Path) -> None:
    """Its database would be migrated, and its DAGs would take the place of ours."""
    names = (
        "AIRFLOW_HOME",
        "AIRFLOW_CONFIG",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_SCHEMA",
        "AIRFLOW__CORE__DAGS_FOLDER",
        "AIRFLOW__CORE__PLUGINS_FOLDER",
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST",
        FERNET_KEY,
    )
    own = str(tmp_path / "own")
    other = {name: str(tmp_path / "other") for name in names}
    found = found_in(tmp_path, GAMELAKE_LOCAL=own, **other)
    assert not [name for name in names if found[name] == other[name]]
    assert found == found_in(tmp_path, GAMELAKE_LOCAL=own)
    assert not (tmp_path / "other").exists()


def test_the_key_of_this_laptop_can_be_replaced(tmp_path: Path) -> None:
    own = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"))[FERNET_KEY]
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"), **{FERNET_KEY: f"new,{own}"})
    assert found[FERNET_KEY] == f"new,{own}"


def test_nothing_is_kept_where_other_users_have_theirs(tmp_path: Path) -> None:
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"))
    assert found["GAMELAKE_DUCKDB"] == str(tmp_path / "own" / "scratch" / "gamelake.duckdb")
    assert found["AIRFLOW__COSMOS__CACHE_DIR"] == str(tmp_path / "own" / "cosmos")


@pytest.mark.parametrize("letter", ["?", "%", "$"])
def test_a_home_that_airflow_cannot_use_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, letter: str
) -> None:
    monkeypatch.setattr(environment, "AIRFLOW_HOME", tmp_path / f"a{letter}b")
    with pytest.raises(SettingsError, match=rf"GAMELAKE_LOCAL: found .*without '\{letter}'"):
        environment.environment()


def test_a_refusal_is_one_sentence_for_every_command(tmp_path: Path) -> None:
    for command in (["laptop", "airflow", "version"], ["laptop", "prepare"], ["up"]):
        ran = subprocess.run(
            [GAMELAKE, *command],
            env={**os.environ, "GAMELAKE_LOCAL": str(tmp_path / "a?b")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stdout) == (1, "")
        assert "GAMELAKE_LOCAL: found" in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1


def test_the_launcher_starts_from_any_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / """o'clock "x" #한글 [a]"""
    folder.mkdir()
    python = folder / "python"
    python.write_text('#!/bin/sh\necho "$@$PYTHONHOME$PYTHONPATH$PYTHONWARNINGS"\n', encoding="utf-8")
    python.chmod(0o755)
    launcher = folder / "airflow"
    monkeypatch.setattr(environment, "LAUNCHER", launcher)
    monkeypatch.setattr("gamelake.local.environment.sys.executable", str(python))
    environment.write_launcher()
    monkeypatch.setenv("PYTHONHOME", "/another/python")
    monkeypatch.setenv("PYTHONPATH", "/another/project")
    monkeypatch.setenv("PYTHONWARNINGS", "error")  # Airflow has a warning at each start
    ran = subprocess.run([launcher, "dags", "list"], capture_output=True, text=True, check=True)
    assert ran.stdout == "-m gamelake.cli laptop airflow dags list\n"


def test_a_folder_on_a_disk_without_hard_links_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def link(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(environment, "PASSWORDS", tmp_path / "passwords.json")
    with pytest.raises(SettingsError, match=f"GAMELAKE_LOCAL: cannot make a hard link in {tmp_path}: .*FAT and exFAT"):
        environment.password()
    assert not list(tmp_path.iterdir())


def test_a_source_that_does_not_exist_is_told_before_each_dag_file_fails(tmp_path: Path) -> None:
    own = {"GAMELAKE_LOCAL": str(tmp_path), "GAMELAKE_OPTIONAL_SOURCES": "nope"}
    for command in (["up"], ["run"], ["laptop", "airflow", "dags", "list"]):
        ran = subprocess.run(
            [GAMELAKE, *command], env={**environment_without("AIRFLOW", "GAMELAKE"), **own},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        expected = "GAMELAKE_OPTIONAL_SOURCES: found 'nope', expected one of rawg, shop; commas between several\n"
        assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", expected)
