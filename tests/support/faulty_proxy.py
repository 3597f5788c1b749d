"""An HTTP proxy before an S3 server that answers some requests with planned faults."""

from __future__ import annotations

import http.client
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on, but for the faults planned, one after another.

    Each names a method, or a method and a part of the path such as `PUT /_manifests/`, and what becomes of the next
    such request. `lose`: it is served, its reply is never sent. `reset`: the connection is reset while its body is
    read. `cut`: half of the reply's body. `corrupt`: its body, one byte changed. Others are error codes of S3
    (`REFUSALS`), which the server behind never sees. Replies lack the headers of `dropped`, lower case. A request whose
    path has one of `denied` in it is denied, as long as that is in it.
    """

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyHandler)
        self.upstream = urlsplit(upstream).netloc
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.plan: list[tuple[str, str]] = []
        self.seen: list[str] = []
        self.dropped: set[str] = set()
        self.denied: set[str] = set()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""


REFUSALS = {
    "slow_down": (503, "SlowDown"),
    "internal": (500, "InternalError"),
    "conflict": (409, "ConditionalRequestConflict"),
    "denied": (403, "AccessDenied"),
    "expired": (400, "ExpiredToken"),
    "skewed": (403, "RequestTimeTooSkewed"),
    "archived": (403, "InvalidObjectState"),
}


class _ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: the second would wait 40 ms for the first's ACK
    server: FaultyProxy

    def _serve(self) -> None:
        self.server.seen.append(self.command)
        fault = self._fault()
        size = int(self.headers.get("Content-Length") or 0)
        if fault == "reset":
            self.rfile.read(size // 2)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        body = self.rfile.read(size)
        if fault in REFUSALS:
            status, code = REFUSALS[fault]
            self._reply(status, f"<Error><Code>{code}</Code><Message>As was planned.</Message></Error>".encode())
            return
        connection = http.client.HTTPConnection(self.server.upstream)
        connection.request(self.command, self.path, body, dict(self.headers))
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        if fault == "lose":
            self.close_connection = True
            return
        if fault == "corrupt":
            data = bytes([data[0] ^ 1]) + data[1:]
        self._reply(reply.status, data, dict(reply.getheaders()), cut=fault == "cut")

    def _fault(self) -> str | None:
        """The planned fault that this request is to meet."""
        if any(part in self.path for part in self.server.denied):
            return "denied"
        if not self.server.plan:
            return None
        method, _, part = self.server.plan[0][0].partition(" ")
        return self.server.plan.pop(0)[1] if method == self.command and part in self.path else None

    def _reply(self, status: int, data: bytes, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                # a checksum would find a changed byte before we could
                if name.lower().startswith("x-amz-checksum") or name.lower() in self.server.dropped:
                    continue
                self.send_header(name, value)
        length = (headers or {}).get("Content-Length", str(len(data))) if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":  # its answer has no body: what is sent would be read as the next answer
            self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - names that the standard library asks for

    def log_message(self, *arguments: object) -> None:
        """Nothing to say."""
