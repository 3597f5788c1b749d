"""The capture of one source: prepares the database, runs the engine, and starts it again when it ends.

A snapshot reads all tables from the beginning. It is made where the lake, the disk or the database lacks what the
engine would continue; then the slot is dropped first, because a new slot and its snapshot fit together exactly.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from apps.change_capture.checks import DatabaseError, PasswordError, left_out
from apps.change_capture.engine import Engine, properties, read_position
from apps.change_capture.envelopes import BrokenStreamError, Stream, StreamError
from apps.change_capture.inboxes import EmptiedError, EndedError, Inboxes
from apps.change_capture.signs import Signs
from apps.change_capture.state import State, StateError
from apps.change_capture.values import Values
from apps.change_capture.watch import Watch
from gamelake.lake.factory import place_of
from gamelake.lake.inbox import Inbox
from gamelake.lake.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apps.change_capture.address import Address
    from apps.change_capture.database import Database, Slot
    from apps.change_capture.envelopes import Record
    from apps.change_capture.metrics import Metrics
    from apps.change_capture.state import Folder
    from apps.change_capture.tables import CapturedTable
    from gamelake.lake.store import Store

log = logging.getLogger(__name__)

END_SECONDS = 8.0
"""How long the end of the process waits for the batch that is being stored, and for the engine."""
_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds between starts of the engine
_WELL_SECONDS = 60.0  # an engine that ran so long was well
_WATCH_SECONDS = 20.0


class Capture:
    """Captures the tables of one source.

    Args:
        tables: The tables.
        address: Where they are.
        database: The database.
        folder: What is kept on this disk.
        store: The lake.
        metrics: The figures.
        batch_seconds: How long changes wait for others of their part.
    """

    def __init__(
        self,
        tables: Sequence[CapturedTable],
        address: Address,
        database: Database,
        folder: Folder,
        store: Store,
        metrics: Metrics,
        *,
        batch_seconds: float,
    ) -> None:
        self._tables = tables
        self._database = database
        self._folder = folder
        self._store = store
        self._metrics = metrics
        self._settings = properties(
            address, tables, name=database.name, offsets=folder.offsets, batch_seconds=batch_seconds
        )
        self.is_refused = False
        """Whether the capture ended because its password is wrong."""
        self._ending = threading.Event()
        self._inboxes = Inboxes(store, metrics, self._ending)
        self._signs = Signs(store, tables[0].name.source, database.name)
        self._stream = Stream(tables)
        self._identity = ""
        self._state: State | None = None
        self._stale: str | None = None
        self._expects_snapshot = False
        self._again: str | None = None
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._engine_works = False
        self._runner = threading.Thread(target=self._run, name="capture", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="watch", daemon=True)
        metrics.engine_works.set_function(lambda: self._engine_works)
        metrics.store_works.set_function(lambda: self._inboxes.store_works)
        metrics.snapshot_running.set_function(lambda: self._stream.snapshot is not None)

    @property
    def is_well(self) -> bool:
        """Whether changes are read and stored now."""
        return self._runner.is_alive() and self._engine_works and self._inboxes.store_works

    def prepare(self) -> None:
        """Check the database, and decide whether the engine continues or reads all tables.

        Raises:
            DatabaseError: The database cannot be captured.
            StateError: Another capture writes the same inboxes.
            StoreError: The lake cannot be read.
            OSError: The disk cannot be written.
        """
        self._identity = self._database.check()
        self._tell_left_out()
        self._signs.check(self._identity, self._folder.read())
        unpublished = self._database.unpublished()
        if unpublished:
            # First: a start that ends before the snapshot must not let the next one continue.
            self._folder.forget()
        self._database.publish()
        slot = self._database.slot()
        self._state = self._folder.read()
        reason = self._reason(self._state, slot, unpublished)
        self._expects_snapshot, self._again = reason is not None, None
        if reason is None:
            log.info("the capture continues from its saved position")
            return
        log.info("all tables are read: %s", reason)
        self._state = None
        self._folder.forget()
        if slot is not None:
            self._database.drop_slot()

    def _tell_left_out(self) -> None:
        for table in self._tables:
            if names := left_out(self._database.columns[table.name]):
                log.warning("%s: Debezium cannot read the type of these columns, rows lack them: %s", table, names)

    def start(self) -> None:
        """Start; `prepare` was called."""
        self._runner.start()
        self._watcher.start()

    def close(self) -> None:
        """End the engine. What is not stored then is not acknowledged: the next start reads it again."""
        self._ending.set()
        end = time.monotonic() + END_SECONDS
        while self._runner.is_alive() and time.monotonic() < end:
            with self._lock:
                engine = self._engine
            if engine is not None:
                engine.close()
            self._runner.join(timeout=0.2)
        if self._runner.is_alive():
            log.warning("the engine did not end within %.0f seconds; nothing is lost", END_SECONDS)
        elif self._inboxes.store_works:
            self._signs.end()
        self._folder.close()

    def _reason(self, state: State | None, slot: Slot | None, unpublished: str | None) -> str | None:
        """Return why all tables are to be read; None: the engine can continue."""
        if why := self._again or unpublished:
            return why
        if state is None:
            return "this disk has no completed snapshot"
        return self._other_than(state) or self._lack_of_slot(slot) or self._lack_of_lake(state.parts)

    def _other_than(self, state: State) -> str | None:
        for name, found, expected in (
            ("lake", place_of(self._store), state.lake),
            ("database", self._identity, state.database),
            ("slot", self._database.name, state.slot),
            ("list of tables", self._known_tables(), state.tables),
        ):
            if found != expected:
                return f"the {name} is another one than that of the last snapshot ({expected})"
        return None

    def _known_tables(self) -> dict[str, str]:
        """Return the tables as the state has them."""
        return {each.name.entity: f"{each} {self._database.oids[each.name]}" for each in self._tables}

    def _lack_of_slot(self, slot: Slot | None) -> str | None:
        if slot is None:
            return f"the database has no slot {self._database.name}"
        if not slot.readable:
            return f"the database has removed the log that the slot {self._database.name} needs"
        position = read_position(self._folder.offsets)
        if position is None:
            self._folder.restore_offsets()
            position = read_position(self._folder.offsets)
        if position is None:
            return "this disk has no position in the database's log"
        if slot.position > position:
            return f"the slot {self._database.name} is ahead of the position on this disk"
        if position > slot.written:
            return "the database's log ends before the position on this disk, as after a restore from a backup"
        return None

    def _lack_of_lake(self, parts: dict[str, int]) -> str | None:
        """Return what the lake lacks of what was stored: it was emptied, or restored from a backup."""
        for table in self._tables:
            number = parts.get(table.name.entity, 0)
            inbox = Inbox(self._store, table.name)
            # The newest part of an inbox is never removed.
            if not any(each.number == number for each in inbox.parts(after=number - 1)):
                return str(EmptiedError(inbox.key(number)))
        return None

    # The thread of the engine.

    def _run(self) -> None:
        pause, restarts = _PAUSE, False
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                if restarts:
                    self._metrics.restarts.inc()
                    self.prepare()
                failure = self._run_engine()
            except EndedError:
                break
            except PasswordError as error:
                # A new process may be given another password, and this one cannot.
                log.error("the capture ends: %s", error)
                self._engine_works, self.is_refused = False, True
                os.kill(os.getpid(), signal.SIGTERM)
                break
            except (EmptiedError, BrokenStreamError) as error:
                failure = self._again = str(error)
            except (DatabaseError, StateError, StreamError, StoreError, OSError) as error:
                failure = str(error)
            except Exception as error:  # this thread is never started again
                log.exception("the capture stopped")
                failure = f"{type(error).__name__}: {error}"
            self._engine_works, restarts = False, True
            if self._again:
                self._forget()
            if self._ending.is_set():
                break
            pause = _PAUSE if time.monotonic() - began > _WELL_SECONDS else pause
            log.error("the capture stopped, and starts again in %.0f seconds: %s", pause, failure)
            self._ending.wait(random.uniform(pause / 2, pause))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _forget(self) -> None:
        """Let the next start read all tables, also one of another process."""
        try:
            self._folder.forget()
        except OSError as error:
            log.warning("the position stays on the disk: %s", error)

    def _run_engine(self) -> str:
        """Run the engine once. Returns: why it ended."""
        values = {table: Values(columns) for table, columns in self._database.columns.items()}
        self._stream = Stream(self._tables, values, self._database.odd_values)
        self._inboxes.begin(self._state.parts if self._state else {})
        self._stale = None
        with self._lock:
            self._engine = Engine(self._settings, self._handle, self._started)
        try:
            if self._ending.is_set():
                return "the process ends"
            return self._engine.run() or self._stale or "Debezium ended without a reason"
        finally:
            with self._lock:
                self._engine = None

    def _started(self) -> None:
        self._engine_works = True
        log.info("Debezium reads the database")

    def _handle(self, records: list[Record]) -> None:
        """Store a batch. Raises: StreamError, EndedError, EmptiedError, DatabaseError, StateError."""
        batch = self._stream.take(records, datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"))
        if batch.started and not self._expects_snapshot:
            # Its slot is older than this snapshot, so that changes in between may be missing.
            self._again = "Debezium asked for it"
            raise StreamError("Debezium finds no position from which it can continue")
        self._metrics.holds(batch)
        parts = {table.entity: number for table, number in self._inboxes.put(batch.lines).items()}
        self._metrics.stored(batch)
        self._signs.give()
        if batch.started:
            log.info("a snapshot began")
        if batch.completed:
            self._completed(batch.completed, parts)
        elif parts and self._state:
            self._keep(replace(self._state, parts=self._state.parts | parts))
        self._folder.keep_offsets()  # Debezium writes the next position after this

    def _keep(self, state: State) -> None:
        self._folder.write(state)
        self._state = state

    def _completed(self, snapshot: str, parts: dict[str, int]) -> None:
        self._keep(
            State(
                lake=place_of(self._store),
                database=self._identity,
                slot=self._database.name,
                snapshot=snapshot,
                parts=parts,
                tables=self._known_tables(),
            )
        )
        self._expects_snapshot = False
        self._metrics.snapshots.inc()
        log.info("the snapshot %s is completed", snapshot)

    # The thread that watches the database.

    def _watch(self) -> None:
        watch = Watch(self._database, self._metrics)
        while True:
            # While no engine works, the next start checks the tables.
            if reason := watch.look(self._stream, engine_works=self._engine_works):
                self._end_engine(reason)
            if self._ending.wait(_WATCH_SECONDS):
                return

    def _end_engine(self, reason: str) -> None:
        """End the engine: the database keeps changes from it, which it would not notice."""
        self._again = self._stale = reason  # what was changed meanwhile is in no log
        with self._lock:
            engine = self._engine
        if engine is not None:
            engine.close()
