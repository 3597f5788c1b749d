"""A sender gets its answer well below the 15 seconds that IGDB waits, also if it or the store is slow."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.collector import SECRET, running_collector

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.collector import RunningCollector

BOUND = 8.0
"""What docs/guides/events.md promises; a busy machine may add a second."""
NO_FILES = (
    "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))"
)
"""A disk that takes no file, so that events go to the store before they are answered."""
S3 = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


def slowly(collector: RunningCollector, body: bytes, *, seconds: float, last: bool) -> tuple[int, float]:
    """Send a body, and its last byte only after so many seconds or never. Returns: the status, and how long it took."""
    host, port = collector.address.split(":")
    head = f"POST /igdb/games/update HTTP/1.1\r\nHost: {host}\r\nX-Secret: {SECRET}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    began = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + body[:-1])
        if last:
            time.sleep(seconds)
            connection.sendall(body[-1:])
        reply = connection.recv(1000)
    return int(reply.split()[1]), time.monotonic() - began


@contextmanager
def silent_store() -> Iterator[str]:
    """A server that takes every connection, and never answers."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for each in taken:
        each.close()


def test_a_slow_client_is_refused_in_time(collector: RunningCollector) -> None:
    status, seconds = slowly(collector, b'{"id": 1942}', seconds=0, last=False)
    assert status == 408
    assert 3 < seconds < BOUND
    assert slowly(collector, b'{"id": 1942}', seconds=1, last=True)[0] == 200


@pytest.mark.e2e
def test_a_slow_client_and_a_slow_store_together_end_in_time(tmp_path: Path) -> None:
    with (
        silent_store() as endpoint,
        running_collector("s3://lake/x", tmp_path / "spool", before=NO_FILES, AWS_ENDPOINT_URL=endpoint, **S3) as slow,
    ):
        status, seconds = slowly(slow, b'{"id": 1942}', seconds=3, last=True)
        assert status == 503
        assert 5 < seconds < BOUND + 1
        # The next one waits for the store too, and not for the one before it.
        status, seconds = slowly(slow, b'{"id": 1943}', seconds=0, last=True)
        assert (status, seconds < BOUND + 1) == (503, True)
        slow.kill()
