"""The lake as the API server reads it: with the credentials of Airflow's connection."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from gamelake.airflow.stores import connected_store
from gamelake.kinds import SourceKind
from gamelake.nights.report import NightReports
from gamelake.registry import switched_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.lake.store import Store
    from gamelake.registry import Source

log = logging.getLogger(__name__)

OPEN_SECONDS = 300
"""Then the connections are read again: their credentials may have changed."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """The lake as it was opened at a moment of the monotonic clock."""

    at: float
    store: Store
    reports: NightReports


class Lake:
    """Opens the lake at the first request, and again after a while."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._opened: _Opened | None = None

    def reports(self) -> NightReports:
        """Return the reports on the lake's nights. Raises: StoreError, SettingsError: the lake cannot be opened."""
        return self._open().reports

    def store(self) -> Store:
        """Return the lake. Raises as `reports`."""
        return self._open().store

    def _open(self) -> _Opened:
        with self._lock:
            if self._opened is None or time.monotonic() - self._opened.at > OPEN_SECONDS:
                sources, store = switched_on(), connected_store()
                reports = NightReports(store, sources, rates=_rates(sources))
                self._opened = _Opened(time.monotonic(), store, reports)
            return self._opened


def _rates(sources: Mapping[str, Source]) -> dict[str, float]:
    """Return the requests a second that each source allows, as far as its connection states it."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException

    rates = {}
    for name, source in sources.items():
        if source.kind is not SourceKind.API:  # the capture connects, not Airflow
            continue
        try:
            stated = BaseHook.get_connection(source.connection).extra_dejson.get("requests_per_second")
            rates[name] = float(stated) if stated else 0.0
        except (AirflowException, AttributeError, TypeError, ValueError) as error:  # also an extra that is a list
            log.warning("the requests that %s allows are not shown: %s", name, error)
    return rates
