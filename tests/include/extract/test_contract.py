"""Rows held to the registry."""

import json

import pytest

from include.extract.contract import RowContract
from include.registry import load_registry

GAMES = RowContract(load_registry()["games"])
GAME = {"id": 7, "name": "Café 東京", "updated_at": 1763668800, "platforms": [6, 3], "rating": 88, "hypes": 2}


def test_a_good_row_becomes_one_line_with_all_that_it_had():
    rows = GAMES.check([GAME]).rows
    assert (rows.ids, rows.max_updated_at) == ([7], 1763668800)
    assert rows.lines.index(b"\n") == len(rows.lines) - 1
    assert json.loads(rows.lines) == GAME


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "id"),
        ({"id": "7"}, "id"),
        ({"id": -1}, "id"),
        ({"id": 7.5}, "id"),
        ({"id": True}, "id"),
        ({"hypes": "2"}, "hypes"),
        ({"hypes": 2**63}, "hypes"),
        ({"name": 5}, "name"),
        ({"platforms": [6, "3"]}, "platforms"),
        ({"platforms": 6}, "platforms"),
        ({"updated_at": "2026-11-21"}, "updated_at"),
    ],
)
def test_a_row_of_a_wrong_type_is_rejected_with_the_field_and_kept_as_it_came(change, reason):
    bad = {**GAME, **change}
    checked = GAMES.check([GAME, bad, {**GAME, "id": 8}])
    assert checked.rows.ids == [7, 8]
    assert (len(checked), checked.last_id) == (3, 8)
    (reject,) = checked.rejects
    assert reject.row == bad
    assert reason in reject.reason


@pytest.mark.parametrize("thing", [None, 5, "row", [GAME]])
def test_what_is_no_object_is_rejected(thing):
    checked = GAMES.check([thing])
    assert not checked.rows.ids
    assert (len(checked), checked.last_id) == (1, None)
    assert "object" in checked.rejects[0].reason


def test_a_row_without_an_id_is_rejected():
    assert "id" in GAMES.check([{"name": "Nameless"}]).rejects[0].reason


def test_absent_and_null_fields_are_good_and_an_absent_time_is_none():
    checked = GAMES.check([{"id": 0}, {"id": 1, "name": None}])
    assert (checked.rows.ids, checked.rows.max_updated_at) == ([0, 1], None)
    assert not checked.rejects


def test_an_undeclared_field_stays_in_the_row_and_is_counted():
    checked = GAMES.check([{**GAME, "vr": True}, {**GAME, "id": 8, "vr": False, "mood": "x"}])
    assert checked.undeclared == {"vr": 2, "mood": 1}
    assert json.loads(checked.rows.lines.splitlines()[0])["vr"] is True
