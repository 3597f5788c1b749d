"""Debezium's engine: its properties, and one run of it.

A batch is acknowledged after its handler has returned. An engine that ended cannot start again: the next run makes
another one.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from apps.change_capture.envelopes import HEARTBEATS, NOTIFICATIONS, Record
from apps.change_capture.jvm import java, root_cause

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from apps.change_capture.address import Address
    from apps.change_capture.tables import CapturedTable

log = logging.getLogger(__name__)

BATCH_ROWS = 5_000
QUEUE_BYTES = 64 * 1024 * 1024
"""What waits in Debezium while the lake is away. Then it reads no further, and the database keeps its log."""
LONGEST_BATCH_SECONDS = 5.0
"""Debezium hands over what it has after this time at the latest."""
HEARTBEAT_SECONDS = 10
_END_SECONDS = 6
_MESSAGE = "gamelake"
_NO_TIMEOUTS = " ".join(
    f"-c {name}=0"
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")
)
"""A snapshot is one long transaction, which the timeouts of the role or the database would end."""
_NO_TIMEOUT_OF_17 = "select set_config(name, '0', false) from pg_settings where name = 'transaction_timeout'"


def properties(
    address: Address, tables: Sequence[CapturedTable], *, name: str, offsets: Path, batch_seconds: float
) -> dict[str, str]:
    """Return the engine's properties. One of them is the password."""
    return {
        "name": name,
        "topic.prefix": name,
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": address.url_host,
        "database.port": str(address.port),
        "database.user": address.user,
        "database.password": address.password,
        "database.dbname": address.database,
        "database.options": _NO_TIMEOUTS,
        "database.initial.statements": _NO_TIMEOUT_OF_17,
        **{f"database.{option}": value for option, value in address.options},
        "table.include.list": ",".join(map(_pattern, tables)),
        "plugin.name": "pgoutput",
        "slot.name": name,
        "publication.name": name,
        "publication.autocreate.mode": "disabled",  # database.py makes it
        "snapshot.mode": "when_needed",
        # The position is written after each batch.
        "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
        "offset.storage.file.filename": str(offsets),
        "offset.flush.interval.ms": "0",
        # Rows as JSON: decimals, times and intervals are texts, exact and readable.
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
        "decimal.handling.mode": "string",
        "time.precision.mode": "isostring",
        "interval.handling.mode": "string",
        "binary.handling.mode": "base64",
        "tombstones.on.delete": "false",
        "skipped.operations": "none",
        "notification.enabled.channels": "sink",
        "notification.sink.topic.name": NOTIFICATIONS,
        # While the captured tables are still, the slot follows the log by a message in it, which no reader gets.
        "heartbeat.interval.ms": str(HEARTBEAT_SECONDS * 1000),
        "topic.heartbeat.prefix": HEARTBEATS,
        "heartbeat.action.query": f"select pg_logical_emit_message(false, '{_MESSAGE}', '')",
        "message.prefix.exclude.list": _MESSAGE,
        # A batch is handed over when it is full, or after this time.
        "poll.interval.ms": str(round(batch_seconds * 1000)),
        "max.batch.size": str(BATCH_ROWS),
        "max.queue.size": str(2 * BATCH_ROWS),
        "max.queue.size.in.bytes": str(QUEUE_BYTES),
        "record.processing.shutdown.timeout.ms": str(_END_SECONDS * 1000),
        "errors.max.retries": "0",  # capture.py starts it again
    }


class Engine:
    """One run of Debezium's engine.

    Args:
        settings: Its properties.
        handle: Stores the records of a batch; what it raises ends the run.
        on_start: Called when it has begun to read.
    """

    def __init__(
        self, settings: dict[str, str], handle: Callable[[list[Record]], None], on_start: Callable[[], None]
    ) -> None:
        self._outcome = _Outcome()
        java_properties = java("java.util.Properties")()
        for name, value in settings.items():
            java_properties.setProperty(name, value)
        self._engine = (
            java("io.debezium.engine.DebeziumEngine")
            .create(java("io.debezium.engine.format.Json"))
            .using(java_properties)
            .using(_completion(self._outcome))
            .using(_connector(on_start))
            .notifying(_consumer(handle, self._outcome))
            .build()
        )

    def run(self) -> str | None:
        """Run until `close`, or until it fails.

        Returns:
            Why it failed, in one line; None after `close`.

        Raises:
            Exception: What the handler raised.
        """
        self._engine.run()
        if self._outcome.raised is not None:
            raise self._outcome.raised
        return self._outcome.failure

    def close(self) -> None:
        """End the run; a batch that is being stored may end first. An engine that starts has to be closed again."""
        from jpype import JException

        try:
            self._engine.close()
        except JException as error:  # it starts, or has ended by itself
            log.debug("the engine cannot be closed now: %s", error.getMessage())


class _Outcome:
    """How a run ended."""

    def __init__(self) -> None:
        self.failure: str | None = None
        self.raised: Exception | None = None


def _consumer(handle: Callable[[list[Record]], None], outcome: _Outcome) -> Any:
    """Return what Debezium hands its batches to."""
    from jpype import JImplements, JOverride

    @JImplements("io.debezium.engine.DebeziumEngine$ChangeConsumer")
    class Consumer:
        @JOverride
        def handleBatch(self, records: Any, committer: Any) -> None:  # noqa: N802 - Java's name
            if outcome.raised is not None:
                raise java("java.lang.InterruptedException")("the run is ending")
            try:
                handle([Record(str(each.destination()), _text(each.key()), _text(each.value())) for each in records])
            except Exception as error:  # noqa: BLE001 - `run` raises it
                outcome.raised = error
                raise java("java.lang.InterruptedException")("the batch was not stored") from None
            for each in records:
                committer.markProcessed(each)
            committer.markBatchFinished()

        @JOverride
        def supportsTombstoneEvents(self) -> bool:  # noqa: N802 - Java's name
            return True

    return Consumer()


def _connector(on_start: Callable[[], None]) -> Any:
    """Return what Debezium tells its start to."""
    from jpype import JImplements, JOverride

    @JImplements("io.debezium.engine.DebeziumEngine$ConnectorCallback")
    class Callback:
        @JOverride
        def pollingStarted(self) -> None:  # noqa: N802 - Java's name
            on_start()

    return Callback()


def _completion(outcome: _Outcome) -> Any:
    """Return what Debezium tells its end to."""
    from jpype import JImplements, JOverride

    @JImplements("io.debezium.engine.DebeziumEngine$CompletionCallback")
    class Callback:
        @JOverride
        def handle(self, success: bool, message: Any, error: Any) -> None:
            if success:
                return
            cause = root_cause(error).getMessage() if error is not None else None
            outcome.failure = " ".join(str(cause or message or "Debezium gave no reason").split())

    return Callback()


def read_position(offsets: Path) -> int | None:
    """Return the position that Debezium has confirmed, as the database counts its log; None if it cannot be read."""
    import orjson
    from jpype import JException

    try:
        stream = java("java.io.ObjectInputStream")(java("java.io.FileInputStream")(str(offsets)))
        try:
            values = [orjson.loads(bytes(each)) for each in stream.readObject().values() if each is not None]
        finally:
            stream.close()
    except (JException, ValueError):  # missing, or half-written when the process was killed
        return None
    # A long transaction has changes that are older in the log than commits which were confirmed before it.
    names = ("lsn", "lsn_proc", "lsn_commit")
    return max((value[name] for value in values for name in names if type(value.get(name)) is int), default=None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _pattern(table: CapturedTable) -> str:
    """Return a table as an entry of Debezium's list: a regular expression, which else would ignore the case."""
    name = rf"{re.escape(table.schema)}\.{re.escape(table.table)}"
    return f"(?-i:{name})".replace(",", r"\x2c")  # a comma ends an entry
