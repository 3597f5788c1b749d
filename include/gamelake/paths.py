"""Where this repository is: the only place that counts folders upwards."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
"""The folder that has `include/`, `dbt/` and `dags/` in it."""
