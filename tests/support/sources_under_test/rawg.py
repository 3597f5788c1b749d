"""RAWG under test: a paged API that counts the rows of a query, and whose quota its load keeps."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gamelake.lake.keys import LoadRun
from gamelake.registry import load_sources
from gamelake.sources.base import Lake
from gamelake.sources.rawg.reader import new_reader
from gamelake.sources.rawg.windows import ZONE
from tests.support.paged_rawg import PagedRawg
from tests.support.sources_under_test.base import SourceUnderTest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    import pytest

    from gamelake.lake.store import Store
    from gamelake.sources.base import Reader


class RawgUnderTest(SourceUnderTest):
    """The games, in a catalogue that is small enough to be read whole."""

    slack = int(ZONE.total_seconds())

    def __init__(self, served: PagedRawg, store: Store) -> None:
        self.entity = replace(load_sources()["rawg"].entities["games"], read_whole=True)
        self._served = served
        self._store = store
        self._opened = 0

    @asynccontextmanager
    async def open(self, *, refused: bool = False) -> AsyncIterator[Reader]:
        self._opened += 1
        lake = Lake(self._store, LoadRun(self.entity.table, "2026-11-21", f"reading {self._opened}"))
        async with self._served.client(**({"key": "another-key"} if refused else {})) as client:
            yield new_reader(client, self.entity, lake, clock=self.clock)

    def put(self, *rows: dict[str, Any]) -> None:
        self._served.put(*rows)

    def delete(self, *ids: int) -> None:
        for row_id in ids:
            del self._served.rows["games"][row_id]

    def ids(self) -> list[int]:
        return sorted(self._served.rows["games"])

    def clock(self) -> datetime:
        return self._served.clock

    def next_day(self) -> None:
        self._served.next_day()

    def fail(self, replies: int) -> None:
        self._served.failing = [503] * replies


@contextmanager
def running(request: pytest.FixtureRequest) -> Iterator[SourceUnderTest]:
    """Run the server of the tests."""
    served = PagedRawg()
    with served.running():
        yield RawgUnderTest(served, request.getfixturevalue("store"))


UNDER_TEST = {"rawg": running}
