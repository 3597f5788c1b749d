"""What waits for the disk and for the lake is bounded, also after its requests have timed out."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from apps.event_collector.collector import Collector, NotStoredError
from apps.event_collector.metrics import Metrics
from apps.event_collector.spool import Batching, Spool
from gamelake.lake.disk import DiskStore
from gamelake.lake.store import StoreError
from tests.support.collector import GAMES, inbox_events

if TYPE_CHECKING:
    from pathlib import Path

LINE = b'{"id":1}\n'


class StuckStore(DiskStore):
    """A lake that does not answer a put before `answers` is set; then it refuses it if `fails`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.answers = threading.Event()
        self.fails = False

    def put(self, key: str, *arguments: Any, **options: Any) -> None:
        assert self.answers.wait(timeout=30)
        if self.fails:
            raise StoreError("put", key, "refused")
        super().put(key, *arguments, **options)


@pytest.mark.parametrize("fails", [False, True])
async def test_events_of_a_request_that_timed_out_count_until_they_are_stored(tmp_path: Path, fails: bool) -> None:
    store = StuckStore(tmp_path / "lake")
    store.fails = fails
    spool = Spool(tmp_path / "spool", Batching(), max_bytes=0)  # a full disk
    collector = Collector(store, spool, Metrics(), max_waiting=10 * len(LINE))
    collector.start()
    accepted = 0
    while collector.reserve(len(LINE)):
        accepted += 1
        assert accepted <= 10, "memory is not bounded"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(collector.submit({GAMES: [LINE]}), 0.01)
        collector.release(len(LINE))  # as the end of the request does
    assert accepted == 10
    assert collector.reserved == 10 * len(LINE)

    store.answers.set()
    last = asyncio.create_task(collector.submit({GAMES: [LINE]}))
    if fails:
        with pytest.raises(NotStoredError):
            await last
    else:
        await last
    assert collector.reserved == 0
    await asyncio.to_thread(collector.close)
    assert len(inbox_events(store)) == (0 if fails else 11)
