from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

if TYPE_CHECKING:
    from sandbox.igdb import Sandbox
    from tests.support.sandbox_client import Client


async def test_state(client: Client) -> None:
    state = (await client.request("GET", "/sandbox/state")).json
    assert (state["first_day"], state["today"]) == ("2026-11-20", "2026-11-20")
    assert state["clock"].startswith(("2026-11-19", "2026-11-20"))
    assert (state["rows"]["games"], state["rows"]["genres"]) == (300, 23)
    assert state["requests"] == 1


async def test_rows_as_jsonl(client: Client, sandbox: Sandbox) -> None:
    reply = await client.request("GET", "/sandbox/rows/games")
    assert [orjson.loads(line) for line in reply.body.splitlines()] == sandbox.rows("games")
    assert (await client.request("GET", "/sandbox/rows/nope")).status == 404


async def test_a_web_page_of_somebody_else_changes_nothing(client: Client) -> None:
    """A browser sends such text across origins without a question to the server."""
    reply = await client.request("POST", "/sandbox/faults", data='{"kind": "status", "status": 502}')
    assert reply.status == 400
    assert (await client.request("GET", "/sandbox/faults")).json == []


async def test_changing_rows_while_it_runs(client: Client) -> None:
    change = {"upsert": [{"id": 5, "name": "Changed"}, {"id": 90_000, "name": "New"}], "delete": [1, 2, 3]}
    reply = await client.request("POST", "/sandbox/rows/games", json=change)
    assert reply.json["upserted"] == 2
    found = (await client.query("games", "fields name; where id <= 5 | id = 90000; sort id asc;")).json
    names = {row["id"]: row["name"] for row in found}
    assert not {1, 2, 3} & set(names)
    assert (names[5], names[90_000]) == ("Changed", "New")


async def test_turning_the_day(client: Client) -> None:
    before = (await client.query("popularity_primitives", "fields value; sort id asc; limit 500;")).json
    turned = await client.request("PUT", "/sandbox/today", json={"today": "2026-11-22"})
    assert turned.json["today"] == "2026-11-22"
    after = (await client.query("popularity_primitives", "fields value; sort id asc; limit 500;")).json
    assert before != after
    assert (await client.request("PUT", "/sandbox/today", json={"today": "2026-11-21"})).status == 400


async def test_faults_and_requests(client: Client) -> None:
    added = await client.request("POST", "/sandbox/faults", json=[{"kind": "status", "status": 502, "times": 2}])
    assert added.json[0]["left"] == 2
    assert (await client.query("genres")).status == 502
    assert (await client.request("GET", "/sandbox/faults")).json[0]["left"] == 1
    assert (await client.request("DELETE", "/sandbox/faults")).json == []
    assert (await client.query("genres")).status == 200
    records = (await client.request("GET", "/sandbox/requests?last=2")).json
    assert [(record["endpoint"], record["status"]) for record in records] == [("genres", 502), ("genres", 200)]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "today", {"today": "22.11.2026"}),
        ("PUT", "today", {"day": "2026-11-22"}),
        ("PUT", "today", "{"),
        ("POST", "rows/games", {"upsert": {"id": 5}}),
        ("POST", "rows/games", {"delete": ["5"]}),
        ("POST", "rows/games", {"upsert": [{"name": "no id"}]}),
        ("POST", "rows/nope", {"delete": [5]}),
        ("POST", "faults", {"kind": "nope"}),
        ("GET", "requests?last=all", None),
        ("GET", "requests?last=" + "9" * 5_000, None),
    ],
)
async def test_what_cannot_be_done_states_why(client: Client, method: str, path: str, body: Any) -> None:
    data = body if isinstance(body, str) else orjson.dumps(body)
    headers = {"Content-Type": "application/json"}
    reply = await client.request(method, f"/sandbox/{path}", data=data, headers=headers)
    assert reply.status == 400
    assert "expected" in reply.json["message"]
