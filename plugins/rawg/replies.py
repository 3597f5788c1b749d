"""Parse replies of RAWG, and validate their shape. Pure.

`apiclient.rows` states what happens to JSON values that not every reader accepts. The links `next` and `previous`
contain the caller's key: all that leaves this module is whether there is a next page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from apiclient.answer import ApiAnswer
from apiclient.elements import elements, members
from apiclient.rows import parse_row, without_gc
from rawg.errors import API

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    results: the objects as sent. An element that is no object is passed on, and so is one that no parser accepts, as
        an `UnreadableRow`: the contract of rows judges them.
    count: how many objects the whole list has. Every page has it, and it may change between two pages.
    has_next: whether RAWG names a next page.
    date: the source's clock when it answered (UTC).
    bytes: the size of the decompressed body.
    """

    results: list[Any]
    count: int
    has_next: bool
    date: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class Single:
    """One object as sent; `date` and `bytes` as in `Page`."""

    row: dict[str, Any]
    date: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class Answer(ApiAnswer):
    """A 200 as it came, without the key, with what an error about it needs."""

    api = API

    def page(self) -> Page:
        """Return a page of a list. Raises ReplyError for any other shape."""
        found = self._parsed()
        if not isinstance(found, dict) or not found.keys() >= {"count", "next", "results"}:
            self.refuse('not {"count", "next", "previous", "results"}')
        count, following, results = found["count"], found["next"], found["results"]
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            self.refuse(f"count is {count!r}, not a number")
        if following is not None and not isinstance(following, str):
            self.refuse("next is neither a link nor null")
        if not isinstance(results, list):
            self.refuse("results is not an array")
        return Page(results, count, following is not None, self.date(), len(self.body))

    def single(self) -> Single:
        """Return one object, or what RAWG has in place of one that has moved. Raises ReplyError for any other shape."""
        found = self._parsed()
        if not isinstance(found, dict) or not found.keys() & {"id", "redirect"}:
            self.refuse("not an object with an id")
        return Single(found, self.date(), len(self.body))

    def _parsed(self) -> Any:
        try:
            with without_gc():
                return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            refused = str(error)
        try:
            return self._scanned()
        except ValueError:
            self.refuse(f"not JSON: {refused}")

    def _scanned(self) -> dict[str, Any]:
        """Return a reply that orjson refuses, with each row parsed alone. Raises: ValueError, if it is torn.

        A row that cannot be parsed is not asked for again, as each request is paid from the month's quota.
        """
        found: dict[str, Any] = {}
        for name, value in members(self.body):
            if name == b'"results"':
                found["results"] = [parse_row(element) for element in elements(value)]
            else:
                parsed = parse_row(value)
                found[orjson.loads(name)] = parsed
        return found
