from __future__ import annotations

import asyncio
import logging
import socket
import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from apiclient.errors import ApiError, ReplyError, ServerError, UnreachableError
from apiclient.retry import Backoff
from igdb.apicalypse import Query, SubQuery, at_least, below
from igdb.client import MAX_REQUEST_BYTES
from igdb.errors import (
    AuthError,
    ForbiddenError,
    PayloadTooLargeError,
    QueryError,
    RateLimitError,
    SlowQueryError,
    UnexpectedStatusError,
)
from igdb.tokens import StaticToken
from tests.support.errors import having

if TYPE_CHECKING:
    from collections.abc import Callable

    from igdb.client import IgdbClient
    from igdb.replies import MultiReply, Reply

WINDOW = Query(where=(at_least("id", 0), below("id", 500)))
TWO_PARTS = [SubQuery("a", "games", Query()), SubQuery("n", "games", Query(), count=True)]


async def test_a_request_is_what_the_api_asks_for(api: Any, client: IgdbClient) -> None:
    reply: Reply[list[Any]] = await client.query("games", WINDOW)

    assert reply.rows == [{"id": 1}]
    assert reply.total == 372_770
    assert abs((reply.date - datetime.now(UTC)).total_seconds()) < 5
    (asked,) = api.asked
    assert asked.path == "/v4/games"
    assert asked.body == WINDOW.text()
    assert asked.headers["Client-ID"] == "an-id"
    assert asked.headers["Authorization"] == "Bearer static-token"
    assert asked.headers["Accept"] == "application/json"
    assert asked.headers["Content-Type"].startswith("text/plain")
    assert asked.headers["User-Agent"].startswith("airflow-apiclient ")


async def test_a_count(api: Any, client: IgdbClient) -> None:
    api.then(body={"count": 12})
    assert (await client.count("games", (at_least("id", 5),))).count == 12
    assert (api.asked[0].path, api.asked[0].body) == ("/v4/games/count", "where id >= 5;")


async def test_a_multiquery(api: Any, client: IgdbClient) -> None:
    api.then(body=[{"name": "n", "count": 3}, {"name": "a", "result": [{"id": 1}]}])
    reply: MultiReply[list[Any]] = await client.multiquery(TWO_PARTS)
    assert (reply.rows, reply.counts) == ({"a": [{"id": 1}]}, {"n": 3})
    assert api.asked[0].path == "/v4/multiquery"
    assert api.asked[0].body.startswith('query games "a" {')


# --- what is asked again --------------------------------------------------------------------------------------------

AGAIN = {
    "429": lambda api: api.then(429, {"message": "Too Many Requests"}),
    "500": lambda api: api.then(500, {"message": "Internal server error"}),
    "502": lambda api: api.then(502, "Bad Gateway"),
    "503 with Retry-After": lambda api: api.then(503, "", headers={"Retry-After": "0"}),
    "reset": lambda api: api.then_reset(),
    "torn": lambda api: api.then_torn(),
    "html": lambda api: api.then(200, "<html>maintenance</html>"),
    "half a body": lambda api: api.then(200, '[{"id": 1'),
    "null": lambda api: api.then(200, "null"),
    "an object": lambda api: api.then(200, {}),
    "empty": lambda api: api.then(200, ""),
    "408": lambda api: api.then(408, [{"title": "Request timeout", "status": 408}]),
    "timeout": lambda api: api.then_hang(),
}
RAISED = {
    "429": RateLimitError,
    "500": ServerError,
    "502": ServerError,
    "503 with Retry-After": ServerError,
    "reset": UnreachableError,
    "torn": UnreachableError,
    "408": SlowQueryError,
    "timeout": UnreachableError,
}


@pytest.mark.parametrize("fault", AGAIN)
async def test_a_passing_fault_is_asked_again(
    fault: str, api: Any, make_client: Callable[..., IgdbClient], caplog: pytest.LogCaptureFixture
) -> None:
    AGAIN[fault](api)
    with caplog.at_level(logging.WARNING):
        async with make_client(timeout=0.3) as client:
            assert (await client.query("games", WINDOW)).rows == [{"id": 1}]
    assert [asked.body for asked in api.asked] == [WINDOW.text()] * 2
    assert (client.stats.requests, client.stats.retries) == (2, 1)
    assert "IGDB games: " in caplog.text
    assert "attempt 1 of" in caplog.text


@pytest.mark.parametrize("fault", AGAIN)
async def test_a_lasting_fault_is_raised_with_the_query(
    fault: str, api: Any, make_client: Callable[..., IgdbClient]
) -> None:
    for _ in range(3):
        AGAIN[fault](api)
    async with make_client(max_attempts=3, timeout=0.1) as client:
        with pytest.raises(RAISED.get(fault, ReplyError), check=having(query=WINDOW.text(), endpoint="games")):
            await client.query("games", WINDOW)
    assert len(api.asked) == (2 if fault == "408" else 3), (
        "a slow query is asked once more, the others as often as told"
    )


async def test_a_reply_may_take_longer_than_the_timeout_while_it_arrives(
    api: Any, make_client: Callable[..., IgdbClient]
) -> None:
    api.then_slow(12, every=0.1)
    async with make_client(max_attempts=1, timeout=1.0) as client:
        assert (await client.query("games", WINDOW)).rows == [{"id": 1}]
    api.then_slow(100, every=0.05)
    async with make_client(max_attempts=1, timeout=0.2) as client:
        with pytest.raises(UnreachableError, match="no reply in time"):
            await client.query("games", WINDOW)


async def test_waits_grow(api: Any, make_client: Callable[..., IgdbClient]) -> None:
    for _ in range(4):
        api.then(500, "")
    async with make_client(backoff=Backoff(base=0.04, cap=10)) as client:
        await client.query("games", WINDOW)
    at = [asked.at for asked in api.asked]
    gaps = [later - earlier for earlier, later in pairwise(at)]
    for gap, full in zip(gaps, [0.04, 0.08, 0.16, 0.32], strict=True):
        assert full / 2 <= gap <= full + 0.2


async def test_retry_after_is_honoured(api: Any, client: IgdbClient) -> None:
    api.then(503, "", headers={"Retry-After": "1"})
    await client.query("games", WINDOW)
    assert api.asked[1].at - api.asked[0].at >= 1.0


async def test_a_429_pauses_every_request_of_the_client(api: Any, make_client: Callable[..., IgdbClient]) -> None:
    api.then(429, {"message": "Too Many Requests"})
    # The pause is 0.3 to 0.6 s; without it the other nine would start within 0.1 s.
    async with make_client(requests_per_second=100, backoff=Backoff(base=0.6, cap=0.6)) as client:
        first: asyncio.Task[Any] = asyncio.create_task(client.query("games", WINDOW))
        await api.until(lambda: client.stats.retries)
        seen = time.monotonic()
        await asyncio.gather(first, *(client.query("games", WINDOW) for _ in range(9)))
    assert len(api.asked) == 11
    assert min(asked.at for asked in api.asked[1:]) - seen >= 0.25


# --- what fails at once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, [{"title": "Invalid Field", "status": 400, "cause": "Invalid field name: 'nope'"}], QueryError),
        (403, [{"title": "Request limit to high", "status": 403}], ForbiddenError),
        (403, "error code: 1010", ForbiddenError),
        (404, "Not found: nope", QueryError),
        (413, [{"title": "Payload Too Large", "status": 413}], PayloadTooLargeError),
        (418, "", UnexpectedStatusError),
    ],
)
async def test_what_will_not_get_better_fails_at_once_with_the_query_and_the_reply(
    status: int, body: Any, kind: type[ApiError], api: Any, client: IgdbClient
) -> None:
    api.then(status, body)
    with pytest.raises(kind, check=having(status=status, query=WINDOW.text())) as caught:
        await client.query("games", WINDOW)
    assert len(api.asked) == 1
    assert (body if isinstance(body, str) else body[0]["title"]) in caught.value.reply


async def test_a_redirect_is_not_followed_with_the_token(api: Any, client: IgdbClient) -> None:
    api.then(307, "", headers={"Location": f"{api.base_url}/elsewhere"})
    with pytest.raises(UnexpectedStatusError, check=having(status=307)):
        await client.query("games", WINDOW)
    assert [asked.path for asked in api.asked] == ["/v4/games"]


async def test_a_request_above_the_cap_is_not_sent(api: Any, client: IgdbClient) -> None:
    wide = Query(fields=",".join(["a_long_field_name"] * 2000))
    with pytest.raises(PayloadTooLargeError):
        await client.query("games", wide)
    assert api.asked == []
    assert len(wide.text()) > MAX_REQUEST_BYTES


async def test_a_refused_connection_names_the_address_and_how_to_check_it(
    make_client: Callable[..., IgdbClient],
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{unused.getsockname()[1]}/v4"
        async with make_client(base_url=base_url, max_attempts=2) as client:
            with pytest.raises(UnreachableError, match=f"{base_url}/games") as caught:
                await client.query("games", WINDOW)
    assert "curl" in str(caught.value)
    assert client.stats.requests == 2


# --- tokens ---------------------------------------------------------------------------------------------------------


async def test_a_refused_static_token_fails_at_once(api: Any, make_client: Callable[..., IgdbClient]) -> None:
    async with make_client(tokens=StaticToken("an-old-token")) as client:
        with pytest.raises(AuthError, check=having(status=401)):
            await client.query("games", WINDOW)
    assert len(api.asked) == 1


async def test_no_message_log_or_repr_holds_the_token(
    api: Any, make_client: Callable[..., IgdbClient], caplog: pytest.LogCaptureFixture
) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(status=400, text=f"headers: {dict(request.headers)}")

    api.then(500, "").then_reset().then_torn()
    api.script.append(echo)
    with caplog.at_level(logging.DEBUG):
        async with make_client() as client:
            with pytest.raises(QueryError) as caught:
                await client.query("games", WINDOW)
    assert "Authorization" in str(caught.value), "the server did echo the headers"
    for text in (str(caught.value), repr(caught.value), caught.value.reply, caplog.text, repr(client)):
        assert "static-token" not in text


# --- the budget -----------------------------------------------------------------------------------------------------


async def test_never_a_fifth_start_within_a_second_at_the_server(
    api: Any, make_client: Callable[..., IgdbClient]
) -> None:
    """Also across two clients, one after the other, as tasks are; and with replies of different speed."""
    api.delay = 0.3
    for _ in range(2):
        async with make_client(requests_per_second=4) as client:
            await asyncio.gather(*(client.query("games", WINDOW) for _ in range(7)))
    at = [asked.at for asked in api.asked]
    assert len(at) == 14
    closest = min(fifth - first for first, fifth in zip(at, at[4:], strict=False))
    assert closest > 1.0
    assert at[6] - at[0] < 2.2, "the budget is used, not only kept"


async def test_a_slow_connection_does_not_bring_two_requests_close_together(
    api: Any, make_client: Callable[..., IgdbClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = aiohttp.TCPConnector.connect
    # Nearly a spacing: the first request would arrive together with the second.
    handshakes = iter([0.1])

    async def slow_at_first(self: aiohttp.TCPConnector, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(next(handshakes, 0))
        return await connect(self, *args, **kwargs)

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", slow_at_first)
    async with make_client(requests_per_second=10) as client:
        await asyncio.gather(*(client.query("games", WINDOW) for _ in range(3)))
    assert min(later.at - earlier.at for earlier, later in pairwise(api.asked)) > 0.09


async def test_never_more_than_8_open(api: Any, make_client: Callable[..., IgdbClient]) -> None:
    api.delay = 0.1
    async with make_client() as client:
        await asyncio.gather(*(client.query("games", WINDOW) for _ in range(25)))
    assert api.most_open == 8
    assert len(api.asked) == 25


# --- the end --------------------------------------------------------------------------------------------------------


async def test_a_cancelled_request_leaves_nothing_open(api: Any, make_client: Callable[..., IgdbClient]) -> None:
    api.then_hang()
    async with make_client(max_open_requests=1) as client:
        hanging: asyncio.Task[Any] = asyncio.create_task(client.query("games", WINDOW))
        await api.until(lambda: api.open_now)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert (await asyncio.wait_for(client.query("games", WINDOW), 1)).rows == [{"id": 1}], "the place is free again"
    assert api.open_now == 0


async def test_a_client_that_is_not_entered_is_named(make_client: Callable[..., IgdbClient]) -> None:
    client = make_client()
    with pytest.raises(RuntimeError, match="async with"):
        await client.query("games", WINDOW)


async def test_stats(api: Any, client: IgdbClient) -> None:
    api.delay = 0.05
    api.then(500, "").then(200, '[ {"id": 1} ]').then(200, '{"count": 1}')
    await client.query("games", WINDOW)
    await client.count("games")
    assert (client.stats.requests, client.stats.retries) == (3, 1)
    assert client.stats.bytes == len('[ {"id": 1} ]') + len('{"count": 1}')
    assert 0.15 <= client.stats.seconds < 5
