"""`/gamelake/metrics`: the figures of the lake for Prometheus, with a token of its own: a scraper has no login."""

from __future__ import annotations

import hmac
import logging
import time
from threading import Lock
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from starlette.responses import PlainTextResponse, Response

from gamelake.lake.documents import DocumentError
from gamelake.lake.store import StoreError
from gamelake.nights.metrics import READABLE
from gamelake.nights.report import WAIT_SECONDS
from gamelake.nights.samples import Sample, samples
from gamelake.settings import SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric as Family
    from starlette.requests import Request

    from gamelake.nights.metrics import Metric
    from gamelake_ui.lake import Lake

log = logging.getLogger(__name__)

FRESH_SECONDS = 60.0
"""Scrapes share one read of the lake, which costs money on S3."""
MEDIA = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Answers the scrapes of one lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._lock = Lock()
        self._page: tuple[float, bytes] | None = None

    def answer(self, request: Request) -> Response:
        """Return the page; 404 if it is switched off, 401 for a wrong token. Runs on a thread of the server's pool."""
        try:
            token = read_settings().gamelake_metrics_token
        except SettingsError:
            log.exception("the metrics cannot be shown")
            return PlainTextResponse("A setting of the API server is wrong: its log has which.\n", 503)
        if token is None:
            return PlainTextResponse("Metrics are switched off: set GAMELAKE_METRICS_TOKEN for the API server.\n", 404)
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # The time that the comparison takes tells nothing about the token.
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            message = "Send `Authorization: Bearer <token>` with the token of GAMELAKE_METRICS_TOKEN.\n"
            return PlainTextResponse(message, 401, {"WWW-Authenticate": "Bearer"})
        # As for the pages: few threads may wait for a store that does not answer.
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            return PlainTextResponse("Another scrape still reads the lake.\n", 503)
        try:
            if self._page is None or time.monotonic() - self._page[0] > FRESH_SECONDS:
                self._page = (time.monotonic(), page(self._read()))
            return Response(self._page[1], media_type=MEDIA)
        finally:
            self._lock.release()

    def _read(self) -> list[Sample]:
        try:
            return list(samples(self._lake.reports().state()))
        except (StoreError, SettingsError, DocumentError):
            # The log has the reason: a scraper may not read the addresses in it.
            log.exception("the lake cannot be read for its metrics")
            return [Sample(READABLE, (), 0)]


def page(found: list[Sample]) -> bytes:
    """Return samples in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collected(found))
    return generate_latest(registry)


class _Collected:
    """What prometheus_client asks for the metrics."""

    def __init__(self, found: list[Sample]) -> None:
        self._found = found

    def collect(self) -> Iterator[Family]:
        families: dict[Metric, CounterMetricFamily | GaugeMetricFamily] = {}
        for metric, labels, value in self._found:
            if metric not in families:
                kind = CounterMetricFamily if metric.name.endswith("_total") else GaugeMetricFamily
                families[metric] = kind(metric.name, metric.help, labels=metric.labels)
            families[metric].add_metric(labels, float(value))
        yield from families.values()
