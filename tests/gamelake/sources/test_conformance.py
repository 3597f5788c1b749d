"""The rules that every reader passes; tests/support/sources_under_test has the sources."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from apiclient.errors import ApiError, ServerError, TransientError
from gamelake.kinds import SourceKind
from gamelake.lake.id_ranges import ALL_IDS, merge_ranges
from gamelake.lake.rows import read_live_ids
from gamelake.lake.table import Table
from gamelake.registry import load_sources
from gamelake.sources.base import counting
from tests.support.loads import LONG_AGO
from tests.support.sources_under_test import SOURCES, under_test
from tests.support.sources_under_test.base import row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from gamelake.lake.store import Store
    from gamelake.sources.base import Page
    from tests.support.sources_under_test.base import SourceUnderTest

UNDER_TEST = under_test()


@pytest.fixture(params=UNDER_TEST)
def source(request: pytest.FixtureRequest) -> Iterator[SourceUnderTest]:
    with UNDER_TEST[request.param](request) as source:
        yield source


def test_every_source_is_under_test() -> None:
    """A database has no reader."""
    assert {name for name, source in load_sources().items() if source.kind is SourceKind.API} <= set(SOURCES)


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
    start = LONG_AGO + source.slack + 100
    end = start + 100
    changed = {5: start, 8: end - 1}
    outside = {4: start - source.slack - 1, 9: end + source.slack}
    source.put(*(row(row_id, updated_at=at) for row_id, at in {**outside, **changed}.items()))
    async with source.open() as reader:
        pages = await read(reader.read_changes(start, end))
        assert ids_of(pages) == list(changed)
        assert ids_of(await read(reader.read_changes(start, None))) == [5, 8, 9]
        assert await read(reader.read_changes(end + 2 * source.slack + 1, None)) == []
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


async def test_the_address_is_a_url_without_keys(source: SourceUnderTest) -> None:
    async with source.open() as reader:
        url = urlsplit(reader.address)
    assert url.scheme in {"http", "https"}
    assert url.path.strip("/"), "the entity's own"
    assert [url.username, url.password, url.query] == [None, None, ""]


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
