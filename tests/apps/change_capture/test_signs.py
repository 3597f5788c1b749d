"""The sign of life that a capture gives in the lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from apps.change_capture.signs import Signs
from apps.change_capture.state import State, StateError
from gamelake.lake.capture_sign import EVERY, CaptureSign, key_of, read_sign, write_sign
from gamelake.lake.factory import place_of
from gamelake.lake.inbox import audit_inbox

if TYPE_CHECKING:
    from gamelake.lake.store import Store
    from tests.support.faulty_proxy import FaultyProxy


def test_a_sign_is_one_object_that_is_written_rarely(store: Store) -> None:
    signs = Signs(store, "shop", "slot")
    signs.check("1/shop", None)
    signs.end()
    assert read_sign(store, "shop") is None, "it gave none"
    signs.give()
    first = read_sign(store, "shop")
    assert first
    assert (first.database, first.slot, first.ended) == ("1/shop", "slot", False)
    signs.give()
    assert read_sign(store, "shop") == first
    signs.end()
    last = read_sign(store, "shop")
    assert last
    assert (last.at > first.at, last.ended) == (True, True)
    assert list(audit_inbox(store, now=datetime.now(UTC) + timedelta(days=60))) == []


def test_a_second_capture_of_a_source_is_refused(store: Store) -> None:
    Signs(store, "shop", "other").check("1/shop", None)
    sign = CaptureSign(at=datetime.now(UTC), database="1/shop", slot="slot")
    write_sign(store, "shop", sign)
    Signs(store, "shop", "slot").check("1/shop", None)  # itself, after a kill
    for slot, database in (("other", "1/shop"), ("slot", "2/shop")):
        with pytest.raises(
            StateError, match=r"another capture of shop reads the slot slot .* End it in order, or wait"
        ):
            Signs(store, "shop", slot).check(database, None)
    for other in (replace(sign, ended=True), replace(sign, at=sign.at - 2 * EVERY)):
        write_sign(store, "shop", other)
        Signs(store, "shop", "other").check("1/shop", None)
    store.put(key_of("shop"), b"{")
    Signs(store, "shop", "other").check("1/shop", None)


def test_a_capture_is_no_second_one_after_its_database_moved(store: Store) -> None:
    """A new server, with another identifier, gets the name of the old one: before or after a kill of the capture."""
    signs = Signs(store, "shop", "slot")
    signs.check("1/shop", None)
    signs.give()
    signs.check("2/shop", None)
    before = State(lake=place_of(store), database="1/shop", slot="slot", snapshot="a", parts={}, tables={})
    Signs(store, "shop", "slot").check("2/shop", before)
    for other in (None, replace(before, lake="another"), replace(before, slot="other")):
        with pytest.raises(StateError, match="another capture of shop"):
            Signs(store, "shop", "slot").check("2/shop", other)


def test_a_sign_that_is_not_written_stops_nothing(faulty_store: Store, proxy: FaultyProxy) -> None:
    signs = Signs(faulty_store, "shop", "slot")
    proxy.denied.add("inbox")
    signs.give()
    proxy.denied.clear()
    assert read_sign(faulty_store, "shop") is None
    signs.give()
    assert read_sign(faulty_store, "shop")
