"""The sandbox of `make run`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
import time
from gamelake.local.sandbox import Days, running
with running(Days("2026-11-21", "2026-11-21")) as url:
    print(url, flush=True)
    time.sleep(300)
"""


def test_it_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    settings = {"GAMELAKE_LOCAL": str(tmp_path), "GAMELAKE_SANDBOX_GAMES": "5"}
    run = subprocess.Popen(
        [sys.executable, "-c", RUN], env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout
    url = run.stdout.readline().strip()
    run.kill()
    run.communicate()
    deadline = time.monotonic() + 60
    while answers(url):
        assert time.monotonic() < deadline, f"{url} still answers"
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/sandbox/state", timeout=5).close()  # noqa: S310 - loopback
    except OSError:  # refused, or reset while it ends
        return False
    return True
