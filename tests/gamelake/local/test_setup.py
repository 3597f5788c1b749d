"""What `make setup` says when it cannot begin."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from gamelake.paths import REPOSITORY


def make(folder: Path, python: Path | str, target: str = ".venv/bin/uv", **environment: str) -> str:
    """Make a step of `make setup` in a folder that has only the Makefile. Returns: what it printed, as it fails."""
    shutil.copy(REPOSITORY / "Makefile", folder)
    (folder / "dbt").mkdir()
    ran = subprocess.run(
        ["make", target, f"PYTHON={python}"],
        cwd=folder,
        env={**os.environ, **environment, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    return ran.stdout


def test_an_old_python_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python3.10"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.9 || exit 1\n', encoding="utf-8")
    python.chmod(0o755)
    assert f"Python 3.11 or newer is needed, and {python} is Python 3.10.9. Name another" in make(tmp_path, python)


def test_without_network_it_says_so(tmp_path: Path) -> None:
    index = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    printed = make(tmp_path, sys.executable, **index)
    assert "No network: pip cannot reach its package index." in printed
    assert "No matching distribution" not in printed


def test_without_network_after_the_first_step_it_says_so(tmp_path: Path) -> None:
    uv = tmp_path / ".venv/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(
        "#!/bin/sh\necho 'error: Request failed\n  cause: client error (Connect)' >&2; exit 2\n", encoding="utf-8"
    )
    uv.chmod(0o755)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    printed = make(tmp_path, sys.executable, ".venv/.installed")
    assert "No network: uv cannot reach its package index." in printed
    assert "UV_DEFAULT_INDEX" in printed
    assert "cause" not in printed


def test_a_program_that_is_no_python_is_named(tmp_path: Path) -> None:
    assert "/bin/true made no virtual environment. Name another" in make(tmp_path, "/bin/true")
