"""What stores events before they are answered: a queue, the thread that writes, and the thread that uploads.

answer   <- queue <- writer thread: appends what waits to the write-ahead files, syncs once, answers all
                                    |  no space on the disk: puts the events into the inbox, then answers
                                    v
                     upload thread: turns sealed files into parts of the inbox; while the store fails, it tries again
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gamelake.lake.inbox import Inbox
from gamelake.lake.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from apps.event_collector.metrics import Metrics
    from apps.event_collector.spool import Sealed, Spool
    from gamelake.lake.keys import TableName
    from gamelake.lake.store import Store

log = logging.getLogger(__name__)

MAX_WAITING = 64 * 1024 * 1024
"""Bytes of events in memory, from the first byte of a request until they are stored. More are refused."""
UPLOAD_AT_END = 10.0
"""Seconds that the end of the process waits for uploads. What is not uploaded then, the next process uploads."""

_GROUP_BYTES = 8 * 1024 * 1024  # written and synced at once
_PAUSE, _LONGEST_PAUSE = 0.25, 15.0  # seconds between tries of the store


class NotStoredError(Exception):
    """The events are neither on the disk nor in the lake: the sender has to send them again."""


@dataclass(slots=True)
class _Submission:
    lines: Mapping[TableName, Sequence[bytes]]
    answer: asyncio.Future[None]
    size: int


class Collector:
    """Stores events. `submit`, `reserve` and `release` are for the event loop.

    Args:
        store: The lake.
        spool: The write-ahead files.
        metrics: The figures.
        max_waiting: Bytes of events in memory.
    """

    def __init__(self, store: Store, spool: Spool, metrics: Metrics, *, max_waiting: int = MAX_WAITING) -> None:
        self._store = store
        self._spool = spool
        self._metrics = metrics
        self._max_waiting = max_waiting
        self._reserved = 0
        self._queue: deque[_Submission] = deque()
        self._work = threading.Condition()
        self._ending = False
        self._end_of_uploads = threading.Event()
        self._sealed = threading.Event()
        # Each thread has its own: an inbox is for one thread at a time.
        self._inboxes: dict[TableName, Inbox] = {}
        self._direct: dict[TableName, Inbox] = {}
        self.disk_works = self.store_works = True
        self._writer = threading.Thread(target=self._guarded, args=(self._write,), name="writer", daemon=True)
        self._uploader = threading.Thread(target=self._guarded, args=(self._upload,), name="upload", daemon=True)
        metrics.watch(spool, self)

    @property
    def reserved(self) -> int:
        """Bytes of events in memory, also of requests that have timed out."""
        return self._reserved

    @property
    def is_well(self) -> bool:
        """Whether events can be stored now: on the disk, or in the lake."""
        return self._writer.is_alive() and self._uploader.is_alive() and (self.disk_works or self.store_works)

    def start(self) -> None:
        """Start both threads; the files of an earlier process are uploaded first."""
        self._writer.start()
        self._uploader.start()

    def reserve(self, size: int) -> bool:
        """Reserve memory for a request. Returns: False if too much is waiting."""
        if self._reserved + size > self._max_waiting:
            return False
        self._reserved += size
        return True

    def release(self, size: int) -> None:
        """Give back what was reserved."""
        self._reserved -= size

    async def submit(self, lines: Mapping[TableName, Sequence[bytes]]) -> None:
        """Return when the events are on the disk, or in the lake.

        Raises:
            NotStoredError: They could be stored nowhere.
        """
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        size = sum(len(line) for each in lines.values() for line in each)
        with self._work:
            if self._ending:
                raise NotStoredError("the collector is ending")
            self._queue.append(_Submission(lines, answer, size))
            self._work.notify()
        try:
            await asyncio.shield(answer)
        except asyncio.CancelledError:
            # The request has timed out. Its events stay in the queue, and count as memory until they are stored.
            self._reserved += size
            answer.add_done_callback(lambda _: self.release(size))
            raise

    def close(self) -> None:
        """Store what waits, and upload as much as UPLOAD_AT_END allows. The rest stays on the disk."""
        with self._work:
            self._ending = True
            self._work.notify()
        self._writer.join()
        deadline = time.monotonic() + UPLOAD_AT_END
        while self._spool.files() and self._uploader.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._end_of_uploads.set()
        self._sealed.set()
        self._uploader.join(timeout=UPLOAD_AT_END)
        if left := self._spool.files():
            log.warning("%d write-ahead files stay on the disk; the next start uploads them", left)
        self._spool.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:
            # /health reports it, and what runs the container starts another one.
            log.exception("a thread of the collector ended")
            raise

    # The writer thread.

    def _write(self) -> None:
        while True:
            group = self._next_group()
            if group:
                self._store_group(group)
            elif self._ending:
                break
            self._spool.seal_due()
            if self._spool.files():
                self._sealed.set()
        self._spool.seal_all()
        self._sealed.set()

    def _next_group(self) -> list[_Submission]:
        """Wait for submissions, or until a file is to be sealed; nothing at the end."""
        due = self._spool.seal_due()
        with self._work:
            if not self._queue and not self._ending:
                self._work.wait(due)
            group, size = [], 0
            while self._queue and size < _GROUP_BYTES:
                group.append(self._queue.popleft())
                size += group[-1].size
            return group

    def _store_group(self, group: Sequence[_Submission]) -> None:
        lines: dict[TableName, list[bytes]] = defaultdict(list)
        for each in group:
            for table, more in each.lines.items():
                lines[table] += more
        started = time.monotonic()
        failed: dict[TableName, str] = {}
        try:
            self._spool.append(lines)
            self.disk_works = True
            self._metrics.synced(time.monotonic() - started)
        except OSError as error:
            if self.disk_works:
                log.error("the write-ahead files cannot be written: %s; events go to the lake at once", error)
            self.disk_works = False
            self._metrics.disk_errors.inc()
            failed = self._put_at_once(lines)
        for loop in {each.answer.get_loop() for each in group}:
            loop.call_soon_threadsafe(_answer, [each for each in group if each.answer.get_loop() is loop], failed)

    def _put_at_once(self, lines: Mapping[TableName, Sequence[bytes]]) -> dict[TableName, str]:
        """Put events into the inbox without a write-ahead file. Returns: the tables that failed, and why."""
        failed = {}
        for table, each in lines.items():
            try:
                self._direct.setdefault(table, Inbox(self._store, table)).add(b"".join(each))
                self.store_works = True
                self._metrics.parts.labels(str(table)).inc()
            except StoreError as error:
                self.store_works = False
                self._metrics.store_errors.inc()
                log.error("events of %s cannot be stored: %s", table, error)
                failed[table] = "neither the write-ahead files nor the lake can be written"
        return failed

    # The upload thread.

    def _upload(self) -> None:
        pause = _PAUSE
        while not self._end_of_uploads.is_set():
            waiting = self._spool.waiting()
            if not waiting:
                self._sealed.wait(timeout=1.0)
                self._sealed.clear()
                continue
            # One table that fails does not hold back the others.
            failed = [sealed for sealed in waiting if not self._end_of_uploads.is_set() and not self._put(sealed)]
            if not failed:
                pause = _PAUSE
            else:
                self._end_of_uploads.wait(random.uniform(pause / 2, pause))  # noqa: S311 - jitter, not a secret
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _put(self, sealed: Sealed) -> bool:
        """Make a part of a file. Returns: False if the store, or the disk, failed."""
        inbox = self._inboxes.setdefault(sealed.table, Inbox(self._store, sealed.table))
        started = time.monotonic()
        try:
            number = inbox.add(sealed.read(), number=sealed.number, on_try=sealed.tries)
            self._spool.remove(sealed)
        except (StoreError, OSError) as error:
            if self.store_works:
                log.error("%s cannot be uploaded; it stays on the disk and is tried again: %s", sealed.path.name, error)
            self.store_works = False
            self._metrics.store_errors.inc()
            return False
        if not self.store_works:
            log.info("the lake can be written again; %d files wait", self._spool.files())
        self.store_works = True
        self._metrics.uploaded(str(sealed.table), time.monotonic() - started, time.time() - sealed.since)
        log.info("%s: part %d, %d bytes before compression", sealed.table, number, sealed.size)
        return True


def _answer(group: Sequence[_Submission], failed: Mapping[TableName, str]) -> None:
    for each in group:
        reason = next((failed[table] for table in each.lines if table in failed), None)
        if reason:
            each.answer.set_exception(NotStoredError(reason))
        else:
            each.answer.set_result(None)
