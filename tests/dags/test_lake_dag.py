"""What `make run` and `airflow dags test` make of a DAG."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, BaseOperator, Param

from gamelake.airflow.dag import LakeDAG
from gamelake.errors import INTERRUPTED
from gamelake.local.interrupts import interruptible


@pytest.mark.parametrize("in_background", [False, True])
def test_the_end_of_the_process_is_the_end_of_the_run(in_background: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow replaces the handler of SIGTERM with one that only calls the task's `on_kill`.

    What a script starts in the background ignores SIGINT: there the end was lost.
    """
    if in_background:
        monkeypatch.setattr(signal, "raise_signal", lambda _: None)

    def run_one_task(dag: DAG) -> None:
        (task,) = dag.tasks
        assert isinstance(task, BaseOperator)
        signal.signal(signal.SIGTERM, lambda *_: task.prepare_for_execution().on_kill())
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(DAG, "test", run_one_task)
    with LakeDAG(dag_id="a_dag", schedule=None) as dag:
        BaseOperator(task_id="a_task")
    with pytest.raises(KeyboardInterrupt), interruptible():
        dag.test_once()


def test_a_wrong_param_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def validate(dag: DAG, *, run_conf: dict[str, str]) -> None:
        dag.params.update(run_conf)

    monkeypatch.setattr(DAG, "test", validate)
    dag = LakeDAG(dag_id="a_dag", schedule=None, params={"date": Param(None, type=["null", "string"], format="date")})
    with pytest.raises(SystemExit) as ended:
        dag.test(run_conf={"date": "2026-13-45"})
    assert str(ended.value) == "a_dag: Invalid input for param date: '2026-13-45' is not a 'date'"


@pytest.mark.parametrize("conf", ["x", 3, ["date"], []])
def test_a_conf_that_is_no_object_is_refused(conf: object) -> None:
    with pytest.raises(SystemExit, match=r"a_dag: conf: found .*, expected a JSON object"):
        LakeDAG(dag_id="a_dag", schedule=None).test(run_conf=conf)


def test_ctrl_c_between_two_tasks_has_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DAG, "test", lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(SystemExit) as ended:
        LakeDAG(dag_id="a_dag", schedule=None).test()
    assert ended.value.code == INTERRUPTED
    assert ended.value.__suppress_context__


def test_a_date_before_the_first_day_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow runs no task then, and calls that a success."""
    run = SimpleNamespace(logical_date=datetime(2025, 1, 1, tzinfo=UTC), get_task_instances=lambda: [])
    monkeypatch.setattr(DAG, "test", lambda _: run)
    dag = LakeDAG(dag_id="a_dag", schedule=None, start_date=datetime(2025, 12, 31, 15, tzinfo=UTC))
    with pytest.raises(SystemExit, match="no task ran: its first day is 2026-01-01, and the run is of 2025-01-01"):
        dag.test()
