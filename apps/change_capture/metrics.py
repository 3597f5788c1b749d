"""The capture's figures, as Prometheus reads them at `/metrics`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

if TYPE_CHECKING:
    from apps.change_capture.envelopes import Batch

_PREFIX = "gamelake_capture"


class Metrics:
    """The figures of one capture."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._held: float | None = None
        self._lag = 0.0

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"{_PREFIX}_{name}", text, registry=self.registry)

        self.events = counter("events", "Changes and rows of snapshots that are in the inbox.", "table", "op")
        self.parts = counter("parts", "Parts that were added to the inbox.", "table")
        self.store_errors = counter("store_errors", "Tries to write the lake that failed.")
        self.restarts = counter("restarts", "Starts of the engine after the first one.")
        self.snapshots = counter("snapshots", "Snapshots that were completed.")
        self.snapshot_running = gauge("snapshot_running", "1 while a snapshot is under way.")
        self.engine_works = gauge("engine_works", "1 while the engine reads the database.")
        self.store_works = gauge("store_works", "1 if the last write to the lake succeeded.")
        self.retained = gauge("slot_retained_bytes", "Bytes of the database's log that it keeps for the slot.")
        gauge(
            "lag_seconds",
            "From the commit of a change in the database to its place in the inbox: of the last one, or of the oldest "
            "one that waits for the lake.",
        ).set_function(self._seconds)

    def holds(self, batch: Batch) -> None:
        """Note a batch that is not stored yet."""
        self._held = batch.oldest

    def stored(self, batch: Batch) -> None:
        """Count a batch."""
        self._held = None
        if batch.newest is not None:
            self._lag = max(0.0, time.time() - batch.newest)
        for (table, operation), count in batch.events.items():
            self.events.labels(str(table), operation).inc(count)

    def page(self) -> bytes:
        """Return the page of `/metrics`."""
        return generate_latest(self.registry)

    def _seconds(self) -> float:
        held = self._held
        return self._lag if held is None else max(0.0, time.time() - held)
