from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gamelake.cli.main import main
from gamelake.feeds.feed import make_missing
from gamelake.lake.factory import open_store
from gamelake.lake.inbox import Inbox
from gamelake.lake.keys import TableName
from gamelake.paths import REPOSITORY
from tests.support.feed_tables import GAMES, load_whole
from tests.support.kafka import received, running_broker, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store
    from tests.support.kafka import RunningBroker

    Captured = pytest.CaptureFixture[str]

TOPIC = "gamelake.igdb.games"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    load_whole(store, tmp_path, {"id": 1, "name": "One"}, {"id": 2, "name": "Two"})
    make_missing(store, GAMES)
    return store


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningBroker]:
    with running_broker(tmp_path) as broker:
        monkeypatch.setenv("GAMELAKE_KAFKA", "kafka_default")
        monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", broker.connection())
        yield broker


def test_tables_and_events_are_sent(lake: Store, broker: RunningBroker, capsys: Captured, tmp_path: Path) -> None:
    assert main(["feed", "publish", "igdb.games", "igdb.genres"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{TOPIC}: 5 messages sent, up to the table after number 1",
        "gamelake.igdb.genres: there is nothing to send yet",
    ]
    load_whole(lake, tmp_path, {"id": 1, "name": "One"}, partition="2026-11-22")
    make_missing(lake, GAMES)
    assert main(["feed", "publish", "igdb.games"]) == 0
    assert capsys.readouterr().out == f"{TOPIC}: 1 messages sent, up to number 2\n"
    assert table_of(received(broker.address, TOPIC)) == {1: {"id": 1, "name": "One"}}
    assert main(["feed", "publish", "igdb.games", "--snapshot"]) == 0
    assert "4 messages sent, up to the table after number 2\n  sent from the start" in capsys.readouterr().out

    Inbox(lake, GAMES.table).add(b'{"id":1,"op":"update"}\n')
    assert main(["feed", "publish", "igdb.games", "--inbox"]) == 0
    assert capsys.readouterr().out == "gamelake.inbox.igdb.games: 1 messages sent, up to number 1\n"
    assert main(["lake", "audit"]) == 0


def test_a_process_that_follows_outlives_its_broker(lake: Store, broker: RunningBroker, tmp_path: Path) -> None:
    broker.kill()
    words = [sys.executable, "-m", "gamelake.cli", "feed", "publish", "igdb.games", "--follow=1"]
    process = subprocess.Popen(
        words, cwd=REPOSITORY, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stderr
    try:
        told = next(line for line in process.stderr if " so far" not in line)  # a slow machine prints progress first
        assert f"the broker at {broker.address} cannot be reached" in told
        broker.start()
        assert process.stdout.readline() == f"{TOPIC}: 5 messages sent, up to the table after number 1\n"
        load_whole(lake, tmp_path, {"id": 1, "name": "One"}, partition="2026-11-22")
        make_missing(lake, GAMES)
        while "up to number 2" not in process.stdout.readline():
            time.sleep(0)
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_topic_that_fails_does_not_stop_the_others(
    lake: Store, broker: RunningBroker, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", broker.connection(max_message_bytes=1024))
    genres, covers, too_large = (TableName("igdb", name) for name in ("genres", "covers", "games"))
    Inbox(lake, genres).add(b'{"id":1,"op":"update"}\n')
    for table in (too_large, covers):
        Inbox(lake, table).add(b'{"id":1,"op":"update","body":{"name":"%s"}}\n' % (b"x" * 2000))
    assert main(["feed", "publish", "igdb.games", "igdb.genres", "--inbox"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "gamelake.inbox.igdb.genres: 1 messages sent, up to number 1\n"
    assert "takes no message of the topic gamelake.inbox.igdb.games (key 1" in shown.err
    assert main(["feed", "publish", "igdb.games", "igdb.covers", "igdb.genres", "--inbox"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("2 topics lack messages")
    assert all(f"gamelake.inbox.{table}: the broker at" in error for table in (too_large, covers))


@pytest.mark.parametrize(
    ("words", "connection", "status", "message"),
    [
        (["igdb.popscore"], "{}", 2, "expected no time series"),
        (["igdb.none"], "{}", 2, "expected one of igdb.games"),
        (["igdb.games"], None, 1, "GAMELAKE_KAFKA: found '', expected the id of a connection"),
        (["igdb.games"], "", 1, "GAMELAKE_KAFKA: found 'kafka_default', expected a connection that exists"),
        (["igdb.games"], '{"conn_type": "kafka", "host": "broker"}', 1, "host: found 'broker', expected addresses"),
        (
            ["igdb.games"],
            '{"conn_type": "kafka", "host": "broker:1", "login": "me", "password": "a-secret"}',
            1,
            "extra.security_protocol: found 'PLAINTEXT with a password'",
        ),
    ],
)
def test_what_cannot_be_is_explained(
    lake: Store,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    connection: str | None,
    status: int,
    message: str,
) -> None:
    if connection is not None:
        monkeypatch.setenv("GAMELAKE_KAFKA", "kafka_default")
        monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", connection)
    assert main(["feed", "publish", *words]) == status
    error = capsys.readouterr().err
    assert message in error
    assert "a-secret" not in error
