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
from gamelake.settings import SettingsError
from tests.support.command import GAMELAKE, environment_without

SHOW = """
import json
from gamelake.local import environment
from gamelake.settings import SettingsError
found = environment.environment()
environment.password()
print(json.dumps(found))
"""


def found_in(folder: Path, **variables: str) -> dict[str, str]:
    """The environment as a process in a folder finds it."""
    inherited = environment_without("AIRFLOW", "GAMELAKE")
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


def test_folders_that_cannot_be_made_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(environment, "LOCAL", tmp_path / "file" / "own")
    with pytest.raises(SettingsError, match=r"^GAMELAKE_LOCAL: cannot write in"):
        environment.private_folder()
    monkeypatch.setattr(environment, "LOCAL", tmp_path / "own")
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "file" / "airflow"))
    with pytest.raises(SettingsError, match=r"^AIRFLOW_HOME: cannot make"):
        environment.environment()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_address_is_this_machines(tmp_path: Path) -> None:
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"))
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST"] == "127.0.0.1"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8080/execution/"


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_this_machine_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    variables = {"HTTP_PROXY": "http://proxy:3128", name: "internal.example, localhost"}
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"), **variables)
    assert found["no_proxy"] == found["NO_PROXY"] == "internal.example,localhost,127.0.0.1"


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


@pytest.mark.parametrize("variable", ["GAMELAKE_LOCAL", "AIRFLOW_HOME"])
def test_a_relative_folder_is_of_where_the_command_was_given(tmp_path: Path, variable: str) -> None:
    found = found_in(tmp_path, **{"GAMELAKE_LOCAL": str(tmp_path / "own"), variable: "not/there/yet"})
    assert found[variable] == str(tmp_path / "not" / "there" / "yet")


def test_nothing_is_kept_where_other_users_have_theirs(tmp_path: Path) -> None:
    found = found_in(tmp_path, GAMELAKE_LOCAL=str(tmp_path / "own"))
    assert found["AIRFLOW__COSMOS__CACHE_DIR"] == str(tmp_path / "own" / "cosmos")


@pytest.mark.parametrize("letter", ["?", "%", "$"])
def test_a_home_that_airflow_cannot_use_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, letter: str
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / f"a{letter}b"))
    with pytest.raises(SettingsError, match=rf"AIRFLOW_HOME: found .*without '\{letter}'"):
        environment.environment()


def test_a_refusal_is_one_sentence_for_every_command(tmp_path: Path) -> None:
    for command in (["laptop", "airflow", "version"], ["laptop", "prepare"], ["up"]):
        ran = subprocess.run(
            [GAMELAKE, *command],
            env={**os.environ, "GAMELAKE_LOCAL": str(tmp_path / "a?b"), "AIRFLOW_HOME": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stdout) == (1, "")
        assert "AIRFLOW_HOME: found" in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1


def test_the_launcher_starts_from_any_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / """o'clock "x" #한글 [a]"""
    folder.mkdir()
    python = folder / "python"
    python.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    launcher = folder / "airflow"
    monkeypatch.setattr(environment, "LAUNCHER", launcher)
    monkeypatch.setattr("gamelake.local.environment.sys.executable", str(python))
    environment.write_launcher()
    ran = subprocess.run([launcher, "dags", "list"], capture_output=True, text=True, check=True)
    assert ran.stdout == "-m gamelake.cli laptop airflow dags list\n"
