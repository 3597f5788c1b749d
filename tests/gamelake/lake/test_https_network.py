"""A lake behind a CDN, from inside a private network: its proxy and its CA, for Python and for DuckDB."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.https import HttpsStore
from gamelake.lake.querying import connect, literal
from gamelake.lake.store import StoreError
from gamelake.proxies import proxy_for
from tests.support.aws import isolate
from tests.support.seaweed import make_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = b"game_id\n7\n"


class _Server(ThreadingHTTPServer):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: list[tuple[str, str | None]] = []


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization")))
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(BODY)

    do_HEAD = do_GET  # noqa: N815 - the standard library's name

    def log_message(self, *arguments: object) -> None:
        """Nothing to say."""


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A server that has one answer. Yields: host and port, and what was asked."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}", server.asked
    server.shutdown()
    server.server_close()


def test_the_proxy_is_asked_with_its_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    with serving() as (host, asked):
        monkeypatch.setenv("HTTP_PROXY", f"http://me:a%20secret@{host}")
        store = HttpsStore("http://127.0.0.1:9/lake")  # where no server listens
        assert store.get("marts/dim_games.csv") == BODY
        assert asked == [("http://127.0.0.1:9/lake/marts/dim_games.csv", "Basic bWU6YSBzZWNyZXQ=")]
        with connect(store) as reader:
            query = f"select game_id from read_csv({literal(store.url('marts/dim_games.csv'))})"
            assert reader.execute(query).fetchall() == [(7,)]
        assert {login for _, login in asked} >= {"Basic bWU6YSBzZWNyZXQ="}


def test_hosts_without_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    assert proxy_for("https://cdn.example/lake") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128")
    assert proxy_for("https://cdn.example/lake") == "http://proxy:3128"
    monkeypatch.setenv("NO_PROXY", ".example")
    assert proxy_for("https://cdn.example/lake") is None


@pytest.mark.parametrize("proxy", ["socks5h://127.0.0.1:1080", "http://127.0.0.1:port"])
def test_a_proxy_that_cannot_be_used_is_told_by_its_variable(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(StoreError, match=r"HTTPS_PROXY: .* correct it"):
        HttpsStore("https://cdn.example/lake")


def test_a_private_ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    certificate, key, ca = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(context) as (host, _):
        monkeypatch.setattr("gamelake.lake.https.RETRIES", 0)
        with pytest.raises(StoreError, match="CERTIFICATE_VERIFY_FAILED"):
            HttpsStore(f"https://{host}/lake").get("key")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(ca))
        store = HttpsStore(f"https://{host}/lake")
        assert store.get("key") == BODY
        with connect(store) as reader:
            query = f"select game_id from read_csv({literal(store.url('dim_games.csv'))})"
            assert reader.execute(query).fetchall() == [(7,)]
