"""What a running collector takes, and what it refuses."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from apps.event_collector.app import MAX_ROW
from gamelake.lake.factory import open_store
from gamelake.lake.keys import TableName
from gamelake.registry import load_sources
from tests.support.collector import GAMES, SECRET, SHOP_SECRET, inbox_events

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from tests.support.collector import RunningCollector

ORDERS = TableName("shop", "order_placed")


@pytest.fixture
def store(folder: Path) -> Store:
    return open_store((folder / "lake").as_uri())


def wait_for(store: Store, table: TableName, event_id: Any) -> dict[str, Any]:
    """The event of that id, once it is in the inbox."""
    for _ in range(100):
        if found := [event for event in inbox_events(store, table) if event["id"] == event_id]:
            return found[-1]
        time.sleep(0.05)
    raise AssertionError(f"{event_id} is not in the inbox of {table}")


def test_a_row_is_stored_as_it_was_sent(collector: RunningCollector, store: Store) -> None:
    row = {"id": 1942, "name": "위쳐 3", "genres": [12, 31], "updated_at": 1764468000, "unknown": {"deep": [1.5]}}
    reply = collector.send("/igdb/games/update", json.dumps(row, indent=2).encode())
    assert (reply.status, reply.json) == (200, {"stored": 1})
    event = wait_for(store, GAMES, 1942)
    assert event["body"] == row
    assert event["op"] == "update"
    assert event["received_at"].endswith("Z")


def test_every_entity_and_operation_has_a_path(collector: RunningCollector) -> None:
    for entity in load_sources()["igdb"].entities:
        for operation in ("create", "update", "delete"):
            assert collector.send(f"/igdb/{entity}/{operation}", {"id": 7}).status == 200


def test_the_id_of_a_delete_may_be_a_text(collector: RunningCollector, store: Store) -> None:
    assert collector.send("/igdb/games/delete", {"id": "123456"}).status == 200
    event = wait_for(store, GAMES, 123456)
    assert (event["op"], event["body"]) == ("delete", {"id": "123456"})


def test_duplicates_are_stored_and_harmless(collector: RunningCollector, store: Store) -> None:
    for _ in range(3):
        assert collector.send("/igdb/games/update", {"id": 33, "name": "Same"}).status == 200
    wait_for(store, GAMES, 33)
    time.sleep(0.3)
    assert {json.dumps(event["body"]) for event in inbox_events(store) if event["id"] == 33} == {
        '{"id": 33, "name": "Same"}'
    }


@pytest.mark.parametrize("secret", ["", "x", SECRET[:-1], SECRET + "x", SECRET.upper(), SHOP_SECRET, "é" * 20])
def test_a_wrong_secret_is_refused(collector: RunningCollector, secret: str) -> None:
    reply = collector.send("/igdb/games/update", {"id": 1}, secret=secret)
    assert (reply.status, reply.json) == (401, {"message": "X-Secret is missing or wrong"})
    assert collector.send("/nothing/here", {"id": 1}, secret=secret).status == 404


def test_a_wrong_secret_learns_nothing_of_paths(collector: RunningCollector) -> None:
    assert collector.send("/igdb/no_such/update", {"id": 1}, secret="wrong").status == 401
    assert collector.send("/igdb/no_such/update", {"id": 1}).status == 404
    assert collector.send("/igdb/games/replace", {"id": 1}).status == 404


@pytest.mark.parametrize("media", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_content_type_is_refused(collector: RunningCollector, media: str) -> None:
    assert collector.send("/igdb/games/update", {"id": 1}, Content_Type=media).status == 415


def test_a_charset_is_no_other_type_and_a_compressed_body_is_refused(collector: RunningCollector) -> None:
    assert collector.send("/igdb/games/update", {"id": 1}, Content_Type="Application/JSON; charset=utf-8").status == 200
    assert collector.send("/igdb/games/update", {"id": 1}, Content_Encoding="gzip").status == 415


def test_a_body_that_is_too_large_is_refused(collector: RunningCollector) -> None:
    headers = {"Content-Type": "application/json", "X-Secret": SECRET}
    too_long = {**headers, "Content-Length": str(MAX_ROW + 1)}
    assert collector.request("POST", "/igdb/games/update", b"", too_long).status == 413
    chunks = (b" " * 65_536 for _ in range(MAX_ROW // 65_536 + 1))
    chunked = collector.request("POST", "/igdb/games/update", chunks, {**headers, "Transfer-Encoding": "chunked"})
    assert chunked.status == 413
    row = {"id": 1, "summary": "x" * (MAX_ROW - 100)}
    assert collector.send("/igdb/games/update", row).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"id": NaN}', 400),
        (b'{"id": 1e999}', 400),
        (b'{"id": 1}{"id": 2}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 400),
        (b"[1, 2]", 422),
        (b"null", 422),
        (b'"text"', 422),
        (b"{}", 422),
        (b'{"id": null}', 422),
        (b'{"id": true}', 422),
        (b'{"id": 1.5}', 422),
        (b'{"id": -1}', 422),
        (b'{"id": "-1"}', 422),
        (b'{"id": "1e3"}', 422),
        (b'{"id": [1]}', 422),
        (b'{"id": 99999999999999999999999}', 422),
        ('{"id": "１２"}'.encode(), 422),
    ],
)
def test_hostile_json_gets_an_answer(collector: RunningCollector, body: bytes, status: int) -> None:
    reply = collector.send("/igdb/games/update", body)
    assert (reply.status, list(reply.json)) == (status, ["message"])
    assert len(reply.body) < 500


def test_odd_json_is_stored_as_readers_take_it(collector: RunningCollector, store: Store) -> None:
    body = (
        b'{"id": 0, "id": 77, "name": "line\\nbreak \\ud800", "big": 123456789012345678901234567890,\n "x\\u0000": 1}'
    )
    assert collector.send("/igdb/games/update", body).status == 200
    event = wait_for(store, GAMES, 77)
    assert event["body"] == {"id": 77, "name": "line\nbreak \ufffd", "big": 1.2345678901234568e29, "x\0": 1}


def test_a_body_that_stops_is_no_event(collector: RunningCollector) -> None:
    host, _, port = collector.address.partition(":")
    before = collector.metric("accepted_total")
    for end in ("close", "garbage"):
        with socket.create_connection((host, int(port))) as connection:
            head = f"POST /igdb/games/update HTTP/1.1\r\nHost: x\r\nX-Secret: {SECRET}\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{{".encode())
            if end == "garbage":
                connection.sendall(b"\0" * 60)
    time.sleep(0.2)
    assert collector.metric("accepted_total") == before
    assert collector.request("GET", "/health").status == 200


def test_headers_have_a_limit(collector: RunningCollector) -> None:
    """A stranger without a secret fills no memory."""
    host, _, port = collector.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /igdb/games/update HTTP/1.1\r\nHost: x\r\n")
        with suppress(OSError):
            for number in range(200):
                connection.sendall(b"X-A%d: %s\r\n" % (number, b"y" * 1000))
        with suppress(ConnectionResetError):  # it does not read the rest
            assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert collector.request("GET", "/health").status == 200


@pytest.mark.parametrize("length", ["-1", "abc", "1, 2", ""])
def test_a_length_that_is_none_is_refused(collector: RunningCollector, length: str) -> None:
    headers = {"Content-Type": "application/json", "X-Secret": SECRET, "Content-Length": length}
    with suppress(ConnectionResetError):  # the connection ends with the answer: the body may be on its way still
        assert collector.request("POST", "/igdb/games/update", b"{}", headers).status == 400
    assert collector.metric("memory_bytes") == 0


def test_other_methods_and_pages_are_not_there(collector: RunningCollector) -> None:
    assert collector.request("GET", "/igdb/games/update").status == 405
    for path in ("/docs", "/openapi.json", "/redoc", "/", "/igdb/games", "/igdb/games/update/"):
        assert collector.request("GET", path).status in {404, 405}


def order(number: int, **changes: Any) -> dict[str, Any]:
    """An event of the shop."""
    data = {"order_id": number, "lines": [{"game_id": 1942, "quantity": 1}]}
    return {"id": f"order-{number}", "type": "order_placed", "time": "2026-11-30T02:00:00Z", "data": data} | changes


def test_a_batch_of_another_sender_is_stored_by_type(collector: RunningCollector, store: Store) -> None:
    reply = collector.send("/v1/events", [order(number) for number in range(1, 501)], secret=SHOP_SECRET)
    assert (reply.status, reply.json) == (200, {"stored": 500, "refused": []})
    event = wait_for(store, ORDERS, "order-500")
    assert event["body"] == order(500)
    assert event["op"] == "event"


def test_one_wrong_event_costs_one_event(collector: RunningCollector, store: Store) -> None:
    wrong = [
        order(9002, data={"order_id": 0, "lines": []}),
        order(9003, type="order_lost"),
        order(9004, id=5),
        order(9005, time="yesterday"),
        order(9006, extra=1),
        "no event",
        {"id": "order-9007", "type": "order_placed"},
    ]
    reply = collector.send("/v1/events", [order(9001), *wrong, order(9008)], secret=SHOP_SECRET)
    assert (reply.status, reply.json["stored"]) == (207, 2)
    assert [each["index"] for each in reply.json["refused"]] == list(range(1, 8))
    assert "order_placed" in reply.json["refused"][1]["reason"]
    wait_for(store, ORDERS, "order-9008")
    assert "order-9002" not in {event["id"] for event in inbox_events(store, ORDERS)}
    nothing = collector.send("/v1/events", wrong, secret=SHOP_SECRET)
    assert (nothing.status, nothing.json["stored"]) == (422, 0)


@pytest.mark.parametrize("body", [[], {}, "text", [order(1)] * 501])
def test_a_batch_of_another_size_is_refused(collector: RunningCollector, body: Any) -> None:
    assert collector.send("/v1/events", body, secret=SHOP_SECRET).status == 422


def test_a_secret_is_for_its_own_door(collector: RunningCollector) -> None:
    assert collector.send("/v1/events", [order(1)], secret=SECRET).status == 401
    assert collector.send("/igdb/games/update", {"id": 1}, secret=SHOP_SECRET).status == 401


def test_metrics_need_their_token_and_count(collector: RunningCollector) -> None:
    assert collector.request("GET", "/metrics").status == 401
    assert collector.request("GET", "/metrics", headers={"Authorization": "Bearer wrong"}).status == 401
    accepted, refused = collector.metric("accepted_total"), collector.metric("refused_total")
    collector.send("/igdb/games/update", {"id": 1})
    collector.send("/igdb/games/update", {"id": None})
    assert collector.metric("accepted_total") == accepted + 1
    assert collector.metric("refused_total") == refused + 1
    assert collector.metric("store_works") == collector.metric("disk_works") == 1
    assert collector.metric("memory_bytes") == 0


def test_no_secret_is_in_the_log(collector: RunningCollector) -> None:
    for path in ("/igdb/games/update", "/v1/events"):
        for secret in (SECRET, SHOP_SECRET, "a-wrong-secret-that-somebody-typed"):
            collector.send(path, {"id": "no"}, secret=secret)
    text = "".join(collector.log)
    assert "part 1" in text
    assert [secret for secret in (SECRET, SHOP_SECRET, "a-wrong-secret") if secret in text] == []
