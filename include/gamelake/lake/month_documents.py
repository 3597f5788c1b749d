"""The document of a compacted month: which parts of a table one Parquet file has.

A document is numbered and created only if absent; a later one of the same month replaces it. `months.py` reads the
rows, `month_file.py` writes and reads the file.

MonthError      a document of a month is invalid
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
import orjson
from msgspec import Meta

from gamelake.lake.documents import DocumentError, convert, parse_json, what_to_do
from gamelake.lake.keys import TableName, number_of, numbered_key
from gamelake.lake.manifest import Count, Key
from gamelake.lake.store import ObjectNotFoundError, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import ReadableStore

FORMAT_VERSION = 1

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, Meta(ge=1)]


class MonthError(DocumentError):
    """A document of a month is invalid."""


class ColumnType(StrEnum):
    """The type of a column of the file, as DuckDB names it."""

    INT = "bigint"
    DOUBLE = "double"
    TEXT = "varchar"
    BOOL = "boolean"
    INTS = "bigint[]"


class ValueKind(StrEnum):
    """How a value is written in a line."""

    INT = "int"
    FLOAT = "float"
    STRING = "string"
    BOOL = "bool"
    INTS = "int[]"
    JSON = "json"
    NULL = "null"


class FormField(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A field of a line, and how its value is written."""

    name: str
    kind: ValueKind


Form = tuple[FormField, ...]


class MonthPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part whose rows the file has."""

    key: Annotated[Key, Meta(description="The part's key, as the manifests have it.")]
    sha256: Annotated[Hash, Meta(description="Of the part's object, as the manifests have it.")]
    rows: Annotated[Count, Meta(description="Lines.")]
    bytes: Annotated[Size, Meta(description="Size of the part's object.")]
    lines_sha256: Annotated[Hash, Meta(description="Of the part's lines, which are the object without gzip.")]


class MonthFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Parquet file of a month."""

    key: Annotated[Key, Meta(description="Where it lies, under the lake's URI.")]
    bytes: Annotated[Size, Meta(description="Size of the object.")]
    rows: Annotated[Count, Meta(description="Rows of all parts.")]
    sha256: Annotated[Hash, Meta(description="Of the object.")]


class Month(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parts of a month of a time series that one Parquet file has.

    Its key is raw/<source>/<entity>/_months/<month>/<number, 20 digits>.json. It is created only if absent, after every
    line of every part was restated from the file and was equal. The newest one of a month that names a part counts.

    Raises:
        MonthError: The values contradict each other.
    """

    format_version: Annotated[int, Meta(ge=FORMAT_VERSION, le=FORMAT_VERSION)] = FORMAT_VERSION
    source: Annotated[str, Meta(pattern="^[a-z][a-z0-9]*$")]
    entity: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    month: Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}$", description="The month of the parts' Korean days.")]
    number: Annotated[int, Meta(ge=1, description="1, 2, 3, ... without gaps.")]
    version: Annotated[int, Meta(ge=1, description="The commit whose parts of the month these are.")]
    compacted_at: Annotated[datetime, Meta(tz=True, description="UTC, by the writer's clock; for people.")]
    file: MonthFile
    columns: Annotated[
        dict[str, ColumnType],
        Meta(description="The columns of declared fields. `_part`, `_place`, `_form` and `_line` come before them."),
    ]
    forms: Annotated[
        tuple[Form, ...],
        Meta(
            description="The fields of a line in their order, each with the kind of its value. The column `_form` has "
            "the index of a row's form; where it is null, `_line` has the row as it was sent."
        ),
    ]
    rows_as_text: Annotated[Count, Meta(description="Rows of no form: `_line` has them.")]
    parts: Annotated[
        tuple[MonthPart, ...],
        Meta(description="The parts. The column `_part` has the index of a row's part.", min_length=1),
    ]

    def __post_init__(self) -> None:
        rows = sum(part.rows for part in self.parts)
        self._expect("file.rows", self.file.rows, self.file.rows == rows, f"{rows}, the rows of the parts")
        prefix = self.table.month_prefix(self.month)
        self._expect("file.key", self.file.key, self.file.key.startswith(prefix), f"{prefix}<file>")
        for part in self.parts:
            start = f"{self.table.prefix}dt={self.month}"
            self._expect("parts.key", part.key, part.key.startswith(start), f"a part of the month: {start}...")
        names = {part.key for part in self.parts}
        self._expect("parts.key", len(names), len(names) == len(self.parts), "each part once")
        unknown = sorted({each.name for form in self.forms for each in form} - self.columns.keys())
        self._expect("forms", unknown, not unknown, "fields that have a column")

    @property
    def table(self) -> TableName:
        """The table that has the month."""
        return TableName(self.source, self.entity)

    @property
    def key(self) -> str:
        """The key of the document."""
        return month_key(self.table, self.month, self.number)

    def place_of(self, key: str, sha256: str | None = None) -> int | None:
        """Return the index of a part, None if the file does not have it.

        sha256: of the part's object. A key whose object was removed is free, and a run of the same id uses it again.
        """
        found = ((place, part.sha256) for place, part in enumerate(self.parts) if part.key == key)
        return next((place for place, other in found if sha256 in {None, other}), None)

    def to_json(self) -> bytes:
        """Return the document as it is in the lake, indented for people.

        Raises:
            MonthError: A value is out of its bounds.
        """
        document = msgspec.to_builtins(self, builtin_types=(datetime,))
        convert(document, Month, MonthError)  # building a struct validates no bounds
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def _expect(self, key: str, found: object, holds: bool, expected: str) -> None:
        if not holds:
            raise MonthError(key, found, expected)


def month_of(partition: str) -> str:
    """Return the month in which a partition lies, such as `2026-09`."""
    return partition[: len("2026-09")]


def month_key(table: TableName, month: str, number: int) -> str:
    """Return the key of a document of a month."""
    return numbered_key(table.month_prefix(month), number)


def read_month(store: ReadableStore, table: TableName, month: str, number: int) -> Month:
    """Read a document.

    Raises:
        MonthError: It is damaged.
        ObjectNotFoundError: There is none of that number.
        StoreError: The store fails.
    """
    key = month_key(table, month, number)
    data = store.get(key)
    try:
        found = convert(parse_json(data, MonthError), Month, MonthError)
        own = (found.table, found.month, found.number)
        if own != (table, month, number):
            raise MonthError("number", own, f"{(table, month, number)}, as in its key")
    except MonthError as error:
        expected = error.expected or "a value of include/gamelake/lake/month.schema.json"
        hint = (
            "it never changes: restore the object from a backup or the bucket's versions "
            "(docs/guides/runbooks/compaction.md)"
        )
        raise MonthError(f"{key}: {error.key}", error.found, f"{expected}; {what_to_do(error, hint)}") from error
    return found


def read_months(store: ReadableStore, table: TableName, month: str) -> Iterator[Month]:
    """Yield the documents of a month, the newest first. Raises as `read_month`."""
    for number in sorted(_numbers(store, table, month), reverse=True):
        yield read_month(store, table, month, number)


def _numbers(store: ReadableStore, table: TableName, month: str) -> list[int]:
    prefix = table.month_prefix(month)
    if isinstance(store, Store):
        return [number for info in store.list(prefix) if (number := number_of(prefix, info.key)) is not None]
    found: list[int] = []  # a CDN cannot list; the numbers have no gaps
    while True:
        try:
            store.info(month_key(table, month, len(found) + 1))
        except ObjectNotFoundError:
            return found
        found.append(len(found) + 1)
