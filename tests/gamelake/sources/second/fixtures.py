"""Fixtures of the second source: its server, and its package below `gamelake.sources`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gamelake import sources
from gamelake.days import partition_bounds
from tests.gamelake.sources.second.server import KEY, Boardgames

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTITION = "2026-11-23"  # a Monday
MORNING = partition_bounds(PARTITION)[0] + timedelta(hours=4)


@pytest.fixture
def boardgames(monkeypatch: pytest.MonkeyPatch) -> Iterator[Boardgames]:
    """The running source: the registry has it, and Airflow has its connection."""
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(Path(__file__).parent)])
    served = Boardgames(MORNING)
    with served.running() as url:
        connection = {"conn_type": "http", "host": url, "password": KEY}
        monkeypatch.setenv("AIRFLOW_CONN_BOARDGAMES_DEFAULT", json.dumps(connection))
        yield served
