"""One collector for the tests that only ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.collector import SCHEMAS, SHOP_SECRET, running_collector
from tests.support.seaweed import running_seaweed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.collector import RunningCollector
    from tests.support.seaweed import Seaweed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("collector")


@pytest.fixture(scope="module")
def collector(folder: Path) -> Iterator[RunningCollector]:
    """A collector into a lake on disk, which seals its files at once, with a shop as another sender."""
    with running_collector(
        (folder / "lake").as_uri(),
        folder / "spool",
        "--batch-seconds=0.1",
        GAMELAKE_EVENT_SENDERS=f"shop={SHOP_SECRET}",
        GAMELAKE_EVENT_SCHEMAS=str(SCHEMAS),
    ) as running:
        yield running


@pytest.fixture(scope="session")
def seaweed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A SeaweedFS without buckets."""
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server
