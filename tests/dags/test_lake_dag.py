"""What `make run` and `airflow dags test` make of a DAG."""

from __future__ import annotations

import os
import signal

import pytest
from airflow.sdk import DAG, BaseOperator

from gamelake.airflow.dag import LakeDAG


def test_the_end_of_the_process_is_the_end_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow replaces the handler of SIGTERM with one that only calls the task's `on_kill`."""

    def run_one_task(dag: DAG) -> None:
        (task,) = dag.tasks
        signal.signal(signal.SIGTERM, lambda *_: task.prepare_for_execution().on_kill())
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(DAG, "test", run_one_task)
    with LakeDAG(dag_id="a_dag", schedule=None) as dag:
        BaseOperator(task_id="a_task")
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt):
            dag.test_once()
    finally:
        signal.signal(signal.SIGTERM, before)
