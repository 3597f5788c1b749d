"""A sender whose rows are known: it changes rows at random, and sends each change late, repeated and in any order.

Every event is sent until it is answered with 200. So at the end the table has to equal `Changes.rows`, and the inbox
has to have every event.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.lake.claims import merge_parts
from gamelake.lake.id_ranges import ALL_IDS
from gamelake.lake.inbox import Inbox, read_events
from gamelake.lake.keys import LoadRun
from gamelake.lake.manifest import Draft, Manifest, Mode
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.rows import read_rows
from gamelake.lake.table import Table
from tests.support.collector import GAMES, SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from gamelake.lake.store import Store

Event = tuple[int, str, bytes]
"""Its number, `create`, `update` or `delete`, and its body."""

BEGAN = 1_790_000_000
"""When the first row changed, in unix seconds: long before events arrive, so that deletions are the newest changes."""
SUMMARY = "x" * 200


@dataclass
class Changes:
    """Changes of rows, the same ones for a seed. No id that was deleted is created again, as at IGDB.

    Attributes:
        seed: Of the changes.
        initial: The rows that the table begins with.
        rows: The rows after the changes that were made: the number of their last change, by id.
    """

    seed: int
    initial: int
    rows: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - no secret
        self.rows = dict.fromkeys(range(1, self.initial + 1), 0)
        self._ids = list(self.rows)
        self._number = 0

    def make(self, count: int) -> Iterator[Event]:
        """Make changes. Yields: their events, in the order in which they happened."""
        for _ in range(count):
            self._number += 1
            kind = self._chance.random()
            if kind < 0.1:
                row_id = self.initial + self._number
                self._ids.append(row_id)
                yield self._changed("create", row_id)
                continue
            place = self._chance.randrange(len(self._ids))
            if kind < 0.14 and len(self._ids) > self.initial:  # as many as are created at most: the guard holds others
                self._ids[place], self._ids[-1] = self._ids[-1], self._ids[place]
                row_id = self._ids.pop()
                del self.rows[row_id]
                yield self._number, "delete", orjson.dumps({"id": str(row_id)})  # a text, as in samples of IGDB
                continue
            yield self._changed("update", self._ids[place])

    def _changed(self, operation: str, row_id: int) -> Event:
        self.rows[row_id] = self._number
        return self._number, operation, orjson.dumps(row_of(row_id, self._number))


def row_of(row_id: int, number: int) -> dict[str, Any]:
    """A row after its change of that number."""
    return {"id": row_id, "name": f"Game {row_id}", "hypes": number, "summary": SUMMARY, "updated_at": BEGAN + number}


def mixed(events: Iterator[Event], *, seed: int, window: int, repeated: float) -> Iterator[Event]:
    """Yield events in another order, some of them twice.

    Args:
        events: In their order.
        seed: Of the order.
        window: How many events wait; a hundredth of them waits until the end.
        repeated: The share that comes twice.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    waiting: list[Event] = []
    last: list[Event] = []
    for event in events:
        waiting += [event] * (1 + (chance.random() < repeated))
        if chance.random() < 0.01:
            last.append(waiting.pop())
        while len(waiting) > window:
            place = chance.randrange(len(waiting))
            waiting[place], waiting[-1] = waiting[-1], waiting[place]
            yield waiting.pop()
    rest = waiting + last
    chance.shuffle(rest)
    yield from rest


class Sending:
    """Sends events on several connections until each is answered with 200. Any collector may be away meanwhile.

    Args:
        events: What is sent.
        addresses: The addresses of the collectors that run now.
        threads: Connections.

    Attributes:
        accepted: Events that were answered with 200, repeated ones each time.
        statuses: How often each status came; 0 for a connection that broke.
        waits: Milliseconds of the answers 200, each a tenth of them.
    """

    def __init__(self, events: Iterator[Event], addresses: Callable[[], Sequence[str]], *, threads: int) -> None:
        self.accepted = 0
        self.statuses: Counter[int] = Counter()
        self.waits: list[float] = []
        self._events = events
        self._again: deque[Event] = deque()
        self._addresses = addresses
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(threads)]

    def start(self) -> None:
        for each in self._threads:
            each.start()

    @property
    def is_done(self) -> bool:
        return not any(each.is_alive() for each in self._threads)

    def _next(self) -> Event | None:
        with self._lock:
            return self._again.popleft() if self._again else next(self._events, None)

    def _send(self, number: int) -> None:
        connection: socket.socket | None = None
        while event := self._next():
            status = 0
            while status != 200:
                addresses = self._addresses()
                if not addresses:
                    time.sleep(0.05)
                    continue
                began = time.monotonic()
                try:
                    if connection is None:
                        host, _, port = addresses[number % len(addresses)].rpartition(":")
                        connection = socket.create_connection((host, int(port)), timeout=30)
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    status = _post(connection, event)
                except OSError:
                    status = 0
                if status != 200:
                    if connection:
                        connection.close()
                    connection, number = None, number + 1
                    time.sleep(0.05)
                with self._lock:
                    self.statuses[status] += 1
                    if status == 200:
                        self.accepted += 1
                        if self.accepted % 10 == 0:
                            self.waits.append((time.monotonic() - began) * 1000)
        if connection:
            connection.close()


def _post(connection: socket.socket, event: Event) -> int:
    _, operation, body = event
    connection.sendall(
        f"POST /igdb/games/{operation} HTTP/1.1\r\nHost: collector\r\nX-Secret: {SECRET}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    reply = b""
    while b"\r\n\r\n" not in reply or not reply.endswith(b"}"):
        more = connection.recv(4096)
        if not more:
            raise OSError("the connection broke")
        reply += more
    return int(reply[9:12])


def load_initial(store: Store, changes: Changes, folder: Path) -> Manifest:
    """Commit the rows that the table begins with, as a load from before all events."""
    run = LoadRun(GAMES, "2026-09-20", "first")
    with PartStage(store, run, scratch=folder) as stage:
        ids = sorted(changes.rows)
        lines = b"".join(orjson.dumps(row_of(each, 0), option=orjson.OPT_APPEND_NEWLINE) for each in ids)
        stage.add(Rows(lines, ids, BEGAN), ALL_IDS)
        parts = stage.finish()
    return Table(store, GAMES).commit(
        lambda _: Draft(
            run_id="first",
            partition=run.partition,
            mode=Mode.FULL,
            cursor=str(BEGAN),
            source_count=len(ids),
            row_count=len(ids),
            files=merge_parts((), parts),
        )
    )


def shown_rows(store: Store) -> dict[int, int]:
    """The rows that the table shows: the number of their last change, by id."""
    newest = Table(store, GAMES).latest()
    assert newest
    rows: dict[int, int] = {}
    for part in newest.files:
        for claim in part.claims:
            if claim.high is None:
                rows.clear()
            else:
                for row_id in range(claim.low, claim.high):
                    rows.pop(row_id, None)
        for row_id, line in read_rows(store, part):
            row = json.loads(line)
            assert row["updated_at"] - BEGAN == row["hypes"]
            rows[row_id] = row["hypes"]
    assert len(rows) == newest.row_count
    return rows


def stored_events(store: Store) -> Counter[tuple[str, int]]:
    """How often each event is in the inbox: by operation, and by the number of its change, of a deletion by its id."""
    found: Counter[tuple[str, int]] = Counter()
    for part in Inbox(store, GAMES).parts():
        for event in read_events(store, part):
            found[event["op"], event["id"] if event["op"] == "delete" else event["body"]["hypes"]] += 1
    return found
