"""The rules that every reader passes; a new source adds its own `SourceUnderTest` to the fixture `source`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from apiclient.errors import ApiError, ServerError, TransientError
from gamelake.days import day_of, format_day
from gamelake.lake.id_ranges import ALL_IDS, merge_ranges
from gamelake.lake.keys import LoadRun
from gamelake.lake.rows import read_live_ids
from gamelake.lake.table import Table
from gamelake.load.load import Load
from gamelake.registry import load_sources
from gamelake.sources.base import counting, open_reader
from gamelake.sources.igdb.reader import IgdbReader
from igdb.tokens import StaticToken
from sandbox.igdb import Fault
from tests.support.loads import LONG_AGO, new_client, token_of
from tests.support.moving_sandbox import MovingSandbox
from tests.support.second_source.server import Boardgames

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from gamelake.lake.store import Store
    from gamelake.registry import Entity
    from gamelake.sources.base import Page, Reader


class SourceUnderTest(ABC):
    """A running source with one incremental entity, whose rows have `id`, `name` and `updated_at`."""

    entity: Entity

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


class Second(SourceUnderTest):
    def __init__(self, served: Boardgames) -> None:
        self.served = served
        self.source = load_sources()["boardgames"]
        self.entity = self.source.entities["games"]
        self._rows = served.rows["games"]

    @asynccontextmanager
    async def open(self, *, refused: bool = False) -> AsyncIterator[Reader]:
        async with open_reader(self.source, self.entity) as reader:
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


@pytest.fixture(params=["igdb", "igdb with a filter", "boardgames"])
def source(request: pytest.FixtureRequest) -> Iterator[SourceUnderTest]:
    if request.param == "boardgames":
        yield Second(request.getfixturevalue("boardgames"))
        return
    igdb = Igdb() if request.param == "igdb" else FilteredIgdb()
    with igdb.sandbox.running() as igdb.url:
        yield igdb


def row(row_id: int, **fields: Any) -> dict[str, Any]:
    return {"id": row_id, "name": f"Game {row_id}", "updated_at": LONG_AGO} | fields


async def read(pages: AsyncIterator[Page]) -> list[Page]:
    return [page async for page in pages]


def ids_of(pages: list[Page]) -> list[int]:
    """The ids of all pages, in the order in which they came."""
    return [row_id for page in pages for row_id in page.checked.ids()]


@pytest.mark.parametrize("rows", [0, 1, 100, 1_100])
async def test_every_id_is_read_and_claimed_once(source: SourceUnderTest, rows: int) -> None:
    source.fill(rows)
    async with source.open() as reader:
        pages = await read(reader.read_all())
    assert sorted(ids_of(pages)) == source.ids()
    claims = [page.claim for page in pages if page.claim]
    assert len(claims) == len(pages)
    assert not any(page.unproven for page in pages)
    assert merge_ranges(claims) == (ALL_IDS,)
    assert not any(one.overlaps(two) for place, one in enumerate(claims) for two in claims[place + 1 :])
    assert all(row_id in page.claim for page in pages if page.claim for row_id in page.checked.ids())


async def test_a_deleted_row_is_in_no_page(source: SourceUnderTest) -> None:
    source.fill(150)
    deleted = source.ids()[::50]
    source.delete(*deleted)
    async with source.open() as reader:
        assert sorted(ids_of(await read(reader.read_all()))) == source.ids()


@pytest.mark.parametrize("kept", [0, 1, 3])
async def test_the_remaining_rows_are_read_once(source: SourceUnderTest, kept: int) -> None:
    source.fill(1_100)
    async with source.open() as reader:
        stored = (await read(reader.read_all()))[:kept]
    async with source.open() as reader:
        await reader.probe()
        claims = [page.claim for page in stored if page.claim]
        rest = await read(reader.read_remaining(claims, rows=len(ids_of(stored))))
    assert sorted([*ids_of(stored), *ids_of(rest)]) == source.ids()
    assert merge_ranges([*claims, *(page.claim for page in rest if page.claim)]) == (ALL_IDS,)


async def test_changes_are_those_of_the_period_and_claim_nothing(source: SourceUnderTest) -> None:
    source.fill(300)
    start, end = LONG_AGO + 100, LONG_AGO + 200
    changed = {5: start, 8: end - 1}
    source.put(*(row(row_id, updated_at=at) for row_id, at in {4: start - 1, 9: end, **changed}.items()))
    async with source.open() as reader:
        pages = await read(reader.read_changes(start, end))
        assert ids_of(pages) == list(changed)
        assert ids_of(await read(reader.read_changes(start, None))) == [5, 8, 9]
        assert await read(reader.read_changes(end + 1, None)) == []
    assert {page.claim for page in pages} == {None}


async def test_the_clock_is_the_sources_at_its_first_reply(source: SourceUnderTest) -> None:
    source.fill(3)
    async with source.open() as reader:
        with pytest.raises(RuntimeError):
            _ = reader.clock
        await reader.probe()
        assert abs(reader.clock - source.clock()) < timedelta(seconds=2)
        first = reader.clock
        source.next_day()
        await read(reader.read_all())
        assert reader.clock == first
        assert reader.stats.requests >= 2


async def test_a_row_that_breaks_the_contract_is_rejected_alone(source: SourceUnderTest) -> None:
    source.fill(20)
    source.put(row(5, name=7), row(6, extra="kept"))
    async with source.open() as reader:
        pages = await read(reader.read_all())
    assert [reject.row_id for page in pages for reject in page.checked.rejects] == [5]
    assert sorted(ids_of(pages)) == source.ids()
    assert sum(page.checked.undeclared["extra"] for page in pages) == 1


async def test_refused_credentials_are_not_retried(source: SourceUnderTest) -> None:
    async with source.open(refused=True) as reader:
        with pytest.raises(ApiError) as caught:
            await reader.probe()
        assert reader.stats.requests == 1
    assert not isinstance(caught.value, TransientError)
    assert caught.value.status == 401


async def test_a_server_error_is_retried_and_then_raised(source: SourceUnderTest) -> None:
    source.fill(3)
    source.fail(2)
    async with source.open() as reader:
        assert ids_of(await read(reader.read_all())) == source.ids()
    source.fail(10)
    async with source.open() as reader:
        with pytest.raises(ServerError) as caught:
            await reader.probe()
    assert caught.value.given_up


async def test_loads_keep_a_table_equal_to_the_source(source: SourceUnderTest, store: Store) -> None:
    """Deletions are seen by the next load if the source can count, by the next full load in any case."""
    source.fill(250)
    await source.load(store, "first")
    source.next_day()
    changed, deleted = source.ids()[7], source.ids()[9]
    source.put(row(changed, name="Changed", updated_at=int(source.clock().timestamp())))
    source.delete(deleted)
    await source.load(store, "second")
    async with source.open() as reader:
        counts = counting(reader) is not None
    table = Table(store, source.entity.table)
    commit = table.latest()
    assert commit is not None
    assert commit.source_count == (len(source.ids()) if counts else None)
    assert (deleted in read_live_ids(store, commit)) is not counts
    source.next_day()
    await source.load(store, "third", full_refresh=True)
    assert list(read_live_ids(store, table.latest()).ids()) == source.ids()
