"""`gamelake health`: the image's health check, for every service that a container may run.

The command line of process 1 names the service, so that one image needs one check. Airflow's api-server and scheduler
answer over HTTP. The others are checked by Airflow's own command: it takes three seconds of a core, so once a minute.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 25.0
"""Seconds; the image gives the check 30."""

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A proxy of the environment does not reach the services of this container."""

SERVICES = re.compile(
    r"airflow\W(?P<airflow>api[-_]server|scheduler|dag-processor|triggerer|celery\Wworker)|(?P<sandbox>gamelake\Wsandbox)"
    r"|apps\.(?P<app>dashboard|event_collector|change_capture)"
)
JOBS = {"dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}
CELERY_APP = "airflow.providers.celery.executors.celery_executor.app"


class UnhealthyError(Exception):
    """The service does not work; the message has the request and the answer."""


def service(command_line: str) -> str | None:
    """Return the service that a command line starts, None if it is another command."""
    match = SERVICES.search(command_line.replace("\0", " "))
    if match is None:
        return None
    if match["app"]:
        return match["app"]
    return (match["airflow"] or "sandbox").replace("api_server", "api-server").replace("celery worker", "worker")


def check(name: str, environ: Mapping[str, str]) -> None:
    """Check a service. Raises: UnhealthyError."""
    match name:
        case "api-server":
            report = _get(environ.get("AIRFLOW__API__PORT", "8080"), "/api/v2/monitor/health")
            if (state := report["metadatabase"]["status"]) != "healthy":
                raise UnhealthyError(f"the api-server reports its database as {state}")
        case "scheduler":
            _get(environ.get("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT", "8974"), "/health")
        case "sandbox":
            with socket.create_connection(("127.0.0.1", 8900), timeout=TIMEOUT):
                pass
        case "dashboard":
            _get(environ.get("STREAMLIT_SERVER_PORT", "8501"), "/_stcore/health")
        case "event_collector":
            _get("8700", "/health")
        case "change_capture":
            _get("8710", "/health")
        case "worker":
            _run(sys.executable, "-m", "celery", "--app", CELERY_APP, "inspect", "--timeout", "15", "ping",
                 "--destination", f"celery@{socket.gethostname()}")  # fmt: skip
        case _:
            _run("airflow", "jobs", "check", "--job-type", JOBS[name], "--local")


def _get(port: str, path: str) -> dict[str, dict[str, str]]:
    address = f"http://127.0.0.1:{port}{path}"
    try:
        with _DIRECT.open(address, timeout=TIMEOUT) as reply:
            body = reply.read()
    except OSError as error:
        raise UnhealthyError(f"{address}: {error}") from None
    answer: dict[str, dict[str, str]] = json.loads(body) if body.startswith(b"{") else {}
    return answer


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)  # noqa: S603
    if result.returncode:
        raise UnhealthyError(f"{' '.join(command)}: {(result.stdout + result.stderr).strip()[-500:]}")


def health() -> int:
    """Check the service that this container runs."""
    name = service(Path("/proc/1/cmdline").read_text(encoding="utf-8"))
    if name is None:
        return 0  # a command that ends by itself
    try:
        check(name, os.environ)
    except (UnhealthyError, OSError, subprocess.TimeoutExpired) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0
