from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiclient.elements import UnreadableRow
from apiclient.errors import ReplyError
from igdb.apicalypse import Query, SubQuery
from igdb.replies import Answer
from tests.support.errors import having

DATE = {"Date": "Fri, 21 Nov 2025 19:00:00 GMT"}
PARTS = [SubQuery("a", "games", Query()), SubQuery("n", "games", Query(), count=True)]

TEXT = st.text(max_size=5) | st.text(["a", "é", "😀", "\ud800", "\udfff"], max_size=5)  # with lone surrogates
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-1e300, 1e300) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


def answer(body: str, **headers: str) -> Answer:
    return Answer(endpoint="games", query="fields *;", body=body.encode(), headers=DATE | headers)


def test_a_reply() -> None:
    reply = answer('[\n  {\n    "id": 0, "name": "Pokémon ポケモン"\n  }\n]', **{"X-Count": "372770"}).reply(list)
    assert reply.rows == [{"id": 0, "name": "Pokémon ポケモン"}]
    assert reply.total == 372_770
    assert reply.date == datetime(2025, 11, 21, 19, tzinfo=UTC)
    assert reply.date.utcoffset() is not None
    assert reply.bytes == 56


def test_without_x_count_the_total_is_unknown() -> None:
    assert answer("[]").reply(list).total is None


def test_rows_that_are_no_objects_are_for_others_to_judge() -> None:
    assert answer('[1, null, {"id": 1}]').reply(list).rows == [1, None, {"id": 1}]


@pytest.mark.parametrize(
    "body", ["", "null", "{}", '"x"', "<html>", '[{"id": 1', "[NaN]", '["\\ud800", 1e999]', "\ufeff[]", "[" * 100_000]
)
def test_what_is_not_an_array_is_refused_with_its_first_part(body: str) -> None:
    with pytest.raises(ReplyError, check=having(status=200, reply=body[:500], query="fields *;")):
        answer(body).reply(list)


BAD_ROWS = [
    (b'{"id": 2, "name": "\xff"}', "invalid UTF-8: invalid start byte at byte 19 of the row"),
    (b'{"id": 2, "name": "caf\xc3"}', "invalid UTF-8: invalid continuation byte"),
    (b'{"id": 2, "value": NaN}', "not JSON: NaN is no number"),
    (b'{"id": 2, "value": -Infinity}', "not JSON: -Infinity is no number"),
    (b'{"id": 2, "value": 1e999}', "not JSON: 1e999 is beyond a double"),
    (b'{"id": 2, "value": 1' + b"0" * 400 + b"}", f"not JSON: 1{'0' * 19} is beyond a double"),
    (b'{"id": 2, "value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not JSON: depth limit exceeded"),
    (b'{"id": 2, "name": "a\nb"}', "not JSON: Invalid control character"),
    (b'{"id": 2, "name": tru}', "not JSON"),
    (b'{"id": 2} x', "not JSON"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS)
def test_a_row_that_cannot_be_read_costs_no_other_row(
    bad: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'[{"id": 1, "name": "\\ud800"},\n ' + bad + b', {"id": 3}]'
    answered = Answer(endpoint="games", query="", body=body, headers=DATE).reply(list)
    first, unreadable, last = answered.rows
    assert (first, last) == ({"id": 1, "name": "\ufffd"}, {"id": 3})
    assert isinstance(unreadable, UnreadableRow)
    assert unreadable.raw == bad
    assert reason in unreadable.reason
    assert "IGDB games: a row cannot be read: " in caplog.text


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS)
def test_nor_does_it_in_a_part(bad: bytes, reason: str) -> None:
    body = b'[{"name": "n", "count": 3}, {"result": [{"id": 1}, ' + bad + b', {"id": 3}], "name": "a"}]'
    reply = Answer(endpoint="multiquery", query="", body=body, headers=DATE).parts(PARTS, list)
    assert reply.counts == {"n": 3}
    first, unreadable, last = reply.rows["a"]
    assert (first, last) == ({"id": 1}, {"id": 3})
    assert isinstance(unreadable, UnreadableRow)
    assert (unreadable.raw, unreadable.row_id) == (bad, 2 if bad.endswith(b"}") else None)
    assert reason in unreadable.reason


@pytest.mark.parametrize(
    "body", [b'["\xff"]', b"[upstream error]", b'[{"id": 1}, \xff]', b'[{"id": 1}, {"na\xffme": "b']
)
def test_bytes_that_are_neither_rows_nor_whole_are_refused(body: bytes) -> None:
    with pytest.raises(ReplyError, check=having(status=200)):
        Answer(endpoint="games", query="", body=body, headers=DATE).reply(list)


def test_an_integer_beyond_64_bits_becomes_a_double_beside_a_lone_surrogate_too() -> None:
    (row,) = answer('[{"id": 1, "name": "\\ud800", "x": 18446744073709551616}]').reply(list).rows
    assert orjson.dumps(row["x"]) == b"1.8446744073709552e+19"


@pytest.mark.parametrize("count", ["12.5", "many", "-1", "", "²", "9" * 5000])
def test_an_x_count_that_is_no_number_is_refused(count: str) -> None:
    with pytest.raises(ReplyError, match="X-Count"):
        answer("[]", **{"X-Count": count}).reply(list)


@pytest.mark.parametrize("date", ["", "yesterday", f"{DATE['Date'][:-4]} +{'9' * 18}", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_reply_without_the_sources_clock_is_refused(date: str) -> None:
    with pytest.raises(ReplyError, match="clock"):
        answer("[]", Date=date).reply(list)


def test_a_lone_surrogate_becomes_the_replacement_character(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        rows = answer('[{"id": 1, "n\\ud800": ["a\\udfffb", {"x": "😀\\ud83d\\ude00"}]}, {"id": 2}]').reply(list).rows
    assert rows == [{"id": 1, "n\ufffd": ["a\ufffdb", {"x": "😀😀"}]}, {"id": 2}]
    assert orjson.loads(orjson.dumps(rows)) == rows, "what the client returns can be written"
    assert "games: lone surrogates" in caplog.text


@given(st.lists(ANY_JSON, max_size=5))
def test_any_json_that_the_api_sends_can_be_written_again(rows: list[Any]) -> None:
    """As sent, but for lone surrogates, in the place of which nothing but U+FFFD may come."""
    sent = json.dumps(rows)  # escapes surrogates, as a source would
    got = answer(sent).reply(list).rows
    assert orjson.loads(orjson.dumps(got)) == got
    if not re.search("[\ud800-\udfff]", json.dumps(rows, ensure_ascii=False)):
        assert got == rows


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**64 - 1])
def test_integers_of_64_bits_stay_exact(number: int) -> None:
    assert orjson.dumps(answer(f"[{number}]").reply(list).rows) == f"[{number}]".encode()


def test_an_integer_beyond_64_bits_becomes_a_double() -> None:
    (found,) = answer(f"[{2**64}]").reply(list).rows
    assert isinstance(found, float)
    assert orjson.dumps(found) == b"1.8446744073709552e+19"


def test_a_count() -> None:
    assert answer('{"count": 7}').count().count == 7
    assert answer('{"count": 0}').count().date == datetime(2025, 11, 21, 19, tzinfo=UTC)


@pytest.mark.parametrize(
    "body", ["[]", "null", "{}", '{"count": null}', '{"count": "7"}', '{"count": -1}', '{"count": true}']
)
def test_what_is_no_count_is_refused(body: str) -> None:
    with pytest.raises(ReplyError, match="count"):
        answer(body).count()


def test_parts_come_by_name_in_any_order() -> None:
    body = '[{"name": "n", "count": 3}, {"name": "a", "result": [{"id": 1}]}]'
    reply = answer(body).parts(PARTS, list)
    assert (reply.rows, reply.counts) == ({"a": [{"id": 1}]}, {"n": 3})
    assert (reply.date, reply.bytes) == (datetime(2025, 11, 21, 19, tzinfo=UTC), len(body))


def test_a_part_without_a_result_is_empty_but_one_without_a_count_proves_nothing() -> None:
    reply = answer('[{"name": "a"}, {"name": "n", "count": 0}]').parts(PARTS, list)
    assert (reply.rows, reply.counts) == ({"a": []}, {"n": 0})
    with pytest.raises(ReplyError, match="no count in part 'n'"):
        answer('[{"name": "a"}, {"name": "n"}]').parts(PARTS, list)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        "[1, 2]",
        '[{"name": "a"}]',
        '[{"name": "a"}, {"name": "a"}, {"name": "n", "count": 1}]',
        '[{"name": "a"}, {"name": "n", "count": 1}, {"name": "other"}]',
        '[{"name": "a", "result": null}, {"name": "n", "count": 1}]',
        '[{"name": {}}, {"name": "n", "count": 1}]',
    ],
)
def test_parts_that_were_not_asked_for_or_are_missing_are_refused(body: str) -> None:
    with pytest.raises(ReplyError):
        answer(body).parts(PARTS, list)
