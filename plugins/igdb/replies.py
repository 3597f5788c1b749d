"""What the API answers, parsed and held to the shape that its endpoint promises. Pure.

Two things in JSON that the lake cannot hold have a defined outcome:

- a lone surrogate (`"\\ud800"`), which UTF-8 cannot carry and which makes DuckDB refuse the whole file, becomes U+FFFD,
  what every reader would show in its place; the row stays, so that rows and counts still agree;
- an integer beyond 64 bits becomes a double, as orjson reads it: no column of the lake could hold it exactly, and
  whoever checks types sees a double in the place of an integer.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

import orjson

from igdb.errors import ReplyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igdb.apicalypse import SubQuery

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """Rows of one request.

    `rows` are the objects as sent; an element that is no object is passed on, for whoever knows the contract of rows
    to judge. `total` is X-Count, the number of rows that match the condition whatever the limit, or None if the header
    is absent. `date` is the source's clock when it answered (UTC). `bytes` is the size of the decompressed body.
    """

    rows: list[Any]
    total: int | None
    date: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows match, and the source's clock (UTC) when it counted them."""

    count: int
    date: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 as it came, with what an error about it needs."""

    endpoint: str
    query: str
    body: bytes
    headers: Mapping[str, str]

    def reply(self) -> Reply:
        """Of an endpoint that lists rows."""
        return Reply(rows=self._array(), total=self._total(), date=self._date(), bytes=len(self.body))

    def count(self) -> Count:
        """Of `/count`."""
        found = self._json()
        count = found.get("count") if isinstance(found, dict) else None
        if not _is_count(count):
            self._refuse('not {"count": <number>}')
        return Count(count=count, date=self._date())

    def parts(self, asked: Sequence[SubQuery]) -> dict[str, list[Any] | int]:
        """Of `/multiquery`: rows, or the number of them, by the name of the part."""
        results = self._array()
        if not all(isinstance(result, dict) for result in results):
            self._refuse("a part that is no object")
        by_name = {str(result.get("name")): result for result in results}
        wanted = {part.name for part in asked}
        if by_name.keys() != wanted or len(results) != len(wanted):
            self._refuse(f"parts {sorted(by_name)}, asked for {sorted(wanted)}")
        return {part.name: self._part(part, by_name[part.name]) for part in asked}

    def _part(self, part: SubQuery, result: dict[str, Any]) -> list[Any] | int:
        if part.count:
            count = result.get("count")
            if not _is_count(count):
                self._refuse(f"no count in part {part.name!r}")
            return count
        # The API leaves out what is empty. That an absent result is truly empty is for the count beside it to prove.
        rows = result.get("result", [])
        if not isinstance(rows, list):
            self._refuse(f"no array in part {part.name!r}")
        return list(rows)

    def _array(self) -> list[Any]:
        found = self._json()
        if not isinstance(found, list):
            self._refuse("not a JSON array")
        return found

    def _json(self) -> Any:
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            pass
        try:
            # Takes lone surrogates, which orjson refuses.
            found = json.loads(self.body.decode(), parse_constant=_no_number, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            self._refuse(f"not JSON: {error}")
        log.warning("IGDB %s: lone surrogates in the reply, replaced by U+FFFD", self.endpoint)
        return _without_surrogates(found)

    def _total(self) -> int | None:
        header = self.headers.get("X-Count")
        if header is None:
            return None
        if not header.isdigit():
            self._refuse(f"X-Count is {header!r}, not a number")
        return int(header)

    def _date(self) -> datetime:
        header = self.headers.get("Date", "")
        try:
            date = parsedate_to_datetime(header)
        except ValueError:
            self._refuse(f"Date is {header!r}: without it the source's clock is not known")
        # Only `-0000`, which says nothing of the zone, gives a date without one; in HTTP all dates are UTC.
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)

    def _refuse(self, what: str) -> NoReturn:
        raise ReplyError(
            f"status 200, but {what}",
            endpoint=self.endpoint,
            query=self.query,
            status=200,
            reply=self.body.decode(errors="replace"),
        )


def _is_count(found: object) -> TypeGuard[int]:
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is beyond a double")
    return number


def _without_surrogates(found: Any) -> Any:
    if isinstance(found, str):
        return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(found, list):
        return [_without_surrogates(element) for element in found]
    if isinstance(found, dict):
        return {_without_surrogates(key): _without_surrogates(value) for key, value in found.items()}
    return found
