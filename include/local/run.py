"""`make run`: one day through Airflow itself, every load and then the marts, with progress and a summary.

The DAGs run one after another in this process by `DAG.test`, on the same database that `make up` shows. Airflow's own
log goes to a file; the terminal shows what a person wants to know.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from include.lake.store import StoreError, lake_location
from include.local import allowed, finished_day, report, sandbox
from include.local.environment import LOGS, environment, uses_real_api
from include.partitions import format_day
from include.registry import load_registry
from include.transform.scratch import ScratchError, check_database, database_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airflow.sdk import DAG

_DBT_NODE = re.compile(r"(?P<done>\d+) of (?P<of>\d+) (?P<how>OK|PASS|WARN|ERROR|FAIL)\b(?! hook)")


class RunFailed(RuntimeError):
    """A DAG of the day failed; the message names it and its log."""


def run() -> None:
    """Run the next day. Raises: RunFailed; SandboxFailed; NotAnEntity."""
    params = allowed.params()
    os.environ.update(environment())
    with _refused_here():
        place = lake_location()
        check_database(database_file())
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        if uses_real_api():
            day = format_day(sandbox.real_today())
            print(f"Loading IGDB's {day} into {place}")
        else:
            days = sandbox.Days.next()
            day = days.today
            url = stack.enter_context(sandbox.running(days))
            os.environ["AIRFLOW_CONN_IGDB_DEFAULT"] = sandbox.connection(url)
            print(f"Loading {day} from the sandbox at {url} into {place}")
        log = LOGS / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
        terminal = stack.enter_context(_output_to(log))
        with _refused_here():
            before = report.marts()
        loads = _run_dags(day, params, terminal, log)
        if not uses_real_api():
            days.save()
        report.write(terminal, loads, before, seconds=time.monotonic() - began, log=log)


@contextlib.contextmanager
def _refused_here() -> Iterator[None]:
    """Say before anything starts what a lake or a scratch file lacks that cannot work. Raises: RunFailed."""
    try:
        yield
    except (StoreError, ScratchError) as error:
        raise RunFailed(str(error)) from error


def _run_dags(day: str, params: Mapping[str, Mapping[str, bool]], terminal: TextIO, log: Path) -> list[dict[str, Any]]:
    print("Preparing Airflow's database ...", file=terminal, flush=True)
    from include.local.database import prepare

    prepare()
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if bag.import_errors:
        raise RunFailed("\n".join(f"{path}: {error}" for path, error in bag.import_errors.items()))
    logging.getLogger("include.extract").addHandler(_Progress(terminal))
    loads = []
    for entity in load_registry().values():
        loads.append(_run_dag(bag.dags[entity.dag_id], day, log, params[entity.name]))
        print(report.load_line(loads[-1]), file=terminal, flush=True)
    print("transform: building, testing and publishing the marts ...", file=terminal, flush=True)
    logging.getLogger("cosmos").addHandler(_DbtProgress(terminal))
    _run_dag(bag.dags["transform"], day, log)
    finished_day.record(day, [entity.dag_id for entity in load_registry().values()])
    return loads


def _run_dag(dag: DAG, day: str, log: Path, params: Mapping[str, bool] | None = None) -> Any:
    """Run a DAG and return what its last task returned."""
    dag_run = dag.test(run_conf={"date": day, **(params or {})})
    if dag_run.state != "success":
        failed = sorted(ti.task_id for ti in dag_run.get_task_instances() if ti.state == "failed")
        raise RunFailed(f"{dag.dag_id} failed in {', '.join(failed)}; the reason is near the end of {log}")
    return dag_run.get_task_instance(dag.tasks[-1].task_id).xcom_pull(task_ids=dag.tasks[-1].task_id)


@contextlib.contextmanager
def _output_to(log: Path) -> Iterator[TextIO]:
    """Send all that this process prints to a file; yields the terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    saved = os.dup(1), os.dup(2)
    terminal = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    try:
        yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for descriptor in (*saved, file):
            os.close(descriptor)
        terminal.close()


class _Progress(logging.Handler):
    """Shows what a load says of itself on the terminal too."""

    def __init__(self, terminal: TextIO) -> None:
        super().__init__(logging.INFO)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        print(f"  {record.getMessage()}", file=self._terminal, flush=True)


class _DbtProgress(logging.Handler):
    """Shows how far dbt is, now and then."""

    def __init__(self, terminal: TextIO) -> None:
        super().__init__(logging.INFO)
        self._terminal = terminal
        self._shown = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take dbt's own count: `12 of 198 OK created sql table model ...`, also of what failed, which is shown."""
        found = _DBT_NODE.search(record.getMessage())
        if found is None:
            return
        done, of, how = int(found["done"]), int(found["of"]), found["how"]
        if how in {"ERROR", "FAIL"}:
            print(f"  dbt: {found[0]}{record.getMessage()[found.end() :]}", file=self._terminal, flush=True)
        elif done == of or done - self._shown >= of / 8:
            self._shown = done
            print(f"  dbt: {done} of {of} models and tests", file=self._terminal, flush=True)
