"""How the dashboard's process starts, or does not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from gamelake.paths import REPOSITORY

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
