"""How the build of `transform` is tried again, on whatever worker.

Cosmos' dbt process runs once: its second try is skipped, and each task that watched it then runs dbt for its own model.
That cannot work here. DuckDB's file is on the worker that died, so another one would build a model from nothing, or
from the tables that an earlier day left in its own file; and tests that belong to no model would not run at all. So
here the process is a task like any other, whose next try builds everything again. The watching tasks only watch.

A try reads the same files as the one before it. So there is none after a failure that only other files or other code
would prevent: a test that found wrong rows, a broken contract, wrong SQL.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from cosmos.operators._watcher.state import (
    _log_dbt_event,
    get_dbt_event_xcom_key,
    get_xcom_val,
    is_dbt_node_status_success,
    is_producer_task_terminated,
)
from cosmos.operators.watcher import DbtProducerWatcherOperator, DbtRunWatcherOperator, DbtTestWatcherOperator

from gamelake.airflow.stores import connection_exported
from gamelake.marts import spark

if TYPE_CHECKING:
    from airflow.sdk import Context, TaskGroup

PATIENCE = timedelta(seconds=90)
"""A task that watches gives its slot back when no dbt process has run for so long: that may be what it waits for.

More than a try waits after the one before it (a minute), so that with slots to spare nobody moves.
"""

WATCHER_RETRIES = 10
"""They cost nothing, and each time that the dbt process is lost takes one or two."""

_LASTING = re.compile(r"^\s*(Compilation|Parser|Binder|Conversion|Constraint|Out of Range) Error\b", re.MULTILINE)
"""Errors of a model, in dbt's words or DuckDB's, that lie in its SQL, its contract or its rows.

Any other is tried again: out of memory, what the network or a disk did, an extension that this worker lacks.
"""


def _lasting_failures(project: Path) -> list[str]:
    """Return the failures of a dbt run that would come again in every try: `<name>: <dbt's message>`.

    Empty when dbt ended before it wrote target/run_results.json in the project's folder: it could not begin.
    """
    results = project / "target" / "run_results.json"
    if not results.exists():
        return []
    return [
        f"{result['unique_id'].split('.')[2]}: {result['message']}"
        for result in json.loads(results.read_text(encoding="utf-8"))["results"]
        if result["status"] == "fail" or (result["status"] == "error" and _LASTING.search(result["message"] or ""))
    ]


def fail_for_good(project: str, **_: Any) -> None:
    """Look at the results of dbt; Cosmos calls this when dbt has ended, before it checks the outcome.

    Raises: AirflowFailException, if another try would fail too.
    """
    if lasting := _lasting_failures(Path(project)):
        raise AirflowFailException("another try would read the same and fail the same:\n" + "\n".join(lasting))


class RetriedBuild(DbtProducerWatcherOperator):  # type: ignore[misc]  # Cosmos has no types
    """The dbt process. Each try builds and tests everything, into the generation and the worker's own scratch file.

    Two of them do no harm either, if a worker only seemed lost: the same inputs give the same bytes.
    """

    def execute(self, context: Context, **kwargs: Any) -> Any:
        """Run dbt, whichever try it is: what Cosmos' own class adds is for tries that it skips.

        Raises: AirflowFailException, if another try would fail too; what Cosmos raises, if it may not.
        """
        self.callback = fail_for_good
        self._upstream_failure_skipped_ids.clear()
        with connection_exported():
            return super(DbtProducerWatcherOperator, self).execute(context=context, **kwargs)


class SparkBuild(BashOperator):
    """The process that builds on Spark (spark.py), whose dbt leaves its results on this worker."""

    def execute(self, context: Context) -> Any:
        """Run it. Raises: AirflowFailException, if another try would fail too; AirflowException, if it may not."""
        try:
            with connection_exported():
                return super().execute(context)
        except AirflowException:
            fail_for_good(str(spark.folder()))
            raise


class _Watch:
    """What Cosmos' sensors do here. A status is that of the newest try of the dbt process, which clears the others."""

    _pokes_without_process = 0

    def poke(self: Any, context: Context) -> bool:
        """Whether dbt has built the model, or passed its tests.

        Raises: AirflowFailException, if it will not: the process has ended for good. AirflowException, if only another
        try of the process can: until then the slot is free.
        """
        ti = context["ti"]
        process = self._get_producer_task_status(context)  # first: what an ended process has said is all there
        status = self._get_node_status(ti, context)
        if status is not None:
            self._cache_compiled_sql(ti, context)
            _log_dbt_event(get_xcom_val(ti, self.producer_task_id, get_dbt_event_xcom_key(self.model_unique_id)))
        if is_dbt_node_status_success(status):
            return True
        what = f"{self._resource_label.lower()} {self.model_unique_id}: {status or 'nothing reported'}"
        if is_producer_task_terminated(process):
            raise AirflowFailException(f"{what}; {self.producer_task_id} has ended ({process}), its log says why")
        if status is not None:
            raise AirflowException(f"{what}; waiting for another try of {self.producer_task_id}")
        self._pokes_without_process = 0 if process == "running" else self._pokes_without_process + 1
        if self._pokes_without_process * self.poke_interval > PATIENCE.total_seconds():
            raise AirflowException(f"{what}; {self.producer_task_id} is {process}, and may need this task's slot")
        return False


class WatchedRun(_Watch, DbtRunWatcherOperator):  # type: ignore[misc]
    """A model, as the dbt process builds it."""


class WatchedTests(_Watch, DbtTestWatcherOperator):  # type: ignore[misc]
    """A model's tests, as the dbt process runs them."""


_OURS = {
    DbtProducerWatcherOperator: RetriedBuild,
    DbtRunWatcherOperator: WatchedRun,
    DbtTestWatcherOperator: WatchedTests,
}


def replace_operators(group: TaskGroup) -> None:
    """Let the tasks that Cosmos made be tried again as this module says, and reach the store by Airflow's connection.

    Cosmos chooses an operator by its own name for a mode and takes no other, so the tasks change their class.
    """
    for task in group.iter_tasks():
        if ours := _OURS.get(type(task)):
            task.__class__ = ours  # type: ignore[assignment]  # a subclass of what it was
        if isinstance(task, (WatchedRun, WatchedTests)):
            task.retries = WATCHER_RETRIES
