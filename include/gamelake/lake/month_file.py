"""Writes lines of JSON into a typed Parquet file, sorted by id, and restates the same lines from it, byte by byte.

with MonthFileWriter(folder, {"id": "bigint", "value": "double"}) as writer:
    writer.add(lines)                       # of a part
    writer.write(path)
with MonthFileReader(path, columns, writer.forms) as reader:
    list(reader.lines(0))                   # of the first part

A line is restated from its values and its form: its fields in their order, each with the kind of its value. A line that
has no form keeps its text: one with a field without a column, with a number that JSON has several texts for, or with
other spaces. Memory holds some thousand rows, and DuckDB's MEMORY; what it sorts beyond that is on the disk below
`folder`.
"""

from __future__ import annotations

import hashlib
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import orjson

from gamelake.lake.month_documents import ColumnType, Form, FormField, ValueKind
from gamelake.lake.uploads import PartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import duckdb

MEMORY = "400MB"
"""What DuckDB may hold while it sorts a month."""
MOST_FORMS = 1000
"""A line of a further form keeps its text."""

_BATCH = 10_000
_LEAST_OBJECT = 16 * 1024 * 1024
# More than 53 bits are not exact in every reader of JSON: such a number stays text.
_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_STRICT_INTEGER
_KINDS: Mapping[ColumnType, Mapping[type, ValueKind]] = {
    ColumnType.INT: {int: ValueKind.INT},
    ColumnType.DOUBLE: {float: ValueKind.FLOAT, int: ValueKind.INT},
    ColumnType.BOOL: {bool: ValueKind.BOOL},
    ColumnType.INTS: {list: ValueKind.INTS},
    ColumnType.TEXT: {
        str: ValueKind.STRING,
        **dict.fromkeys((dict, list, int, float, bool), ValueKind.JSON),
    },
}


class PartLines(NamedTuple):
    """What a file has of a part: how many lines, and their hash."""

    rows: int
    sha256: str


class MonthFileWriter:
    """Collects the lines of parts on the disk, one part after the other, and writes them as one sorted file."""

    def __init__(self, folder: Path, columns: Mapping[str, str]) -> None:
        """Prepare to write.

        Args:
            folder: A folder for what is not sorted yet.
            columns: The type of each column, `id` included.
        """
        self._folder = folder
        self._columns = columns_of(columns)
        self._forms: dict[tuple[tuple[str, ...], tuple[type, ...]], int | None] = {}
        self._known: list[Form] = []
        self._parts: list[Path] = []
        self._database = _connect(folder)
        self.rows_as_text = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms of the lines so far."""
        return tuple(self._known)

    def add(self, lines: Iterable[bytes]) -> PartLines:
        """Take the lines of the next part, each with its line feed.

        Raises:
            PartError: A line is no UTF-8.
        """
        ordinal, digest, place = len(self._parts), hashlib.sha256(), -1
        plain = self._folder / f"{ordinal:05}.jsonl"
        longest, highest, is_sorted = 0, -1, True
        with plain.open("wb") as file:
            for place, line in enumerate(lines):
                digest.update(line)
                row_id, written = self._written(line, place)
                longest = max(longest, len(written))
                is_sorted = is_sorted and row_id is not None and row_id > highest
                highest = highest if row_id is None else row_id
                file.write(written)
        path = plain.with_suffix(".parquet")
        types = ", ".join(
            f"{_quoted(name)}: '{type_}'"
            for name, type_ in {
                "_place": "integer",
                "_form": "smallint",
                "_line": "varchar",
                **self._columns,
            }.items()
        )
        read = (
            f"read_json({_quoted(str(plain))}, format = 'newline_delimited', columns = {{{types}}}, "
            f"hive_partitioning = false, maximum_object_size = {max(_LEAST_OBJECT, longest + 1)})"
            if place >= 0
            else f"(select {', '.join(f'null::{type_} as {name}' for name, type_ in self._all_types())} where false)"
        )
        # The order of the ids is that of the lines, in nearly every part: then no place is stored.
        place_of = "null::integer" if is_sorted else "_place"
        self._database.execute(
            f"copy (select {ordinal}::integer as _part, * replace ({place_of} as _place) from {read}) "  # noqa: S608
            f"to {_quoted(str(path))} (format parquet)"
        )
        plain.unlink()
        self._parts.append(path)
        return PartLines(place + 1, digest.hexdigest())

    def write(self, path: Path) -> None:
        """Write the file."""
        parts = ", ".join(_quoted(str(part)) for part in self._parts)
        self._database.execute(
            f"copy (from read_parquet([{parts}], hive_partitioning = false) order by id nulls first, _part, _place) "
            f"to {_quoted(str(path))} (format parquet, compression zstd, parquet_version v2)"
        )
        for part in self._parts:
            part.unlink()

    def _all_types(self) -> Iterator[tuple[str, str]]:
        yield from {"_place": "integer", "_form": "smallint", "_line": "varchar"}.items()
        yield from ((_identifier(name), type_) for name, type_ in self._columns.items())

    def _written(self, line: bytes, place: int) -> tuple[int | None, bytes]:
        """Return the id of a line, and the line as DuckDB reads it: its values, its place and its form or its text."""
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict):
            return None, self._as_text(line, place, {})
        row_id = row.get("id")
        if type(row_id) is not int or not _is_restated(row, line) or _has_negative_zero(row, line):
            # An id beyond the column's type is null there, so it gives no order.
            return row_id if self._fits("id", row_id) else None, self._as_text(line, place, row)
        names = tuple(row)
        key = names, tuple(map(type, row.values()))
        try:
            form = self._forms[key]
        except KeyError:
            form = self._forms[key] = self._new_form(row)
        if form is None:
            return row_id, self._as_text(line, place, row)
        fields = self._known[form]
        head = b'{"_place":%d,"_form":%d' % (place, form)
        if all(each.kind not in {ValueKind.JSON, ValueKind.INTS} for each in fields):
            return row_id, head + b"," + line[1:]
        values: dict[str, Any] = {}
        for each in fields:
            value = row[each.name]
            if each.kind is ValueKind.INTS and not all(type(one) is int for one in value):
                return row_id, self._as_text(line, place, row)
            values[each.name] = orjson.dumps(value).decode() if each.kind is ValueKind.JSON else value
        return row_id, head + b"," + orjson.dumps(values, option=_LINE)[1:]

    def _new_form(self, row: Mapping[str, Any]) -> int | None:
        """Return the index of the form of a row, None if it has none."""
        kinds = [self._kind(name, value) for name, value in row.items()]
        if None in kinds or len(self._known) >= MOST_FORMS:
            return None
        self._known.append(tuple(FormField(name, kind) for name, kind in zip(row, kinds, strict=True) if kind))
        return len(self._known) - 1

    def _kind(self, name: str, value: object) -> ValueKind | None:
        column = self._columns.get(name)
        if column is None:
            return None
        return ValueKind.NULL if value is None else _KINDS[column].get(type(value))

    def _as_text(self, line: bytes, place: int, row: Mapping[str, Any]) -> bytes:
        """Return a line that keeps its text, with those values that have a column, for who reads columns."""
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise PartError(f"line {place + 1}: {error}: found {line[:80]!r}, expected UTF-8") from error
        self.rows_as_text += 1
        values = {name: value for name, value in row.items() if self._fits(name, value)}
        values |= {name: 0.0 for name, value in values.items() if type(value) is float and value == 0}
        return orjson.dumps({"_place": place, "_line": text, **values}, option=orjson.OPT_APPEND_NEWLINE)

    def _fits(self, name: str, value: object) -> bool:
        """Whether a value can be in the column of its field as it is."""
        kind = self._kind(name, value)
        if kind in {None, ValueKind.INTS, ValueKind.JSON}:
            return False
        if isinstance(value, int):
            return -(2**63) <= value < 2**63
        return not (isinstance(value, str) and "\0" in value)


class MonthFileReader:
    """Restates the lines of the parts that a file has."""

    def __init__(self, path: Path, columns: Iterable[str], forms: Sequence[Form], *, folder: Path) -> None:
        """Open a file.

        Args:
            path: Its place on this disk.
            columns: Its columns of declared fields.
            forms: The forms of its rows.
            folder: A folder for what DuckDB sorts.
        """
        self._path = path
        self._columns = list(columns)
        self._restate = [_restating(form, self._columns) for form in forms]
        self._database = _connect(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def lines(self, part: int) -> Iterator[bytes]:
        """Yield the lines of a part in their order, each with its line feed.

        Args:
            part: Its index.

        Raises:
            duckdb.Error: The file is damaged.
            LookupError: A row has a form that is not known.
        """
        names = ", ".join(["_form", "_line", *map(_identifier, self._columns)])
        rows = self._database.execute(
            f"select {names} "  # noqa: S608 - names of fields, quoted
            f"from read_parquet({_quoted(str(self._path))}, hive_partitioning = false) "
            "where _part = ? order by _place, id",
            [part],
        )
        while batch := rows.fetchmany(_BATCH):
            for row in batch:
                yield row[1].encode() if row[0] is None else self._restate[row[0]](row)


def columns_of(types: Mapping[str, str]) -> dict[str, ColumnType]:
    """Return the types of columns, given DuckDB's names of them."""
    return {name: ColumnType(type_) for name, type_ in types.items()}


def _is_restated(row: Any, line: bytes) -> bool:
    """Whether the values of a line, written again, are the same line; a text with NUL is not one for DuckDB."""
    try:
        return orjson.dumps(row, option=_LINE) == line and b"\\u0000" not in line
    except orjson.JSONEncodeError:
        return False


def _has_negative_zero(row: Mapping[str, Any], line: bytes) -> bool:
    """Whether a row has -0.0: a dictionary of Parquet has one zero, which is then that of every row."""
    return b"-0.0" in line and any(type(value) is float and str(value) == "-0.0" for value in row.values())


def _restating(form: Form, columns: Sequence[str]) -> Callable[[tuple[Any, ...]], bytes]:
    """Return what writes the line of a row of this form."""
    names = [each.name for each in form]
    places = [columns.index(name) + 2 for name in names]
    pick = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
    changed: list[tuple[str, Callable[[Any], Any]]] = []
    for each in form:
        if each.kind is ValueKind.INT:
            changed.append((each.name, int))
        elif each.kind is ValueKind.JSON:
            changed.append((each.name, orjson.Fragment))

    def restate(row: tuple[Any, ...]) -> bytes:
        values = dict(zip(names, pick(row), strict=True))
        for name, change in changed:
            values[name] = change(values[name])
        return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)

    return restate


def _connect(folder: Path) -> duckdb.DuckDBPyConnection:
    import duckdb  # a load imports this module's siblings, and needs no database

    return duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(folder), "threads": 2})


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
