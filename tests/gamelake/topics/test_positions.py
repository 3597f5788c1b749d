from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gamelake.lake.findings import Problem
from gamelake.topics.documents import Position, PositionError
from gamelake.topics.positions import RETENTION, OtherSenderError, Positions, audit_positions
from tests.support.stores import FLAT_STORES, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store

TOPIC = "gamelake.igdb.games"
NOW = datetime(2026, 11, 30, 2, tzinfo=UTC)


@pytest.fixture(params=FLAT_STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, request, tmp_path) as store:
        yield store


def position(number: int, messages: int, *, sender: str = "one", is_complete: bool = True, **more: Any) -> Position:
    fields: dict[str, Any] = {"made_at": NOW, "is_snapshot": False, "reason": None, "sent_at": NOW, **more}
    return Position(number=number, messages=messages, is_complete=is_complete, sender=sender, **fields)


def test_the_newest_position_counts(store: Store) -> None:
    first, second = position(1, 5), position(2, 3, is_complete=False)
    positions = Positions(store, TOPIC)
    assert positions.latest() is None
    positions.move(None, first)
    positions.move(first, second)
    assert Positions(store, TOPIC).latest() == second
    assert Positions(store, f"{TOPIC}.other").latest() is None


def test_two_senders_are_found_and_the_position_is_set_back(store: Store) -> None:
    start = position(1, 5)
    Positions(store, TOPIC).move(None, start)
    slow, fast = Positions(store, TOPIC), Positions(store, TOPIC)
    assert slow.latest() == fast.latest() == start
    fast.move(start, position(2, 9, sender="fast"))
    fast.move(position(2, 9), position(3, 4, sender="fast"))
    with pytest.raises(OtherSenderError) as lost:
        slow.move(start, position(2, 9, sender="slow"))
    assert lost.value.sender == "fast"
    after = Positions(store, TOPIC).latest()
    assert after
    assert (after.place, bool(after.reason)) == (start.place, True)
    # The other one finds it too, and does not move the position forward again.
    with pytest.raises(OtherSenderError):
        fast.move(position(3, 4), position(4, 1, sender="fast"))
    assert Positions(store, TOPIC).latest() == after


def test_of_two_that_begin_one_sends_nothing(store: Store) -> None:
    one, other = Positions(store, TOPIC), Positions(store, TOPIC)
    assert one.latest() is other.latest() is None
    begun = position(1, 0, is_complete=False, is_snapshot=True)
    one.move(None, begun)
    with pytest.raises(OtherSenderError):
        other.move(None, msgspec.structs.replace(begun, sender="other"))
    assert Positions(store, TOPIC).latest() == begun


def test_old_positions_are_orphans_but_never_the_newest(store: Store) -> None:
    for topic in (TOPIC, "gamelake.igdb.genres"):
        positions = Positions(store, topic)
        assert positions.latest() is None
        for number in (1, 2, 3):
            positions.move(None, position(number, 1))
    now = datetime.now(UTC)
    assert list(audit_positions(store, now=now)) == []
    found = list(audit_positions(store, now=now + RETENTION + timedelta(days=1)))
    assert {each.problem for each in found} == {Problem.ORPHAN}
    assert [each.key[-6:] for each in found] == ["1.json", "2.json"] * 2


def test_a_damaged_position_stops_and_states_what_to_do(store: Store) -> None:
    Positions(store, TOPIC).move(None, position(1, 5))
    key = f"topics/{TOPIC}/{2:020}.json"
    for data in (b"{", position(1, 5).to_json().replace(b'"messages": 5', b'"messages": -5')):
        store.put(key, data)
        with pytest.raises(PositionError) as damaged:
            Positions(store, TOPIC).latest()
        assert damaged.value.key.startswith(key)
        assert "delete it" in damaged.value.expected
