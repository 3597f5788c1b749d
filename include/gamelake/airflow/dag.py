"""The DAG class of this repository: `airflow dags test` and `make run` fail at once, with the reason."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl
from airflow.sdk import DAG

from gamelake.days import day_of, format_day
from gamelake.errors import INTERRUPTED, is_explained

if TYPE_CHECKING:
    from airflow.sdk.types import RuntimeTaskInstanceProtocol


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed: which one, and why."""

    task_id: str
    error: str | BaseException | None

    def __str__(self) -> str:
        return f"{self.task_id}: {cause_of(self.error)}"


def cause_of(error: str | BaseException | None) -> str:
    """Describe the cause of a failure: its message, and the class of an error that does not explain itself."""
    if error is None:
        return "no reason was given"
    text = str(error).strip()
    if isinstance(error, str) or (text and (is_explained(error) or type(error).__module__.startswith("airflow."))):
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")


class LakeDAG(DAG):
    """A DAG whose `test` tries each task once, because the person who runs it waits for the result.

    A scheduler retries tasks as they declare it, because no person waits for it.
    """

    def test(self, *args: Any, **kwargs: Any) -> Any:
        """Run one DAG run in this process, and print at its end why tasks failed; see `airflow.sdk.DAG.test`."""
        from airflow.sdk.exceptions import ParamValidationError

        conf = kwargs.get("run_conf")
        if not isinstance(conf, dict | None):
            raise SystemExit(f'{self.dag_id}: conf: found {conf!r}, expected a JSON object such as {{"name": "value"}}')
        try:
            run, failures = self.test_once(*args, **kwargs)
        except ParamValidationError as error:  # its further lines are the schema
            raise SystemExit(f"{self.dag_id}: {str(error).splitlines()[0]}") from None
        except KeyboardInterrupt:  # between two tasks
            raise _interrupted() from None
        if any(isinstance(failure.error, KeyboardInterrupt) for failure in failures):
            raise _interrupted()
        for failure in failures:
            sys.stderr.write(f"\n{self.dag_id} failed in {failure}\n")
        if not run.get_task_instances() and self.start_date:  # Airflow calls this a success
            first, given = format_day(day_of(self.start_date)), run.logical_date or run.run_after
            raise SystemExit(
                f"\n{self.dag_id}: no task ran: its first day is {first}, and the run is of {given:%Y-%m-%d}. Leave "
                "out that date; a load and transform take a day "
                'as --conf \'{"date": "YYYY-MM-DD"}\''
            )
        return run

    def test_once(self, *args: Any, **kwargs: Any) -> tuple[Any, list[Failure]]:
        """Run one DAG run in this process. Returns: the run, and the failed tasks in the order of their ends."""
        from airflow.sdk.listener import get_listener_manager

        self.on_failure_callback = None
        handler = signal.getsignal(signal.SIGTERM)
        for task in self.tasks:
            task.retries = 0
            task.on_failure_callback = task.on_skipped_callback = (
                task.on_execute_callback
            ) = []  # the person who waits sees it
            # In its own process Airflow's handler of SIGTERM calls this, and stays when the task has ended.
            setattr(task, "on_kill", partial(_interrupt, handler))  # noqa: B010 - mypy allows no assignment to a method
        listener = _Listener()
        plugins = get_listener_manager().pm
        plugins.register(listener)
        try:
            return super().test(*args, **kwargs), listener.failures
        finally:
            plugins.unregister(listener)
            signal.signal(signal.SIGTERM, handler)


def _interrupted() -> SystemExit:
    """Tell it, and return how the process ends."""
    sys.stderr.write("\nInterrupted. Nothing is lost: run the same command again.\n")
    return SystemExit(INTERRUPTED)


def _interrupt(handler: Any) -> None:
    """End the whole run, as the handler of SIGTERM before Airflow's would, or else as Ctrl-C does."""
    if callable(handler):
        handler(signal.SIGTERM, None)
    signal.raise_signal(signal.SIGINT)


class _Listener:
    """Notes why tasks of this process fail."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    @hookimpl
    def on_task_instance_failed(
        self, task_instance: RuntimeTaskInstanceProtocol, error: str | BaseException | None
    ) -> None:
        """Log the cause of a failure; Airflow calls this in the task's process."""
        self.failures.append(Failure(task_instance.task_id, error))
