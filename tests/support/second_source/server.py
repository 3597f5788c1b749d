"""A real HTTP server of the second source, with a clock of its own."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from gamelake.days import partition_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

KEY = "a-key"
PARTITION = "2026-11-23"  # a Monday
MORNING = partition_bounds(PARTITION)[0] + timedelta(hours=4)


class Boardgames:
    """The rows of each path by id, the clock of the replies, and the statuses of the next replies if they fail."""

    def __init__(self, clock: datetime) -> None:
        self.rows: dict[str, dict[int, dict[str, Any]]] = {"games": {}, "designers": {}}
        self.clock = clock
        self.failing: list[int] = []
        self.url = ""

    def reply(self, path: str, query: dict[str, str], key: str | None) -> tuple[int, bytes]:
        """The status and the body of one request."""
        if self.failing:
            return self.failing.pop(0), b""
        if key != KEY:
            return 401, b""
        low, high = int(query.get("from", 0)), int(query.get("to", 2**62))
        since, until = int(query.get("since", 0)), int(query.get("until", 2**62))
        found = [
            row
            for row_id, row in sorted(self.rows[path.strip("/")].items())
            if low <= row_id < high and since <= row.get("updated_at", 0) < until
        ]
        return 200, json.dumps({"results": found[: int(query["limit"])]}).encode()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve on a free port of the loopback. Returns: the URL."""
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                status, body = source.reply(url.path, dict(parse_qsl(url.query)), self.headers["X-Key"])
                self.send_response_only(status)
                self.send_header("Date", format_datetime(source.clock, usegmt=True))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            self.url = f"http://127.0.0.1:{server.server_port}"
            yield self.url
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
