from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.kafka import running_broker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.kafka import RunningBroker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """A broker for the tests of a file; each has its own topics."""
    with running_broker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker
