"""Run the task of a load as Airflow does, but for the database behind it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.context import OutletEventAccessors

if TYPE_CHECKING:
    from gamelake.airflow.load_operator import LoadEntityOperator


def context_of(partition_key: str | None, *, run_type: str = "manual", run_id: str = "a run", **params: Any) -> Any:
    """The context of a task instance, as far as a load reads it."""
    run = SimpleNamespace(partition_key=partition_key, run_type=run_type, run_id=run_id)
    given = {"full_refresh": False, "date": None, "allow_shrink": False, "allow_unproven": False} | params
    return {"dag_run": run, "params": given, "outlet_events": OutletEventAccessors()}


async def execute(task: LoadEntityOperator, context: Any) -> dict[str, Any]:
    """Execute a task in a thread, because a test has an event loop."""
    # Airflow warns about, or refuses, an execute that it did not call itself.
    figures: dict[str, Any] = await asyncio.to_thread(task.execute.__wrapped__, task, context)  # type: ignore[attr-defined]
    return figures


async def run_load(task: LoadEntityOperator, partition_key: str | None, **options: Any) -> dict[str, Any]:
    """Execute a task for a partition. Returns: its figures."""
    return await execute(task, context_of(partition_key, **options))
