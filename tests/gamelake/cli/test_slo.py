"""`gamelake slo` on a lake."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from gamelake.cli.main import main
from gamelake.lake.factory import open_store
from gamelake.lake.keys import TableName
from gamelake.lake.table import Table
from tests.support.commits import commit, make_part

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def one_commit(folder: Path) -> str:
    """Return the URI of a lake in which no schedule runs."""
    store = open_store((folder / "lake").as_uri())
    commit(Table(store, TableName("igdb", "games")), make_part())
    return store.uri


def test_a_level_without_a_night_is_not_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", one_commit(tmp_path))
    assert main(["slo"]) == 0
    _, _, *levels = capsys.readouterr().out.splitlines()
    assert levels
    assert all("no night yet" in level and "met" not in level.split() for level in levels)


def test_the_command_writes_nothing_so_a_reader_can_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = one_commit(tmp_path)
    monkeypatch.setenv("GAMELAKE_URI", uri)
    before = [each.key for each in open_store(uri).list("")]
    assert main(["slo"]) == 0
    assert [each.key for each in open_store(uri).list("")] == before


def test_a_terminal_of_ascii_gets_question_marks(tmp_path: Path) -> None:
    environment = os.environ | {"GAMELAKE_URI": one_commit(tmp_path), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "gamelake.cli", "slo"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, "UnicodeEncodeError" in ran.stderr) == (0, False)
    assert " ? " in ran.stdout
