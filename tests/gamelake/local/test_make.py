"""Which words the Makefile passes to a command."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gamelake.paths import REPOSITORY

REASON = """the "top" mart isn't `right`; 5 > 4 & so on"""


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        (("rollback", 'TO=a "day"'), ["marts", "rollback", 'a "day"', "--reason", REASON]),
        (("rollforward",), ["marts", "rollforward", "--reason", REASON]),
    ],
)
def test_words_reach_the_command_as_they_are_typed(tmp_path: Path, target: Any, arguments: Any) -> None:
    command = tmp_path / "gamelake"
    command.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n", encoding="utf-8")
    command.chmod(0o755)
    make = ["make", "-s", "-o", ".venv/.installed", *target, f"REASON={REASON}", f"BIN={tmp_path}"]
    ran = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines() == arguments, ran.stderr


@pytest.mark.parametrize("target", ["run", "up", "sandbox", "collector"])
def test_a_make_that_is_killed_ends_its_command(tmp_path: Path, target: str) -> None:
    """`kill` and service managers name the one process that they started; a shell between would die and leave it."""
    ended = tmp_path / "ended"
    for name in ("gamelake", "python"):
        command = tmp_path / name
        command.write_text(
            f"#!/bin/sh\ntrap 'touch {ended}; exit' TERM\necho began\nfor _ in $(seq 50); do sleep 0.1; done\n",
            encoding="utf-8",
        )
        command.chmod(0o755)
    old = [word for file in (".venv/.installed", "dbt/target/manifest.json") for word in ("-o", file)]
    make = subprocess.Popen(
        ["make", "-s", *old, target, f"BIN={tmp_path}"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    with make:
        assert make.stdout is not None
        assert make.stdout.readline() == "began\n"
        make.terminate()
    assert ended.exists()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile and a virtual environment."""
    folder = tmp_path / "a clone"
    for name in ("dbt", "tools"):
        (folder / name).mkdir(parents=True)
    for name in ("Makefile", "requirements-build.lock", "tools/one_at_a_time.py"):
        shutil.copy(REPOSITORY / name, folder / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / ".venv")], check=True)
    return folder


def makes_again(folder: Path) -> bool:
    ran = subprocess.run(["make", "-n", ".venv/bin/uv"], cwd=folder, capture_output=True, text=True, check=False)
    return "rm -rf .venv\n" in ran.stdout


def test_an_environment_that_runs_is_kept(clone: Path, tmp_path: Path) -> None:
    assert not makes_again(clone)
    (tmp_path / "link").symlink_to(clone)
    assert not makes_again(tmp_path / "link")


def test_the_environment_of_a_clone_that_was_moved_or_copied_is_made_again(clone: Path, tmp_path: Path) -> None:
    """Its commands name the first clone: they were not found, or ran there, on its lake."""
    copy = tmp_path / "a copy"
    shutil.copytree(clone, copy, symlinks=True)
    assert makes_again(copy)
    moved = clone.rename(tmp_path / "moved")
    assert makes_again(moved)


def test_an_environment_whose_python_was_removed_is_made_again(clone: Path) -> None:
    for python in (clone / ".venv" / "bin").glob("python*"):
        python.unlink()
        python.symlink_to("/removed/python")
    assert makes_again(clone)


def test_an_environment_whose_removal_was_interrupted_is_made_again(clone: Path) -> None:
    """Without `pyvenv.cfg` its Python is the one that it was made with, where the packages were installed."""
    (clone / ".venv/pyvenv.cfg").unlink()
    assert makes_again(clone)
    shutil.rmtree(clone / ".venv/bin")
    assert makes_again(clone)
    (clone / ".venv/conda-meta").mkdir()
    assert not makes_again(clone)


@pytest.mark.parametrize("target", ["clean", "outdated"])
def test_a_removal_that_is_interrupted_leaves_no_environment_that_is_used(clone: Path, target: str) -> None:
    remover = clone / "bin" / "rm"
    remover.parent.mkdir()
    remover.write_text('#!/bin/sh\n[ "$1" != -rf ] || exit 1\nexec /bin/rm "$@"\n', encoding="utf-8")
    remover.chmod(0o755)
    path = f"{remover.parent}:{os.environ['PATH']}"
    command = ["make", target, "OUTDATED=.venv", "ALONE=yes"]
    subprocess.run(command, cwd=clone, env={**os.environ, "PATH": path, "MAKEFLAGS": ""}, check=False)
    assert (clone / ".venv/bin/python").exists()
    assert makes_again(clone)


def test_an_environment_stays_with_the_variables_of_another_python(clone: Path) -> None:
    """Each target removed it, and then found no Python either."""
    ran = subprocess.run(
        ["make", "-n", ".venv/bin/uv"],
        cwd=clone,
        env={**os.environ, "PYTHONHOME": "/nowhere", "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "rm -rf .venv\n" not in ran.stdout
    assert 'test -n ""' not in ran.stdout


def test_a_python_is_looked_for_once(clone: Path) -> None:
    """A shim takes a second, and what `make` expands has the variable a dozen times."""
    (clone / ".venv/pyvenv.cfg").unlink()
    shim = clone / "bin" / "python3.12"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\n[ "$1" != -c ] || echo >>"$0.asked"\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    variables = {**os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}", "MAKEFLAGS": ""}
    subprocess.run(["make", "-n", ".venv/bin/uv"], cwd=clone, env=variables, check=True)
    assert shim.with_name("python3.12.asked").read_text(encoding="utf-8") == "\n"


def test_another_environment_that_was_linked_is_kept(clone: Path, tmp_path: Path) -> None:
    (clone / ".venv").rename(tmp_path / "shared")
    (clone / ".venv").symlink_to(tmp_path / "shared")
    assert not makes_again(clone)


def test_down_and_clean_need_no_command_that_runs(clone: Path) -> None:
    command = clone / ".venv" / "bin" / "gamelake"
    command.write_text("#!/removed/python\n", encoding="utf-8")
    command.chmod(0o755)
    for python in command.parent.glob("python*"):
        python.unlink()
        python.symlink_to("/removed/python")
    subprocess.run(["make", "clean"], cwd=clone, stdin=subprocess.DEVNULL, check=True)
    assert not command.exists()


def slow_python(clone: Path, making: str) -> Path:
    """Write a Python that makes a virtual environment with the given commands."""
    python = clone / "python"
    python.write_text(
        f'#!/bin/sh\nif [ "$1" = -m ]; then {making}; fi\nexec "{sys.executable}" "$@"\n', encoding="utf-8"
    )
    python.chmod(0o755)
    return python


def set_up(clone: Path, python: Path) -> subprocess.Popen[str]:
    command = ["make", "-s", ".venv/bin/uv", f"PYTHON={python}"]
    return subprocess.Popen(
        command, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def test_of_two_set_ups_at_the_same_time_one_waits_for_the_other(clone: Path) -> None:
    """Both installed into one environment, and one failed with the words of pip."""
    shutil.rmtree(clone / ".venv")
    making = (
        "mkdir .venv || exit; sleep 2; mkdir .venv/bin; touch .venv/pyvenv.cfg; ln -s /bin/true .venv/bin/python; exit"
    )
    python = slow_python(clone, making)
    first, second = set_up(clone, python), set_up(clone, python)
    printed = [each.communicate(timeout=30)[0] for each in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], printed
    assert sorted("waiting for another make" in each for each in printed) == [False, True]
    assert sorted("Making a virtual environment" in each for each in printed) == [False, True]


def test_a_set_up_that_was_killed_is_not_waited_for(clone: Path) -> None:
    shutil.rmtree(clone / ".venv")
    killed = set_up(clone, slow_python(clone, "sleep 60; exit 1"))
    assert killed.stdout is not None
    assert any("Making a virtual environment" in line for line in killed.stdout)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    printed, _ = set_up(clone, slow_python(clone, "exit 1")).communicate(timeout=30)
    assert "waiting for another make" not in printed
    assert "made no virtual environment" in printed


def test_what_takes_long_is_told_until_it_ends_though_its_reader_waits(clone: Path) -> None:
    """The installation was silent for a minute. What is left of the telling must not keep the pipe open."""
    python = slow_python(clone, "sleep 3; exit 1")
    (clone / ".venv" / "bin" / "uv").unlink(missing_ok=True)
    make = ["make", "-s", ".venv/bin/uv", "SILENCE=1", f"PYTHON={python}"]
    began = time.monotonic()
    ran = subprocess.run(make, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert "  ... making .venv, 1 s so far\n  ... making .venv, 2 s so far\n" in ran.stdout
    assert "made no virtual environment" in ran.stdout
    assert time.monotonic() - began < 30
