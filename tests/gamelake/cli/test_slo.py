"""`gamelake slo` on a lake."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from gamelake.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_level_without_a_night_is_not_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lake").mkdir()
    monkeypatch.setenv("GAMELAKE_URI", (tmp_path / "lake").as_uri())
    assert main(["slo"]) == 0
    _, _, *levels = capsys.readouterr().out.splitlines()
    assert levels
    assert all("no night yet" in level and "met" not in level.split() for level in levels)


def test_a_terminal_of_ascii_gets_question_marks(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    environment = os.environ | {"GAMELAKE_URI": (tmp_path / "lake").as_uri(), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "gamelake.cli", "slo"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, "UnicodeEncodeError" in ran.stderr) == (0, False)
    assert " ? " in ran.stdout
