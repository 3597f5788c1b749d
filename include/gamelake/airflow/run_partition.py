"""The partition that a run of a DAG works on."""

from __future__ import annotations

from typing import Any

from gamelake.days import day_of, format_day, parse_day


def run_partition(context: Any) -> str:
    """Return the partition of a task instance's run, such as `2026-11-21`.

    It is the run's partition key, else its `date` param, else the Korean day of its logical date or start.

    Raises:
        PartitionError: the key or the param names no day.
    """
    run = context["dag_run"]
    if named := run.partition_key or context["params"].get("date"):
        return format_day(parse_day(named))
    return format_day(day_of(run.logical_date or run.run_after))
