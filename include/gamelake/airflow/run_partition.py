"""The partition that a run of a DAG works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gamelake.days import KST, PartitionError, Scheme, scheme_of

if TYPE_CHECKING:
    from datetime import datetime


class ParamError(ValueError):
    """A run was started with a param that its DAG has not.

    Args:
        found: The name of the param.
        params: The names that the DAG has.
    """

    def __init__(self, found: str, params: list[str]) -> None:
        super().__init__(found, params)
        self.found = found
        self.params = params

    def __str__(self) -> str:
        return f"param {self.found}: the DAG has no such param, expected one of {', '.join(self.params)}"


def check_params(context: Any) -> None:
    """Check that a run has no params but those of its DAG: Airflow ignores a misspelt one. Raises: ParamError."""
    for name in context["dag_run"].conf or ():
        if name not in (known := context["dag"].params):
            raise ParamError(name, sorted(known))


def run_partition(context: Any, scheme: Scheme = Scheme.DAY) -> str:
    """Return the partition of a task instance's run, such as `2026-11-21`.

    It is the run's partition key, else its `date` param, else the Korean day or hour of its logical date or start.

    Raises:
        PartitionError: the key or the param does not follow the scheme.
        ParamError: as `check_params`.
    """
    check_params(context)
    run = context["dag_run"]
    if named := run.partition_key or context["params"].get("date"):
        if scheme_of(named) is not scheme:
            raise PartitionError(named, f"a Korean {scheme}")
        return str(named)
    moment: datetime = run.logical_date or run.run_after
    return moment.astimezone(KST).strftime(scheme.key_format)
