"""Validate rows against the registry."""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson
import pytest

from apiclient.elements import UnreadableRow
from gamelake.registry import load_sources
from gamelake.sources.contract import MAX_ROW_BYTES, RowContract, id_contract

GAMES = RowContract(load_sources()["igdb"].entities["games"])
RAWG_GAMES = RowContract(load_sources()["rawg"].entities["games"])
POPSCORE = RowContract(load_sources()["igdb"].entities["popscore"])
VALUE = {"id": 11, "game_id": 7, "popularity_type": 3, "value": 0.25}
GAME = {"id": 7, "name": "Café 東京", "updated_at": 1763668800, "platforms": [6, 3], "rating": 88, "hypes": 2}


def test_a_good_row_becomes_one_line_with_all_its_fields() -> None:
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
def test_a_row_of_a_wrong_type_is_rejected_with_the_field_and_kept_as_it_came(change: Any, reason: str) -> None:
    bad = {**GAME, **change}
    checked = GAMES.check([GAME, bad, {**GAME, "id": 8}])
    assert checked.rows.ids == [7, 8]
    assert (len(checked), checked.last_id) == (3, 8)
    (reject,) = checked.rejects
    assert reject.row == bad
    assert reason in reject.reason


def test_a_full_page_ends_after_the_row_before_its_last_row() -> None:
    bad = {**GAME, "hypes": "2"}
    checked = GAMES.check([GAME, {**bad, "id": 8}, {**GAME, "id": 9}, {**bad, "id": 10}, {**GAME, "id": 11}])
    proven = checked.without_last()
    assert (proven.rows.ids, proven.next_id, [reject.row["id"] for reject in proven.rejects]) == ([7, 9], 10, [8])


@pytest.mark.parametrize("thing", [None, 5, "row", [GAME]])
def test_a_row_that_is_no_object_is_rejected(thing: Any) -> None:
    checked = GAMES.check([thing])
    assert not checked.rows.ids
    assert (len(checked), checked.last_id) == (1, None)
    assert "object" in checked.rejects[0].reason


def test_a_row_without_an_id_is_rejected() -> None:
    assert "id" in GAMES.check([{"name": "Nameless"}]).rejects[0].reason


def test_absent_and_null_fields_are_good_and_an_absent_time_is_none() -> None:
    checked = GAMES.check([{"id": 0}, {"id": 1, "name": None}])
    assert (checked.rows.ids, checked.rows.max_updated_at) == ([0, 1], None)
    assert not checked.rejects


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"value": None}, "Expected `float`, got `null` - at `$.value`"),
        ({"value": -0.5}, "Expected `float` >= 0.0 - at `$.value`"),
        ({"value": "0.5"}, "Expected `float`, got `str` - at `$.value`"),
        ({"game_id": None}, "Expected `int`, got `null` - at `$.game_id`"),
        ({"game_id": -1}, "Expected `int` >= 0 - at `$.game_id`"),
        ({"popularity_type": None}, "Expected `int`, got `null` - at `$.popularity_type`"),
    ],
)
def test_a_row_without_a_required_field_or_out_of_its_range_is_rejected(change: Any, reason: str) -> None:
    checked = POPSCORE.check([VALUE, {**VALUE, **change, "id": 12}, {**VALUE, "id": 13, "value": 0}])
    assert checked.rows.ids == [11, 13]
    assert [(reject.row_id, reject.reason) for reject in checked.rejects] == [(12, reason)]


@pytest.mark.parametrize("field", ["game_id", "popularity_type", "value"])
def test_a_required_field_that_is_absent_is_named(field: str) -> None:
    (reject,) = POPSCORE.check([{name: value for name, value in VALUE.items() if name != field}]).rejects
    assert reject.reason == f"Object missing required field `{field}`"


def test_a_row_with_only_an_id_is_good_for_the_id_contract() -> None:
    checked = id_contract(load_sources()["igdb"].entities["popscore"]).check([{"id": 5}, {"id": 6}])
    assert (checked.rows.ids, checked.rejects) == ([5, 6], [])


def test_a_whole_number_written_as_a_fraction_is_an_int_and_is_staged_as_one() -> None:
    row = {"id": 7.0, "hypes": 1e3, "platforms": [6.0, 3], "updated_at": 1763668800.0, "rating": 5.0, "mood": 5.0}
    checked = GAMES.check([row, {"id": 8, "hypes": -0.0}])
    assert not checked.rejects
    first, second = checked.rows.lines.splitlines()
    assert json.loads(first) == row
    assert first == (b'{"id":7,"hypes":1000,"platforms":[6,3],"updated_at":1763668800,"rating":5.0,"mood":5.0}'), (
        "others stay as they came"
    )
    assert second == b'{"id":8,"hypes":0}'
    assert (checked.rows.ids, checked.rows.max_updated_at) == ([7, 8], 1763668800)


@pytest.mark.parametrize("number", [5.5, 1e300, 2.0**53 + 2, float(2**63)])
def test_a_fraction_and_a_number_that_a_double_may_have_rounded_are_no_int(number: Any) -> None:
    assert "hypes" in GAMES.check([{"id": 7, "hypes": number}]).rejects[0].reason


@pytest.mark.parametrize(("row_id", "good"), [(2**53, True), (2**53 + 1, False), (2**63 - 1, False)])
def test_an_id_is_one_that_every_reader_of_json_can_hold(row_id: Any, good: bool) -> None:
    checked = GAMES.check([{"id": row_id}])
    assert checked.rows.ids == ([row_id] if good else [])


def nested(levels: Any) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [254, 300, 1000])
@pytest.mark.parametrize(("contract", "field"), [(GAMES, "mood"), (RAWG_GAMES, "platforms")])
def test_a_row_that_is_nested_too_deep_to_be_written_is_rejected_and_kept_without_that_field(
    levels: int, contract: RowContract, field: str
) -> None:
    row = {"id": 7, "name": "One", field: nested(levels)}
    checked = contract.check([row, {"id": 8, "name": "Two"}])
    assert checked.rows.ids == [8]
    (reject,) = checked.rejects
    assert reject.reason.startswith("cannot be written as JSON: ")
    assert reject.kept() == {"row": row | {field: "list nested too deep to be kept"}}


@pytest.mark.parametrize("levels", range(252, 257))
def test_a_row_that_is_rejected_for_another_reason_is_kept_at_every_depth(levels: int) -> None:
    (reject,) = GAMES.check([{"id": 7, "hypes": "many", "mood": nested(levels)}]).rejects
    assert orjson.loads(orjson.dumps(reject.kept()))["row"]["hypes"] == "many"


def test_a_row_that_is_too_long_for_dbt_is_rejected() -> None:
    checked = GAMES.check([GAME, {**GAME, "id": 8, "storyline": "x" * MAX_ROW_BYTES}])
    assert checked.rows.ids == [7]
    assert checked.rejects[0].reason == f"found {MAX_ROW_BYTES + 110:,} bytes, expected at most {MAX_ROW_BYTES:,}"


def test_rows_that_are_long_together_are_good() -> None:
    rows = [{**GAME, "id": row_id, "storyline": "x" * (MAX_ROW_BYTES // 2)} for row_id in (7, 8, 9)]
    assert GAMES.check(rows).rows.ids == [7, 8, 9]


def test_an_unreadable_row_is_rejected_with_its_bytes() -> None:
    checked = GAMES.check([GAME, UnreadableRow(b'{"id": 9, "name": "\xff"}', "invalid UTF-8: at byte 19")])
    assert (checked.rows.ids, len(checked), checked.last_id, checked.highest) == ([7], 2, 7, 9)
    (reject,) = checked.rejects
    assert reject.reason == "invalid UTF-8: at byte 19"
    assert base64.b64decode(reject.kept()["row_base64"]) == b'{"id": 9, "name": "\xff"}'


def test_a_time_before_1970_is_good_but_is_no_newest_change() -> None:
    checked = GAMES.check([{"id": 1, "updated_at": -5, "first_release_date": -62135683200}])
    assert (checked.rows.ids, checked.rows.max_updated_at) == ([1], None)


@pytest.mark.parametrize("changed_at", [True, "2026-11-21", 1.5, 2**63, None])
def test_an_undeclared_updated_at_is_no_newest_change_unless_it_is_a_time(changed_at: Any) -> None:
    covers = RowContract(load_sources()["igdb"].entities["covers"])
    checked = covers.check([{"id": 1, "updated_at": changed_at}])
    assert (checked.rows.ids, checked.rows.max_updated_at) == ([1], None)


def test_an_undeclared_field_stays_in_the_row_and_is_counted() -> None:
    checked = GAMES.check([{**GAME, "vr": True}, {**GAME, "id": 8, "vr": False, "mood": "x"}])
    assert checked.undeclared == {"vr": 2, "mood": 1}
    assert json.loads(checked.rows.lines.splitlines()[0])["vr"] is True
