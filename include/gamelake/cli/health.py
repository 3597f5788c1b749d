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
PORTS = {
    "api-server": ("AIRFLOW__API__PORT", "8080"),
    "scheduler": ("AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT", "8974"),
    "sandbox": ("GAMELAKE_SANDBOX_PORT", "8900"),
    "dashboard": ("STREAMLIT_SERVER_PORT", "8501"),
    "event_collector": ("", "8700"),
    "change_capture": ("", "8710"),
}
"""The variable that has the port of a service, and the default. `--port` of the command goes before both."""
_PORT = re.compile(r"(?:--port|\s-p)[=\s]?['\"]?(\d+)")
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


def _port(name: str, command_line: str, environ: Mapping[str, str]) -> str:
    if name != "scheduler" and (given := _PORT.findall(command_line.replace("\0", " "))):
        return str(given[-1])
    variable, default = PORTS[name]
    return environ.get(variable, "").strip() or default


def check(name: str, environ: Mapping[str, str], command_line: str = "") -> None:
    """Check a service, on the port that its command line or its environment names. Raises: UnhealthyError."""
    port = _port(name, command_line, environ) if name in PORTS else ""
    match name:
        case "api-server":
            report = _get(port, "/api/v2/monitor/health")
            if (state := report["metadatabase"]["status"]) != "healthy":
                raise UnhealthyError(f"the api-server reports its database as {state}")
        case "sandbox":
            with socket.create_connection(("127.0.0.1", int(port)), timeout=TIMEOUT):
                pass
        case "dashboard":
            _get(port, "/_stcore/health")
        case "scheduler" | "event_collector" | "change_capture":
            _get(port, "/health")
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
    command_line = Path("/proc/1/cmdline").read_text(encoding="utf-8")
    name = service(command_line)
    if name is None:
        return 0  # a command that ends by itself
    try:
        check(name, os.environ, command_line)
    except (UnhealthyError, OSError, subprocess.TimeoutExpired) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0
