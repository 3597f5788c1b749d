"""Debezium's records as lines."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from apps.change_capture.envelopes import HEARTBEATS, NOTIFICATIONS, Record, Stream, StreamError, cut
from apps.change_capture.tables import CapturedTable
from apps.change_capture.values import Values
from gamelake.lake.keys import TableName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from apps.change_capture.values import Doubt

ORDERS, ITEMS = TableName("shop", "orders"), TableName("shop", "order_items")
TABLES = (CapturedTable(ORDERS, "public", "orders", "id"), CapturedTable(ITEMS, "public", "items", "item"))
NOW = "2026-11-30T02:00:00.123456Z"


def change(op: str, *, table: str = "orders", before: Any = None, after: Any = None, ts_ms: int = 1000) -> Record:
    source = {"schema": "public", "table": table, "lsn": 7, "ts_ms": ts_ms}
    return Record("any", None, json.dumps({"before": before, "after": after, "source": source, "op": op}))


def notification(kind: str, **data: str) -> Record:
    return Record(
        NOTIFICATIONS, None, json.dumps({"aggregate_type": "Initial Snapshot", "type": kind, "additional_data": data})
    )


def scanned(table: str, rows: int, status: str = "SUCCEEDED") -> Record:
    return notification(
        "TABLE_SCAN_COMPLETED", scanned_collection=f"public.{table}", total_rows_scanned=str(rows), status=status
    )


def told(stream: Stream, *records: Record, table: TableName = ORDERS) -> list[tuple[int | None, str]]:
    lines = [json.loads(line) for line in stream.take(records, NOW).lines[table]]
    return [(line["id"], line["op"]) for line in lines]


def test_a_change_is_a_line_with_the_envelope_as_it_came() -> None:
    source = '{"schema":"public","table":"orders","ts_ms":5}'
    envelope = f'{{"before":null,"after":{{"id":17,"price":1.10}},"source":{source},"op":"c"}}'
    batch = Stream(TABLES).take([Record("any", None, envelope)], NOW)
    assert batch.lines == {ORDERS: [f'{{"id":17,"op":"create","received_at":"{NOW}","body":{envelope}}}\n'.encode()]}
    assert batch.events == {(ORDERS, "create"): 1}
    assert (batch.oldest, batch.newest) == (0.005, 0.005)


def test_each_operation_has_its_id() -> None:
    row = {"id": 3}
    assert told(
        Stream(TABLES),
        change("c", after=row),
        change("u", before=row, after=row),
        change("d", before=row),
        change("t"),
    ) == [(3, "create"), (3, "update"), (3, "delete"), (None, "truncate")]
    assert told(Stream(TABLES), change("c", table="items", after={"id": "x", "item": 9}), table=ITEMS) == [
        (9, "create")
    ]


def test_values_that_came_as_others_are_right_or_a_fault() -> None:
    """Infinite times are written as PostgreSQL has them; of others the database is asked, once for a batch."""
    kinds = {"tags": "_text", "opens": "time", "until": "timestamp", "prices": "_numeric", "born": "date"}
    columns = [{"name": name, "base": base, "array": base[0] == "_"} for name, base in kinds.items()]
    table = replace(TABLES[0], fields=frozenset({"id", "opens"}))
    asked: list[tuple[set[int], list[str]]] = []

    def odd(_table: CapturedTable, ids: Iterable[int], doubts: Iterable[Doubt]) -> dict[int, set[str]]:
        asked.append((set(ids), sorted(each.column for each in doubts)))
        return {1: {"tags"}, 2: {"tags", "opens"}}

    rows: list[dict[str, Any]] = [
        {"id": 1, "tags": ["[Ljava.lang.String;@6356a3ce"]},
        {"id": 2, "tags": [None], "opens": "00:00:00Z"},
        {"id": 3, "opens": "00:00:00Z"},
        {"id": 4, "prices": None, "until": "-290308-12-21T19:59:27.6Z"},
        {"id": 5, "tags": ["a", None], "opens": "01:00:00Z", "born": "2026-11-30Z"},
    ]
    stream = Stream([table], {table.name: Values(columns)}, odd)
    lines = [json.loads(line) for line in stream.take([change("c", after=row) for row in rows], NOW).lines[ORDERS]]
    assert asked == [({1, 2, 3, 4}, ["opens", "prices", "tags"])]
    assert [line["body"]["after"] for line in lines] == [
        {"id": 1},
        {"id": 2},
        rows[2],
        rows[3] | {"until": "-infinity"},
        rows[4],
    ]
    assert [line.get("fault", "")[:6] for line in lines] == ["", "opens:", "", "", ""]
    stream.take([change("r", after=row) for row in rows], NOW)
    assert asked[-1] == ({1, 2, 3, 4, 5}, ["born", "opens", "prices", "tags"])


def test_a_snapshot_is_marked_in_every_inbox() -> None:
    stream = Stream(TABLES)
    batch = stream.take(
        [
            Record(f"{HEARTBEATS}.shop", None, "{}"),
            notification("STARTED"),
            change("r", after={"id": 1}),
            notification("IN_PROGRESS"),
            scanned("orders", 2),
            scanned("items", 0),
            change("r", after={"id": 2}),
            notification("COMPLETED"),
            change("d", before={"id": 1}),
        ],
        NOW,
    )
    assert [json.loads(line)["op"] for line in batch.lines[ORDERS]] == [
        "snapshot_started",
        "read",
        "read",
        "snapshot_completed",
        "delete",
    ]
    began, ended = (json.loads(line) for line in batch.lines[ITEMS])
    assert (began["op"], ended["op"]) == ("snapshot_started", "snapshot_completed")
    assert ended["body"] == began["body"] | {"rows": 0}
    assert json.loads(batch.lines[ORDERS][3])["body"] == {"snapshot": batch.completed, "rows": 2}
    assert batch.started
    assert stream.snapshot is None


def test_the_snapshot_of_several_batches_is_one() -> None:
    stream = Stream(TABLES)
    first = stream.take([notification("STARTED"), change("r", after={"id": 1})], NOW)
    assert stream.snapshot == json.loads(first.lines[ITEMS][0])["body"]["snapshot"]
    last = stream.take([scanned("orders", 1), scanned("items", 0), notification("COMPLETED")], NOW)
    assert json.loads(last.lines[ORDERS][0])["body"]["rows"] == 1


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([change("c", table="others", after={"id": 1})], "found 'c' of public.others, which is not captured"),
        ([change("c", after={"id": "one"})], "public.orders: id: found 'one', expected a whole number"),
        ([change("c", after={"id": True})], "expected a whole number"),
        ([notification("COMPLETED")], "public.orders: 0 rows came, and Debezium read None"),
        ([notification("STARTED"), notification("ABORTED")], "Debezium stopped its snapshot"),
        ([notification("STARTED"), scanned("items", 0, "SQL_EXCEPTION")], "its rows were not read: SQL_EXCEPTION"),
        (
            [notification("STARTED"), scanned("orders", 1), scanned("items", 0), notification("COMPLETED")],
            "0 rows came, and Debezium read 1",
        ),
    ],
)
def test_what_is_not_expected_ends_the_stream(records: list[Record], expected: str) -> None:
    with pytest.raises(StreamError, match=expected):
        Stream(TABLES).take(records, NOW)


def test_a_tombstone_and_an_empty_batch_are_nothing() -> None:
    assert not Stream(TABLES).take([Record("any", '{"id":1}', None)], NOW).lines
    assert not Stream(TABLES).take([], NOW).lines


def test_lines_are_cut_by_number_and_by_size() -> None:
    lines = [b"aa\n", b"bb\n", b"cccccccccc\n", b"d\n"]
    assert list(cut(lines, rows=2, size=100)) == [b"aa\nbb\n", b"cccccccccc\nd\n"]
    assert list(cut(lines, rows=9, size=6)) == [b"aa\nbb\n", b"cccccccccc\n", b"d\n"]
    assert list(cut([], rows=1, size=1)) == []
