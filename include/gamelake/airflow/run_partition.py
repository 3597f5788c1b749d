"""The partition that a run of a DAG works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gamelake.days import KST, PartitionError, Scheme, scheme_of

if TYPE_CHECKING:
    from datetime import datetime


def run_partition(context: Any, scheme: Scheme = Scheme.DAY) -> str:
    """Return the partition of a task instance's run, such as `2026-11-21`.

    It is the run's partition key, else its `date` param, else the Korean day or hour of its logical date or start.

    Raises:
        PartitionError: the key or the param does not follow the scheme.
    """
    run = context["dag_run"]
    if named := run.partition_key or context["params"].get("date"):
        if scheme_of(named) is not scheme:
            raise PartitionError(named, f"a Korean {scheme}")
        return str(named)
    moment: datetime = run.logical_date or run.run_after
    return moment.astimezone(KST).strftime(scheme.key_format)
