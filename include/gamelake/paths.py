"""Where this repository is: the only place that counts folders upwards; and what stands in the way of a folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The folder that has `include/`, `dbt/` and `dags/` in it."""


def airflow_command() -> str:
    """Return the command `airflow` as a person types it here: on a laptop it is in the environment of `make setup`."""
    return ".venv/bin/airflow" if Path(sys.prefix).resolve() == (REPOSITORY / ".venv").resolve() else "airflow"


def file_in_place_of(folder: Path) -> Path | None:
    """Return the file that has the name of a folder or of one above it; None if the folder is there, or can be made."""
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    return None if there.is_dir() else there
