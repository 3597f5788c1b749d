"""What the checks of a deployment state when something else than Airflow answers, or one that others use too."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gamelake.maintenance.smoke import Deployment, SmokeError, Status, expected_dags

if TYPE_CHECKING:
    from collections.abc import Iterator


class LoginPage(BaseHTTPRequestHandler):
    """A proxy that answers every request with its login page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>log in</html>")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class SharedAirflow(LoginPage):
    """An Airflow that others use too: each list begins with 150 entries of theirs, and is returned 100 at a time."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        given = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        first = given.get("offset", 0)
        after_first = slice(first, first + min(given.get("limit", 50), 100))
        now = "2100-01-01T00:00:00+00:00"
        lists: dict[str, tuple[str, list[dict[str, Any]]]] = {
            "importErrors": ("import_errors", []),
            "dags": (
                "dags",
                [
                    {"dag_id": each, "last_parsed_time": now, "is_paused": False}
                    for each in _others_and(*expected_dags())
                ],
            ),
            "connections": (
                "connections",
                [{"connection_id": each, "host": "a"} for each in _others_and("aws_default", "igdb_default")],
            ),
            "pools": ("pools", [{"name": each, "slots": 1} for each in _others_and("igdb_api")]),
        }
        answers: dict[str, Any] = {
            "health": {each: {"status": "healthy"} for each in ("metadatabase", "scheduler", "dag_processor")},
            "nights": {
                "lake": "a lake",
                "night": {"day": "2026-11-30", "status": "complete"},
                "marks": [{"reason": None}],
                "problems": [],
            },
            "marts": {"day": "2026-11-30", "marts": []},
            "version": {},
        }
        name = parts.path.rpartition("/")[2]
        if name in lists:
            key, entries = lists[name]
            answers[name] = {key: entries[after_first], "total_entries": len(entries)}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answers[name]).encode())


def _others_and(*ours: str) -> list[str]:
    return [*(f"a_{number}" for number in range(150)), *sorted(ours)]


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(LoginPage) as address:
        yield address


def test_what_lies_behind_a_hundred_of_others_is_found() -> None:
    """Airflow returns 100 DAGs, connections and pools at a time: `transform` was missing, and the others too."""
    with running(SharedAirflow) as address, Deployment(address, token="token") as deployment:
        findings = deployment.check(wait_seconds=0, secrets_backend=False)
    assert [finding for finding in findings if finding.status is not Status.OK] == []


def test_the_login_page_of_a_proxy_is_no_airflow(address: str) -> None:
    with Deployment(address, token="token") as deployment:
        findings = deployment.check(wait_seconds=0, secrets_backend=False)
    assert {finding.status for finding in findings} == {Status.FAILED}
    with pytest.raises(SmokeError):
        Deployment(address, password="password")


def test_a_token_with_a_line_break_is_not_shown(address: str) -> None:
    with pytest.raises(SmokeError) as raised:
        Deployment(address, token="two\nlines")
    assert "lines" not in str(raised.value)
