from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.feeds.documents import FeedError, step_key
from gamelake.feeds.feed import make_missing
from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.inbox import Inbox
from gamelake.topics.documents import Position
from gamelake.topics.streams import FeedStream, InboxStream
from tests.support.feed_tables import GAMES, commit, load_whole

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.topics.streams import Message, Stream, Unit

NOW = datetime(2026, 11, 30, 2, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Store:
    """Three versions of a table: one row changed, then one was deleted and one created."""
    store = open_store((tmp_path / "lake").as_uri())
    rows = [{"id": number, "hypes": number} for number in (1, 2, 3)]
    load_whole(store, tmp_path, *rows)
    rows[1] = {"id": 2, "hypes": 7}
    commit(store, tmp_path, [(rows[1:2], None)], {row["id"]: row for row in rows}, partition="2026-11-22")
    load_whole(store, tmp_path, rows[0], rows[1], {"id": 4}, partition="2026-11-23")
    make_missing(store, GAMES)
    return store


def after(unit: Unit, messages: int, *, is_complete: bool) -> Position:
    return Position(
        number=unit.number,
        made_at=unit.made_at,
        is_snapshot=unit.is_snapshot,
        messages=messages,
        is_complete=is_complete,
        reason=None,
        sent_at=NOW,
        sender="test",
    )


def units(stream: Stream, position: Position | None, **options: Any) -> list[tuple[Unit, list[Message]]]:
    return [(unit, list(unit.messages)) for unit in stream.pending(position, **options)]


def ops(messages: list[Message]) -> list[tuple[str, int | None]]:
    return [(value["op"], value["id"]) for value in (json.loads(each.value) for each in messages)]


def test_the_table_goes_first_then_the_changes_of_each_step(lake: Store, tmp_path: Path) -> None:
    ((table, rows),) = units(FeedStream(lake, GAMES), None)
    assert (table.number, table.is_snapshot, table.reason) == (3, True, None)
    assert rows[0].is_for_all
    assert ops(rows[:1]) == [("t", None)]
    assert sorted(ops(rows[1:]), key=str) == [("r", 1), ("r", 2), ("r", 4)]
    assert {each.key for each in rows} == {b"null", b"1", b"2", b"4"}
    assert json.loads(rows[-1].value)["source"]["snapshot"] == "true"
    done = after(table, len(rows), is_complete=True)
    assert units(FeedStream(lake, GAMES), done) == []

    load_whole(lake, tmp_path, {"id": 1, "hypes": 9}, {"id": 4}, partition="2026-11-24")
    load_whole(lake, tmp_path, {"id": 1, "hypes": 9}, {"id": 4}, {"id": 5}, partition="2026-11-25")
    make_missing(lake, GAMES)
    (fourth, changes), (fifth, more) = units(FeedStream(lake, GAMES), done)
    assert ([fourth.number, fifth.number], ops(changes), ops(more)) == ([4, 5], [("u", 1), ("d", 2)], [("c", 5)])
    assert not any(each.value.endswith(b"\n") for each in changes)


def test_a_step_or_a_table_goes_on_where_it_was(lake: Store, tmp_path: Path) -> None:
    ((table, rows),) = units(FeedStream(lake, GAMES), None)
    ((again, rest),) = units(FeedStream(lake, GAMES), after(table, 2, is_complete=False))
    assert (again.number, again.is_snapshot, again.sent, rest) == (3, True, 2, rows[2:])

    load_whole(lake, tmp_path, {"id": 8}, partition="2026-11-24")
    make_missing(lake, GAMES)
    (_, rest), (step, changes) = units(FeedStream(lake, GAMES), after(table, 2, is_complete=False))
    assert rest == rows[2:]  # that version, not the newer one
    ((again, rest),) = units(FeedStream(lake, GAMES), after(step, 3, is_complete=False))
    assert (again.number, again.sent, rest) == (4, 3, changes[3:])


def test_the_table_goes_again_where_changes_are_not_known(lake: Store, tmp_path: Path) -> None:
    stream = FeedStream(lake, GAMES)
    ((table, rows),) = units(stream, None)
    done = after(table, len(rows), is_complete=True)
    ((unit, messages),) = units(stream, done, again="asked for")
    assert (unit.sent, unit.reason, messages) == (0, "asked for", rows)

    # The newest step was deleted, and is made again.
    lake.delete(step_key(GAMES.table, 3))
    ((unit, _),) = units(stream, done)
    assert (unit.number, unit.is_snapshot, unit.sent) == (2, True, 0)
    assert "no step 3" in (unit.reason or "")
    make_missing(lake, GAMES)
    ((unit, messages),) = units(stream, done)
    assert (unit.number, messages) == (3, rows)
    assert "made again" in (unit.reason or "")

    # Steps are removed when they are old.
    for number in (4, 5):
        load_whole(lake, tmp_path, {"id": 1, "hypes": number}, partition=f"2026-12-0{number}")
    make_missing(lake, GAMES)
    third = after(units(stream, None, again="now")[0][0], 0, is_complete=True)
    for number in (1, 2, 3):
        lake.delete(step_key(GAMES.table, number))
    ((unit, _),) = units(stream, done)
    assert unit.number == third.number == 5


def test_the_table_goes_again_where_the_feed_begins_again(lake: Store, tmp_path: Path) -> None:
    stream = FeedStream(lake, GAMES)
    ((table, rows),) = units(stream, None)
    done = after(table, len(rows), is_complete=True)
    begun = after(table, 1, is_complete=False)
    for info in list(lake.list(GAMES.table.prefix)):  # the table is lost, and loaded again
        lake.delete(info.key)
    load_whole(lake, tmp_path, {"id": 9}, partition="2026-11-24")
    load_whole(lake, tmp_path, {"id": 9}, {"id": 10}, partition="2026-11-25")
    with pytest.raises(FeedError, match="feed make"):
        units(stream, begun)
    make_missing(lake, GAMES)
    for position in (done, begun):
        ((unit, messages),) = units(stream, position)
        assert (unit.number, sorted(ops(messages), key=str)) == (5, [("r", 10), ("r", 9), ("t", None)])
        assert unit.reason


def test_nothing_is_left_out_where_a_step_cannot_be_read(lake: Store, tmp_path: Path) -> None:
    stream = FeedStream(lake, GAMES)
    ((table, rows),) = units(stream, None)
    done = after(table, len(rows), is_complete=True)
    for number in (4, 5):
        load_whole(lake, tmp_path, {"id": 1, "hypes": number}, partition=f"2026-12-0{number}")
    make_missing(lake, GAMES)
    lake.delete(step_key(GAMES.table, 4))
    with pytest.raises(FeedError, match="--snapshot"):
        units(stream, done)
    assert units(FeedStream(open_store((tmp_path / "empty").as_uri()), GAMES), None) == []


def test_a_table_goes_as_one_commit_shows_it(tmp_path: Path) -> None:
    """Claims and newer parts count: the rows are those of the table."""
    store = open_store((tmp_path / "lake").as_uri())
    load_whole(store, tmp_path, {"id": 1}, {"id": 2}, {"id": 3})
    commit(store, tmp_path, [([{"id": 2, "hypes": 1}], None), ((), IdRange(3, 4))], {1: {}, 2: {}})
    commit(store, tmp_path, [([{"id": 2, "hypes": 2}, {"id": 5}], IdRange(2, 6))], {1: {}, 2: {}, 5: {}})
    make_missing(store, GAMES)
    ((_, rows),) = units(FeedStream(store, GAMES), None)
    found = [json.loads(each.value)["after"] for each in rows[1:]]
    assert sorted(found, key=lambda row: row["id"]) == [{"id": 1}, {"id": 2, "hypes": 2}, {"id": 5}]


def test_the_events_of_an_inbox_go_in_the_order_of_its_parts(lake: Store) -> None:
    inbox = Inbox(lake, GAMES.table)
    for ids in ((1, 2), (3,), (4, 5)):
        inbox.add(b"".join(b'{"id":%d,"op":"update","body":{"id":%d}}\n' % (each, each) for each in ids))
    stream = InboxStream(lake, GAMES.table)
    assert stream.name == "inbox.igdb.games"
    found = units(stream, None)
    assert [[each.key for each in messages] for _, messages in found] == [[b"1", b"2"], [b"3"], [b"4", b"5"]]
    assert json.loads(found[1][1][0].value) == {"id": 3, "op": "update", "body": {"id": 3}}
    first, last = found[0][0], found[-1][0]
    ((_, rest), *_) = units(stream, after(first, 1, is_complete=False))
    assert [each.key for each in rest] == [b"2"]
    assert units(stream, after(last, 2, is_complete=True)) == []
    assert len(units(stream, after(last, 2, is_complete=True), again="asked for")) == 3
    lake.delete(inbox.key(2))
    ((gap, _),) = units(stream, after(first, 2, is_complete=True))
    assert (gap.number, gap.reason) == (3, "the parts 2 to 2 are not there any more: they were never sent")
