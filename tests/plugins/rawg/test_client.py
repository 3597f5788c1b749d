from __future__ import annotations

import asyncio
import gzip
import logging
import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from yarl import URL

from apiclient.elements import UnreadableRow
from apiclient.errors import ApiError, ReplyError, ServerError, UnreachableError
from apiclient.retry import Backoff
from apiclient.transport import MAX_REPLY_BYTES
from rawg.client import RawgClient
from rawg.errors import (
    AuthError,
    GatewayNotFoundError,
    MissingKeyError,
    NotFoundError,
    PastTheEndError,
    QuotaSpentError,
    RateLimitError,
    RawgError,
    UnexpectedStatusError,
    UnknownKeyError,
)
from tests.support.errors import having
from tests.support.scripted_rawg import INVALID_PAGE, KEY, NO_KEY, NOT_FOUND, SPENT, page_of

if TYPE_CHECKING:
    from collections.abc import Callable

FILTERS = {"updated": "2026-11-20,2026-11-21", "ordering": "updated"}
TEXT = "updated=2026-11-20,2026-11-21&ordering=updated&page=3&page_size=40"


async def test_a_page_is_what_the_api_asks_for(api: Any, client: RawgClient) -> None:
    page = await client.page("games", FILTERS, page=3)

    assert (page.results, page.count, page.has_next) == ([{"id": 1}], 372_770, True)
    assert abs((page.date - datetime.now(UTC)).total_seconds()) < 5
    (asked,) = api.asked
    assert asked.path == "/api/games"
    assert asked.query == FILTERS | {"page": "3", "page_size": "40", "key": KEY}
    assert asked.headers["User-Agent"].startswith("airflow-apiclient ")
    assert KEY not in str(asked.headers)


async def test_an_object_that_has_moved(api: Any, client: RawgClient) -> None:
    api.then(body={"redirect": True, "slug": "portal-2"})
    assert (await client.single("games/portal-two")).row == {"redirect": True, "slug": "portal-2"}


async def test_a_single_object(api: Any, client: RawgClient) -> None:
    single = await client.single("games/3498")
    assert single.row == {"id": 1}
    assert (api.asked[0].path, api.asked[0].query) == ("/api/games/3498", {"key": KEY})


async def test_the_last_page_has_no_next(api: Any, client: RawgClient) -> None:
    api.then(body=page_of([{"id": 7}], 1))
    page = await client.page("games/3498/stores", page_size=10)
    assert (page.results, page.has_next) == ([{"id": 7}], False)


@pytest.mark.parametrize(
    ("path", "query", "options"),
    [
        ("games", {"key": "x"}, {}),
        ("games", {"page": 2}, {}),
        ("games", {}, {"page": 0}),
        ("games", {}, {"page_size": 41}),
        ("/games", {}, {}),
        ("//evil.example.com/games", {}, {}),
        ("games?key=x", {}, {}),
        ("../games", {}, {}),
    ],
)
async def test_what_the_client_does_not_send(
    path: str, query: dict[str, Any], options: dict[str, int], api: Any, client: RawgClient
) -> None:
    with pytest.raises(ValueError, match="expected"):
        await client.page(path, query, **options)
    assert api.asked == []


# --- what is asked again --------------------------------------------------------------------------------------------

AGAIN = {
    "429": lambda api: api.then(429, {"detail": "Request was throttled."}),
    "500": lambda api: api.then(500, ""),
    "502": lambda api: api.then(502, "<html>502 Bad Gateway</html>"),
    "404 of a gateway": lambda api: api.then(404, "default backend - 404"),
    "404 without a body": lambda api: api.then(404, ""),
    "503 with Retry-After": lambda api: api.then(503, "", headers={"Retry-After": "0"}),
    "reset": lambda api: api.then_reset(),
    "torn": lambda api: api.then_torn(),
    "html": lambda api: api.then(200, "<html>maintenance</html>"),
    "half a body": lambda api: api.then(200, '{"count": 1, "next": null, "results": [{"id": 1}'),
    "null": lambda api: api.then(200, "null"),
    "an array": lambda api: api.then(200, []),
    "no results": lambda api: api.then(200, {"count": 1, "next": None}),
    "no next": lambda api: api.then(200, {"count": 1, "results": []}),
    "a count of text": lambda api: api.then(200, page_of([], 1) | {"count": "1"}),
    "a next of another kind": lambda api: api.then(200, page_of([], 1) | {"next": 2}),
    "empty": lambda api: api.then(200, ""),
    "timeout": lambda api: api.then_hang(),
}
RAISED = {
    "429": RateLimitError,
    "500": ServerError,
    "502": ServerError,
    "404 of a gateway": GatewayNotFoundError,
    "404 without a body": GatewayNotFoundError,
    "503 with Retry-After": ServerError,
    "reset": UnreachableError,
    "torn": UnreachableError,
    "timeout": UnreachableError,
}


@pytest.mark.parametrize("fault", AGAIN)
async def test_a_passing_fault_is_asked_again_and_counted(
    fault: str, api: Any, make_client: Callable[..., RawgClient], caplog: pytest.LogCaptureFixture
) -> None:
    AGAIN[fault](api)
    with caplog.at_level(logging.WARNING):
        async with make_client(timeout=0.3) as client:
            assert (await client.page("games", FILTERS)).results == [{"id": 1}]
    assert len(api.asked) == 2
    assert (client.stats.requests, client.stats.retries) == (2, 1)
    assert "RAWG games: " in caplog.text


@pytest.mark.parametrize("fault", AGAIN)
async def test_a_lasting_fault_is_raised_with_the_query(
    fault: str, api: Any, make_client: Callable[..., RawgClient]
) -> None:
    for _ in range(3):
        AGAIN[fault](api)
    async with make_client(max_attempts=3, timeout=0.1) as client:
        with pytest.raises(RAISED.get(fault, ReplyError), check=having(query=TEXT, endpoint="games")):
            await client.page("games", FILTERS, page=3)
    assert (len(api.asked), client.stats.requests) == (3, 3)


async def test_a_429_pauses_every_request_of_the_client(api: Any, make_client: Callable[..., RawgClient]) -> None:
    api.then(429, {})
    async with make_client(requests_per_second=100, backoff=Backoff(base=0.4, cap=0.4)) as client:
        first: asyncio.Task[Any] = asyncio.create_task(client.page("games"))
        await api.until(lambda: client.stats.retries)
        seen = time.monotonic()
        await asyncio.gather(first, *(client.page("games") for _ in range(3)))
    assert min(asked.at for asked in api.asked[1:]) - seen >= 0.15


# --- what fails at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, NO_KEY, MissingKeyError),
        (401, NOT_FOUND, UnknownKeyError),
        (401, SPENT, QuotaSpentError),
        (429, SPENT, QuotaSpentError),
        (403, SPENT, QuotaSpentError),
        (401, {"error": "another text"}, AuthError),
        (401, "<html>", AuthError),
        (404, INVALID_PAGE, PastTheEndError),
        (404, {"detail": "Not found."}, NotFoundError),
        (403, "", UnexpectedStatusError),
        (418, "", UnexpectedStatusError),
    ],
)
async def test_what_will_not_get_better_fails_at_once(
    status: int, body: Any, kind: type[ApiError], api: Any, client: RawgClient
) -> None:
    api.then(status, body)
    with pytest.raises(RawgError, check=having(status=status, query=TEXT)) as caught:
        await client.page("games", FILTERS, page=3)
    assert type(caught.value) is kind
    assert (len(api.asked), client.stats.requests) == (1, 1)


async def test_a_redirect_is_not_followed_with_the_key(api: Any, client: RawgClient) -> None:
    api.then(301, "", headers={"Location": f"{api.base_url}/elsewhere"})
    with pytest.raises(UnexpectedStatusError, check=having(status=301)):
        await client.page("games")
    assert [asked.path for asked in api.asked] == ["/api/games"]


async def test_a_row_that_no_parser_accepts_costs_one_row_and_no_request(api: Any, client: RawgClient) -> None:
    api.then(
        200, b'{"count": 3, "next": null, "previous": null, "results": [{"id": 1}, {"id": 2, "n": NaN}, {"id": 3}]}'
    )
    page = await client.page("games")
    assert (page.results[0], page.results[2], page.count) == ({"id": 1}, {"id": 3}, 3)
    assert isinstance(page.results[1], UnreadableRow)
    assert page.results[1].row_id == 2
    assert client.stats.requests == 1


async def test_a_reply_that_grows_without_end_is_cut_off(api: Any, make_client: Callable[..., RawgClient]) -> None:
    bomb = gzip.compress(bytes(MAX_REPLY_BYTES + 1), compresslevel=9)
    api.then(200, bomb, headers={"Content-Encoding": "gzip"})
    async with make_client(max_attempts=1) as client:
        with pytest.raises(ReplyError, match="more than 64,000,000 bytes"):
            await client.page("games")


# --- the key --------------------------------------------------------------------------------------------------------


async def _echo(request: web.Request) -> web.Response:
    return web.Response(status=418, text=f"asked: {request.url}")


@pytest.mark.parametrize("key", [KEY, "p@ss/w:o?r#d%+"])
async def test_no_reply_message_log_or_repr_holds_the_key(
    key: str, api: Any, make_client: Callable[..., RawgClient], caplog: pytest.LogCaptureFixture
) -> None:
    url = str(URL(f"{api.base_url}/games").with_query(key=key, page=2))
    api.then(500, f"failed: {url}").then_reset().then_torn()
    api.then(200, page_of([{"id": 1, "url": url, "raw": key}], 2, following=url) | {"previous": url})
    api.script.append(_echo)
    with caplog.at_level(logging.DEBUG):
        async with make_client(key=key) as client:
            page = await client.page("games")
            with pytest.raises(UnexpectedStatusError) as caught:
                await client.page("games")
    assert page.has_next
    assert "asked: " in caught.value.reply, "the server did echo the address"
    for text in (str(page), str(caught.value), repr(caught.value), str(caught.value.args), caplog.text, repr(client)):
        assert key not in text


async def test_a_server_that_sends_the_request_back_does_not_bring_the_key_into_an_error(
    make_client: Callable[..., RawgClient], caplog: pytest.LogCaptureFixture
) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(1000))
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, make_client(base_url=base_url, max_attempts=2) as client:
        with caplog.at_level(logging.DEBUG), pytest.raises(UnreachableError) as caught:
            await client.page("games")
    assert "GET /games" in caught.value.reply
    for text in (str(caught.value), repr(caught.value), caught.value.reply, caplog.text):
        assert KEY not in text


async def test_a_server_that_is_down_is_named_without_the_key(make_client: Callable[..., RawgClient]) -> None:
    async with make_client(base_url="http://127.0.0.1:1/api", max_attempts=2) as client:
        with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:1/api/games") as caught:
            await client.page("games")
    assert KEY not in str(caught.value)
    assert client.stats.requests == 2


# --- the budget -----------------------------------------------------------------------------------------------------


async def test_the_quota_is_asked_before_each_request_and_each_retry(
    api: Any, make_client: Callable[..., RawgClient]
) -> None:
    left = 3

    async def take() -> None:
        nonlocal left
        if not left:
            raise QuotaSpentError("nothing left today", endpoint="ledger")
        left -= 1

    for _ in range(2):
        api.then(500, "")
    async with make_client(before_request=take) as client:
        await client.page("games")
        with pytest.raises(QuotaSpentError, check=having(endpoint="ledger")):
            await client.page("games")
    assert (len(api.asked), client.stats.requests) == (3, 3)


async def test_starts_are_paced(api: Any, make_client: Callable[..., RawgClient]) -> None:
    async with make_client(requests_per_second=20) as client:
        await asyncio.gather(*(client.page("games") for _ in range(4)))
    assert min(later.at - earlier.at for earlier, later in pairwise(api.asked)) > 0.045


async def test_few_requests_are_open_though_the_server_hangs(api: Any, make_client: Callable[..., RawgClient]) -> None:
    api.delay = 0.05
    async with make_client() as client:
        await asyncio.gather(*(client.page("games") for _ in range(12)))
    assert api.most_open == 4


async def test_stats_and_origin(api: Any, client: RawgClient) -> None:
    assert client.origin == "rawg"
    api.then(500, "").then(200, '{"id": 1}', headers={"X-Stand-In": "sandbox"})
    await client.single("games/1")
    assert (client.stats.requests, client.stats.retries, client.stats.bytes) == (2, 1, len('{"id": 1}'))
    assert client.stats.seconds > 0
    assert client.origin == "sandbox"


async def test_a_client_that_is_not_entered_is_named(make_client: Callable[..., RawgClient]) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await make_client().page("games")
