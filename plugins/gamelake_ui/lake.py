"""The lake as the API server reads it: with the credentials of Airflow's connection."""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import TYPE_CHECKING

from gamelake.airflow.stores import connected_store
from gamelake.nights.report import NightReports
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gamelake.registry import Source

log = logging.getLogger(__name__)

OPEN_SECONDS = 300
"""Then the connections are read again: their credentials may have changed."""


class Lake:
    """Opens the lake at the first request, and again after a while."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._reports: NightReports | None = None
        self._opened = 0.0

    def reports(self) -> NightReports:
        """Return the reports on the lake's nights.

        Raises:
            StoreError: The lake cannot be opened.
            SettingsError: A variable has a wrong value.
        """
        with self._lock:
            if self._reports is None or time.monotonic() - self._opened > OPEN_SECONDS:
                sources = load_sources()
                self._reports = NightReports(connected_store(), sources, rates=_rates(sources))
                self._opened = time.monotonic()
            return self._reports


def _rates(sources: Mapping[str, Source]) -> dict[str, float]:
    """Return the requests a second that each source allows, as far as its connection states it."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException

    rates = {}
    for name, source in sources.items():
        try:
            stated = BaseHook.get_connection(source.connection).extra_dejson.get("requests_per_second")
            rates[name] = float(stated) if stated else 0.0
        except (AirflowException, TypeError, ValueError) as error:
            log.warning("the requests that %s allows are not shown: %s", name, error)
    return rates
