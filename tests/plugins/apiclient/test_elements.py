"""The scanner of bad replies finds the rows, with any content."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiclient.elements import UnreadableRow, elements, members

TEXT = st.text(["a", '"', "\\", "[", "]", "{", "}", ",", ":", "\n", "é", "\ud800"], max_size=6)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(ANY_JSON, max_size=5), st.sampled_from([None, 2]))
def test_an_array_is_its_elements(rows: list[Any], indent: int | None) -> None:
    found = elements(json.dumps(rows, indent=indent).encode())
    assert [json.dumps(json.loads(each)) for each in found] == [json.dumps(row) for row in rows]


@given(st.dictionaries(TEXT, ANY_JSON, max_size=5), st.sampled_from([None, 2]))
def test_an_object_is_its_members(row: dict[str, Any], indent: int | None) -> None:
    found = [(json.loads(key), json.loads(value)) for key, value in members(json.dumps(row, indent=indent).encode())]
    assert json.dumps(found) == json.dumps([list(each) for each in row.items()])


def test_what_is_in_an_element_does_not_matter() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    wild = [b'{"a": "\xff\xfe ]} \\" , "}', b"NaN", b"1e999", deep, b"{} x"]
    assert elements(b" [" + b" ,\n".join(wild) + b"]\n") == wild


@pytest.mark.parametrize(
    "torn",
    [
        b"", b"{}", b"null", b"[", b'["', b'["a', b"[1, 2", b"[[1]", b"[1]]", b"[1}", b"[{]}", b"[1] [2]", b"[1,,2]",
        b"[1,]", b"[,]", b"[" * 100_000, b'[{"id": 1}, {"id": 2, "na',
    ],
)  # fmt: skip
def test_a_torn_array_is_none(torn: bytes) -> None:
    with pytest.raises(ValueError, match=r"begin|end|missing"):
        elements(torn)


@pytest.mark.parametrize(
    ("raw", "row_id"),
    [
        (b'{"id": 7, "name": "\xff"}', 7),
        (b'{"name": "\xff", "sub": {"id": 8}, "id":9}', 9),
        (b'{"name": "\xff", "sub": {"id": 8}}', None),
        (b'{"id": "7", "name": "\xff"}', None),
        (b'{"id": -7, "name": "\xff"}', None),
        (b'{"id": 7.5, "name": "\xff"}', None),
        (b'{"id": 99999999999999999999, "name": "\xff"}', None),
        (b'{"id": 7 "name": "\xff"', None),
        (b'"\xff"', None),
    ],
)
def test_the_id_of_a_row_that_cannot_be_read(raw: bytes, row_id: int | None) -> None:
    assert UnreadableRow(raw, "").row_id == row_id
