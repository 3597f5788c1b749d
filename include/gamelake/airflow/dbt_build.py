"""One task runs dbt, and one task for each model shows how that model ended.

The model tasks run after dbt and read its results from XCom, so they run no dbt themselves. Each try of the build
starts from the beginning, because DuckDB's file is on the worker that ran the earlier try.

All tries read the same files. So a build is not retried after a failure that only other files or other code can
prevent: a failed test, a broken contract, wrong SQL.

A build is ended once a model fails while the lake cannot be reached: every other model would wait for it, and fail too.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import threading
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from gamelake.airflow import lineage
from gamelake.airflow.stores import connected_store, connection_exported
from gamelake.lake.store import ObjectNotFoundError, StoreError
from gamelake.marts import build_results, profiles
from gamelake.marts.dbt_project import inherited
from gamelake.marts.documents import INPUTS
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow.sdk import Context

    from gamelake.lake.store import Store

log = logging.getLogger(__name__)

_LASTING = re.compile(r"^\s*(Compilation|Parser|Binder|Conversion|Constraint|Out of Range) Error\b", re.MULTILINE)
"""Errors of dbt and DuckDB that are caused by the SQL, the contract or the rows of a model.

All other errors are retried: out of memory, network and disk errors, an extension that this worker lacks.
"""

_FULL_DISK = re.compile(r"No space left on device|Disk quota exceeded")
"""What the system reports, in Python's and in DuckDB's errors."""

_NO_MEMORY = re.compile(r"Out of Memory Error: .*")
"""DuckDB's error; what follows it names settings that this project sets by variables of its own."""

_FAILED = re.compile(r"\b\d+ of \d+ ERROR\b")
"""What dbt prints of a model or a test that could not run, before the others."""

ANSWER_SECONDS = 15.0
"""How long the lake may take to answer, after a failure, before it counts as one that cannot be reached."""

_PART = re.compile(r"/raw/([a-z0-9]+)/([a-z0-9_]+)/dt=[^\s/]+/[^\s/]+/part-\d+\.jsonl\.gz")
"""A part of a table, in an error of DuckDB."""

_EARLIER = re.compile(r"/(marts/(?:history/[^\s'\"]+/day=|dt=)(\d{4}-\d\d-\d\d)/(?:[^\s'\"]+/)?[^\s'\"/]+\.parquet)")
"""A day of the history or a mart of an earlier build, in an error of DuckDB."""

_ERROR = "Encountered an error"
"""What dbt prints before an error that no model has: of its settings, its connection or a hook."""
_KEPT_LINES = 100
_SHOWN_LINES = 8
_TIME = re.compile(r"^\d\d:\d\d:\d\d\s+")

_BAD = ("error", "fail")
"""The statuses of dbt that are no success, the worst first."""

HAS_RESULTS = "has_results"
"""The XCom of a DbtBuild whose dbt left results; no model may have its name."""

Result = dict[str, Any]


class FailedTestsError(AirflowFailException):
    """Tests of the data failed; the models are built."""


class FullDiskError(AirflowException):
    """The disk of dbt's files is full."""


class NoMemoryError(AirflowException):
    """The build needs more memory than DuckDB, the container or the machine gives it."""


class UnreachableLakeError(AirflowException):
    """The lake cannot be reached. Its cause is the store's error."""


class DbtBuild(BaseOperator):
    """Run a process of dbt that builds and tests every model; push the result of each model as an XCom of its name.

    Two tries at once do no harm, if a worker only seemed lost: the same inputs give the same bytes.

    Args:
        command: The program and its arguments, templated.
        variables: Added to the environment of the process, templated.
        target: The folder to which dbt writes its manifest and results.
        generation: The key of the generation that is built, templated; results and plans of the try are written
            into it.
    """

    template_fields: Sequence[str] = ("command", "variables", "generation")
    template_fields_renderers = {"command": "json", "variables": "json"}  # noqa: RUF012 - as Airflow declares it

    def __init__(
        self, *, command: Sequence[str], variables: Mapping[str, str], target: Path, generation: str, **options: Any
    ) -> None:
        super().__init__(**options)
        self.command = list(command)
        self.variables = dict(variables)
        self.target = target
        self.generation = generation
        self._process: subprocess.Popen[str] | None = None
        self._full_disk: str | None = None
        self._no_memory: str | None = None
        self._lost: StoreError | None = None
        self._output: deque[str] = deque(maxlen=_KEPT_LINES)

    def execute(self, context: Context) -> None:
        """Run dbt.

        Raises:
            AirflowFailException: dbt failed, and another try would fail too; a FailedTestsError if only tests failed.
            AirflowException: dbt failed, and another try may succeed; a FullDiskError, NoMemoryError or
                UnreachableLakeError if that is why.
        """
        for name in ("run_results.json", profiles.FILE):
            (self.target / name).unlink(missing_ok=True)  # of an earlier build, if dbt cannot start
        store = connected_store()
        status = self._run(store)
        if status and (lost := self._lost or self._why_unreachable(store)):
            raise UnreachableLakeError(
                f"{lost}. The lake cannot be reached, so dbt was ended: every other model needs it too. Nothing was "
                "published. Clear dbt.build, or start the run again, when the lake answers"
            ) from lost
        results = read_results(self.target)
        self._keep(results, context["ti"].try_number)
        if results:
            context["ti"].xcom_push(key=HAS_RESULTS, value=True)
        for model, result in _by_model(results, self.target).items():
            context["ti"].xcom_push(key=model, value=result)
        lineage.models_done(results, self.target)
        lasting = [_line(each) for each in results if _is_lasting(each)]
        if lasting:
            is_test = all(each["status"] == "fail" for each in results if _is_lasting(each))
            kind = FailedTestsError if is_test else AirflowFailException
            raise kind("\n".join(["not retried: the next try would read the same files", *_damaged(lasting), *lasting]))
        if status:
            raise self._failure(status, [_line(each) for each in results if each["status"] in _BAD])

    def _failure(self, status: int, failed: Sequence[str]) -> AirflowException:
        """Return why the process ended with a status other than 0, the cause first. `failed`: nodes, each a line."""
        told = "\n".join(failed or _last_words(self._output))
        if self._full_disk:
            places = f"{self.target} and GAMELAKE_DUCKDB ({read_settings().gamelake_duckdb})"
            return FullDiskError(f"{self._full_disk}; dbt ended with status {status}. Its files are in {places}")
        if self._no_memory:
            found = read_settings().gamelake_duckdb_memory
            reason = f"raise GAMELAKE_DUCKDB_MEMORY ({found}), or give the disk of GAMELAKE_DUCKDB more room"
            return NoMemoryError(f"{self._no_memory}; {reason}\n{told}")
        if status == -signal.SIGKILL:
            reason = "the system kills what uses up the memory of a machine or container: give this one more"
            return NoMemoryError(f"dbt was killed (SIGKILL); {reason}\n{told}")
        ended = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return AirflowException("\n".join([f"dbt {ended}; its log has more", *_damaged(failed), told]))

    def _run(self, store: Store) -> int:
        """Run the process, and log its output line by line. Returns: its exit status."""
        with (
            connection_exported(),
            subprocess.Popen(  # noqa: S603
                self.command,
                env={**inherited(), **self.variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            ) as self._process,
        ):
            try:
                for line in self._process.stdout or ():
                    log.info("%s", line.rstrip())
                    self._output.append(line.rstrip())
                    if found := _FULL_DISK.search(line):
                        self._full_disk = found[0]
                    if found := _NO_MEMORY.search(line):
                        self._no_memory = found[0]
                    if _FAILED.search(line) and not self._lost and (lost := self._why_unreachable(store)):
                        self._lost = lost
                        self._end()
            except BaseException:  # a timeout or Ctrl-C: end dbt, because the block waits for it
                self._end()
                raise
        return self._process.returncode

    def _why_unreachable(self, store: Store) -> StoreError | None:
        """Return why the lake cannot be reached; None if it answers."""
        answers: list[StoreError | None] = []

        def ask() -> None:
            try:
                store.info(f"{self.generation}/{INPUTS}")
            except ObjectNotFoundError:
                answers.append(None)
            except StoreError as error:
                answers.append(error)
            else:
                answers.append(None)

        asking = threading.Thread(target=ask, daemon=True)  # it may wait for minutes, and the task does not
        asking.start()
        asking.join(ANSWER_SECONDS)
        return answers[0] if answers else StoreError("read", store.uri, f"no answer within {ANSWER_SECONDS:.0f} s")

    def _keep(self, results: Sequence[Result], number: int) -> None:
        """Write into the lake how the models and tests ended, and what they cost."""
        try:
            found = profiles.read(self.target)
            build_results.keep(connected_store(), self.generation, number, results, found, at=datetime.now(UTC))
        except StoreError:
            # What dbt reports is more useful, and without a lake the next task fails.
            log.exception("the results of dbt are not in the lake")

    def on_kill(self) -> None:
        """End dbt with the task."""
        self._end()

    def _end(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)


class ModelState(BaseOperator):
    """Show how a model and its tests ended: the state of the task, its log, and the SQL as a rendered template.

    Args:
        model: The name of the model.
        build: The task id of the DbtBuild.
        sql: Set by the task.
    """

    template_fields: Sequence[str] = ("sql",)
    template_fields_renderers = {"sql": "sql"}  # noqa: RUF012 - as Airflow declares it
    overwrite_rtif_after_execution = True

    def __init__(self, *, model: str, build: str, sql: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.model = model
        self.build = build
        self.sql = sql

    def execute(self, context: Context) -> None:
        """Read the result.

        Raises:
            AirflowFailException: The model or a test of it failed.
            AirflowSkipException: dbt did not build the model.
        """
        result = context["ti"].xcom_pull(task_ids=self.build, key=self.model)
        if result is None:
            raise AirflowSkipException(f"{self.model} was not built; the log of {self.build} has the reason")
        self.sql = result["sql"]
        for line in result["lines"]:
            log.info("%s", line)
        if result["status"] == "skipped":
            raise AirflowSkipException(f"{self.model} was not built, because a model or a test before it failed")
        if result["status"] in _BAD:
            raise AirflowFailException("\n".join(result["failures"]))


def read_results(target: Path) -> list[Result]:
    """Return the results of a dbt run, in the order of their ends; none if dbt ended before it had written them."""
    path = target / "run_results.json"
    try:
        return orjson.loads(path.read_bytes())["results"] if path.exists() else []
    except orjson.JSONDecodeError as error:  # the disk was full, or dbt was killed: that is the error to raise
        log.warning("%s is left out: %s", path, error)
        return []


def _by_model(results: Sequence[Result], target: Path) -> dict[str, Result]:
    """Return by model what its task shows: `status`, `lines` and `failures` of the model and its tests, and `sql`."""
    if not results:
        return {}
    nodes = orjson.loads((target / "manifest.json").read_bytes())["nodes"]
    ran: dict[str, list[Result]] = {each["unique_id"]: [each] for each in results if _kind(each) == "model"}
    for each in results:
        if _kind(each) == "test":
            node = nodes[each["unique_id"]]
            attached = node.get("attached_node")
            for tested in [attached] if attached else node["depends_on"]["nodes"]:
                if tested in ran:
                    ran[tested].append(each)
    return {_name(own): _shown(own, tests) for own, *tests in ran.values()}


def _shown(own: Result, tests: Sequence[Result]) -> Result:
    ran = (own, *tests)
    failed = [each for each in ran if each["status"] in _BAD]
    return {
        # A test is skipped when a test of another model fails; its own model is built.
        "status": next((bad for bad in _BAD for each in failed if each["status"] == bad), own["status"]),
        "lines": [f"{each['status']} in {each['execution_time']:.2f} s: {_line(each)}" for each in ran]
        + [f"{_name(each)}:\n{each['compiled_code']}" for each in failed if each.get("compiled_code")],
        "failures": [_line(each) for each in failed],
        "sql": own.get("compiled_code") or "",
    }


def _last_words(output: Iterable[str]) -> list[str]:
    """Return the error with which dbt ended, as it printed it: up to the first empty line after its heading."""
    lines = [_TIME.sub("", line).rstrip() for line in output]
    headings = [number for number, line in enumerate(lines) if line.startswith(_ERROR)]
    if not headings:
        return [line for line in lines if line][-1:]
    return list(takewhile(bool, lines[headings[-1] + 1 :]))[:_SHOWN_LINES]


def _is_lasting(result: Result) -> bool:
    return result["status"] == "fail" or (
        result["status"] == "error" and bool(_LASTING.search(result["message"] or ""))
    )


def _damaged(lines: Sequence[str]) -> list[str]:
    """Return a line for each table with a part, and each earlier file, that DuckDB could not read, with what to do."""
    files = sorted({found[1] for line in lines for found in _EARLIER.finditer(line)})
    tables = sorted({f"{found[1]}.{found[2]}" for line in lines for found in _PART.finditer(line)})
    return [
        f"A part of {table} cannot be read. `gamelake lake audit {table} --verify` tells whether it is damaged; "
        "docs/guides/runbooks/documents-are-damaged.md has what to do then"
        for table in tables
    ] + [
        f"{key}, which an earlier build wrote, cannot be read. If the next try fails too, run `transform` again, or "
        "wait for the next night: both compare such files with their hashes. A damaged day of the history is then "
        "built again from its parts, and in place of a damaged mart the day before is compared with"
        for key in files
    ]


def _line(result: Result) -> str:
    return f"{_name(result)}: {result['message'] or result['status']}"


def _kind(result: Result) -> str:
    return str(result["unique_id"].partition(".")[0])


def _name(result: Result) -> str:
    return str(result["unique_id"].split(".")[2])
