"""What is left of a `make up` that is ended while it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from unittest.mock import Mock

import psutil
import pytest

from gamelake.local import stack
from gamelake.local.services import Service
from tests.support.command import environment_without

if TYPE_CHECKING:
    from pathlib import Path

STARTS = """
import sys, time
from gamelake.local import stack
with stack._stopped_unless_it_starts():
    print(stack.SANDBOX.start([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGINT])
def test_a_start_that_is_ended_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    """A terminal that is closed, `kill` and Ctrl-\\ left all of them."""
    environment = {**environment_without("AIRFLOW", "GAMELAKE"), "GAMELAKE_LOCAL": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", STARTS], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as started:
        assert started.stdout
        pid = int(started.stdout.readline())
        os.kill(started.pid, number)
        os.kill(started.pid, number)  # the shell and the kernel both send SIGHUP
        started.wait(timeout=60)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_terminal_that_was_closed_takes_no_line_and_all_is_stopped(tmp_path: Path) -> None:
    code = STARTS.replace("time.sleep(600)\n", "raise OSError(5, 'Input/output error')\n")
    code = code.replace("flush=True)", "flush=True, file=sys.stderr); import os; os.close(1); os.open('/dev/full', 1)")
    environment = {**environment_without("AIRFLOW", "GAMELAKE"), "GAMELAKE_LOCAL": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True, check=False)
    pid = int(ran.stderr.splitlines()[0])
    assert "Input/output error" in ran.stderr
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_the_scheduler_starts_once_the_api_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first tasks of a scheduler that was started with it found no API server, and failed their first try."""
    started: list[str] = []
    answers = iter([["api-server"], ["api-server"], [], ["scheduler", "dag-processor", "triggerer"], []])

    def start(service: Service, _command: list[str]) -> Mock:
        started.append(service.name)
        return Mock(**{"poll.return_value": None})

    def not_healthy() -> list[str]:
        waits_for = next(answers)
        assert "api-server" not in waits_for or "scheduler" not in started
        return waits_for

    monkeypatch.setattr(stack, "_not_healthy", not_healthy)
    monkeypatch.setattr(Service, "start", start)
    stack._start_airflow(time.monotonic())
    assert set(started) == {service.name for service in stack.AIRFLOW}
    assert next(answers, None) is None
