"""One PostgreSQL for the tests that need it, and a shop for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from examples.shop.local_postgres import LocalPostgres
    from tests.support.capture import Shop


@pytest.fixture(scope="session")
def postgres() -> Iterator[LocalPostgres]:
    """A server whose log can be captured."""
    from examples.shop.local_postgres import running_postgres

    with running_postgres(max_replication_slots="20", max_wal_senders="20", fsync="off") as server:
        yield server


@pytest.fixture
def shop(postgres: LocalPostgres) -> Iterator[Shop]:
    """A database with the shop's schema, without rows."""
    from tests.support.capture import new_shop

    with new_shop(postgres) as made:
        yield made
