"""Copies of the repository, for tests that write to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


def copy_of_the_repository(folder: Path) -> Path:
    """What git tracks and what `make setup` made, with the times of its files, on which make relies."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target)
    shutil.copytree(REPOSITORY / "dbt" / "target", folder / "dbt" / "target")
    (folder / ".venv").symlink_to(sys.prefix)
    return folder
