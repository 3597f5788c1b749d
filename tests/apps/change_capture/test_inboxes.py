"""Lines become parts, in order, also while the lake fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from apps.change_capture import inboxes
from apps.change_capture.inboxes import EmptiedError, EndedError, Inboxes
from apps.change_capture.metrics import Metrics
from gamelake.lake.inbox import Inbox, read_events
from gamelake.lake.keys import TableName

if TYPE_CHECKING:
    from gamelake.lake.store import Store
    from tests.support.faulty_proxy import FaultyProxy

ORDERS, ITEMS = TableName("shop", "orders"), TableName("shop", "order_items")


def lines(*ids: int) -> list[bytes]:
    return [b'{"id":%d}\n' % each for each in ids]


def ids(store: Store, table: TableName = ORDERS) -> list[list[int]]:
    return [[event["id"] for event in read_events(store, part)] for part in Inbox(store, table).parts()]


def test_each_table_has_its_parts(disk: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "PART_ROWS", 2)
    made = Inboxes(disk, Metrics(), threading.Event())
    assert made.put({ORDERS: lines(1, 2, 3), ITEMS: lines(4)}) == {ORDERS: 2, ITEMS: 1}
    assert made.put({ORDERS: lines(5)}) == {ORDERS: 3}
    assert made.put({}) == {}
    assert ids(disk) == [[1, 2], [3], [5]]
    assert ids(disk, ITEMS) == [[4]]


def test_a_lake_that_was_emptied_gets_no_part(disk: Store) -> None:
    """It would have changes without the rows of before. What an earlier process stored counts too."""
    made = Inboxes(disk, Metrics(), threading.Event())
    made.put({ORDERS: lines(1)})
    disk.delete(Inbox(disk, ORDERS).key(1))
    with pytest.raises(EmptiedError, match="which was stored"):
        made.put({ORDERS: lines(2)})
    made.begin({"orders": 7})
    with pytest.raises(EmptiedError, match="00007"):
        made.put({ORDERS: lines(2)})
    made.begin({})
    assert made.put({ORDERS: lines(2)}) == {ORDERS: 1}


def test_a_failing_lake_is_tried_until_it_works(faulty_store: Store, proxy: FaultyProxy) -> None:
    metrics = Metrics()
    made = Inboxes(faulty_store, metrics, threading.Event())
    proxy.denied.add("inbox")
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(made.put({ORDERS: lines(1)})))
    thread.start()
    while made.store_works:
        thread.join(timeout=0.01)
    assert not done
    proxy.denied.clear()
    thread.join(timeout=30)
    assert done == [{ORDERS: 1}]
    assert made.store_works
    assert ids(faulty_store) == [[1]]
    assert b"gamelake_capture_store_errors_total 0.0" not in metrics.page()


def test_the_end_interrupts_the_wait(faulty_store: Store, proxy: FaultyProxy) -> None:
    proxy.denied.add("inbox")
    ending = threading.Event()
    ending.set()
    with pytest.raises(EndedError):
        Inboxes(faulty_store, Metrics(), ending).put({ORDERS: lines(1)})
