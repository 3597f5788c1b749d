"""Copies of the repository, for tests that write to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from gamelake.paths import REPOSITORY


def copy_of_the_repository(folder: Path) -> Path:
    """What git tracks and what `make setup` made, with the times of its files, on which make relies."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target)
    shutil.copytree(REPOSITORY / "dbt" / "target", folder / "dbt" / "target")
    _copy_environment(Path(sys.prefix), folder / ".venv")
    return folder


def _copy_environment(environment: Path, copy: Path) -> None:
    """Make an environment whose commands and `_gamelake.pth` lead to the copy; the packages are links.

    `make` takes PYTHONPATH away from its commands, so only the environment states whose code runs, and which `.local`.
    """
    packages = Path(sysconfig.get_path("purelib"))
    (copy / packages.relative_to(environment)).mkdir(parents=True)
    (copy / "bin").mkdir()
    for each in (*environment.iterdir(), *(environment / "bin").iterdir(), *packages.iterdir()):
        target = copy / each.relative_to(environment)
        if each.is_symlink():
            target.symlink_to(each.readlink())
        elif each.name == "_gamelake.pth" or (each.is_file() and each.parent in {environment, environment / "bin"}):
            shutil.copy2(each, target)
            if (data := each.read_bytes()).startswith(b"#!"):
                target.write_bytes(data.replace(bytes(environment), bytes(copy)))
                shutil.copystat(each, target)
        elif not target.exists():
            target.symlink_to(each)
