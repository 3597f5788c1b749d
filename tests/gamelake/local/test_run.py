from __future__ import annotations

import asyncio
import errno
import io
import logging
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from apiclient.errors import UnreachableError
from apiclient.retry import Backoff, retry
from gamelake.lake.manifest import ManifestError
from gamelake.lake.store import StoreError
from gamelake.local.run import RunError, _as_run_error, _import_errors, _listen, _run_dag, _show_progress
from gamelake.marts.scratch import ScratchError

LOG = Path("run.log")


@dataclass
class Usage:
    free: int


class FullFile(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "error", [StoreError("get", "a-key", "no right"), ScratchError("locked"), ManifestError("rows", 1, "2")]
)
def test_our_errors_are_their_own_message(error: Exception) -> None:
    with pytest.raises(RunError) as told, _as_run_error(LOG):
        raise error
    assert str(told.value) == str(error)


def test_an_unexpected_error_leaves_its_traceback_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError) as told, _as_run_error(LOG):
        raise OSError(28, "No space left on device")
    assert str(told.value) == "OSError: [Errno 28] No space left on device\nThe traceback is at the end of run.log"
    assert "Traceback" in capsys.readouterr().err


def test_a_full_disk_is_named_though_the_log_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's own error is of its database, such as an instance without a session."""
    monkeypatch.setenv("GAMELAKE_URI", tmp_path.as_uri())
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free=0 if folder == tmp_path else 10**9))
    monkeypatch.setattr(sys, "stderr", FullFile())
    with pytest.raises(RunError) as told, _as_run_error(LOG):
        raise ValueError("not bound to a Session")
    assert str(told.value) == (
        f"The disk of {tmp_path} (GAMELAKE_URI) is full: remove files there, or name a folder of another disk. "
        "After that, `make run` again continues."
    )


def test_where_airflow_cannot_start_a_task_the_cause_is_that_of_the_log(tmp_path: Path) -> None:
    """As with too small a limit of open files: no task fails then, as none has begun."""
    log = tmp_path / "run.log"
    log.write_text(
        "[info] begins\nTraceback\nOSError: [Errno 24] Too many open files\n[info] failed\n", encoding="utf-8"
    )
    failed = SimpleNamespace(dag_id="transform", test_once=lambda **_: (SimpleNamespace(state="failed"), []))
    with pytest.raises(RunError) as told:
        _run_dag(cast("Any", failed), "2026-11-21", log, "publish")
    assert str(told.value) == (
        "transform failed in no task of its own; the last errors of its log:\n  OSError: [Errno 24] Too many open "
        f"files\nThe whole log: {log}"
    )


def test_a_clock_before_the_first_day_of_a_dag_is_named() -> None:
    """Airflow calls such a run a success, and runs no task of it."""
    run = SimpleNamespace(state="success", get_task_instance=lambda _: None)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    dag = SimpleNamespace(dag_id="igdb_games", start_date=start, test_once=lambda **_: (run, []))
    with pytest.raises(RunError, match=r"clock shows .* before the DAG's first day, 2026-01-01: set the clock"):
        _run_dag(cast("Any", dag), "2020-09-13", LOG, "extract_load")


def test_progress_is_seen_at_any_level_of_airflow_s_log(caplog: pytest.LogCaptureFixture) -> None:
    """With `AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR` the whole build was "preparing dbt", and its result was not told."""
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("gamelake.load")
    with caplog.at_level(logging.ERROR):
        try:
            _listen("gamelake.load", handler)
            logging.getLogger("gamelake.load.reader").info("page %s", 2)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
    assert seen == ["page 2"]


def test_a_request_that_is_asked_again_is_told_before_the_wait() -> None:
    """A source that was down, or asked for a wait, was "loading games" until the load failed minutes later."""
    printed: list[str] = []
    terminal = SimpleNamespace(say=lambda line, **_: printed.append(line), now=lambda _: None)
    names = ("gamelake.load", "gamelake.sources", "gamelake.feeds", "apiclient.retry")
    before = {name: (logging.getLogger(name).level, list(logging.getLogger(name).handlers)) for name in names}
    replies = iter([UnreachableError("Connection refused", api="IGDB", endpoint="games"), None])

    async def ask() -> None:
        if (error := next(replies)) is not None:
            raise error

    try:
        _show_progress(cast("Any", terminal))
        asyncio.run(retry(ask, max_attempts=2, backoff=Backoff(base=0.0)))
    finally:
        for name, (level, handlers) in before.items():
            logging.getLogger(name).setLevel(level)
            logging.getLogger(name).handlers[:] = handlers
    assert printed == ["  IGDB games: UnreachableError (Connection refused), attempt 1 of 2; again in 0.0 s"]


PRINTS_AT_ITS_END = """
import atexit, sys
from pathlib import Path
from gamelake.local.run import _output_to
atexit.register(print, "Traceback", file=sys.stderr)
with _output_to(Path(sys.argv[1])) as terminal:
    print("a log line")
    print("shown", file=terminal)
print("the result")
"""


def test_what_is_printed_when_the_process_ends_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    command = [sys.executable, "-c", PRINTS_AT_ITS_END, str(log)]
    shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert shown.stdout == "shown\nthe result\n"
    assert log.read_text() == "a log line\nTraceback\n"


def test_an_error_of_many_dag_files_is_told_once() -> None:
    """A wrong variable, or a broken entities.yaml, was printed once for each file."""
    wrong = "Traceback\n  File\ngamelake.fields.RegistryError: rows: found 'x'\n"
    assert _import_errors({"b.py": wrong, "a.py": wrong, "c.py": "SyntaxError: invalid syntax"}) == (
        "a.py, b.py: gamelake.fields.RegistryError: rows: found 'x'\nc.py: SyntaxError: invalid syntax"
    )
