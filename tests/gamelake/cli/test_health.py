"""The image's health check."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from gamelake.cli import health
from gamelake.cli.health import UnhealthyError, check, service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize(
    ("command_line", "name"),
    [
        ("/usr/bin/dumb-init -- /entrypoint airflow scheduler", "scheduler"),
        ("/usr/bin/dumb-init -- /entrypoint airflow dag-processor", "dag-processor"),
        ("/usr/bin/dumb-init -- /entrypoint airflow triggerer", "triggerer"),
        ("/usr/bin/dumb-init -- /entrypoint airflow celery worker", "worker"),
        ("/usr/bin/dumb-init -- /entrypoint bash -euc umask 077\nexec airflow api-server\n", "api-server"),
        ("airflow api_server -- host:0.0.0.0 port:8080", "api-server"),
        ("/usr/bin/dumb-init -- /entrypoint bash -c exec gamelake sandbox --port=8900", "sandbox"),
        ("bash -c exec airflow scheduler", "scheduler"),
        ("/usr/bin/dumb-init -- /entrypoint bash -c exec /opt/dashboard/bin/python -m apps.dashboard", "dashboard"),
        ("/usr/bin/dumb-init -- /entrypoint bash -c exec python -m apps.event_collector", "event_collector"),
        ("bash -c exec /opt/capture/bin/python -m apps.change_capture --address=0.0.0.0", "change_capture"),
        ("/usr/bin/dumb-init -- /entrypoint airflow db migrate", None),
        ("/usr/bin/dumb-init -- /entrypoint airflow jobs check --job-type SchedulerJob", None),
    ],
)
def test_the_service_is_read_from_process_1(command_line: str, name: str | None) -> None:
    assert service(command_line.replace(" ", "\0")) == name


class Answer(BaseHTTPRequestHandler):
    replies: ClassVar[dict[str, tuple[int, bytes]]]

    def do_GET(self) -> None:
        status, body = self.replies.get(self.path, (404, b""))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[type[Answer], dict[str, str]]]:
    class Own(Answer):
        replies: ClassVar[dict[str, tuple[int, bytes]]] = {}

    with HTTPServer(("127.0.0.1", 0), Own) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        port = str(http.server_address[1])
        yield (
            Own,
            {
                "AIRFLOW__API__PORT": port,
                "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": port,
                "STREAMLIT_SERVER_PORT": port,
            },
        )
        http.shutdown()


def test_an_api_server_is_healthy_with_its_database(server: tuple[type[Answer], dict[str, str]]) -> None:
    answer, environ = server
    answer.replies["/api/v2/monitor/health"] = (200, b'{"metadatabase": {"status": "healthy"}}')
    check("api-server", environ)
    answer.replies["/api/v2/monitor/health"] = (200, b'{"metadatabase": {"status": "unhealthy"}}')
    with pytest.raises(UnhealthyError, match="its database as unhealthy"):
        check("api-server", environ)


@pytest.mark.parametrize(("name", "path"), [("scheduler", "/health"), ("dashboard", "/_stcore/health")])
def test_a_service_answers_or_is_unhealthy(server: tuple[type[Answer], dict[str, str]], name: str, path: str) -> None:
    answer, environ = server
    with pytest.raises(UnhealthyError, match="404"):
        check(name, environ)
    answer.replies[path] = (200, b"ok")
    check(name, environ)


@pytest.mark.parametrize(
    ("command_line", "environ"),
    [
        ("bash -c exec gamelake sandbox --host=0.0.0.0 --port={port}", {"GAMELAKE_SANDBOX_PORT": "1"}),
        ("bash -c exec gamelake sandbox", {"GAMELAKE_SANDBOX_PORT": "{port}"}),
        ("python -m apps.event_collector --address=0.0.0.0 --port {port}", {}),
        ("/opt/capture/bin/python -m apps.change_capture --port={port} --slot=shop", {}),
        ("bash -c exec python -m apps.dashboard --port={port}", {"STREAMLIT_SERVER_PORT": "1"}),
        ("airflow api-server --port {port}", {"AIRFLOW__API__PORT": "1"}),
        ("bash -euc exec airflow api-server -p {port}", {}),
        ("airflow api_server -- host:0.0.0.0 port:8080", {"AIRFLOW__API__PORT": "{port}"}),
    ],
)
def test_a_service_is_asked_on_the_port_that_it_was_given(
    server: tuple[type[Answer], dict[str, str]], command_line: str, environ: dict[str, str]
) -> None:
    answer, ports = server
    port = ports["AIRFLOW__API__PORT"]
    answer.replies |= dict.fromkeys(("/health", "/_stcore/health"), (200, b"ok"))
    answer.replies["/api/v2/monitor/health"] = (200, b'{"metadatabase": {"status": "healthy"}}')
    command_line = command_line.format(port=port).replace(" ", "\0")
    check(service(command_line) or "", {name: value.format(port=port) for name, value in environ.items()}, command_line)


def test_of_the_others_airflow_s_own_command_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`airflow jobs check` asks the database; here a command in its place prints its arguments."""
    script = tmp_path / "airflow"
    script.write_text('#!/bin/sh\necho "asked $@"; exit 3\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    for name, job in health.JOBS.items():
        with pytest.raises(UnhealthyError, match=f"asked jobs check --job-type {job} --local"):
            check(name, {})


def test_a_proxy_is_not_asked_for_what_runs_here(
    server: tuple[type[Answer], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers have HTTP_PROXY where the API is behind one; container engines set it by themselves."""
    answer, environ = server
    answer.replies["/health"] = (200, b"ok")
    monkeypatch.setattr("urllib.request._opener", None)  # it reads the environment once for a process
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    check("scheduler", environ)
