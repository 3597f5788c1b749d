"""`gamelake settings import`; tests/gamelake/airflow/test_settings_file.py has what it imports."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from gamelake.cli.main import main
from tests.support.command import GAMELAKE, environment_without

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_bad_file_ends_the_command_with_its_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "import", "--file", str(tmp_path / "none.yaml")]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"{tmp_path / 'none.yaml'}: No such file or directory\n")


def test_a_database_without_tables_states_what_to_run(tmp_path: Path) -> None:
    variables = environment_without("AIRFLOW")
    ran = subprocess.run(
        [GAMELAKE, "settings", "import"],
        env={**variables, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    told = ran.stderr.splitlines()[-1]
    assert told.startswith(
        f"Airflow's database sqlite:///{tmp_path}/airflow.db has no tables yet: run `airflow db migrate`"
    )
