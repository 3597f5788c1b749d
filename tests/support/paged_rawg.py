"""A real HTTP server that answers as RAWG's API does, with faults that a test sets and a count of every request."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from apiclient.retry import Backoff
from rawg.client import MAX_PAGE_SIZE, MAX_PAGES, RawgClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "a-key-of-rawg"
NOON = datetime(2026, 11, 21, 3, tzinfo=UTC)
"""Noon in Korea."""


class PagedRawg:
    """The rows of each list by id, and what goes wrong.

    requests: how often each request came, by path and query. failing: statuses of the next replies. quota: requests
    that are answered; None: any number. ignores_filters: RAWG's answer to a filter that it cannot read. skips_ties: of
    rows with equal `updated` on two pages, the first page's last one is skipped in descending order. before: called
    with the number of the request before each reply. zone: of `updated`, ahead of UTC. torn: bytes of replies, and what
    they are replaced with. timeout: of its clients, seconds.
    """

    def __init__(self, clock: datetime = NOON) -> None:
        self.rows: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in ("games", "genres", "developers")}
        self.stores: dict[int, list[dict[str, Any]]] = {}
        self.clock = clock
        self.failing: list[int] = []
        self.quota: int | None = None
        self.ignores_filters = False
        self.skips_ties = False
        self.torn = (b"", b"")
        self.zone = timedelta()
        self.before: Callable[[int], None] = lambda _number: None
        self.requests: Counter[str] = Counter()
        self.url = ""
        self.timeout = 30.0
        self._lock = threading.Lock()

    def put(self, *rows: dict[str, Any], name: str = "games") -> None:
        """Insert or replace rows; `updated_at` is written as RAWG writes `updated`."""
        for row in rows:
            sent = {field: value for field, value in row.items() if field != "updated_at"}
            if (at := row.get("updated_at")) is not None:
                sent["updated"] = f"{datetime.fromtimestamp(at, UTC) + self.zone:%Y-%m-%dT%H:%M:%S}"
            self.rows[name][row["id"]] = sent

    def client(self, **options: Any) -> RawgClient:
        """A client with short waits and few attempts."""
        given: dict[str, Any] = {"base_url": self.url, "key": KEY, "requests_per_second": 2000, "max_attempts": 3}
        given["timeout"] = self.timeout
        return RawgClient(**{**given, "backoff": Backoff(base=0.002, cap=0.01), **options})

    def reply(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        """The status and the body of one request."""
        with self._lock:
            key = query.pop("key", None)
            self.requests[f"{path}?{'&'.join(f'{name}={value}' for name, value in query.items())}"] += 1
            self.before(self.requests.total())
            if self.failing:
                return self.failing.pop(0), {}
            if key != KEY:
                return 401, {"error": "The API key is not found"}
            if self.quota is not None and self.requests.total() > self.quota:
                return 401, {"error": "The monthly API limit reached"}
            return self._answer(path.split("/"), query)

    def _answer(self, path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        name, *rest = path
        if not rest:
            return self._page(self._found(name, query), query)
        row = self.rows[name].get(int(rest[0]))
        if row is None:
            return 404, {"detail": "Not found."}
        if rest[1:] == ["stores"]:
            return self._page(self.stores.get(row["id"], []), query)
        return 200, row | {"description": f"About {row['name']}"}

    def _found(self, name: str, query: dict[str, str]) -> list[dict[str, Any]]:
        rows = list(self.rows[name].values())
        if (days := query.get("updated")) and not self.ignores_filters:
            first, last = days.split(",")
            rows = [row for row in rows if first <= row.get("updated", "")[:10] <= last]
        order = query.get("ordering", "")
        field = order.removeprefix("-")
        least: Any = 0 if field == "added" else ""
        rows.sort(key=lambda row: (row.get(field, least), row["id"]), reverse=order.startswith("-"))
        if self.skips_ties and order == "-updated" and len(rows) > MAX_PAGE_SIZE:
            # One row is on neither of two pages, another is on both.
            rows[MAX_PAGE_SIZE] = rows[MAX_PAGE_SIZE - 1]
        return rows

    def _page(self, rows: list[dict[str, Any]], query: dict[str, str]) -> tuple[int, Any]:
        number, size = int(query.get("page", 1)), min(MAX_PAGE_SIZE, int(query.get("page_size", 20)))
        start = (number - 1) * size
        if number > 1 and (start >= len(rows) or number > MAX_PAGES):
            return 404, {"detail": "Invalid page."}
        more = start + size < len(rows)
        link = f"{self.url}/games?key={KEY}&page={number + 1}" if more else None
        return 200, {"count": len(rows), "next": link, "previous": None, "results": rows[start : start + size]}

    def next_day(self) -> None:
        """Turn the clock to the next day."""
        self.clock += timedelta(days=1)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve on a free port of the loopback. Returns: the URL of the API."""
        rawg = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                status, answer = rawg.reply(url.path.removeprefix("/api/"), dict(parse_qsl(url.query)))
                body = json.dumps(answer).encode()
                body = body.replace(*rawg.torn) if rawg.torn[0] else body
                self.send_response_only(status)
                self.send_header("Date", format_datetime(rawg.clock, usegmt=True))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            self.url = f"http://127.0.0.1:{server.server_port}/api"
            yield self.url
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
