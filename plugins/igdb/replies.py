"""Parse replies of the API, and validate their shape. Pure.

JSON values that not every reader accepts have a defined outcome:

- a lone surrogate (`"\\ud800"`), which UTF-8 cannot carry, becomes U+FFFD, which every reader would show in its place;
  the row is kept, so that rows and counts still agree;
- an integer beyond 64 bits becomes a double, as orjson reads it;
- a row that no parser accepts becomes an `UnreadableRow` with its bytes and the reason: bytes that are no UTF-8, NaN, a
  number beyond a double, too many levels of brackets. The other rows of the reply are read.

A reply whose brackets and strings do not match is torn: it is refused as a whole and asked for again.
"""

from __future__ import annotations

import gc
import json
import logging
import math
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeGuard, TypeVar

import msgspec
import orjson

from apiclient.elements import UnreadableRow, elements, members
from apiclient.errors import ReplyError
from igdb.errors import API

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
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
class Answer:
    """A 200 as it came, with what an error about it needs.

    unreadable: the ids (or bytes) of rows that an earlier reply could not parse. A row is returned as unreadable only
        the second time; the first time the reply is refused, and the request is repeated. None: return every one.
    """

    endpoint: str
    query: str
    body: bytes
    headers: Mapping[str, str]
    unreadable: set[int | bytes] | None = None

    def reply(self, read: Callable[[list[Any]], RowsT]) -> Reply[RowsT]:
        """Return the rows of an endpoint."""
        unreadable: list[UnreadableRow] = []
        with _without_gc():
            rows = read(self._array(self.body, unreadable))
        self._check_seen(unreadable)
        return Reply(rows, self._total(), self._date(), len(self.body))

    def count(self) -> Count:
        """Return the number of a `/count`."""
        found = self._json(self.body)
        count = found.get("count") if isinstance(found, dict) else None
        if not _is_count(count):
            self._refuse('not {"count": <number>}')
        return Count(count=count, date=self._date())

    def parts(self, asked: Sequence[SubQuery], read: Callable[[list[Any]], RowsT]) -> MultiReply[RowsT]:
        """Return the results of a `/multiquery`, read part by part, so that few rows are in memory at once."""
        try:
            parts = _PARTS.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            parts = self._scanned_parts()
        results = {part.name: part for part in parts}
        expected = {part.name for part in asked}
        if results.keys() != expected or len(parts) != len(expected):
            self._refuse(f"parts {sorted(results)}, asked for {sorted(expected)}")
        rows, counts = {}, {}
        unreadable: list[UnreadableRow] = []
        for part in asked:
            result = results[part.name]
            if not part.count:
                with _without_gc():
                    rows[part.name] = read(self._array(result.result, unreadable))
            elif _is_count(result.count):
                counts[part.name] = result.count
            else:
                self._refuse(f"no count in part {part.name!r}")
        self._check_seen(unreadable)
        return MultiReply(rows, counts, self._date(), len(self.body))

    def _scanned_parts(self) -> list[_Part]:
        """Return the parts of a reply that msgspec refuses for one of its rows."""
        try:
            return [_scanned_part(part) for part in self._elements(self.body)]
        except ValueError as error:
            self._refuse(f"not an array of results: {error}")

    def _array(self, body: bytes | msgspec.Raw, unreadable: list[UnreadableRow]) -> list[Any]:
        """Return the rows of an array; those that no parser accepts are added to `unreadable` too."""
        try:
            found = orjson.loads(memoryview(body))
        except orjson.JSONDecodeError:
            return self._scanned_array(bytes(body), unreadable)
        if not isinstance(found, list):
            self._refuse("not a JSON array")
        return found

    def _scanned_array(self, body: bytes, unreadable: list[UnreadableRow]) -> list[Any]:
        """Return the rows of a reply that orjson refuses, each parsed alone."""
        rows = [_row(element) for element in self._elements(body)]
        bad = [row for row in rows if isinstance(row, UnreadableRow)]
        for row in bad:
            if not row.raw.startswith(b"{"):
                self._refuse(f"not JSON: {row.reason}")
        unreadable += bad
        if not bad:
            log.warning("IGDB %s: lone surrogates in the reply, replaced by U+FFFD", self.endpoint)
        return rows

    def _elements(self, body: bytes) -> list[bytes]:
        try:
            return elements(body)
        except ValueError:
            self._json(body)  # raises if it is no JSON at all
            self._refuse("not a JSON array")

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
            self._refuse(f"{len(new)} of its rows cannot be read; the first one: {new[0].reason}")
        for row in unreadable[:_UNREADABLE_SHOWN]:
            log.warning("IGDB %s: a row cannot be read: %s; %r", self.endpoint, row.reason, row.raw[:200])
        if len(unreadable) > _UNREADABLE_SHOWN:
            log.warning("IGDB %s: %d rows of this reply cannot be read", self.endpoint, len(unreadable))

    def _json(self, body: bytes) -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            self._refuse(f"not JSON: {error}")

    def _total(self) -> int | None:
        header = self.headers.get("X-Count")
        if header is None:
            return None
        if not (header.isascii() and header.isdigit() and len(header) < _INTEGER_DIGITS):
            self._refuse(f"X-Count is {header!r}, not a number")
        return int(header)

    def _date(self) -> datetime:
        header = self.headers.get("Date", "")
        try:
            date = parsedate_to_datetime(header)
            # Only `-0000` gives a date without a zone; in HTTP all dates are UTC.
            return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
        except (ValueError, OverflowError):
            self._refuse(f"Date is {header!r}: without it the source's clock is not known")

    def _refuse(self, what: str) -> NoReturn:
        raise ReplyError(
            f"status 200, but {what}",
            api=API,
            endpoint=self.endpoint,
            query=self.query,
            status=200,
            reply=self.body.decode(errors="replace"),
        )


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


def _row(element: bytes) -> Any:
    """Return one element of a page: parsed, or an `UnreadableRow`."""
    try:
        return orjson.loads(element)
    except orjson.JSONDecodeError as error:
        refused = str(error)
    try:
        # Takes lone surrogates, which orjson refuses.
        found = json.loads(element.decode(), parse_constant=_no_number, parse_float=_finite, parse_int=_integer)
        return _without_surrogates(found)
    except UnicodeDecodeError as error:
        return UnreadableRow(element, f"invalid UTF-8: {error.reason} at byte {error.start} of the row")
    except (ValueError, RecursionError) as error:
        return UnreadableRow(element, f"not JSON: {error if isinstance(error, ValueError) else refused}")


@contextmanager
def _without_gc() -> Iterator[None]:
    """Disable the cyclic garbage collector: JSON has no cycles.

    It was half of the time from reply to part.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _is_count(found: object) -> TypeGuard[int]:
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is beyond a double")
    return number


def _integer(text: str) -> int | float:
    if len(text) <= _INTEGER_DIGITS and -(2**63) <= (number := int(text)) < 2**64:
        return number
    return _finite(text)


def _without_surrogates(found: Any) -> Any:
    if isinstance(found, str):
        return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(found, list):
        return [_without_surrogates(element) for element in found]
    if isinstance(found, dict):
        return {_without_surrogates(key): _without_surrogates(value) for key, value in found.items()}
    return found
