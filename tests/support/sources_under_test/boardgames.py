"""The second source of the tests: a paged JSON API that cannot count."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gamelake.lake.keys import LoadRun
from gamelake.registry import load_sources
from gamelake.sources.base import Lake, open_reader
from tests.support.second_source.server import PARTITION
from tests.support.sources_under_test.base import SourceUnderTest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    import pytest

    from gamelake.lake.store import Store
    from gamelake.sources.base import Reader
    from tests.support.second_source.server import Boardgames


class BoardgamesUnderTest(SourceUnderTest):
    def __init__(self, served: Boardgames, store: Store) -> None:
        self.served = served
        self._store = store
        self.source = load_sources()["boardgames"]
        self.entity = self.source.entities["games"]
        self._rows = served.rows["games"]

    @asynccontextmanager
    async def open(self, *, refused: bool = False) -> AsyncIterator[Reader]:
        lake = Lake(self._store, LoadRun(self.entity.table, PARTITION, "run"))
        async with open_reader(self.source, self.entity, lake) as reader:
            if refused:
                refused_reader: Any = reader
                refused_reader._session.headers["X-Key"] = "another"
            yield reader

    def put(self, *rows: dict[str, Any]) -> None:
        self._rows.update({row["id"]: row for row in rows})

    def delete(self, *ids: int) -> None:
        for row_id in ids:
            del self._rows[row_id]

    def ids(self) -> list[int]:
        return sorted(self._rows)

    def clock(self) -> datetime:
        return self.served.clock

    def next_day(self) -> None:
        self.served.clock += timedelta(days=1)

    def fail(self, replies: int) -> None:
        self.served.failing = [503] * replies


@contextmanager
def running(request: pytest.FixtureRequest) -> Iterator[SourceUnderTest]:
    """Run the server of the tests; its fixture adds the source to the registry."""
    yield BoardgamesUnderTest(request.getfixturevalue("boardgames"), request.getfixturevalue("store"))


UNDER_TEST = {"boardgames": running}
