"""How the dashboard's process starts, or does not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gamelake.errors import INTERRUPTED
from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("streamlit", reason="Streamlit is in .venv-dashboard only: make test-dashboard")


def refused(*arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "apps.dashboard", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "GAMELAKE_URI": "file:///nowhere"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 1
    return ran.stderr.strip()


def test_a_port_or_address_that_cannot_be_used_is_named() -> None:
    expected = "expected one from 1024 to 65535 that is free (`make dashboard PORT=8502`)"
    assert refused("--port", "99999") == f"cannot listen there: --port: found 99999, {expected}"
    assert refused("--address", "nohost.invalid").startswith("cannot listen there: --address: found 'nohost.invalid'")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused("--port", str(port)) == f"cannot listen there: --port: found {port}, {expected}"


def test_a_slow_start_is_told_and_can_be_interrupted(tmp_path: Path) -> None:
    (tmp_path / "altair.py").write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    start = subprocess.Popen(
        [sys.executable, "-m", "apps.dashboard"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with start:
        assert start.stderr
        assert start.stderr.readline().startswith("  ... starting the dashboard, 8 s so far")
        start.send_signal(signal.SIGINT)
        assert "Traceback" not in start.stderr.read()
    assert start.returncode == INTERRUPTED
