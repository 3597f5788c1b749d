"""Run the task of a load as Airflow does, but for the database behind it."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.sdk.execution_time.context import OutletEventAccessors

from gamelake.airflow.load_operator import LoadEntityOperator

if TYPE_CHECKING:
    from airflow.sdk import DAG


def context_of(partition_key: str | None, *, run_type: str = "manual", run_id: str = "a run", **params: Any) -> Any:
    """The context of a task instance, as far as a load reads it."""
    run = SimpleNamespace(partition_key=partition_key, run_type=run_type, run_id=run_id, conf=None)
    given = {"full_refresh": False, "date": None, "allow_shrink": False, "allow_unproven": False} | params
    return {"dag_run": run, "params": given, "outlet_events": OutletEventAccessors()}


def only_task(dag: DAG) -> LoadEntityOperator:
    """Return the task of a DAG that loads."""
    (task,) = dag.tasks
    assert isinstance(task, LoadEntityOperator)
    return task


async def execute(task: LoadEntityOperator, context: Any) -> dict[str, Any]:
    """Execute a task in a thread, because a test has an event loop."""
    # Airflow warns about, or refuses, an execute that it did not call itself.
    unguarded = inspect.unwrap(LoadEntityOperator.execute)
    figures: dict[str, Any] = await asyncio.to_thread(unguarded, task, context)
    return figures


async def run_load(task: LoadEntityOperator, partition_key: str | None, **options: Any) -> dict[str, Any]:
    """Execute a task for a partition. Returns: its figures."""
    return await execute(task, context_of(partition_key, **options))
