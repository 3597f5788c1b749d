from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from apiclient.errors import ReplyError, ServerError, UnreachableError
from rawg.client import RawgClient
from rawg.errors import (
    MissingKeyError,
    NotFoundError,
    PastTheEndError,
    QuotaSpentError,
    RawgError,
    UnexpectedStatusError,
    UnknownKeyError,
)
from sandbox.igdb import Fault
from sandbox.rawg import KEY, Behaviour, RawgSandbox
from tests.support.errors import having

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = date(2026, 11, 20)


def ask(url: str, path: str, **query: Any) -> tuple[int, Any]:
    """One request without a client; returns status and document."""
    try:
        with urllib.request.urlopen(f"{url}/{path}?{urlencode(query)}") as reply:  # noqa: S310 - loopback
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


async def read_all(client: RawgClient, path: str, query: dict[str, Any] | None = None, size: int = 40) -> list[Any]:
    rows: list[Any] = []
    number, page = 1, await client.page(path, query, page_size=size)
    rows += page.results
    while page.has_next:
        number += 1
        page = await client.page(path, query, page=number, page_size=size)
        rows += page.results
    return rows


async def test_lists_pages_and_details_agree(rawg: RawgSandbox, client: RawgClient) -> None:
    for name in ("genres", "platforms", "stores", "developers", "publishers"):
        assert await read_all(client, name) == rawg.rows(name)
    parents = await client.page("platforms/lists/parents")
    assert {
        "id": 1,
        "name": "PC",
        "slug": "pc",
        "platforms": [{"id": 4, "name": "PC", "slug": "pc"}],
    } in parents.results
    rawg.behaviour = Behaviour(stable_ties=True)
    games = await read_all(client, "games", {"ordering": "updated"})
    assert [row["updated"] for row in games] == sorted(row["updated"] for row in games)
    assert {row["id"] for row in games} == {row["id"] for row in rawg.rows("games")}
    assert not any("updated_at" in row for row in games)
    row = games[5]
    detail = (await client.single(f"games/{row['id']}")).row
    assert {name: value for name, value in row.items() if name != "short_screenshots"}.items() <= detail.items()
    assert detail["name_original"] == row["name"]
    assert (await client.single(f"games/{row['slug']}")).row == detail
    links = (await client.page(f"games/{row['id']}/stores")).results
    assert [link["store_id"] for link in links] == [each["store"]["id"] for each in row["stores"]]
    assert (await client.single("genres/4")).row["name"] == "Action"


async def test_both_apis_share_port_clock_and_name(rawg: RawgSandbox) -> None:
    with rawg.running() as url:
        async with RawgClient(base_url=url, key=KEY, requests_per_second=1000) as client:
            page = await client.page("games")
            assert client.origin == "sandbox"
            assert abs((page.date - rawg.igdb.clock()).total_seconds()) < 5
        assert ask(url.removesuffix("/api"), "sandbox/state")[1]["today"] == "2026-11-20"


# --- keys and quota ---------------------------------------------------------------------------------------------------


async def test_the_three_problems_of_a_key(build: Callable[..., RawgSandbox]) -> None:
    rawg = build(behaviour=Behaviour(monthly_requests=2))
    with rawg.running() as url:
        assert ask(url, "games") == (401, {"error": "The key parameter is not provided"})
        assert ask(url, "games", key="other") == (401, {"error": "The API key is not found"})
        assert rawg.used.total() == 0
        async with RawgClient(base_url=url, key="another-key", requests_per_second=1000) as client:
            with pytest.raises(UnknownKeyError):
                await client.page("games")
        async with RawgClient(base_url=url, key=KEY, requests_per_second=1000) as client:
            await client.page("genres")
            await client.single("genres/4")
            with pytest.raises(QuotaSpentError, check=having(status=401)):
                await client.page("genres")
            assert rawg.used == {"2026-11": 2}
            rawg.igdb.advance(date(2026, 12, 2))
            assert (await client.page("genres")).count, "a month has its own quota"
    assert issubclass(MissingKeyError, RawgError)


async def test_what_is_taken_from_the_quota(rawg: RawgSandbox, client: RawgClient) -> None:
    row_id = rawg.rows("games")[0]["id"]
    rawg.behaviour = Behaviour(counts_failures=False, counts_stores=False)
    rawg.faults.add(Fault("status", status=503))
    with pytest.raises(ServerError):
        await client.page("games")
    await client.page(f"games/{row_id}/stores")
    assert rawg.used.total() == 0
    rawg.behaviour = Behaviour()
    rawg.faults.add(Fault("status", status=503))
    with pytest.raises(ServerError):
        await client.page("games")
    await client.page(f"games/{row_id}/stores")
    assert rawg.used.total() == 2
    assert [record.endpoint for record in rawg.requests] == ["games", f"games/{row_id}/stores"] * 2
    assert KEY not in str(rawg.requests)


async def test_the_quota_may_have_another_status(rawg: RawgSandbox, client: RawgClient) -> None:
    rawg.behaviour = Behaviour(monthly_requests=0, quota_status=429)
    with pytest.raises(QuotaSpentError, check=having(status=429)):
        await client.page("games")


# --- pages ------------------------------------------------------------------------------------------------------------


async def test_pages_are_cut_without_an_error(rawg: RawgSandbox) -> None:
    with rawg.running() as url:
        assert len(ask(url, "games", key=KEY)[1]["results"]) == 20
        assert len(ask(url, "games", key=KEY, page_size=1000)[1]["results"]) == 40
        assert len(ask(url, "games", key=KEY, page_size="x")[1]["results"]) == 20
        rawg.behaviour = Behaviour(max_page_size=10, default_page_size=5)
        assert len(ask(url, "games", key=KEY, page_size=40)[1]["results"]) == 10
        rawg.behaviour = Behaviour(refuses_large_pages=True)
        assert ask(url, "games", key=KEY, page_size=41)[0] == 400


async def test_links_have_the_key_and_the_query(rawg: RawgSandbox) -> None:
    with rawg.running() as url:
        document = ask(url, "games", key=KEY, page=2, ordering="-updated")[1]
        assert document["next"] == f"{url}/games?page=3&ordering=-updated&key={KEY}"
        assert document["previous"] == f"{url}/games?page=1&ordering=-updated&key={KEY}"
        rawg.behaviour = Behaviour(keys_in_links=False)
        assert KEY not in ask(url, "games", key=KEY)[1]["next"]


@pytest.mark.parametrize("page", ["999", "0", "x", "9" * 5_000])
async def test_a_page_that_the_list_has_not(page: str, rawg: RawgSandbox) -> None:
    with rawg.running() as url:
        assert ask(url, "games", key=KEY, page=page) == (404, {"detail": "Invalid page."})


async def test_the_end_and_the_last_page_that_is_served(rawg: RawgSandbox, client: RawgClient) -> None:
    with pytest.raises(PastTheEndError):
        await client.page("genres", page=2)
    rawg.behaviour = Behaviour(empty_past_the_end=True, max_pages=3)
    assert (await client.page("genres", page=2)).results == []
    assert (await client.page("games", page=3, page_size=10)).has_next
    with pytest.raises(PastTheEndError):
        await client.page("games", page=4, page_size=10)


async def test_what_there_is_not(rawg: RawgSandbox, client: RawgClient) -> None:
    long = "9" * 4_400  # Python refuses a number of so many digits
    for path in (
        *("games/1", "games/no-such-slug", "genres/9999", "nothing", "games/1/stores", "games/1/suggested"),
        *(f"games/{long}", f"games/{long}/stores", f"genres/{long}"),
    ):
        with pytest.raises(NotFoundError):
            await client.single(path)
    for query in (
        {"platforms_count": long},
        {"metacritic": f"0,{long}"},
        {"updated": "0001-01-01,0001-01-01"},
    ):
        for last_day_included in (True, False):
            rawg.behaviour = Behaviour(last_day_included=last_day_included)
            await client.page("games", query)


# --- filters and order ------------------------------------------------------------------------------------------------


async def test_filters(rawg: RawgSandbox, client: RawgClient) -> None:
    rawg.behaviour = Behaviour(stable_ties=True)
    games = rawg.rows("games")
    steam = await read_all(client, "games", {"stores": "1"})
    assert {row["id"] for row in steam} == {
        row["id"] for row in games if 1 in [s["store"]["id"] for s in row["stores"]]
    }
    without = await read_all(client, "games", {"exclude_stores": 1})
    assert len(steam) + len(without) == len(games)
    either = await read_all(client, "games", {"genres": "4,indie"})
    assert {row["id"] for row in either} == {
        row["id"] for row in games if {"action", "indie"} & {genre["slug"] for genre in row["genres"]}
    }
    developer = rawg.rows("developers")[0]
    made = await client.page("games", {"developers": developer["slug"]})
    assert made.count == developer["games_count"]
    game = games[0]
    assert game["id"] in [row["id"] for row in await read_all(client, "games", {"search": game["name"][:6]})]
    exact = await read_all(client, "games", {"search": game["name"], "search_exact": "true"})
    assert {row["name"] for row in exact} == {game["name"]}
    year = await read_all(client, "games", {"dates": "2019-01-01,2019-12-31.2021-01-01,2021-12-31"})
    assert {row["released"][:4] for row in year} == {"2019", "2021"}
    good = await read_all(client, "games", {"metacritic": "80,100"})
    assert good
    assert all(80 <= row["metacritic"] <= 100 for row in good)


async def test_an_order_that_is_unknown_is_ignored(rawg: RawgSandbox, client: RawgClient) -> None:
    rawg.behaviour = Behaviour(stable_ties=True)
    plain = await read_all(client, "games")
    assert [row["added"] for row in plain] == sorted((row["added"] for row in plain), reverse=True)
    assert await read_all(client, "games", {"ordering": "nope"}) == plain
    names = [row["name"] for row in await read_all(client, "games", {"ordering": "-name"})]
    assert names == sorted(names, reverse=True)


async def test_a_window_of_updates_includes_both_days(build: Callable[..., RawgSandbox]) -> None:
    rawg = build(games=400, today=DAY + timedelta(days=3), changed=0.1, behaviour=Behaviour(stable_ties=True))
    with rawg.running() as url:
        async with RawgClient(base_url=url, key=KEY, requests_per_second=10_000) as client:
            window = {"updated": "2026-11-20,2026-11-21"}
            both = await read_all(client, "games", window)
            assert {row["updated"][:10] for row in both} == {"2026-11-20", "2026-11-21"}
            rawg.behaviour = Behaviour(last_day_included=False)
            assert {row["updated"][:10] for row in await read_all(client, "games", window)} == {"2026-11-20"}
            rawg.behaviour = Behaviour()
            whole = await client.page("games", {"updated": "2026-11-20,yesterday"})
            assert whole.count == len(rawg.rows("games")), "a range that cannot be parsed is dropped"
            rawg.behaviour = Behaviour(refuses_bad_ranges=True)
            with pytest.raises(UnexpectedStatusError, check=having(status=400)):
                await client.page("games", {"updated": "2026-11-20,yesterday"})
            rawg.behaviour = Behaviour(stable_ties=True, updated_zone=timedelta(hours=14))
            ahead = await read_all(client, "games", window)
            assert {row["updated"][:10] for row in ahead} == {"2026-11-20", "2026-11-21"}
            assert {row["id"] for row in ahead} != {row["id"] for row in both}
            detail = (await client.single(f"games/{ahead[0]['id']}")).row
            assert detail["updated"] == ahead[0]["updated"]
            rawg.behaviour = Behaviour(updated_in_lists=False)
            assert "updated" not in (await client.page("games")).results[0]


async def test_ties_repeat_and_skip_rows_between_pages_unless_they_are_stable(
    build: Callable[..., RawgSandbox],
) -> None:
    rawg = build(games=600, today=DAY + timedelta(days=1), changed=0.4)
    window = {"updated": "2026-11-20,2026-11-20", "ordering": "updated"}
    with rawg.running() as url:
        async with RawgClient(base_url=url, key=KEY, requests_per_second=10_000) as client:
            rows = await read_all(client, "games", window)
            assert len({row["id"] for row in rows}) < len(rows)
            rawg.behaviour = Behaviour(stable_ties=True)
            rows = await read_all(client, "games", window)
            assert len({row["id"] for row in rows}) == len(rows)


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("status", status=401), QuotaSpentError),
        (Fault("status", status=502), ServerError),
        (Fault("truncate"), ReplyError),
        (Fault("html"), ReplyError),
        (Fault("reset"), UnreachableError),
        (Fault("reset_body"), UnreachableError),
    ],
)
async def test_faults(fault: Fault, kind: type[Exception], rawg: RawgSandbox, client: RawgClient) -> None:
    rawg.faults.add(fault)
    with pytest.raises(kind):
        await client.page("games")
    assert (await client.page("games")).results


async def test_faults_of_rows(rawg: RawgSandbox, client: RawgClient) -> None:
    genres = await client.page("genres")
    hidden = genres.results[0]["id"]
    rawg.faults.add(
        Fault("hide_rows", endpoint="genres", row_ids=(hidden,)), Fault("drop_row", contains="page_size=39")
    )
    page = await client.page("genres")
    assert (page.count, len(page.results)) == (genres.count, genres.count - 1)
    assert len((await client.page("genres", page_size=39)).results) == genres.count - 1
    rawg.faults.add(Fault("uncounted_rows", row_ids=(hidden,)))
    page = await client.page("genres")
    assert (page.count, len(page.results)) == (genres.count - 1, genres.count)


async def test_a_server_that_hangs(rawg: RawgSandbox) -> None:
    rawg.faults.add(Fault("hang", seconds=30))
    with rawg.running() as url:
        async with RawgClient(base_url=url, key=KEY, requests_per_second=1000, timeout=0.2, max_attempts=1) as client:
            with pytest.raises(UnreachableError):
                await asyncio.wait_for(client.page("games"), 5)
