"""The sandbox of `make run`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from datetime import date
from typing import TYPE_CHECKING

import pytest

from gamelake.local import sandbox
from gamelake.local.sandbox import Days, SandboxStartError

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


def test_the_next_day_has_the_rows_of_the_first_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `make up` on two days, without a `make run`."""
    monkeypatch.setattr(sandbox, "STATE", tmp_path / "sandbox.json")
    monkeypatch.setattr(sandbox, "real_today", lambda: date(2026, 11, 30))
    assert Days.now() == Days("2026-11-30", "2026-11-30")
    assert Days.next() == Days("2026-11-30", "2026-11-30"), "no run has loaded the day"
    monkeypatch.setattr(sandbox, "real_today", lambda: date(2026, 12, 1))
    assert Days.now() == Days.next() == Days("2026-11-30", "2026-12-01")


def test_a_folder_without_recorded_rows_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGDB_RECORDED", str(tmp_path / "none"))
    with pytest.raises(SandboxStartError, match=r"^IGDB_RECORDED: found '.*none', expected a folder with a file"):
        sandbox.command(Days("2026-11-30", "2026-11-30"), 0)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/sandbox/state", timeout=5).close()  # noqa: S310 - loopback
    except OSError:  # refused, or reset while it ends
        return False
    return True
