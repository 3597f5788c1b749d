"""Parse replies of the API, and validate their shape. Pure.

`apiclient.rows` states what happens to JSON values that not every reader accepts. A reply whose brackets and strings do
not match is torn: it is refused as a whole and asked for again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar

import msgspec
import orjson

from apiclient.answer import ApiAnswer
from apiclient.elements import UnreadableRow, elements, members
from apiclient.rows import parse_row, without_gc
from igdb.errors import API

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from igdb.apicalypse import SubQuery

log = logging.getLogger(__name__)

RowsT = TypeVar("RowsT")
"""The type of converted rows: a list, or what the caller's `read` returns."""


@dataclass(frozen=True, slots=True)
class Reply(Generic[RowsT]):
    """Rows of one request.

    `rows` are made of the objects as sent. An element that is no object is passed on, and so is an `UnreadableRow`:
    the contract of rows judges them. `total` is X-Count, the number of rows that match the condition, or None if the
    header is absent. `date` is the source's clock when it answered (UTC). `bytes` is the size of the decompressed body.
    """

    rows: RowsT
    total: int | None
    date: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class MultiReply(Generic[RowsT]):
    """The parts of one `/multiquery` by their names: rows of those that asked for rows, numbers of the counts.

    `date` and `bytes` as in `Reply`.
    """

    rows: dict[str, RowsT]
    counts: dict[str, int]
    date: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows match, and the source's clock (UTC) when it counted them."""

    count: int
    date: datetime


@dataclass(frozen=True, slots=True)
class Answer(ApiAnswer):
    """A 200 as it came, with what an error about it needs.

    unreadable: the ids (or bytes) of rows that an earlier reply could not parse. A row is returned as unreadable only
        the second time; the first time the reply is refused, and the request is repeated. None: return every one.
    """

    api = API
    unreadable: set[int | bytes] | None = None

    def reply(self, read: Callable[[list[Any]], RowsT]) -> Reply[RowsT]:
        """Return the rows of an endpoint."""
        unreadable: list[UnreadableRow] = []
        with without_gc():
            rows = read(self._array(self.body, unreadable))
        self._check_seen(unreadable)
        return Reply(rows, self._total(), self.date(), len(self.body))

    def count(self) -> Count:
        """Return the number of a `/count`."""
        found = self._json(self.body)
        count = found.get("count") if isinstance(found, dict) else None
        if not _is_count(count):
            self.refuse('not {"count": <number>}')
        return Count(count=count, date=self.date())

    def parts(self, asked: Sequence[SubQuery], read: Callable[[list[Any]], RowsT]) -> MultiReply[RowsT]:
        """Return the results of a `/multiquery`, read part by part, so that few rows are in memory at once."""
        try:
            parts = _PARTS.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            parts = self._scanned_parts()
        results = {part.name: part for part in parts}
        expected = {part.name for part in asked}
        if results.keys() != expected or len(parts) != len(expected):
            self.refuse(f"parts {sorted(results)}, asked for {sorted(expected)}")
        rows, counts = {}, {}
        unreadable: list[UnreadableRow] = []
        for part in asked:
            result = results[part.name]
            if not part.count:
                with without_gc():
                    rows[part.name] = read(self._array(result.result, unreadable))
            elif _is_count(result.count):
                counts[part.name] = result.count
            else:
                self.refuse(f"no count in part {part.name!r}")
        self._check_seen(unreadable)
        return MultiReply(rows, counts, self.date(), len(self.body))

    def _scanned_parts(self) -> list[_Part]:
        """Return the parts of a reply that msgspec refuses for one of its rows."""
        try:
            return [_scanned_part(part) for part in self._elements(self.body)]
        except ValueError as error:
            self.refuse(f"not an array of results: {error}")

    def _array(self, body: bytes | msgspec.Raw, unreadable: list[UnreadableRow]) -> list[Any]:
        """Return the rows of an array; those that no parser accepts are added to `unreadable` too."""
        try:
            found = orjson.loads(memoryview(body))
        except orjson.JSONDecodeError:
            return self._scanned_array(bytes(body), unreadable)
        if not isinstance(found, list):
            self.refuse("not a JSON array")
        return found

    def _scanned_array(self, body: bytes, unreadable: list[UnreadableRow]) -> list[Any]:
        """Return the rows of a reply that orjson refuses, each parsed alone."""
        rows = [parse_row(element) for element in self._elements(body)]
        bad = [row for row in rows if isinstance(row, UnreadableRow)]
        for row in bad:
            if not row.raw.startswith(b"{"):
                self.refuse(f"not JSON: {row.reason}")
        unreadable += bad
        if not bad:
            log.warning("IGDB %s: lone surrogates in the reply, replaced by U+FFFD", self.endpoint)
        return rows

    def _elements(self, body: bytes) -> list[bytes]:
        try:
            return elements(body)
        except ValueError:
            self._json(body)  # raises if it is no JSON at all
            self.refuse("not a JSON array")

    def _check_seen(self, unreadable: Sequence[UnreadableRow]) -> None:
        """Refuse rows that cannot be read unless they came before: the next reply may have them whole."""
        if not unreadable:
            return
        new: list[UnreadableRow] = []
        if self.unreadable is not None:
            # By id: the order within a row may differ from reply to reply.
            came = {row.raw if row.row_id is None else row.row_id: row for row in unreadable}
            new = [row for key, row in came.items() if key not in self.unreadable]
            self.unreadable.update(came)
        if new:
            self.refuse(f"{len(new)} of its rows cannot be read; the first one: {new[0].reason}")
        for row in unreadable[:_UNREADABLE_SHOWN]:
            log.warning("IGDB %s: a row cannot be read: %s; %r", self.endpoint, row.reason, row.raw[:200])
        if len(unreadable) > _UNREADABLE_SHOWN:
            log.warning("IGDB %s: %d rows of this reply cannot be read", self.endpoint, len(unreadable))

    def _json(self, body: bytes) -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            self.refuse(f"not JSON: {error}")

    def _total(self) -> int | None:
        header = self.headers.get("X-Count")
        if header is None:
            return None
        if not (header.isascii() and header.isdigit() and len(header) < _INTEGER_DIGITS):
            self.refuse(f"X-Count is {header!r}, not a number")
        return int(header)


class _Part(msgspec.Struct):
    # The API leaves out what is empty. That an absent result is truly empty is for the count beside it to prove.
    name: str
    result: msgspec.Raw = msgspec.Raw(b"[]")
    count: Any = None


_PARTS = msgspec.json.Decoder(list[_Part])
_UNREADABLE_SHOWN = 3
_INTEGER_DIGITS = 20


def _scanned_part(part: bytes) -> _Part:
    """Return one part of a `/multiquery`. Raises: ValueError, if it is none."""
    found = dict(members(part))
    if not found.keys() >= {b'"name"'}:
        raise ValueError("a part has no name")
    name = orjson.loads(found[b'"name"'])
    if not isinstance(name, str):
        raise ValueError(f"a part has the name {name!r}")  # noqa: TRY004 - of the reply's text, not of an argument
    count = orjson.loads(found.get(b'"count"', b"null"))
    return _Part(name, msgspec.Raw(found.get(b'"result"', b"[]")), count)


def _is_count(found: object) -> TypeGuard[int]:
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0
