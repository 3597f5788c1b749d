"""A real event collector as a process, and senders that remember what was answered with 200."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from gamelake.lake.inbox import INBOX, Inbox, read_events
from gamelake.lake.keys import TableName
from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gamelake.lake.store import Store

SECRET = "the-webhook-secret-of-tests"
SHOP_SECRET = "the-shop-secret-of-the-tests"
METRICS_TOKEN = "the-token-of-the-metrics"
GAMES = TableName("igdb", "games")
START_SECONDS = 60
SCHEMAS = REPOSITORY / "deploy" / "event-schemas"
ORDER_PLACED = json.loads((SCHEMAS / "shop" / "order_placed.json").read_text(encoding="utf-8"))


@dataclass
class Answer:
    """The answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RunningCollector:
    """A process, its address and what it has logged."""

    process: subprocess.Popen[str]
    address: str
    log: list[str] = field(default_factory=list)
    prefix: ClassVar[str] = "gamelake_events"

    @property
    def pid(self) -> int:
        return self.process.pid

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            connection.request(
                method, path, body, dict(headers or {}), encode_chunked=not isinstance(body, bytes | None)
            )
            reply = connection.getresponse()
            return Answer(reply.status, dict(reply.getheaders()), reply.read())
        finally:
            connection.close()

    def send(self, path: str, body: Any, *, secret: str = SECRET, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", "X-Secret": secret} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.request("POST", path, data, given)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        reply = self.request("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        found = re.findall(rf"(?m)^{self.prefix}_{name}(?:\{{[^}}]*\}})? ([\d.e+]+)$", reply.body.decode())
        return sum(map(float, found))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self, seconds: float = 30.0) -> int:
        """SIGTERM, as a container gets it. Returns: the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=seconds)


@contextmanager
def running_collector(
    uri: str, spool: Path, *arguments: str, before: str = "", **environment: str
) -> Iterator[RunningCollector]:
    """A collector for as long as the block lasts. `before`: Python that the process runs first."""
    code = f"{before}\nimport runpy; runpy.run_module('apps.event_collector', run_name='__main__', alter_sys=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--port=0", *arguments],
        cwd=REPOSITORY,
        env={name: value for name, value in os.environ.items() if not name.startswith(("GAMELAKE_", "AWS_"))}
        | {
            "GAMELAKE_URI": uri,
            "GAMELAKE_EVENT_SPOOL": str(spool),
            "GAMELAKE_WEBHOOK_SECRET": SECRET,
            "GAMELAKE_METRICS_TOKEN": METRICS_TOKEN,
        }
        | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    running = RunningCollector(process, "")
    ready = threading.Event()

    def read() -> None:
        assert process.stderr
        for line in process.stderr:
            running.log.append(line)
            if found := re.search(r"event collector on http://(\S+);", line):
                running.address = found[1]
            if "startup complete" in line:
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert ready.wait(START_SECONDS), "it did not start"
        assert running.address, "".join(running.log)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join(timeout=10)
        process.stderr.close()


class Stream:
    """Threads that send rows with ascending ids until they are stopped; `accepted` are the ids answered with 200."""

    def __init__(self, address: str, *, threads: int = 4, first_id: int = 1, path: str = "/igdb/games/update") -> None:
        self.accepted: set[int] = set()
        self.statuses: dict[int, int] = {}
        self._address = address
        self._path = path
        self._next = first_id
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Stream:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(timeout=30)

    @property
    def next_id(self) -> int:
        return self._next

    def wait_for(self, count: int, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while len(self.accepted) < count:
            assert time.monotonic() < deadline, f"{len(self.accepted)} of {count} after {seconds} s: {self.statuses}"
            time.sleep(0.005)

    def _send(self) -> None:
        headers = {"Content-Type": "application/json", "X-Secret": SECRET}
        connection = http.client.HTTPConnection(urlsplit(f"//{self._address}").netloc, timeout=20)
        while not self._stop.is_set():
            with self._lock:
                row_id, self._next = self._next, self._next + 1
            try:
                connection.request("POST", self._path, json.dumps({"id": row_id, "name": f"Game {row_id}"}), headers)
                reply = connection.getresponse()
                reply.read()
            except (OSError, http.client.HTTPException):
                connection.close()  # the collector was killed: this event counts as not sent
                self._stop.wait(0.01)
                continue
            with self._lock:
                self.statuses[reply.status] = self.statuses.get(reply.status, 0) + 1
                if reply.status == 200:
                    self.accepted.add(row_id)
        connection.close()


def inbox_events(store: Store, table: TableName = GAMES) -> list[dict[str, Any]]:
    """All events of an inbox, in the order of its parts, whose numbers have no gaps."""
    parts = list(Inbox(store, table).parts())
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    return [event for part in parts for event in read_events(store, part)]


def inbox_ids(store: Store, table: TableName = GAMES) -> set[int]:
    return {event["id"] for event in inbox_events(store, table)}


def wait_for_inbox(store: Store, ids: set[int], seconds: float = 30.0) -> None:
    """Wait until all of these ids are in the inbox of games."""
    deadline = time.monotonic() + seconds
    while missing := ids - inbox_ids(store):
        assert time.monotonic() < deadline, f"{len(missing)} of {len(ids)} events are not in {INBOX}"
        time.sleep(0.1)
