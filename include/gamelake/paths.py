"""Where this repository is: the only place that counts folders upwards."""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The folder that has `include/`, `dbt/` and `dags/` in it."""


def airflow_command() -> str:
    """Return the command `airflow` as a person types it here: on a laptop it is in the environment of `make setup`."""
    return ".venv/bin/airflow" if Path(sys.prefix).resolve() == (REPOSITORY / ".venv").resolve() else "airflow"
