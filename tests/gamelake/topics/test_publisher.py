"""What a topic has after kills, lost positions and lost brokers: with a real broker, read by a real consumer."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.feeds.feed import make_missing
from gamelake.lake.factory import open_store
from gamelake.lake.inbox import Inbox
from gamelake.topics import broker as brokers
from gamelake.topics import publisher
from gamelake.topics.broker import Broker, BrokerError
from gamelake.topics.positions import OtherSenderError, Positions
from gamelake.topics.publisher import publish
from gamelake.topics.settings import BrokerSettings
from gamelake.topics.streams import FeedStream, InboxStream
from tests.support.airflow import free_port
from tests.support.feed_tables import GAMES, load_whole
from tests.support.kafka import received, received_of_each, running_broker, table_of
from tests.support.kills import Steps, in_child
from tests.support.seaweed import make_certificates

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.topics.publisher import Sent
    from gamelake.topics.streams import Stream
    from tests.support.kafka import RunningBroker

    Rows = dict[int, dict[str, Any]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "lake").as_uri())


def load(store: Store, tmp_path: Path, ids: range, **fields: Any) -> Rows:
    """Commit a table of these ids, and its step."""
    rows = {row_id: {"id": row_id, "name": f"Game {row_id}", **fields} for row_id in ids}
    load_whole(store, tmp_path, *rows.values())
    make_missing(store, GAMES)
    return rows


def send(store: Store, broker: RunningBroker, topic: str, stream: Stream | None = None, **options: Any) -> Sent:
    settings = {"partitions": 3, "replication_factor": 1, **options}

    async def run() -> Sent:
        async with Broker(BrokerSettings(servers=(broker.address,), **settings)) as connected:
            return await publish(store, stream or FeedStream(store, GAMES), connected, topic)

    return asyncio.run(run())


def test_a_topic_gives_the_table(broker: RunningBroker, store: Store, tmp_path: Path) -> None:
    topic = "whole.igdb.games"
    assert send(store, broker, topic).position is None
    load(store, tmp_path, range(20))
    assert send(store, broker, topic).messages == 3 + 20  # each partition is told that the table begins
    load(store, tmp_path, range(5, 25), hypes=1)
    rows = load(store, tmp_path, range(7, 25), hypes=2)
    sent = send(store, broker, topic)
    assert (sent.messages, sent.reasons) == (25 + 20, [])
    assert send(store, broker, topic).messages == 0

    found = received(broker.address, topic)
    assert table_of(found) == rows
    assert len(found) == 3 + 20 + 25 + 20  # each partition is told that the table begins
    assert {each.partition for each in found} == {0, 1, 2}
    assert [each.headers["number"] for each in found if each.key == b"6"] == [b"1", b"2", b"3"]
    assert len({each.partition for each in found if each.key == b"6"}) == 1


def test_the_events_of_an_inbox_are_sent_once_each(broker: RunningBroker, store: Store) -> None:
    topic, inbox = "whole.inbox.igdb.games", Inbox(store, GAMES.table)
    for number in range(4):
        inbox.add(b'{"id":%d,"op":"update"}\n{"id":7,"op":"delete"}\n' % number)
    assert send(store, broker, topic, InboxStream(store, GAMES.table)).messages == 8
    assert send(store, broker, topic, InboxStream(store, GAMES.table)).messages == 0
    inbox.add(b'{"id":9,"op":"create"}\n')
    assert send(store, broker, topic, InboxStream(store, GAMES.table)).messages == 1
    assert sorted(each.value["id"] for each in received(broker.address, topic)) == [0, 1, 2, 3, 7, 7, 7, 7, 9]


@pytest.mark.parametrize(
    "kills", [pytest.param((10, 17), id="two"), pytest.param(range(1, 40), id="every", marks=pytest.mark.slow)]
)
def test_a_kill_costs_repeats_and_no_message(
    broker: RunningBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: range
) -> None:
    """Killed at a step of the store: before a position is kept, while it is, and after."""
    monkeypatch.setattr(publisher, "CHUNK_MESSAGES", 4)
    expected: dict[str, Rows] = {}
    for kill_at in kills:
        folder = tmp_path / str(kill_at)
        store, topic = open_store((folder / "lake").as_uri()), f"killed-{len(kills)}-{kill_at}.igdb.games"
        load(store, folder, range(6))

        def work(store: Store = store, topic: str = topic, folder: Path = folder, kill_at: int = kill_at) -> int:
            steps = Steps(kill_at)
            steps.watch_disk(folder / "lake" / "topics")
            send(store, broker, topic)
            load(store, folder, range(1, 11))
            send(store, broker, topic)
            return 0

        if in_child(work) is not None:
            break  # it took fewer steps
        send(store, broker, topic)
        # Most rows do not change any more: what was lost is not repaired by a later change.
        expected[topic] = load(store, folder, range(2, 12))
        send(store, broker, topic)
    assert len(expected) >= min(len(kills), 12)
    found = received_of_each(broker.address, list(expected))
    assert {topic: table_of(messages) for topic, messages in found.items()} == expected


def test_two_that_send_at_once_are_found_and_the_next_run_gives_the_table(
    broker: RunningBroker, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "CHUNK_MESSAGES", 5)
    topic = "twice.igdb.games"
    load(store, tmp_path, range(10))
    send(store, broker, topic)
    rows: Rows = {}
    for number in range(6):
        rows = load(store, tmp_path, range(number, 20 + number), hypes=number)
    lost: list[str] = []

    def work() -> None:
        try:
            send(open_store(store.uri), broker, topic)
        except OtherSenderError as error:
            lost.append(error.sender)

    both = [threading.Thread(target=work) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert lost
    send(store, broker, topic)
    assert table_of(received(broker.address, topic)) == rows


def test_a_broker_that_does_not_answer_loses_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = "slow.igdb.games"
    load(store, tmp_path, range(6))
    with running_broker(tmp_path) as broker:
        send(store, broker, topic)
        rows = load(store, tmp_path, range(3, 9), hypes=1)

        async def run() -> None:
            async with Broker(BrokerSettings(servers=(broker.address,))) as connected:
                broker.send_signal(signal.SIGSTOP)
                try:
                    await publish(store, FeedStream(store, GAMES), connected, topic)
                finally:
                    broker.send_signal(signal.SIGCONT)

        with monkeypatch.context() as patch:
            patch.setattr(brokers, "REQUEST_SECONDS", 3)
            with pytest.raises(BrokerError, match=topic):
                asyncio.run(run())
        sent = send(store, broker, topic)
        assert sent.messages == 9
        assert table_of(received(broker.address, topic)) == rows


def test_a_broker_that_was_lost_gets_the_table_again(store: Store, tmp_path: Path) -> None:
    topic = "lost.igdb.games"
    load(store, tmp_path, range(6))
    with running_broker(tmp_path) as broker:
        send(store, broker, topic)
        broker.kill()
        rows = load(store, tmp_path, range(3, 9), hypes=1)
        began = time.monotonic()
        with pytest.raises(BrokerError, match=f"{broker.address} cannot be reached"):
            send(store, broker, topic)
        assert time.monotonic() - began < 10
        broker.start()
        sent = send(store, broker, topic)
        assert (sent.messages, len(sent.reasons)) == (3 + 6, 1)
        assert table_of(received(broker.address, topic)) == rows


def test_what_the_broker_does_not_take_is_explained(
    broker: RunningBroker, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, tmp_path, range(2), summary="long " * 500)
    with pytest.raises(BrokerError, match=r"key \d, 2,\d\d\d bytes.*max_message_bytes"):
        send(store, broker, "large.igdb.games", max_message_bytes=1024)
    with pytest.raises(BrokerError, match=r"no topic none\.igdb\.games"):
        send(store, broker, "none.igdb.games", partitions=None, replication_factor=None)
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    with pytest.raises(BrokerError, match="make kafka"):
        send(store, broker, "none.igdb.games")


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def test_a_broker_is_reached_by_tls(store: Store, tmp_path: Path) -> None:
    certificate, key, authority = make_certificates(tmp_path)
    port = free_port()
    rows = load(store, tmp_path, range(6))

    async def run(**options: Any) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inside = await asyncio.open_connection(*broker.address.split(":"))
            await asyncio.gather(relay(reader, inside[1]), relay(inside[0], writer), return_exceptions=True)

        settings = BrokerSettings(
            servers=(f"127.0.0.1:{port}",), security_protocol="SSL", partitions=3, replication_factor=1, **options
        )
        server = await asyncio.start_server(pass_on, "127.0.0.1", port, ssl=context)
        async with server, Broker(settings) as connected:
            await publish(store, FeedStream(store, GAMES), connected, "private.igdb.games")

    with running_broker(tmp_path, known_as=f"127.0.0.1:{port}") as broker:
        with pytest.raises(BrokerError, match="cannot be reached"):
            asyncio.run(run())  # the certificate is of no authority that this machine trusts
        asyncio.run(run(ca_file=str(authority)))
        # The broker tells consumers the address with TLS; the position states that it has confirmed all messages.
        position = Positions(store, "private.igdb.games").latest()
        assert position
        assert (position.messages, position.is_complete) == (1 + len(rows), True)


def test_a_password_that_is_refused_is_in_no_message(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path, range(2))
    access: dict[str, Any] = {"security_protocol": "SASL_PLAINTEXT", "user": "me", "password": "a-secret"}
    with running_broker(tmp_path, "--authentication") as broker:
        for mechanism in ("SCRAM-SHA-256", "PLAIN"):
            with pytest.raises(BrokerError, match="cannot be reached") as refused:
                send(store, broker, "refused.igdb.games", sasl_mechanism=mechanism, **access)
            assert "a-secret" not in str(refused.value)
