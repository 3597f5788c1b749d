"""The build's database file: where it may be, and who waits for whom."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gamelake.marts.scratch import ScratchError, check_database, check_free, wait_for_lock

HOLDS = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.mark.parametrize("found", list("#?%:;'\" &"))
def test_a_file_name_that_dbt_would_cut_is_refused_by_its_character(found: str, tmp_path: Path) -> None:
    with pytest.raises(ScratchError, match="GAMELAKE_DUCKDB: found") as caught:
        check_database(tmp_path / f"a{found}b.duckdb")
    assert repr(found) in str(caught.value)


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    check_database(tmp_path / "C# [1]*'한" / "my.game-lake_1.duckdb")
    assert (tmp_path / "C# [1]*'한").is_dir()


def test_a_folder_whose_name_duckdb_cuts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScratchError, match=r"found '\?' in the folder .*another folder by GAMELAKE_DUCKDB"):
        check_database(tmp_path / "a?b" / "gamelake.duckdb")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GAMELAKE_DUCKDB", "of the user")
    with pytest.raises(ScratchError, match=r"cannot make the folder .*file/under.*unset GAMELAKE_DUCKDB"):
        check_database(tmp_path / "file" / "under" / "gamelake.duckdb")
    monkeypatch.delenv("GAMELAKE_DUCKDB")
    with pytest.raises(ScratchError, match=r"name a file in a folder that this user may write$"):
        check_database(tmp_path / "file" / "under" / "gamelake.duckdb")


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScratchError, match="is a folder, expected a file"):
        check_database(tmp_path)
    with pytest.raises(ScratchError, match="GAMELAKE_DUCKDB: /dev/null is a device, expected a file"):
        check_database(Path(os.devnull))


def test_no_right_to_write_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path)  # root may write anywhere
    with pytest.raises(ScratchError, match=f"no right to write {tmp_path}"):
        check_database(tmp_path / "gamelake.duckdb")


def test_a_file_that_is_no_database_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "gamelake.duckdb"
    path.write_bytes(b"no database" * 1000)
    lines: list[str] = []
    with pytest.raises(ScratchError, match="not a valid DuckDB database file!; remove the file"):
        wait_for_lock(path, {}, lines.append)
    assert lines == []


def test_another_process_is_waited_for_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gamelake.duckdb"
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        lines: list[str] = []

        def end_the_other(_: float) -> None:
            other.communicate()

        monkeypatch.setattr("gamelake.marts.scratch.time.sleep", end_the_other)
        wait_for_lock(path, {}, lines.append)
        assert len(lines) == 1
        assert f"(process {other.pid})" in lines[0]
        assert "waiting for it" in lines[0]


def test_a_process_that_never_ends_is_named_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gamelake.duckdb"
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        monkeypatch.setattr("gamelake.marts.scratch.time.sleep", lambda _: None)
        with pytest.raises(ScratchError, match=rf"still open in .*process {other.pid}.*end that process"):
            wait_for_lock(path, {}, lambda _: None)
        other.communicate()


def test_a_person_who_waits_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "gamelake.duckdb"
    check_free(path)
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(ScratchError, match=rf": open in .*process {other.pid}.*end that process or wait for it"):
            check_free(path)
        other.communicate()
