"""Every line that goes into a month's file comes out of it, byte by byte."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gamelake.fields import FieldType
from gamelake.lake import month_file
from gamelake.lake.month_documents import ColumnType, ValueKind
from gamelake.lake.month_file import MonthFileReader, MonthFileWriter
from gamelake.lake.uploads import PartError
from gamelake.registry import load_sources
from tests.support.extreme_rows import extreme_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = {
    "id": "bigint",
    "count": "bigint",
    "value": "double",
    "name": "varchar",
    "is_open": "boolean",
    "links": "bigint[]",
    "a 'quoted' \"name\"": "varchar",
}

ids = st.integers(0, 2**53)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([5.0, -0.0, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, 2**53, 2**53 + 1, 123456789012345680.0]),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from(["", "\0", "null", '{"a": 1}', "🎮", "\u202e", "\u2028", '"', "\\u0041"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)
rows = st.builds(
    lambda row_id, fields, first: {"id": row_id, **fields} if first else {**fields, "id": row_id},
    ids,
    st.dictionaries(st.sampled_from([*COLUMNS, "undeclared", "_line", "_part"]), values, max_size=6),
    st.booleans(),
)


def line_of(row: Any) -> bytes:
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return orjson.dumps({"id": 1}, option=orjson.OPT_APPEND_NEWLINE)


lines = st.one_of(
    rows.map(line_of),
    ids.map(lambda each: b'{"id": %d, "value": 1}\n' % each),  # another writer's spaces
    ids.map(lambda each: b'{"id":%d,"value":5.00}\n' % each),
    ids.map(lambda each: b'{"id":%d,"value":1E3}\n' % each),
    ids.map(lambda each: b'{"id":%d,"count":123456789012345678901234567890}\n' % each),
    ids.map(lambda each: b'{"id":%d,"id":%d}\n' % (each, each)),
    ids.map(lambda each: b'{"id":%d,"name":"\\ud83d"}\n' % each),
    st.sampled_from([b"[1]\n", b"7\n", b"no json\n", b"{}\n", b'{"id":"7"}\n', b'{"id":true}\n', b"\n", b'{"id":1}']),
)


def restated(parts: Sequence[Sequence[bytes]], folder: Path) -> tuple[list[list[bytes]], MonthFileWriter]:
    path = folder / "month.parquet"
    with MonthFileWriter(folder, COLUMNS) as writer:
        for part in parts:
            found = writer.add(part)
            assert found == (len(part), hashlib.sha256(b"".join(part)).hexdigest())
        writer.write(path)
    with MonthFileReader(path, COLUMNS, writer.forms, folder=folder) as reader:
        return [list(reader.lines(number)) for number in range(len(parts))], writer


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(lines, max_size=6), min_size=1, max_size=3))
@example([[], []])
@example([[b'{"id":2}\n', b'{"id":1}\n', b'{"id":2}\n']])
@example([[b'{"id":1,"value":5}\n', b'{"id":2,"value":5.0}\n', b'{"id":3,"value":1e22}\n', b'{"id":4,"value":-0.0}\n']])
def test_every_line_comes_out_as_it_went_in(parts: list[list[bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert restated(parts, Path(folder))[0] == parts


def test_rows_of_the_registry_keep_no_text(tmp_path: Path) -> None:
    part = [
        b'{"id":1,"count":3,"value":0.5,"name":"\xed\x95\x9c","is_open":true,"links":[3,1]}\n',
        b'{"id":2,"value":5,"count":null,"name":{"a":[1.5,null]},"is_open":false,"links":[]}\n',
        b'{"name":"7","id":3}\n',
    ]
    found, writer = restated([part], tmp_path)
    assert found == [part]
    assert writer.rows_as_text == 0
    assert [[each.kind for each in form] for form in writer.forms][1] == [
        *(ValueKind.INT, ValueKind.INT, ValueKind.NULL, ValueKind.JSON, ValueKind.BOOL, ValueKind.INTS),
    ]
    columns = duckdb.read_parquet(str(tmp_path / "month.parquet"))
    assert columns.project("id, value, name, _place, _line").fetchall() == [
        (1, 0.5, "한", None, None),
        (2, 5.0, '{"a":[1.5,null]}', None, None),
        (3, None, "7", None, None),
    ]


def test_a_row_that_keeps_its_text_has_the_values_that_fit(tmp_path: Path) -> None:
    row = b'{"id":7,"undeclared":1,"value":0.5,"name":"a","count":9223372036854775808,"links":[1],"is_open":3}\n'
    found, writer = restated([[row]], tmp_path)
    assert found == [[row]]
    assert writer.rows_as_text == 1
    columns = duckdb.read_parquet(str(tmp_path / "month.parquet"))
    assert columns.project("id, value, name, count, links, is_open, _form").fetchall() == [
        (7, 0.5, "a", None, None, None, None)
    ]


@pytest.mark.parametrize("values", [["0.0", "-0.0", "0.0"], ["-0.0", "0.0"], ["-0.0", "0", "-0.05"]])
def test_zeros_of_both_signs_stay_what_they_are(tmp_path: Path, values: list[str]) -> None:
    """Parquet's dictionary of a column has one zero."""
    part = [b'{"id":%d,"value":%b}\n' % (row_id, value.encode()) for row_id, value in enumerate(values)]
    found, writer = restated([part], tmp_path)
    assert found == [part]
    assert writer.rows_as_text == values.count("-0.0")
    columns = duckdb.read_parquet(str(tmp_path / "month.parquet"))
    assert columns.project("value").fetchall() == [(float(value),) for value in values]


def test_the_extreme_rows_of_every_table(tmp_path: Path) -> None:
    for entity in load_sources()["igdb"].entities.values():
        part = [line_of(row) for row in extreme_rows(entity)]
        columns = {name: kind.duckdb for name, kind in entity.fields.items()}
        (folder := tmp_path / entity.name).mkdir()
        with MonthFileWriter(folder, columns) as writer:
            writer.add(part)
            writer.write(folder / "month.parquet")
        with MonthFileReader(folder / "month.parquet", columns, writer.forms, folder=folder) as reader:
            assert list(reader.lines(0)) == part


def test_a_place_is_stored_only_where_ids_do_not_ascend(tmp_path: Path) -> None:
    parts = [[b'{"id":1}\n', b'{"id":2}\n'], [b'{"id":2}\n', b'{"id":1}\n']]
    assert restated(parts, tmp_path)[0] == parts
    found = duckdb.read_parquet(str(tmp_path / "month.parquet")).project("id, _part, _place").fetchall()
    assert found == [(1, 0, None), (1, 1, 1), (2, 0, None), (2, 1, 0)]


def test_ids_beyond_64_bits_keep_their_order(tmp_path: Path) -> None:
    ids = [1, 2, *range(2**63, 2**63 + 30)]
    part = [b'{"id":%d,"value":%d.5}\n' % (row_id, row_id % 7) for row_id in ids]
    assert restated([part, part], tmp_path)[0] == [part, part]


def test_a_line_beyond_the_most_forms_keeps_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(month_file, "MOST_FORMS", 1)
    part = [b'{"id":1}\n', b'{"id":2,"value":1.5}\n', b'{"id":3}\n']
    found, writer = restated([part], tmp_path)
    assert found == [part]
    assert (len(writer.forms), writer.rows_as_text) == (1, 1)


def test_a_line_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    with MonthFileWriter(tmp_path, COLUMNS) as writer, pytest.raises(PartError, match=r"line 2: .*expected UTF-8"):
        writer.add([b'{"id":1}\n', b'{"id":2,"name":"\xff"}\n'])


def test_every_type_of_the_registry_has_a_column_type() -> None:
    assert {kind.duckdb for kind in FieldType} == set(ColumnType)
