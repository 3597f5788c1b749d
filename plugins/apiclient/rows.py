"""The rows of a JSON reply, one by one, and the clock of the source. Pure.

JSON values that not every reader accepts have a defined outcome:

- a lone surrogate (`"\\ud800"`), which UTF-8 cannot carry, becomes U+FFFD, which every reader would show in its place;
  the row is kept, so that rows and counts still agree;
- an integer beyond 64 bits becomes a double, as orjson reads it;
- a row that no parser accepts becomes an `UnreadableRow` with its bytes and the reason: bytes that are no UTF-8, NaN, a
  number beyond a double, too many levels of brackets. The other rows of the reply are read.
"""

from __future__ import annotations

import gc
import json
import math
from contextlib import contextmanager
from datetime import MAXYEAR, UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from apiclient.elements import UnreadableRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_INTEGER_DIGITS = 20


def parse_row(element: bytes) -> Any:
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
def without_gc() -> Iterator[None]:
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


def clock(header: str) -> datetime:
    """Return the time (UTC) of a Date header. Raises: ValueError, if it is none, or in the last year of all."""
    try:
        date = parsedate_to_datetime(header)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    if date.year == MAXYEAR:
        raise ValueError("another time zone may have no such date")
    # Only `-0000` gives a date without a zone; in HTTP all dates are UTC.
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


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
