"""What is left of a `make up` that is ended while it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

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
