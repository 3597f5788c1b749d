"""RAWG's readers in loads: completeness, the end of the requests, and what is taken over after a kill."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from apiclient.errors import ServerError, UnreachableError
from gamelake.lake.manifest import Manifest, Mode, Proof
from gamelake.lake.table import Table
from gamelake.load.errors import ContractError, HeldError
from gamelake.sources.rawg.by_game import NoPagesError
from gamelake.sources.rawg.ledger import newest_entry
from gamelake.sources.rawg.plan import Plan
from gamelake.sources.rawg.waiting import WaitingGames
from gamelake.sources.rawg.windows import IgnoredFilterError
from rawg.client import RawgClient
from rawg.errors import GatewayNotFoundError
from sandbox.igdb import Sandbox, World
from sandbox.rawg import KEY, RawgSandbox
from tests.support.kills import Steps, in_child
from tests.support.loads import DAY, table_rows
from tests.support.paged_rawg import NOON, PagedRawg
from tests.support.rawg_loads import ENTITIES, LARGE, game, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.load.report import LoadReport


@pytest.fixture
def rawg() -> Iterator[PagedRawg]:
    served = PagedRawg()
    with served.running():
        yield served


class ServedSandbox:
    """The sandbox's RAWG, which states its name in each reply."""

    def __init__(self, sandbox: RawgSandbox, url: str) -> None:
        self._sandbox, self._url = sandbox, url

    @property
    def clock(self) -> datetime:
        return self._sandbox.igdb.clock()

    def client(self, **options: Any) -> RawgClient:
        return RawgClient(base_url=self._url, key=KEY, requests_per_second=1000, **options)


def change(rawg: PagedRawg, rows: int, *, first: int = 1) -> None:
    """Games that changed one after another, a second apart, up to ten minutes ago."""
    start = rawg.clock - timedelta(seconds=rows + 600)
    rawg.put(*(game(first + i, start + timedelta(seconds=i)) for i in range(rows)))


async def load_changes(rawg: PagedRawg, store: Store) -> LoadReport:
    """A first load of a game, in two requests, and one of a hundred changes of the next day: three pages."""
    rawg.put(game(1, rawg.clock - timedelta(days=40)))
    await load(rawg, store)
    rawg.next_day()
    change(rawg, 100)
    return await load(rawg, store, run_id="second")


def commit(store: Store, name: str = "games") -> Manifest:
    found = Table(store, ENTITIES[name].table).latest()
    assert found is not None
    return found


def ids(store: Store, name: str = "games") -> list[int]:
    return sorted(table_rows(store, name, "rawg"))


async def test_the_first_load_reads_the_games_and_later_ones_their_changes(rawg: PagedRawg, store: Store) -> None:
    rawg.put(game(900, rawg.clock - timedelta(days=4000)))
    change(rawg, 130)
    first = await load(rawg, store)
    assert (first.mode, first.rows, first.requests) == ("incremental", 131, 1 + 4)
    assert (commit(store).summary.proof, commit(store).summary.proof_reason) == (Proof.COUNTED, None)
    rawg.next_day()
    rawg.put(game(5, rawg.clock - timedelta(hours=2), name="Changed"), game(901, rawg.clock - timedelta(hours=20)))
    second = await load(rawg, store, run_id="second")
    # `updated` may be of another zone: of the last load's day some rows are read again.
    assert (second.rows, ids(store)) == (2 + 129, [*range(1, 131), 900, 901])
    assert table_rows(store, "games", "rawg")[5]["name"] == "Changed"


async def test_a_large_catalogue_begins_with_the_games_that_most_users_have(rawg: PagedRawg, store: Store) -> None:
    rawg.put(*(game(i, rawg.clock - timedelta(days=40 + i), added=i % 200) for i in range(1, 201)))
    report = await load(rawg, store, first_games=80)
    assert (ids(store), report.requests) == (list(range(120, 200)), 2)
    proof = commit(store).summary
    assert (proof.proof, proof.proof_reason) == (
        Proof.PARTIAL,
        "80 of 200 rows were read: a table begins with those that most users have added. The other games come when "
        "they change",
    )
    rawg.next_day()
    rawg.put(game(7, rawg.clock - timedelta(hours=1), added=7))
    await load(rawg, store, run_id="second", first_games=80)
    assert ids(store) == [7, *range(120, 200)]
    assert commit(store).summary.proof is Proof.COUNTED


@pytest.mark.parametrize("left", [0, 2])
async def test_a_first_load_may_end_early(rawg: PagedRawg, store: Store, left: int) -> None:
    rawg.put(*(game(i, rawg.clock - timedelta(days=40), added=i) for i in range(1, 201)))
    rawg.quota = left
    await load(rawg, store, first_games=120)
    assert (ids(store), commit(store).summary.proof) == (list(range(201 - 40 * left, 201)), Proof.PARTIAL)
    rawg.quota = None
    rawg.next_day()
    rawg.put(game(1, rawg.clock - timedelta(hours=1)))
    await load(rawg, store, run_id="second")
    # Without any game the table begins again.
    assert len(ids(store)) == (200 if left == 0 else 81)


@pytest.mark.parametrize(("zone", "hour"), [(-12, 1), (-12, 13), (5.75, 19), (14, 1), (14, 11)])
async def test_no_change_is_lost_in_any_zone_of_updated(rawg: PagedRawg, store: Store, zone: float, hour: int) -> None:
    rawg.clock = rawg.clock.replace(hour=hour)
    rawg.zone = timedelta(hours=zone)
    rawg.put(game(900, rawg.clock - timedelta(days=40)))
    await load(rawg, store)
    for day in range(3):
        before = rawg.clock
        rawg.clock += timedelta(hours=24 + day)
        rows = [game(100 * day + i, before + (rawg.clock - before) * i / 9) for i in range(1, 10)]
        rawg.put(*rows)
        await load(rawg, store, run_id=f"day {day}")
        assert set(ids(store)) == set(rawg.rows["games"])
        assert commit(store).summary.proof is Proof.COUNTED


async def test_a_row_that_the_pages_skip_is_found_by_a_second_reading(rawg: PagedRawg, store: Store) -> None:
    rawg.skips_ties = True
    await load_changes(rawg, store)
    assert ids(store) == list(range(1, 101))
    assert any("updated=" in each and "ordering=name" in each for each in rawg.requests), "in another order"
    assert commit(store).summary.proof is Proof.COUNTED


async def test_rows_that_no_reading_finds_are_stated(rawg: PagedRawg, store: Store) -> None:
    change(rawg, 30)
    page = rawg._page
    rawg._page = lambda rows, query: (200, page(rows, query)[1] | {"count": 31})  # type: ignore[method-assign]
    await load(rawg, store)
    summary = commit(store).summary
    assert summary.proof is Proof.PAGED
    assert "its pages had 30, read twice" in str(summary.proof_reason)


async def test_rows_that_arrive_while_pages_are_read_are_taken_too(rawg: PagedRawg, store: Store) -> None:
    def arrive(number: int) -> None:
        if number == 4:
            rawg.put(game(500, rawg.clock - timedelta(seconds=1)))

    rawg.before = arrive
    report = await load_changes(rawg, store)
    assert (ids(store)[-1], report.requests) == (500, 3 + 2)  # the newest page again, until one has no new row
    assert commit(store).summary.proof is Proof.COUNTED


async def test_a_filter_that_is_ignored_is_refused(rawg: PagedRawg, store: Store) -> None:
    rawg.put(game(1, rawg.clock - timedelta(days=40)), game(2, rawg.clock - timedelta(days=50)))
    await load(rawg, store)
    rawg.ignores_filters = True
    rawg.put(game(3, rawg.clock - timedelta(hours=1)))
    with pytest.raises(IgnoredFilterError, match=r"found 2 rows of another time on a page, such as \{'id': 1,"):
        await load(rawg, store, run_id="second")
    assert (commit(store).version, ids(store)) == (1, [1, 2])


@pytest.mark.parametrize("rows", [1, 100])
async def test_an_odd_row_of_another_time_is_one_row(rawg: PagedRawg, store: Store, rows: int) -> None:
    rawg.put(game(900, rawg.clock - timedelta(days=40)))
    await load(rawg, store)
    rawg.next_day()
    change(rawg, rows)
    sent = rawg._found
    odd = {"updated": "2019-01-01T00:00:00"}
    rawg._found = lambda *query: [row | odd if row["id"] == 1 else row for row in sent(*query)]  # type: ignore[method-assign]
    await load(rawg, store, run_id="second")
    assert (commit(store).summary.proof, ids(store)) == (Proof.COUNTED, [*range(1, rows + 1), 900])
    assert table_rows(store, "games", "rawg")[1]["updated"] == odd["updated"]


async def test_a_day_that_takes_more_requests_than_a_load_has_holds_back_no_later_day(
    rawg: PagedRawg, store: Store
) -> None:
    rawg.put(game(900_000, rawg.clock - timedelta(days=40)))
    await load(rawg, store)
    rawg.next_day()
    many = [game(i, rawg.clock - timedelta(hours=2)) for i in range(1, 2401)]  # a program changed them at once
    rawg.put(*many)
    page = rawg._page

    def miscounted(rows: list[Any], query: dict[str, str]) -> tuple[int, Any]:
        status, answer = page(rows, query)
        return status, answer | ({"count": answer["count"] + 1} if len(rows) >= len(many) else {})

    rawg._page = miscounted  # type: ignore[method-assign]
    for night in range(5):
        # A reading takes 60 requests, and the plan has 100 a day.
        await load(rawg, store, run_id=f"night {night}", plan=Plan(requests_per_month=31 * 100))
        if night == 2:
            reason = str(commit(store).summary.proof_reason)
            assert "has 2,401 rows, of which its pages had 2,400, read once. The next load reads" in reason
        rawg.next_day()
        rawg.put(game(500_000 + night, rawg.clock - timedelta(hours=2)))
    await load(rawg, store, run_id="last")
    assert ids(store) == sorted(rawg.rows["games"])
    assert commit(store).summary.proof is Proof.COUNTED


async def test_a_long_time_is_read_in_windows_of_few_pages(rawg: PagedRawg, store: Store) -> None:
    rawg.put(game(900, rawg.clock - timedelta(days=40)))
    await load(rawg, store)
    for day in range(5):
        rawg.next_day()
        rawg.put(*(game(10_000 * day + i, rawg.clock - timedelta(seconds=i)) for i in range(1, 501)))
    report = await load(rawg, store, run_id="later")
    assert report.rows == 5 * 500
    pages = [int(asked.rpartition("page=")[2].partition("&")[0]) for asked in rawg.requests]
    assert max(pages) == 38  # a window of three days, of fewer rows than WINDOW_ROWS
    assert commit(store).summary.proof is Proof.COUNTED


@pytest.mark.parametrize("by_rawg", [True, False])
async def test_the_end_of_the_requests_is_a_normal_end_and_the_next_load_goes_on(
    rawg: PagedRawg, store: Store, by_rawg: bool
) -> None:
    rawg.put(game(900_000, rawg.clock - timedelta(days=40)))
    await load(rawg, store)
    for day in range(3):
        rawg.next_day()
        rawg.put(*(game(10_000 * day + i, rawg.clock - timedelta(seconds=i)) for i in range(1, 801)))
    plan = LARGE if by_rawg else Plan(requests_per_month=31 * 30)
    rawg.quota = rawg.requests.total() + 30 if by_rawg else None
    await load(rawg, store, run_id="stopped", plan=plan)
    stopped = commit(store)
    assert stopped.summary.proof is Proof.PARTIAL
    assert "The next load reads the changes since 2026-11-2" in str(stopped.summary.proof_reason)
    assert ("RAWG's quota" if by_rawg else "30 of the 30 requests") in str(stopped.summary.proof_reason)
    assert 800 < len(ids(store)) < 2400
    rawg.quota = None
    rawg.next_day()
    await load(rawg, store, run_id="next")
    assert commit(store).summary.proof is Proof.COUNTED
    assert ids(store) == sorted(rawg.rows["games"])


async def test_a_load_without_any_request_left_changes_nothing(rawg: PagedRawg, store: Store) -> None:
    change(rawg, 3)
    await load(rawg, store)
    before = commit(store)
    rawg.quota = 0
    await load(rawg, store, run_id="second")
    after = commit(store)
    assert (after.files, after.row_count, after.cursor) == (before.files, 3, before.cursor)
    assert (after.summary.proof, after.origin) == (Proof.PARTIAL, "rawg")


async def test_a_list_that_was_read_in_part_keeps_its_other_rows(rawg: PagedRawg, store: Store) -> None:
    rawg.put(*({"id": i, "name": f"Studio {i}"} for i in range(1, 201)), name="developers")
    await load(rawg, store, "developers")
    assert (commit(store, "developers").mode, len(ids(store, "developers"))) == (Mode.SNAPSHOT, 200)
    rawg.put({"id": 1, "name": "Renamed"}, name="developers")
    rawg.quota = rawg.requests.total() + 2
    await load(rawg, store, "developers", run_id="second")
    found = commit(store, "developers")
    assert (found.mode, found.summary.proof, found.row_count) == (Mode.INCREMENTAL, Proof.PARTIAL, 200)
    assert table_rows(store, "developers", "rawg")[1]["name"] == "Renamed"
    rawg.quota = None
    del rawg.rows["developers"][7]
    await load(rawg, store, "developers", run_id="third")
    assert (commit(store, "developers").mode, 7 in ids(store, "developers")) == (Mode.SNAPSHOT, False)


@pytest.mark.parametrize("name", ["game_details", "game_stores"])
async def test_the_games_that_most_users_have_are_asked_first(rawg: PagedRawg, store: Store, name: str) -> None:
    shops = [{"store": {"id": 1, "slug": "steam"}}]
    changed = rawg.clock - timedelta(days=1)
    rawg.put(*(game(i, changed, added=10 - i, stores=[] if i == 1 else shops) for i in range(1, 8)))
    await load(rawg, store)
    await load(rawg, store, name, games_per_load=2)
    # A matching needs the stores of a game first; the list names none for game 1.
    assert ids(store, name) == ([1, 2] if name == "game_details" else [2, 3])
    rawg.put(game(2, rawg.clock, added=8, stores=shops))
    rawg.clock += timedelta(minutes=10)
    await load(rawg, store, run_id="second")
    for number in range(2):
        await load(rawg, store, name, run_id=f"later {number}", games_per_load=2)
    assert ids(store, name) == ([1, 2, 3, 4, 5, 6] if name == "game_details" else [2, 3, 4, 5, 6, 7])
    found = table_rows(store, name, "rawg")[2]["updated_at"]
    assert found == int(changed.timestamp()), "a game that changed comes after those without a row"
    await load(rawg, store, name, run_id="last", games_per_load=2)
    assert ids(store, name) == [1, 2, 3, 4, 5, 6, 7]
    assert table_rows(store, name, "rawg")[2]["updated_at"] > found
    assert commit(store, name).summary.proof is Proof.COUNTED


@pytest.mark.parametrize("name", ["game_details", "game_stores"])
async def test_a_game_that_changed_is_asked_again(rawg: PagedRawg, store: Store, name: str) -> None:
    change(rawg, 5)
    rawg.stores = {2: [{"id": 7, "game_id": 2, "store_id": 1, "url": "https://store.steampowered.com/app/2"}]}
    await load(rawg, store)
    del rawg.rows["games"][3]
    await load(rawg, store, name, games_per_load=3)
    assert ids(store, name) == [1, 2, 3]
    rows = table_rows(store, name, "rawg")
    assert {row_id: row["is_missing"] for row_id, row in rows.items() if row.get("is_missing")} == {3: True}
    if name == "game_stores":
        assert rows[2]["items"] == rawg.stores[2]
    assert commit(store, name).summary.proof_reason == "3 of the 5 games that wait were read: one load reads 3"
    rawg.put(game(1, rawg.clock))
    rawg.clock += timedelta(minutes=10)
    await load(rawg, store, run_id="second")
    await load(rawg, store, name, run_id="second", games_per_load=3)
    assert ids(store, name) == [1, 2, 3, 4, 5]
    assert (commit(store, name).summary.proof, commit(store, name).summary.requests) == (Proof.COUNTED, 3)
    await load(rawg, store, name, run_id="third", games_per_load=3)
    assert commit(store, name).summary.requests == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((200, {"id": 9, "name": "The other one"}), id="the game that it became one with"),
        pytest.param((200, {"redirect": True, "slug": "another-one"}), id="where it is"),
        pytest.param((200, {"id": None, "redirect": True}), id="no id"),
        pytest.param((404, {"detail": "Not found."}), id="nothing"),
    ],
)
async def test_a_game_that_has_moved_is_missing_and_is_not_asked_again(
    rawg: PagedRawg, store: Store, answer: tuple[int, Any]
) -> None:
    change(rawg, 9)
    await load(rawg, store)
    sent = rawg._answer
    rawg._answer = lambda path, query: answer if path == ["games", "2"] else sent(path, query)  # type: ignore[method-assign]
    await load(rawg, store, "game_details")
    details = table_rows(store, "game_details", "rawg")
    assert sorted(details) == list(range(1, 10))
    assert {row_id for row_id, row in details.items() if row.get("is_missing")} == {2}
    assert details[9]["name"] == "Game 9"
    await load(rawg, store, "game_details", run_id="second")
    assert commit(store, "game_details").summary.requests == 0


@pytest.mark.parametrize("name", ["game_details", "game_stores"])
async def test_a_first_game_that_is_deleted_does_not_state_whose_rows_they_are(store: Store, name: str) -> None:
    world = World.generate(seed=3, games=60, first_day=DAY, today=DAY)
    sandbox = RawgSandbox(Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0))
    with sandbox.running() as url:
        served = ServedSandbox(sandbox, url)
        await load(served, store)
        first = WaitingGames.read(store, ENTITIES[name]).games[0].id
        sandbox.delete("games", [first])
        await load(served, store, name, games_per_load=5)
    assert first in ids(store, name)
    assert commit(store, name).origin == "sandbox"


@pytest.mark.parametrize("text", ["2020-01-01T00:00:00", "9999-12-31T00:00:00", "soon", None])
@pytest.mark.parametrize("listed", [NOON - timedelta(hours=1), datetime(9999, 12, 30, tzinfo=UTC)])
async def test_a_game_is_asked_again_when_its_time_in_the_list_changes_and_not_before(
    rawg: PagedRawg, store: Store, text: str | None, listed: datetime
) -> None:
    rawg.put(*(game(i, NOON - timedelta(hours=2)) for i in range(1, 5)), game(5, listed))
    await load(rawg, store)
    sent = rawg._answer
    page = (200, {"id": 5, "name": "Game 5"} | ({"updated": text} if text else {}))
    rawg._answer = lambda path, query: page if path == ["games", "5"] else sent(path, query)  # type: ignore[method-assign]
    asked = []
    for night in range(4):
        await load(rawg, store, "game_details", run_id=f"night {night}")
        asked.append(commit(store, "game_details").summary.requests)
        if night == 1:
            rawg.put(game(5, rawg.clock))
            rawg.clock += timedelta(minutes=10)
            await load(rawg, store, run_id="second")
    assert asked == [5, 0, 1, 0]


@pytest.mark.parametrize("name", ["game_details", "game_stores"])
async def test_a_game_at_which_rawg_fails_holds_back_no_other_game(rawg: PagedRawg, store: Store, name: str) -> None:
    change(rawg, 20)
    await load(rawg, store)
    sent, broken = rawg._answer, {1, 2, 7}

    def answer(path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        return (500, {}) if path[1:] and int(path[1]) in broken else sent(path, query)

    rawg._answer = answer  # type: ignore[method-assign]
    await load(rawg, store, name, games_per_load=10)
    assert ids(store, name) == [3, 4, 5, 6, 8, 9, 10]
    assert commit(store, name).summary.proof_reason == (
        "7 of the 20 games that wait were read: RAWG failed at 3, such as game 1; one load reads 10"
    )
    await load(rawg, store, name, run_id="second")
    assert set(ids(store, name)) == set(range(1, 21)) - broken
    broken.update(range(1, 21))
    rawg.put(*(game(i, rawg.clock) for i in range(1, 10)))
    rawg.clock += timedelta(minutes=10)
    await load(rawg, store, run_id="later")
    with pytest.raises(ServerError):
        await load(rawg, store, name, run_id="down")
    broken.clear()
    await load(rawg, store, name, run_id="last")
    assert (ids(store, name), commit(store, name).summary.proof) == (list(range(1, 21)), Proof.COUNTED)


@pytest.mark.parametrize("name", ["game_details", "game_stores"])
@pytest.mark.parametrize("known", [True, False], ids=["other games were read before", "the first load"])
async def test_games_whose_pages_are_broken_for_good_stop_no_load(
    rawg: PagedRawg, store: Store, name: str, known: bool
) -> None:
    """They have no row, so they are asked first each night."""
    change(rawg, 20)
    await load(rawg, store)
    if known:
        await load(rawg, store, name, games_per_load=2)
    sent, broken = rawg._answer, set(range(3, 15))

    def answer(path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        return (500, {}) if path[1:] and int(path[1]) in broken else sent(path, query)

    rawg._answer = answer  # type: ignore[method-assign]
    for night in range(2):
        await load(rawg, store, name, run_id=f"night {night}", games_per_load=18)
    assert set(ids(store, name)) == set(range(1, 21)) - broken
    assert "RAWG failed at 12, such as game 3" in str(commit(store, name).summary.proof_reason)
    broken.update(range(1, 21))
    with pytest.raises(ServerError):
        await load(rawg, store, name, run_id="down")


@pytest.mark.parametrize("name", ["game_details", "game_stores"])
async def test_a_gateway_that_answers_404_deletes_no_game(rawg: PagedRawg, store: Store, name: str) -> None:
    change(rawg, 9)
    await load(rawg, store)
    sent, lost = rawg._answer, {2}

    def answer(path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        return (404, "default backend - 404") if path[1:] and int(path[1]) in lost else sent(path, query)

    rawg._answer = answer  # type: ignore[method-assign]
    await load(rawg, store, name, games_per_load=4)
    assert ids(store, name) == [1, 3, 4]
    lost.update(range(10))
    with pytest.raises(GatewayNotFoundError):
        await load(rawg, store, name, run_id="down")
    lost.clear()
    del rawg.rows["games"][5]
    await load(rawg, store, name, run_id="last")
    rows = table_rows(store, name, "rawg")
    assert {row_id for row_id, row in rows.items() if row.get("is_missing")} == {5}
    assert len(rows) == 9


@pytest.mark.parametrize("name", ["game_details", "game_stores"])
@pytest.mark.parametrize("changed", [2, 20])
async def test_games_are_not_missing_where_rawg_has_no_page_of_any_game(
    rawg: PagedRawg, store: Store, name: str, changed: int
) -> None:
    change(rawg, 50)
    await load(rawg, store)
    await load(rawg, store, name)
    before = commit(store, name)
    rawg.put(*(game(i, rawg.clock) for i in range(1, changed + 1)))
    rawg.clock += timedelta(minutes=10)
    await load(rawg, store, run_id="later")
    sent = rawg._answer
    rawg._answer = lambda path, query: (404, {"detail": "Not found."}) if path[1:] else sent(path, query)  # type: ignore[method-assign]
    with pytest.raises(NoPagesError, match=f"RAWG answers 404 to games/.* and to the last {min(changed, 5)} games"):
        await load(rawg, store, name, run_id="without pages", keep=True)
    assert commit(store, name) == before
    rawg._answer = sent  # type: ignore[method-assign]
    for row_id in range(1, 8):  # these are deleted, one after another
        del rawg.rows["games"][row_id]
    await load(rawg, store, name, run_id="without pages")
    missing = {row_id for row_id, row in table_rows(store, name, "rawg").items() if row.get("is_missing")}
    assert missing == set(range(1, min(changed, 7) + 1))
    assert commit(store, name).summary.proof is Proof.COUNTED


@pytest.mark.parametrize("name", ["game_details", "game_stores"])
async def test_a_listed_game_whose_page_is_broken_for_good_stops_no_load(
    rawg: PagedRawg, store: Store, name: str
) -> None:
    """It is asked for to tell whether games are missing."""
    change(rawg, 20)
    await load(rawg, store)
    sent, broken = rawg._answer, {1, 2}

    def answer(path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        return (500, {}) if path[1:] and int(path[1]) in broken else sent(path, query)

    rawg._answer = answer  # type: ignore[method-assign]
    for row_id in (*range(10, 16), 20):
        del rawg.rows["games"][row_id]
    await load(rawg, store, name)
    assert set(ids(store, name)) == set(range(3, 21))


@pytest.mark.parametrize("name", ["game_details", "game_stores"])
async def test_a_second_try_asks_again_for_games_that_were_missing(rawg: PagedRawg, store: Store, name: str) -> None:
    """All answers of the first try are of a minute in which RAWG had no pages, and then failed."""
    change(rawg, 20)
    await load(rawg, store)
    sent = rawg._answer
    asked = 0

    def answer(path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        nonlocal asked
        if not path[1:]:
            return sent(path, query)
        asked += 1
        return (404, {"detail": "Not found."}) if asked <= 5 else (500, {})

    rawg._answer = answer  # type: ignore[method-assign]
    with pytest.raises(ServerError):
        await load(rawg, store, name)
    rawg._answer = sent  # type: ignore[method-assign]
    await load(rawg, store, name)
    assert not [row_id for row_id, row in table_rows(store, name, "rawg").items() if row.get("is_missing")]


async def test_a_page_that_never_answers_stops_no_load(rawg: PagedRawg, store: Store) -> None:
    change(rawg, 5)
    await load(rawg, store)
    sent = rawg._answer

    def hang(path: list[str], query: dict[str, str]) -> tuple[int, Any]:
        if path == ["games", "2"]:
            time.sleep(0.3)
        return sent(path, query)

    rawg._answer = hang  # type: ignore[method-assign]
    rawg.timeout = 0.2
    await load(rawg, store, "game_details")
    assert ids(store, "game_details") == [1, 3, 4, 5]
    rawg.url = "http://127.0.0.1:1/api"
    rawg.put(*(game(i, rawg.clock) for i in range(1, 6)))
    with pytest.raises(UnreachableError):
        await load(rawg, store, "game_details", run_id="down")


@pytest.mark.parametrize("name", ["genres", "games"])
async def test_a_list_that_always_names_a_next_page_ends(rawg: PagedRawg, store: Store, name: str) -> None:
    """It repeats its last page. Without an end a list of 90 rows cost 500 requests, most of those of a day."""
    rawg.put(*(game(i, rawg.clock - timedelta(days=40)) for i in range(1, 91)), name=name)
    page = rawg._page

    def endless(rows: list[Any], query: dict[str, str]) -> tuple[int, Any]:
        status, answer = page(rows, query | {"page": str(min(3, int(query["page"])))})
        return status, answer | {"next": "https://another.host/api?page=4"}

    rawg._page = endless  # type: ignore[method-assign]
    await load(rawg, store, name)
    assert (commit(store, name).summary.proof, ids(store, name)) == (Proof.COUNTED, [*range(1, 91)])
    assert rawg.requests.total() < 10


async def test_an_unreadable_element_of_a_list_is_kept_beside_the_others(rawg: PagedRawg, store: Store) -> None:
    change(rawg, 2)
    await load(rawg, store)
    rawg.stores = {2: [{"id": 7, "store_id": 1, "url": "TORN"}, {"id": 8, "store_id": 3, "url": "https://one"}]}
    rawg.torn = (b'"TORN"', b'"\xff"')
    await load(rawg, store, "game_stores")
    assert commit(store, "game_stores").summary.rows_rejected == 0
    good, torn = table_rows(store, "game_stores", "rawg")[2]["items"]
    assert good == {"id": 8, "store_id": 3, "url": "https://one"}
    assert "invalid UTF-8" in torn["reason"]
    assert base64.b64decode(torn["row_base64"]) == b'{"id": 7, "store_id": 1, "url": "\xff"}'


@pytest.mark.parametrize("name", ["games", "game_details"])
def test_a_killed_load_pays_for_no_reply_twice(rawg: PagedRawg, tmp_path: Path, name: str) -> None:
    """Killed at every few steps on the disk, and started again: at most the request that was under way is repeated."""
    from gamelake.lake.factory import open_store

    change(rawg, 90 if name == "games" else 30)
    store = open_store((tmp_path / "lake").as_uri())
    if name == "game_details":
        asyncio.run(load(rawg, store))
    sent = rawg.requests.total()

    def run(kill_at: int) -> int:
        Steps(kill_at).watch_disk(tmp_path / "lake")
        asyncio.run(load(rawg, store, name))
        return 0

    kills = 0
    while in_child(partial(run, 4 + 3 * kills)) is None:
        kills += 1
    assert kills >= 3
    assert ids(store, name) == sorted(rawg.rows["games"])
    rawg_sent = rawg.requests.total() - sent
    needed = 3 if name == "games" else 30
    assert needed <= rawg_sent <= needed + kills
    entry = newest_entry(store, rawg.clock)
    assert entry is not None
    assert rawg.requests.total() <= entry.number <= rawg.requests.total() + kills
    assert not [info for info in store.list("raw/rawg/") if "_reply-" in info.key]


def test_the_requests_of_a_day_are_in_the_ledger_by_entity(rawg: PagedRawg, store: Store) -> None:
    change(rawg, 50)
    rawg.put({"id": 1, "name": "Action"}, name="genres")
    for name in ("games", "genres", "game_details"):
        asyncio.run(load(rawg, store, name))
    entry = newest_entry(store, rawg.clock)
    assert entry is not None
    assert Counter(entry.day) == Counter(games=3, genres=1, game_details=50)
    assert entry.number == rawg.requests.total()
    assert entry.at.astimezone(UTC).date() == rawg.clock.date()


async def test_the_next_try_of_a_held_load_asks_again(rawg: PagedRawg, store: Store) -> None:
    genres = [{"id": i, "name": f"Genre {i}"} for i in range(1, 31)]
    rawg.put(*genres, name="genres")
    await load(rawg, store, "genres")
    rawg.next_day()
    rawg.rows["genres"] = {}
    rawg.put(*genres[:5], name="genres")
    with pytest.raises(HeldError):
        await load(rawg, store, "genres", run_id="night")
    rawg.put(*genres, name="genres")
    assert (await load(rawg, store, "genres", run_id="night")).row_count == 30


async def test_the_next_try_of_a_load_with_bad_rows_asks_again(rawg: PagedRawg, store: Store) -> None:
    change(rawg, 100)
    good = [dict(row) for row in rawg.rows["games"].values()]
    rawg.rows["games"] = {row["id"]: row | {"name": 7} for row in good}
    with pytest.raises(ContractError):
        await load(rawg, store)
    rawg.rows["games"] = {row["id"]: row for row in good}
    report = await load(rawg, store)
    assert (report.rows, report.rejected) == (100, 0)
