"""What the conformance suite needs of a source: a running server of its API, and a reader of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from gamelake.days import day_of, format_day
from gamelake.lake.keys import LoadRun
from gamelake.load.load import Load
from tests.support.loads import LONG_AGO

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from gamelake.lake.store import Store
    from gamelake.registry import Entity
    from gamelake.sources.base import Reader


class SourceUnderTest(ABC):
    """A running source with one incremental entity, whose rows have `id`, `name` and `updated_at`."""

    entity: Entity
    slack = 0
    """By how many seconds its rows may be outside of the period that is asked for."""

    @abstractmethod
    def open(self, *, refused: bool = False) -> AbstractAsyncContextManager[Reader]:
        """A reader of the entity. refused: with credentials that the source refuses."""

    @abstractmethod
    def put(self, *rows: dict[str, Any]) -> None:
        """Insert or replace rows."""

    @abstractmethod
    def delete(self, *ids: int) -> None:
        """Delete rows."""

    @abstractmethod
    def ids(self) -> list[int]:
        """The ids of all rows, ascending."""

    @abstractmethod
    def clock(self) -> datetime:
        """The source's time."""

    @abstractmethod
    def next_day(self) -> None:
        """Turn the source's clock to the next day."""

    @abstractmethod
    def fail(self, replies: int) -> None:
        """Answer so many requests with a server error."""

    def fill(self, rows: int) -> None:
        """Insert rows that changed long ago, with gaps in their ids."""
        self.put(*(row(3 + i + i // 9) for i in range(rows)))

    async def load(self, store: Store, run_id: str, **options: Any) -> None:
        """One load of the source's own day."""
        partition = format_day(day_of(self.clock()))
        async with self.open() as reader:
            await Load(reader, store, self.entity, LoadRun(self.entity.table, partition, run_id), **options).run()


def row(row_id: int, **fields: Any) -> dict[str, Any]:
    """A row that changed long ago."""
    return {"id": row_id, "name": f"Game {row_id}", "updated_at": LONG_AGO} | fields
