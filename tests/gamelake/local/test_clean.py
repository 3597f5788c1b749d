"""`make clean`."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gamelake.paths import REPOSITORY


@pytest.fixture
def clone(tmp_path: Path) -> Any:
    """What `make clean` looks at: a lake in its place, one elsewhere in .local, and things that are made again."""
    folder = tmp_path / "my clone"
    for each in (".local/lake/raw", ".local/my lake/marts", ".local/airflow", "dbt/target", ".pytest_cache"):
        (folder / each).mkdir(parents=True)
    (folder / ".local" / "sandbox.json").write_text("{}", encoding="utf-8")
    shutil.copy(REPOSITORY / "Makefile", folder)
    return folder


def clean(folder: Path, *arguments: str) -> str:
    command = ["make", "clean", *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in ("LAKE", "MAKEFLAGS")}
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    ).stdout


def left(folder: Path) -> list[str]:
    local = folder / ".local"
    return sorted(each.name for each in local.iterdir()) if local.exists() else []


def test_a_lake_stays_without_a_terminal(clone: Any) -> None:
    printed = clean(clone)
    assert left(clone) == ["lake", "my lake", "sandbox.json"]
    assert "Kept the lake in .local/lake. To remove it too: make clean LAKE=yes" in printed
    assert not (clone / "dbt" / "target").exists()
    assert not (clone / ".pytest_cache").exists()


def test_a_lake_is_removed_on_request(clone: Any) -> None:
    clean(clone, "LAKE=yes")
    assert left(clone) == []
    assert (clone / "dbt").exists()


@pytest.mark.parametrize(
    "inside", ["lakes/prod/raw/games/_manifests", "lakes/prod/marts/_publications", "raw/games/_manifests"]
)
def test_a_lake_stays_however_deep_it_is(clone: Any, inside: str) -> None:
    for each in ("lake", "my lake"):
        shutil.rmtree(clone / ".local" / each)
    (clone / ".local" / inside).mkdir(parents=True)
    top = inside.split("/", maxsplit=1)[0]
    assert f"Kept the lake in .local/{top}." in clean(clone)
    assert (clone / ".local" / inside).exists()
    clean(clone, "LAKE=yes")
    assert left(clone) == []


@pytest.mark.parametrize(
    "inside", ["inbox/igdb/games/00000000000000000042.jsonl.gz", "igdb.games/01764468000123456789.sealed"]
)
def test_events_stay_in_the_inbox_and_before_it(clone: Any, inside: str) -> None:
    path = clone / ".local" / "events" / inside
    path.parent.mkdir(parents=True)
    path.touch()
    assert "Kept the lake in .local/events." in clean(clone)
    assert path.exists()


def test_an_answer_that_is_no_word_of_a_shell_is_no_yes(clone: Any) -> None:
    clean(clone, "LAKE=it's")
    assert left(clone) == ["lake", "my lake", "sandbox.json"]


def test_without_a_lake_everything_goes(clone: Any) -> None:
    shutil.rmtree(clone / ".local" / "lake")
    shutil.rmtree(clone / ".local" / "my lake")
    clean(clone)
    assert left(clone) == []


@pytest.mark.parametrize(
    ("answer", "stays"), [(b"\n", ["lake", "my lake", "sandbox.json"]), (b"no\n", None), (b"y\n", [])]
)
def test_at_a_terminal_it_asks(clone: Any, answer: bytes, stays: Any) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    ran = subprocess.run(["make", "clean"], cwd=clone, stdin=theirs, capture_output=True, text=True, check=True)
    os.close(theirs)
    os.close(ours)
    assert "Remove the lake too (.local/lake .local/my lake)?" in ran.stdout
    assert left(clone) == (["lake", "my lake", "sandbox.json"] if stays is None else stays)


def test_nothing_is_removed_under_a_run(clone: Any) -> None:
    before = left(clone)
    with (clone / ".local" / "run.lock").open("w", encoding="utf-8") as lock:
        lock.write("`make run` (process 17)")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(subprocess.CalledProcessError) as refused:
            clean(clone, "LAKE=yes")
    assert "make clean: `make run` (process 17) works in .local" in refused.value.stdout
    assert left(clone) == sorted([*before, "run.lock"])
    assert (clone / "dbt" / "target").exists()
    clean(clone, "LAKE=yes")
    assert left(clone) == []
