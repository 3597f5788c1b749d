"""The inbox on every kind of store: numbers without gaps, with several writers, and what the audit finds."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gamelake.lake.inbox import RETENTION, Inbox, audit_inbox, compressed, read_events
from gamelake.lake.keys import TableName
from gamelake.lake.store import StoreError
from gamelake.lake.uploads import DamagedPartError

if TYPE_CHECKING:
    from gamelake.lake.store import Store

GAMES, COVERS = TableName("igdb", "games"), TableName("igdb", "covers")


def test_parts_are_numbered_and_read_in_order(store: Store) -> None:
    inbox = Inbox(store, GAMES)
    assert inbox.newest() == 0
    assert [inbox.add(b'{"id":%d}\n' % number) for number in (5, 6, 7)] == [1, 2, 3]
    store.put("inbox/igdb/games/notes.txt", b"of a person")
    assert Inbox(store, GAMES).newest() == 3
    parts = list(Inbox(store, GAMES).parts(after=1))
    assert [part.number for part in parts] == [2, 3]
    assert [event for part in parts for event in read_events(store, part)] == [{"id": 6}, {"id": 7}]
    assert parts[0].key == "inbox/igdb/games/00000000000000000002.jsonl.gz"


def test_all_streams_of_a_part_are_read(store: Store) -> None:
    inbox = Inbox(store, GAMES)
    store.put(inbox.key(1), compressed(b'{"id":1}\n{"id":2}\n') + compressed(b'{"id":3}\n'))
    (part,) = inbox.parts()
    assert [event["id"] for event in read_events(store, part)] == [1, 2, 3]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="no byte"),
        pytest.param(b'{"id":1}\n', id="no gzip"),
        pytest.param(compressed(b'{"id":1}\n')[:-1], id="torn"),
        pytest.param(compressed(b'{"id":1}\n') + b"more", id="more at the end"),
        pytest.param(compressed(b'{"id":1}\n')[:-8] + bytes(8), id="another checksum"),
        pytest.param(compressed(b'{"id":\n'), id="no JSON"),
    ],
)
def test_a_damaged_part_is_named(store: Store, data: bytes) -> None:
    inbox = Inbox(store, GAMES)
    store.put(inbox.key(1), data)
    (part,) = inbox.parts()
    with pytest.raises(DamagedPartError, match=f"{part.key}: .*; expected gzip of one JSON object a line"):
        list(read_events(store, part))


def test_the_same_part_again_is_no_second_one(store: Store) -> None:
    assert Inbox(store, GAMES).add(b'{"id":1}\n') == 1
    assert Inbox(store, GAMES).add(b'{"id":1}\n', number=1) == 1
    assert Inbox(store, GAMES).newest() == 1


def test_many_writers_leave_no_gap_and_lose_nothing(store: Store) -> None:
    tried: list[int] = []

    def write(writer: int) -> None:
        inbox = Inbox(store, GAMES)
        for number in range(5):
            inbox.add(b'{"id":%d}\n' % (writer * 100 + number), on_try=tried.append)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    parts = list(Inbox(store, GAMES).parts())
    assert [part.number for part in parts] == list(range(1, 21))
    ids = [event["id"] for part in parts for event in read_events(store, part)]
    assert sorted(ids) == sorted(writer * 100 + number for writer in range(4) for number in range(5))


def test_an_error_of_the_store_is_raised(faulty_store: Store, proxy: object) -> None:
    proxy.denied.add("inbox")  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match="AccessDenied"):
        Inbox(faulty_store, GAMES).add(b'{"id":1}\n')


def test_old_parts_go_and_the_newest_of_each_table_stays(store: Store) -> None:
    for table in (COVERS, GAMES):
        inbox = Inbox(store, table)
        for number in range(3):
            inbox.add(b'{"id":%d}\n' % number)
    later = datetime.now(UTC) + RETENTION
    assert list(audit_inbox(store, now=later - timedelta(minutes=5))) == []
    found = list(audit_inbox(store, now=later + timedelta(minutes=5)))
    old = [Inbox(store, table).key(number) for table in (COVERS, GAMES) for number in (1, 2)]
    assert [(each.problem.value, each.key) for each in found] == [("orphan", key) for key in old]
    for each in found:
        store.delete(each.key)
    assert Inbox(store, GAMES).newest() == 3
    assert list(audit_inbox(store, now=later + timedelta(minutes=5))) == []


def test_old_parts_that_were_not_applied_stay_and_are_reported_once(store: Store) -> None:
    for table in (COVERS, GAMES):
        inbox = Inbox(store, table)
        for number in range(6):
            inbox.add(b'{"id":%d}\n' % number)
    later = datetime.now(UTC) + RETENTION + timedelta(minutes=5)
    applied = {COVERS: None, GAMES: 2}
    found = list(audit_inbox(store, now=later, applied=lambda table: applied[table]))
    covers, games = Inbox(store, COVERS), Inbox(store, GAMES)
    assert [(each.problem.value, each.key) for each in found] == [
        *(("orphan", covers.key(number)) for number in range(1, 6)),
        *(("orphan", games.key(number)) for number in (1, 2)),
        ("unread", games.key(3)),
    ]
    assert "`gamelake events apply igdb.games`" in found[-1].reason


@pytest.mark.parametrize("folder", ["", "igdb/", "igdb/games/copy/", "IGDB/games/", "igdb/Some Games/"])
def test_a_folder_that_is_no_inbox_is_left_alone(store: Store, folder: str) -> None:
    store.put(f"inbox/{folder}00000000000000000007.jsonl.gz", compressed(b'{"id":1}\n'))
    for number in range(2):
        Inbox(store, GAMES).add(b'{"id":%d}\n' % number)
    found = list(audit_inbox(store, now=datetime.now(UTC) + RETENTION + timedelta(minutes=5)))
    assert [each.key for each in found] == [Inbox(store, GAMES).key(1)]


def test_a_gap_is_reported(store: Store) -> None:
    inbox = Inbox(store, GAMES)
    for number in range(4):
        inbox.add(b'{"id":%d}\n' % number)
    store.delete(inbox.key(2))
    (missing,) = audit_inbox(store, now=datetime.now(UTC))
    assert (missing.problem.value, missing.key) == ("missing", inbox.key(2))
