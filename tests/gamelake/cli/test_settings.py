"""`gamelake settings import`; tests/gamelake/airflow/test_settings_file.py has what it imports."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from gamelake.cli.main import main
from gamelake.local import environment
from tests.support.command import GAMELAKE

if TYPE_CHECKING:
    from pathlib import Path


def test_a_bad_file_ends_the_command_with_its_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "import", "--file", str(tmp_path / "none.yaml")]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"{tmp_path / 'none.yaml'}: No such file or directory\n")


def test_a_database_without_tables_says_what_to_run(tmp_path: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    ran = subprocess.run(
        [GAMELAKE, "settings", "import"],
        env={**variables, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("Airflow's database has no tables yet: run `airflow db migrate`")


@pytest.mark.parametrize("is_ours", [True, False])
def test_only_this_clone_s_airflow_gets_this_clone_s_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_ours: bool
) -> None:
    """The command records the connection that it is given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "airflow"
    note = "# -m gamelake.cli laptop airflow" if is_ours else ""
    line = "Imported connection igdb_default, Imported connection aws_default"
    command.write_text(
        f'#!/bin/sh\n{note}\nfor file; do :; done\ncp "$file" "{tmp_path}/$1.json"\necho "{line}"\n',
        encoding="utf-8",
    )
    command.chmod(0o755)
    monkeypatch.setattr(environment, "LAUNCHER", command)
    for name in [name for name in os.environ if name.startswith(("IGDB_", "AIRFLOW"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IGDB_BASE_URL", "")  # the command changes it; restored after the test
    monkeypatch.setattr(environment, "environment", lambda: {"IGDB_BASE_URL": "http://of.this.clone/v4"})
    assert main(["settings", "import", "--cli", str(command)]) == 0, capsys.readouterr().err
    host = json.loads((tmp_path / "connections.json").read_text())["igdb_default"]["host"]
    assert (host == "http://of.this.clone/v4") is is_ours
    assert "pool igdb_api" in capsys.readouterr().out.splitlines()
