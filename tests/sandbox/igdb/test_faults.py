from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

from sandbox.igdb import Fault, FaultError, Sandbox
from sandbox.igdb.faults import FaultRegistry

if TYPE_CHECKING:
    from tests.support.sandbox_client import Client

QUERY = "fields *; where id < 30; sort id asc; limit 500;"


OBJECTS, ARRAYS, TEXTS = (401, 429, 500, 504), (400, 408, 413), (403, 404, 502, 503)


@pytest.mark.parametrize(
    ("status", "shape"),
    [
        *((status, dict) for status in OBJECTS),
        *((status, list) for status in ARRAYS),
        *((status, None) for status in TEXTS),
    ],
)
async def test_a_status_once(client: Client, sandbox: Sandbox, status: int, shape: type | None) -> None:
    sandbox.faults.add(Fault("status", status=status))
    reply = await client.query("games", QUERY)
    assert reply.status == status
    assert "Retry-After" not in reply.headers
    if shape is None:
        assert reply.headers["Content-Type"].startswith("text/plain")
    else:
        assert isinstance(reply.json, shape)
    assert (await client.query("games", QUERY)).status == 200


async def test_retry_after(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", status=429, retry_after=2))
    assert (await client.query("games")).headers["Retry-After"] == "2"


@pytest.mark.parametrize(
    ("kind", "body", "content"),
    [
        ("null", b"null", "application/json"),
        ("object", b"{}", "application/json"),
        ("empty", b"[]", "application/json"),
        ("html", b"<!DOCTYPE html>", "text/html"),
    ],
)
async def test_wrong_documents_with_200(client: Client, sandbox: Sandbox, kind: str, body: bytes, content: str) -> None:
    sandbox.faults.add(Fault(kind))
    reply = await client.query("games", QUERY)
    assert (reply.status, reply.headers["Content-Type"]) == (200, f"{content}; charset=utf-8")
    assert reply.body.startswith(body)


async def test_torn_json(client: Client, sandbox: Sandbox) -> None:
    whole = await client.query("games", QUERY)
    sandbox.faults.add(Fault("truncate"))
    torn = await client.query("games", QUERY)
    assert torn.status == 200
    assert torn.body == whole.body[: len(whole.body) // 2]
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(torn.body)


@pytest.mark.parametrize("kind", ["reset", "reset_body"])
async def test_a_connection_that_breaks(client: Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.faults.add(Fault(kind))
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        await client.query("games", QUERY)
    assert (await client.query("games", QUERY)).status == 200


async def test_a_reply_short_of_a_row(client: Client, sandbox: Sandbox) -> None:
    whole = await client.query("games", QUERY)
    sandbox.faults.add(Fault("drop_row", times=2))
    short = await client.query("games", QUERY)
    assert short.json == whole.json[:-1]
    assert short.headers["X-Count"] == whole.headers["X-Count"]
    text = f'query games "none" {{ where id < 0; }}; query games "a" {{ {QUERY} }}; query games "b" {{ {QUERY} }};'
    sizes = [len(part["result"]) for part in (await client.query("multiquery", text)).json]
    assert sizes == [0, len(whole.json) - 1, len(whole.json)]


async def test_a_reply_without_its_rows(client: Client, sandbox: Sandbox) -> None:
    whole = await client.query("games", QUERY)
    sandbox.faults.add(Fault("no_rows", times=2))
    empty = await client.query("games", QUERY)
    assert (empty.json, empty.headers["X-Count"]) == ([], whole.headers["X-Count"])
    text = f'query games "a" {{ {QUERY} }}; query games "b" {{ {QUERY} }}; query games/count "n" {{ where id < 30; }};'
    parts = (await client.query("multiquery", text)).json
    assert [part.get("result", part.get("count")) for part in parts] == [[], [], len(whole.json)]


@pytest.mark.parametrize("kind", ["hide_rows", "uncounted_rows"])
async def test_rows_that_do_not_show_and_rows_that_are_not_counted(kind: str, client: Client, sandbox: Sandbox) -> None:
    sandbox.upsert("genres", [{"id": each, "name": "New"} for each in (901, 902, 903)])
    sandbox.faults.add(Fault(kind, row_ids=(902, 77), times=None))
    rows, count = ([901, 903], 3) if kind == "hide_rows" else ([901, 902, 903], 2)
    reply = await client.query("genres", "fields id; where id >= 901; sort id asc;")
    assert ([row["id"] for row in reply.json], reply.headers["X-Count"]) == (rows, str(count))
    assert (await client.query("genres/count", "where id >= 901;")).json == {"count": count}
    assert (await client.query("genres/count", "where id >= 903;")).json == {"count": 1}
    text = 'query genres "a" { fields id; where id >= 901; sort id asc; }; query genres/count "n" { where id >= 901; };'
    shown, counted = (await client.query("multiquery", text)).json
    assert ([row["id"] for row in shown["result"]], counted["count"]) == (rows, count)


async def test_a_text_of_the_reply_is_replaced(client: Client, sandbox: Sandbox) -> None:
    sandbox.upsert("genres", [{"id": 999, "name": "Old"}])
    sandbox.faults.add(Fault("replace", old='"Old"', new='"\udcff"'))
    damaged = await client.query("genres", "fields name; where id = 999;")
    assert (damaged.status, damaged.headers["X-Count"]) == (200, "1")
    assert b'"name": "\xff"' in damaged.body


async def test_a_slow_reply(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("hang", seconds=0.3))
    started = monotonic()
    assert (await client.query("genres")).status == 200
    assert monotonic() - started >= 0.3


async def test_a_date_that_is_ahead(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("wrong_date", seconds=400 * 86_400))
    dates = [parsedate_to_datetime((await client.query("genres", QUERY)).headers["Date"]) for _ in range(2)]
    ahead = [date - sandbox.clock() for date in dates]
    assert timedelta(days=399) < ahead[0] < timedelta(days=401)
    assert abs(ahead[1]) < timedelta(days=1)


async def test_token_failures(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", endpoint="token", status=503), Fault("null", endpoint="token"))
    assert (await client.query("genres")).status == 200
    refused = await client.token()
    assert (refused.status, refused.json["status"]) == (503, 503)
    assert (await client.token()).body == b"null"
    assert (await client.token()).status == 200


async def test_ended_tokens(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("end_tokens"))
    assert (await client.query("genres")).status == 401
    assert (await client.query("genres")).status == 401
    await client.log_in()
    assert (await client.query("genres")).status == 200


def taken(book: FaultRegistry, requests: list[tuple[str, str]]) -> list[Any]:
    return [fault and fault.status for fault in (book.take(*request) for request in requests)]


def test_times_and_after() -> None:
    book = FaultRegistry()
    book.add(Fault("status", status=500, after=1, times=2))
    assert taken(book, [("games", "")] * 5) == [None, 500, 500, None, None]
    assert book.active() == []


def test_faults_in_the_order_they_were_added() -> None:
    book = FaultRegistry()
    book.add(Fault("status", status=500), Fault("status", status=502))
    assert taken(book, [("games", "")] * 3) == [500, 502, None]


def test_an_endpoint_and_a_text() -> None:
    book = FaultRegistry()
    book.add(Fault("status", endpoint="games", contains="id >= 500", times=None))
    requests = [("games", "where id >= 500;"), ("games", "where id >= 0;"), ("genres", "id >= 500"), ("token", "")]
    assert taken(book, requests * 2) == [500, None, None, None] * 2
    assert book.active()[0]["left"] is None
    book.clear()
    assert taken(book, requests[:1]) == [None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "nope"}, "fault.kind: found 'nope', expected one of status, reset"),
        ({"kind": "status", "status": 418}, "fault.status: found 418"),
        ({"kind": "null", "times": 0}, "fault.times: found 0"),
        ({"kind": "null", "after": -1}, "fault.after: found -1"),
        ({"kind": "replace", "new": "x"}, "fault.old: found ''"),
        ({"kind": "replace", "old": "x", "new": "\udc28"}, "fault.new: found '.udc28', expected a text whose lone"),
        ({"kind": "null", "old": "x"}, "fault.old: found 'x', expected a text for the kind `replace`, and only for it"),
        ({"kind": "hide_rows"}, "fault.row_ids: found .., expected ids for the kinds"),
        ({"kind": "null", "row_ids": [3]}, "fault.row_ids: found .3,., expected ids for the kinds"),
        ({"kind": "hide_rows", "row_ids": 3}, "fault.row_ids: found 3, expected an array of ids"),
        ({"kind": "null", "often": 3}, "any of endpoint, times"),
        ({"times": 3}, "an object with `kind`"),
        ({"kind": "null", "times": "3"}, "fault"),
    ],
)
def test_a_fault_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(FaultError, match=message):
        Fault.from_json(arguments)
