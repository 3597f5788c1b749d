"""`make run`: one day through Airflow itself, every load and then the marts, with progress and a summary.

The DAGs run one after another in this process by `DAG.test`, on the same database that `make up` shows. Airflow's own
log goes to a file; the terminal shows progress and a summary.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO, cast

from gamelake.airflow.settings_file import IGDB_CONNECTION, RAWG_CONNECTION
from gamelake.days import day_of, format_day
from gamelake.errors import is_explained
from gamelake.lake.factory import lake_location
from gamelake.local import account, allowed, finished_day, report, sandbox
from gamelake.local.alone import alone
from gamelake.local.checks import check_build, check_folders, check_reach, full_disks
from gamelake.local.environment import LOGS, environment
from gamelake.local.interrupts import interruptible
from gamelake.local.services import cause_in
from gamelake.local.terminal import Terminal
from gamelake.registry import loaded_entities, loaded_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gamelake.airflow.dag import LakeDAG

_DBT_NODE = re.compile(r"(?P<done>\d+) of (?P<of>\d+) (?P<how>OK|PASS|WARN|ERROR|FAIL)\b(?! hook)")
_DBT_DONE = re.compile(r"Done\. PASS=(?P<passed>\d+) WARN=(?P<warned>\d+) ERROR=(?P<failed>\d+) SKIP=(?P<skipped>\d+)")


class RunError(RuntimeError):
    """The day cannot be run, or a DAG of it failed; the message states why."""


def run() -> None:
    """Run the next day.

    Raises: RunError; BusyError; SandboxStartError; AccountError; UnknownTableError; KeyboardInterrupt.
    """
    params = allowed.params()
    account.check_recorded()
    has_account, has_rawg = account.is_given(), account.is_given(RAWG_CONNECTION)
    os.environ.update(environment())
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        stack.enter_context(interruptible())
        stack.enter_context(alone())
        log = LOGS / f"run-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
        terminal = stack.enter_context(Terminal(stack.enter_context(_output_to(log))))
        stack.enter_context(_as_run_error(log))
        with terminal.doing("looking at the lake"):
            place = lake_location()
            check_folders(place)
            check_build()
        if has_account:
            day, days = format_day(sandbox.real_today()), None
            if not account.is_set():  # the stored one is read by Airflow
                _prepare(terminal)
            with terminal.doing("asking the API"):
                answer = account.check()
            terminal.say(f"Loading IGDB's {day} into {place}\n  {answer}")
            if not has_rawg:
                terminal.say("  RAWG is off: no RAWG_API_KEY is set")
        else:
            days = sandbox.Days.next()
            day = days.today
            with terminal.doing("starting the sandbox"):
                url = stack.enter_context(sandbox.running(days))
            account.use(IGDB_CONNECTION, sandbox.connection(url))
            if not has_rawg:
                account.use(RAWG_CONNECTION, sandbox.connection(url, RAWG_CONNECTION))
            terminal.say(f"Loading {day} from the sandbox at {url} into {place}")
        for line in account.told():
            terminal.say(f"  {line}")
        loads, published = _run_dags(day, params, terminal, log)
        if days is not None:
            days.save()
        with terminal.doing("reading the marts"):
            seconds = time.monotonic() - began
            report.write(terminal, loads, published, seconds=seconds, log=log, is_sandbox=days is not None)
        if failure := terminal.failure:
            raise RunError(f"{day} is done, but standard output cannot be written: {failure.strerror}. The log: {log}")


@contextlib.contextmanager
def _as_run_error(log: Path) -> Iterator[None]:
    """Turn every error into one message; the traceback of an unexpected one is in the log. Raises: RunError."""
    try:
        yield
    except Exception as error:
        if is_explained(error):
            raise RunError(str(error)) from error
        with contextlib.suppress(OSError):  # its disk may be full
            traceback.print_exc()  # this process prints into the log
        if full := full_disks(lake_location()):
            raise RunError(f"{full} After that, `make run` again continues.") from error
        raise RunError(f"{type(error).__name__}: {error}\nThe traceback is at the end of {log}") from error


def _prepare(terminal: Terminal) -> None:
    with terminal.doing("preparing Airflow's database"):
        from gamelake.local.database import prepare

        prepare()


def _run_dags(
    day: str, params: Mapping[str, Mapping[str, bool]], terminal: Terminal, log: Path
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run the loads, then `transform`. Returns: the figures of each load, and what `publish` returned."""
    _prepare(terminal)
    with terminal.doing("asking the lake"):
        check_reach(lake_location())
    with terminal.doing("reading the DAGs"):
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if bag.import_errors:
        raise RunError(_import_errors(bag.import_errors))
    _show_progress(terminal)
    loads: list[dict[str, Any]] = []
    succeeded: list[str] = []
    entities, sources = loaded_entities(), loaded_sources()
    terminal.say()
    terminal.say(report.LOADS_HEADER, style="bold")
    for entity in entities:
        terminal.count(len(loads), len(entities))
        try:
            with terminal.doing(f"loading {entity.name}"):
                dag = cast("LakeDAG", bag.dags[entity.dag_id])
                loads.append(_run_dag(dag, day, log, "extract_load", params[str(entity)]))
        except RunError as error:
            if sources[entity.source].gates_transform:
                raise
            terminal.say(f"  {error}\n  The marts do not wait for it.", style="yellow")
            continue
        succeeded.append(entity.dag_id)
        terminal.say(report.load_line(loads[-1]))
    terminal.count(0, None)
    terminal.say()
    terminal.say("Building and testing the marts ...")
    _listen("gamelake.airflow.dbt_build", _DbtProgress(terminal))
    with terminal.doing("preparing dbt"):
        published = _run_dag(cast("LakeDAG", bag.dags["transform"]), day, log, "publish")
        finished_day.record(day, succeeded)
    return loads, published


def _show_progress(terminal: Terminal) -> None:
    """Show what the loads do, and each request that failed and is asked again: such a wait may take 5 minutes."""
    for package in ("gamelake.load", "gamelake.sources", "gamelake.feeds", "apiclient.retry"):
        _listen(package, _Progress(terminal))


def _listen(package: str, handler: logging.Handler) -> None:
    """Let a handler see the progress, also where AIRFLOW__LOGGING__LOGGING_LEVEL is higher."""
    logger = logging.getLogger(package)
    logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    logger.addHandler(handler)


def _run_dag(dag: LakeDAG, day: str, log: Path, task_id: str, params: Mapping[str, bool] | None = None) -> Any:
    """Run a DAG. Returns: what one of its tasks returned. Raises: RunError, with the cause first."""
    dag_run, failures = dag.test_once(run_conf={"date": day, **(params or {})})
    if dag_run.state != "success":
        causes = "\n".join(map(str, failures))
        if not causes:  # as where Airflow cannot start a task
            _flush()
            causes = f"no task of its own; the last errors of its log:\n{cause_in(log)}"
        raise RunError(f"{dag.dag_id} failed in {causes}\nThe whole log: {log}")
    if (task := dag_run.get_task_instance(task_id)) is None:
        first = format_day(day_of(cast("datetime", dag.start_date)))
        raise RunError(
            f"{dag.dag_id}: this machine's clock shows {datetime.now(UTC):%Y-%m-%d}, which is before the DAG's first "
            f"day, {first}: set the clock"
        )
    return task.xcom_pull(task_ids=task_id)


def _import_errors(tracebacks: Mapping[str, str]) -> str:
    """Return the last line of each traceback once, with the files that have it."""
    files: dict[str, list[str]] = {}
    for path, text in sorted(tracebacks.items()):
        files.setdefault(text.strip().splitlines()[-1], []).append(path)
    return "\n".join(f"{', '.join(paths)}: {error}" for error, paths in files.items())


@contextlib.contextmanager
def _output_to(log: Path) -> Iterator[TextIO]:
    """Send all that this process prints to a file; yields the terminal.

    What others print when the process ends goes to the file too: after Ctrl-C Airflow may print a traceback then.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    saved = os.dup(1), os.dup(2)
    terminal = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    try:
        yield terminal
    finally:
        _flush()
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for descriptor in saved:
            os.close(descriptor)
        with contextlib.suppress(OSError):  # a line is left that could not be written
            terminal.close()
        atexit.register(_print_into, file)  # the last registered is the first called


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # the disk of the log is full: what it lacks is in no other place
            stream.flush()


def _print_into(file: int) -> None:
    _flush()
    os.dup2(file, 1)
    os.dup2(file, 2)


class _Progress(logging.Handler):
    """Shows the warnings of a load, and names what it does; its result is another line."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.INFO)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self._terminal.say(f"  {record.getMessage()}", style="yellow")
        else:
            self._terminal.now(record.getMessage())


class _DbtProgress(logging.Handler):
    """Shows the progress of dbt, its failures and warnings, and its result."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.INFO)
        self._terminal = terminal
        self._of = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Read dbt's own count: `12 of 198 OK created sql table model ...`."""
        text = record.getMessage()
        if ended := _DBT_DONE.search(text):
            passed, warned, failed, skipped = (int(ended[name]) for name in ("passed", "warned", "failed", "skipped"))
            if passed >= self._of and not warned + failed + skipped:
                self._terminal.say(f"  all {passed} tables and tests passed", style="green")
            else:
                told = f"  {passed} tables and tests passed, {warned} warned, {failed} failed, {skipped} not run"
                self._terminal.say(told, style="yellow")
            if failed + skipped or passed + warned < self._of:
                return
            self._terminal.now("publishing the marts")
            return
        if (found := _DBT_NODE.search(text)) is None:
            return
        done, of, how = int(found["done"]), int(found["of"]), found["how"]
        self._of = of
        if how in {"WARN", "ERROR", "FAIL"}:
            self._terminal.say(f"  {found[0]}{text[found.end() :]}", style="yellow")
        self._terminal.now("building and testing the marts")
        self._terminal.count(done, of, "tables and tests")
