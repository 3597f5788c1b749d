"""What the checks of a deployment state when something else than Airflow answers."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from gamelake.maintenance.smoke import Deployment, SmokeError, Status

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


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), LoginPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


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
