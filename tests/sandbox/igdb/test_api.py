"""What IGDB does, over real HTTP."""

from __future__ import annotations

import asyncio
from datetime import date
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.days import day_of
from sandbox.igdb import Fault, Sandbox, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.sandbox_client import Client


async def test_a_window_of_games(client: Client, sandbox: Sandbox) -> None:
    reply = await client.query("games", "fields *; where id >= 10 & id < 60; sort id asc; limit 500;")
    expected = [row for row in sandbox.rows("games") if 10 <= row["id"] < 60]
    assert reply.status == 200
    assert reply.json == expected
    assert reply.headers["X-Count"] == str(len(expected))
    assert reply.headers["Content-Type"].startswith("application/json")
    assert reply.body.startswith(b"[\n  {\n    ")
    assert b"null" not in reply.body


async def test_default_limit_ids_only_and_x_count_of_all(client: Client, sandbox: Sandbox) -> None:
    reply = await client.query("games")
    assert len(reply.json) == 10
    assert {tuple(row) for row in reply.json} == {("id",)}
    assert reply.headers["X-Count"] == str(len(sandbox.rows("games")))


async def test_id_0_is_there(client: Client) -> None:
    reply = await client.query("game_types", "fields *; where id = 0;")
    assert reply.json[0]["type"] == "Main Game"


async def test_count(client: Client, sandbox: Sandbox) -> None:
    expected = sum(row["game_type"] == 0 for row in sandbox.rows("games"))
    assert (await client.query("games/count", "where game_type = 0;")).json == {"count": expected}


async def test_a_filter_on_a_removed_field_gives_nothing(client: Client) -> None:
    assert (await client.query("games", "fields name; where category = 0;")).json == []
    assert (await client.query("games/count", "where category != 0;")).json == {"count": 0}


async def test_the_date_is_the_sandbox_clock(connect: Callable[[Sandbox], Any], build: Callable[..., World]) -> None:
    today = date(2031, 5, 5)
    sandbox = Sandbox(World.generate(games=5, first_day=today, today=today), latency=0)
    async with connect(sandbox) as client:
        for reply in (await client.query("games"), await client.query("nope"), await client.token()):
            assert day_of(parsedate_to_datetime(reply.headers["Date"])) == today


@pytest.mark.parametrize(
    ("endpoint", "text", "status", "title"),
    [
        ("games", "fields *", 400, "Syntax Error"),
        ("games", b"\xff", 400, "Syntax Error"),
        ("games", "fields nope;", 400, "Invalid Field"),
        ("games/count", "where nope = 1;", 400, "Invalid Field"),
        ("games", "limit 501;", 403, "Request limit to high"),
        ("multiquery", 'query games "a" { fields *; }; query games "b" { limit 501; };', 403, "Request limit to high"),
        ("multiquery", 'query games "a" { fields *; }; query nope "b" { };', 400, "Invalid Endpoint"),
        ("multiquery", 'query games "a" { fields *; }; query games "b" { where nope = 1; };', 400, "Invalid Field"),
    ],
)
async def test_query_errors_are_arrays(client: Client, endpoint: str, text: str, status: int, title: str) -> None:
    reply = await client.query(endpoint, text)
    assert reply.status == status
    assert [(problem["title"], problem["status"]) for problem in reply.json] == [(title, status)]
    assert reply.json[0]["cause"]


@pytest.mark.parametrize("endpoint", ["nope", "games/nope", "nope/count"])
async def test_no_such_endpoint_is_a_text(client: Client, endpoint: str) -> None:
    reply = await client.query(endpoint)
    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer nope"}, {"Authorization": ""}, {"Client-ID": "other"}, {"Authorization": "bearer"}],
)
async def test_a_wrong_token_or_client_is_an_object(client: Client, headers: dict[str, str]) -> None:
    reply = await client.query("games", **headers)
    assert reply.status == 401
    assert reply.json["message"].startswith("Authorization Failure")
    assert "Tip 1" in reply.json


@pytest.mark.parametrize("agent", ["", "python-requests/2.32", "Python/3.11 aiohttp/3.14", "Python-urllib/3.11"])
async def test_a_generic_user_agent_is_turned_away(client: Client, agent: str) -> None:
    reply = await client.query("games", **{"User-Agent": agent})
    assert (reply.status, reply.body) == (403, b"error code: 1010")


async def test_a_body_over_32000_bytes(client: Client) -> None:
    padding = "// " + "x" * 31_996 + "\n"
    assert (await client.query("games", padding)).status == 200
    reply = await client.query("games", padding + "//")
    assert (reply.status, reply.headers["Content-Type"]) == (413, "text/plain; charset=utf-8")


async def test_multiquery_by_name(client: Client, sandbox: Sandbox) -> None:
    text = """
        query games "low" { fields *; where id >= 0 & id < 50; sort id asc; limit 500; };
        query genres "genres" { fields name; sort id asc; limit 500; };
        query games/count "n" { where id >= 0 & id < 50; };
    """
    parts = {part["name"]: part for part in (await client.query("multiquery", text)).json}
    expected = [row for row in sandbox.rows("games") if row["id"] < 50]
    assert parts["low"] == {"name": "low", "result": expected}
    assert len(parts["genres"]["result"]) == 23
    assert parts["n"] == {"name": "n", "count": len(expected)}


async def test_a_search_part_empties_a_multiquery(client: Client) -> None:
    text = 'query games "a" { fields *; }; query games "b" { search "dark"; };'
    assert (await client.query("multiquery", text)).json == []


async def test_a_reply_over_10_mb(connect: Callable[[Sandbox], Any]) -> None:
    today = date(2026, 11, 20)
    world = World.generate(games=10, first_day=today, today=today)
    world.upsert("games", [{"id": 1_000 + number, "summary": "x" * 9_000} for number in range(400)])
    async with connect(Sandbox(world, requests_per_second=None, latency=0)) as client:
        part = "{ fields *; where id >= 1000; limit 500; };"
        assert (await client.query("games", part.strip("{} ;") + ";")).status == 200
        assert (await client.query("multiquery", f'query games "a" {part} query games "b" {part}')).status == 200
        reply = await client.query("multiquery", "".join(f'query games "{name}" {part}' for name in "abc"))
        assert reply.status == 413
        assert reply.json[0]["title"] == "Payload Too Large"


async def test_the_fifth_request_of_a_second(connect: Callable[[Sandbox], Any], world: World) -> None:
    async with connect(Sandbox(world, latency=0)) as client:
        replies = [await client.query("genres") for _ in range(5)]
        assert [reply.status for reply in replies] == [200, 200, 200, 200, 429]
        assert replies[-1].json == {"message": "Too Many Requests"}
        assert "Retry-After" not in replies[-1].headers
        await asyncio.sleep(1.05)
        assert (await client.query("genres")).status == 200


async def test_the_ninth_open_request(connect: Callable[[Sandbox], Any], world: World) -> None:
    sandbox = Sandbox(world, requests_per_second=None, max_open_requests=8, latency=1)
    async with connect(sandbox) as client:
        replies = await asyncio.gather(*(client.query("genres") for _ in range(9)))
        assert sorted(reply.status for reply in replies) == [200] * 8 + [429]
        assert (await client.query("genres")).status == 200
        assert max(record.open for record in sandbox.requests) == 9


async def test_a_client_that_goes_away_frees_its_place(connect: Callable[[Sandbox], Any], world: World) -> None:
    sandbox = Sandbox(world, requests_per_second=None, max_open_requests=1, latency=0)
    sandbox.faults.add(Fault("hang", seconds=60))
    async with connect(sandbox) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.query("genres"), 0.2)
        for _ in range(100):
            if (await client.query("genres")).status == 200:
                break
            await asyncio.sleep(0.05)
    statuses = [record.status for record in sandbox.requests]
    assert (statuses[:2], statuses[-1]) == ([200, 499], 200)


async def test_token_replies(client: Client) -> None:
    granted = (await client.token()).json
    assert granted["token_type"] == "bearer"
    assert granted["expires_in"] > 50 * 86_400
    wrong_id = await client.token(client_id="unknown")
    assert (wrong_id.status, wrong_id.json) == (400, {"status": 400, "message": "invalid client"})
    wrong_secret = await client.token(client_secret="nope")
    assert (wrong_secret.status, wrong_secret.json) == (403, {"status": 403, "message": "invalid client secret"})
    assert (await client.token(grant_type="password")).status == 400
    assert (await client.token(client_id="")).json["message"] == "missing client id"


async def test_a_token_request_in_json_is_refused(client: Client) -> None:
    form = {"client_id": "sandbox", "client_secret": "sandbox-secret", "grant_type": "client_credentials"}
    reply = await client.request("POST", "/oauth2/token", json=form)
    assert (reply.status, reply.json["message"]) == (400, "missing client id")


async def test_the_26th_token_ends_the_oldest(client: Client) -> None:
    for _ in range(24):
        await client.token()
    assert (await client.query("genres")).status == 200
    await client.token()
    assert (await client.query("genres")).status == 401


async def test_records_say_what_was_asked(client: Client, sandbox: Sandbox) -> None:
    reply = await client.query("genres", "fields name;")
    first, last = sandbox.requests
    while not last.status:  # noqa: ASYNC110 - noted when the reply has left, which the client may see first
        await asyncio.sleep(0.01)
    assert (first.endpoint, first.status) == ("token", 200)
    assert (last.endpoint, last.query, last.status, last.bytes, last.open) == (
        "genres",
        "fields name;",
        200,
        len(reply.body),
        1,
    )
    assert first.started < last.started
    assert sandbox.requests_served == 2
