"""The collector's figures, as Prometheus reads them at `/metrics`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric as Family

    from apps.event_collector.collector import Collector
    from apps.event_collector.spool import Spool

_PREFIX = "gamelake_events"
_ANSWER = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
_UPLOAD = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60)
_AGE = (1, 5, 10, 30, 60, 300, 1800, 7200, 86400)


class Metrics:
    """The figures of one collector."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"{_PREFIX}_{name}_seconds", text, registry=self.registry, buckets=buckets)

        self.accepted = counter("accepted", "Events that were stored and answered with 200.", "table", "op")
        self.refused = counter("refused", "Requests and events that were refused, by the reason.", "reason")
        self.parts = counter("parts", "Parts that were added to the inbox.", "table")
        self.store_errors = counter("store_errors", "Tries to write the lake that failed.")
        self.disk_errors = counter("disk_errors", "Tries to write the write-ahead files that failed.")
        self.answer = histogram("answer", "From the head of a request to its answer.", _ANSWER)
        self._sync = histogram("sync", "One write to the write-ahead files, with its sync.", _ANSWER)
        self._upload = histogram("upload", "One part from the disk to the inbox.", _UPLOAD)
        self._age = histogram("age_at_upload", "From the first event of a part to its commit.", _AGE)

    def watch(self, spool: Spool, collector: Collector) -> None:
        """Show what waits."""
        self.registry.register(_Waiting(spool, collector))

    def synced(self, seconds: float) -> None:
        """Count a write to the disk."""
        self._sync.observe(seconds)

    def uploaded(self, table: str, seconds: float, age: float) -> None:
        """Count a part."""
        self.parts.labels(table).inc()
        self._upload.observe(seconds)
        self._age.observe(age)

    def page(self) -> bytes:
        """Return the page of `/metrics`."""
        return generate_latest(self.registry)


class _Waiting:
    """Figures that are read when they are asked for."""

    def __init__(self, spool: Spool, collector: Collector) -> None:
        self._spool = spool
        self._collector = collector

    def collect(self) -> Iterator[Family]:
        oldest = self._spool.oldest()
        for name, text, value in (
            (
                "memory_bytes",
                "Events in memory, from the first byte of a request until they are stored.",
                self._collector.reserved,
            ),
            ("spool_bytes", "Bytes of the write-ahead files.", self._spool.bytes),
            ("spool_files", "Write-ahead files that wait for their upload.", self._spool.files()),
            ("spool_damaged_lines", "Lines that the start found damaged.", self._spool.damaged_lines),
            (
                "oldest_seconds",
                "Age of the oldest event that is not in the inbox.",
                time.time() - oldest if oldest else 0,
            ),
            ("store_works", "1 if the last write to the lake succeeded.", self._collector.store_works),
            ("disk_works", "1 if the last write to the write-ahead files succeeded.", self._collector.disk_works),
        ):
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", text, value=float(value))
