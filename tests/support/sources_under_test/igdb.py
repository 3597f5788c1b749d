"""IGDB under test: the sandbox, and an entity with and without a filter."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from gamelake.registry import load_sources
from gamelake.sources.igdb.reader import IgdbReader
from igdb.tokens import StaticToken
from sandbox.igdb import Fault
from tests.support.loads import new_client, token_of
from tests.support.moving_sandbox import MovingSandbox
from tests.support.sources_under_test.base import SourceUnderTest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    import pytest

    from gamelake.sources.base import Reader


class Igdb(SourceUnderTest):
    entity_name = "games"

    def __init__(self) -> None:
        self.entity = load_sources()["igdb"].entities[self.entity_name]
        self.sandbox = MovingSandbox([])
        self.url = ""

    @asynccontextmanager
    async def open(self, *, refused: bool = False) -> AsyncIterator[Reader]:
        tokens = StaticToken("refused") if refused else token_of(self.sandbox)
        async with new_client(self.url, tokens) as client:
            yield IgdbReader(client, self.entity)

    def put(self, *rows: dict[str, Any]) -> None:
        self.sandbox.upsert(self.entity_name, list(rows))

    def delete(self, *ids: int) -> None:
        self.sandbox.delete(self.entity_name, list(ids))

    def ids(self) -> list[int]:
        return self.sandbox.using(lambda world: list(world.table(self.entity_name).ids))

    def clock(self) -> datetime:
        return self.sandbox.clock()

    def next_day(self) -> None:
        self.sandbox.next_day()

    def fail(self, replies: int) -> None:
        self.sandbox.faults.add(Fault("status", status=503, times=replies))


class FilteredIgdb(Igdb):
    """An entity with a filter: each of its rows has a twin above all of them that does not meet it."""

    entity_name = "external_games"

    def put(self, *rows: dict[str, Any]) -> None:
        super().put(*({"external_game_source": (1, 5, 26)[each["id"] % 3]} | each for each in rows))
        super().put(*({"external_game_source": 14} | each | {"id": each["id"] + 10**6} for each in rows))

    def ids(self) -> list[int]:
        return [row_id for row_id in super().ids() if row_id < 10**6]


@contextmanager
def running(kind: type[Igdb], _request: pytest.FixtureRequest) -> Iterator[SourceUnderTest]:
    """Run the sandbox."""
    igdb = kind()
    with igdb.sandbox.running() as igdb.url:
        yield igdb


UNDER_TEST = {"igdb": partial(running, Igdb), "igdb with a filter": partial(running, FilteredIgdb)}
