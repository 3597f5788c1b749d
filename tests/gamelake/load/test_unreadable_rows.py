"""Replies of which a row cannot be read, through a whole load: no other row is lost."""

from __future__ import annotations

import base64

import pytest

from apiclient.errors import ReplyError
from tests.support.errors import having
from tests.support.loads import GAMES, Loads, without

UNREADABLE = {
    "bytes that are no UTF-8": ('"\udcc3("', "invalid UTF-8: invalid continuation byte"),
    "NaN": ("NaN", "not JSON: NaN is no number"),
    "a number beyond a double": ("1e999", "not JSON: 1e999 is beyond a double"),
    "nesting without end": ("[" * 5000 + "]" * 5000, "not JSON: depth limit exceeded"),
    "a control character": ('"a\nb"', "not JSON: Invalid control character"),
}


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
@pytest.mark.parametrize("value", UNREADABLE)
def test_an_unreadable_row_costs_no_other_row(value: str, incremental: bool, loads: Loads) -> None:
    new, reason = UNREADABLE[value]
    bad = loads.ids()[7]
    if incremental:
        loads.load(run_id="before")
        loads.sandbox.upsert("games", [{"id": bad, "name": "Game 7"}])  # it changes now
    loads.replace('"Game 7"', new)
    report = loads.load()
    assert (report.rejected, report.source_count) == (1, GAMES)
    assert without(loads.table_rows(), bad) == without(loads.source_rows(), bad)
    (kept,) = loads.rejects()
    assert kept["id"] == bad
    assert reason in kept["reason"]
    assert new.encode(errors="surrogateescape") in base64.b64decode(kept["row_base64"])
    loads.sandbox.faults.clear()
    night = loads.load(run_id="night")
    assert (night.rejected, night.row_count, night.source_count) == (0, GAMES, GAMES)
    assert loads.table_rows() == loads.source_rows()


def test_a_row_that_is_unreadable_once_is_read_again(loads: Loads) -> None:
    loads.replace('"Game 7"', '"\udcc3("', times=1)
    assert loads.load().rejected == 0
    assert loads.table_rows() == loads.source_rows()


def test_a_truncated_reply_is_asked_for_again(loads: Loads) -> None:
    loads.replace('"Game 7"', '"\udcc3', times=1)
    assert loads.load().rejected == 0
    assert loads.table_rows() == loads.source_rows()
    loads.replace('"Game 7"', '"\udcc3')
    with pytest.raises(ReplyError, check=having(status=200)):
        loads.load(run_id="always", full_refresh=True)
