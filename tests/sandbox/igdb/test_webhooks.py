"""The sandbox's webhooks, with a receiver that answers as a test tells it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandbox.igdb import Sandbox
    from tests.support.sandbox_client import Answered, Client


class Receiver:
    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.got: list[tuple[str, str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.got.append((request.path, request.headers["X-Secret"], orjson.loads(await request.read())))
        return web.Response(status=self.status)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.+}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


async def register(client: Client, receiver: Receiver, method: str, endpoint: str = "games") -> Answered:
    form = {"url": f"{receiver.url}/{endpoint}/{method}", "secret": "shh", "method": method}
    return await client.request("POST", f"/v4/{endpoint}/webhooks/", data=form, headers=client.headers)


async def sent(client: Client) -> dict[str, Any]:
    """The state, once nothing waits."""
    for _ in range(200):
        state: dict[str, Any] = (await client.request("GET", "/sandbox/webhooks")).json
        if state["waiting"] == 0:
            return state
        await asyncio.sleep(0.02)
    raise AssertionError("events wait still")


async def test_registered_ones_are_listed_shown_and_removed(client: Client, receiver: Receiver) -> None:
    made = (await register(client, receiver, "update")).json
    assert made == {
        "id": 1,
        "url": f"{receiver.url}/games/update",
        "category": 1,
        "sub_category": 1,
        "active": True,
        "api_key": "sandbox",
        "secret": "shh",
        "created_at": made["created_at"],
        "updated_at": made["updated_at"],
    }
    assert (await register(client, receiver, "update")).json["id"] == 1
    assert (await register(client, receiver, "delete")).json["id"] == 2
    listed = await client.request("GET", "/v4/webhooks/", headers=client.headers)
    assert [each["id"] for each in listed.json] == [1, 2]
    assert (await client.request("GET", "/v4/webhooks/2", headers=client.headers)).json["sub_category"] == 2
    assert (await client.request("DELETE", "/v4/webhooks/2", headers=client.headers)).status == 200
    assert (await client.request("DELETE", "/v4/webhooks/2", headers=client.headers)).status == 404


async def test_it_refuses_what_igdb_refuses(client: Client, receiver: Receiver) -> None:
    assert (await register(client, receiver, "replace")).status == 400
    assert (await register(client, receiver, "update", "no_such_endpoint")).status == 404
    assert (await client.request("GET", "/v4/webhooks/", headers={"User-Agent": "a test"})).status == 401


async def test_changes_of_the_world_are_events(client: Client, receiver: Receiver, sandbox: Sandbox) -> None:
    for method in ("create", "update", "delete"):
        await register(client, receiver, method)
    changed, deleted = (row["id"] for row in sandbox.rows("games")[:2])
    sandbox.upsert("games", [{"id": changed, "name": "Changed"}, {"id": 90_000, "name": "New"}])
    sandbox.delete("games", [deleted, 90_001])
    sandbox.upsert("genres", [{"id": 5, "name": "of no webhook"}])
    await sent(client)
    by_path = {path: body for path, _, body in receiver.got}
    assert by_path["/games/delete"] == {"id": str(deleted)}
    assert by_path["/games/create"] == next(row for row in sandbox.rows("games") if row["id"] == 90_000)
    assert by_path["/games/update"]["name"] == "Changed"
    assert {secret for _, secret, _ in receiver.got} == {"shh"}
    receiver.got.clear()
    before = {row["id"]: row for row in sandbox.rows("games")}
    sandbox.advance(sandbox.today + timedelta(days=1))
    await sent(client)
    after = {row["id"]: row for row in sandbox.rows("games")}
    told = {(path, int(body["id"])) for path, _, body in receiver.got}
    assert told == {
        *(("/games/create", row_id) for row_id in after.keys() - before.keys()),
        *(("/games/delete", row_id) for row_id in before.keys() - after.keys()),
        *(("/games/update", row_id) for row_id in after.keys() & before.keys() if after[row_id] != before[row_id]),
    }


async def test_five_failures_turn_a_webhook_off(client: Client, receiver: Receiver, sandbox: Sandbox) -> None:
    await register(client, receiver, "delete")
    receiver.status = 503
    sandbox.delete("games", [row["id"] for row in sandbox.rows("games")[:20]])
    state = await sent(client)
    assert (state["webhooks"][0]["active"], state["failed"], state["sent"]) == (False, 20, 0)
    assert len(receiver.got) < 10
    receiver.status = 200
    await register(client, receiver, "delete")
    sandbox.delete("games", [row["id"] for row in sandbox.rows("games")[:2]])
    state = await sent(client)
    assert (state["webhooks"][0]["active"], state["sent"]) == (True, 2)
    assert "shh" not in str(state)


async def test_what_is_not_documented_can_be_switched(client: Client, receiver: Receiver, sandbox: Sandbox) -> None:
    await register(client, receiver, "delete")
    changed = {"duplicates": 1, "is_shuffled": True, "text_ids": False}
    assert (await client.request("PUT", "/sandbox/webhooks", json=changed)).json["behaviour"]["text_ids"] is False
    ids = [row["id"] for row in sandbox.rows("games")[:30]]
    sandbox.delete("games", ids)
    assert (await sent(client))["sent"] == 60
    got = [body["id"] for _, _, body in receiver.got]
    assert sorted(got) == sorted(ids * 2)
    assert got != ids * 2
    assert (await client.request("PUT", "/sandbox/webhooks", json={"retries": "many"})).status == 400


async def test_a_test_sends_one_row(client: Client, receiver: Receiver, sandbox: Sandbox) -> None:
    await register(client, receiver, "update")
    row = sandbox.rows("games")[0]
    path = f"/v4/games/webhooks/test/1?entityId={row['id']}"
    assert (await client.request("POST", path, headers=client.headers)).status == 200
    await sent(client)
    assert [body for _, _, body in receiver.got] == [row]
    missing = await client.request("POST", "/v4/games/webhooks/test/1?entityId=999999", headers=client.headers)
    assert missing.status == 404
