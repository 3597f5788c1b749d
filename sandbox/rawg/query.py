"""Lists as RAWG answers them: filters, ordering, pages. Pure."""

from __future__ import annotations

import zlib
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.rawg.games import named_company
from sandbox.rawg.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.igdb.table import Row
    from sandbox.rawg.behaviour import Behaviour
    from sandbox.rawg.world import RawgWorld

_ORDERINGS = {
    "name": "name",
    "released": "released",
    "added": "added",
    "created": "created_at",
    "updated": "updated_at",
    "rating": "rating",
    "metacritic": "metacritic",
}
_MEMBERS = {"platforms": "platform", "parent_platforms": "platform", "stores": "store", "genres": None, "tags": None}


class BadRangeError(ValueError):
    """A range that cannot be parsed, where the behaviour refuses it."""


class InvalidPageError(ValueError):
    """A page that the list does not have."""


def filtered(world: RawgWorld, query: Mapping[str, str], behaviour: Behaviour) -> list[Row]:
    """Return the games that a query asks for, in no order. Raises: BadRangeError."""
    tests = list(_tests(world, query, behaviour))
    updated = _ranges(query.get("updated", ""), behaviour)
    games = world.updated_within(updated, behaviour.updated_zone) if updated else world.games()
    return [row for row in games if all(test(row) for test in tests)]


def _tests(world: RawgWorld, query: Mapping[str, str], behaviour: Behaviour) -> Iterator[Callable[[Row], bool]]:
    for name, member in _MEMBERS.items():
        if wanted := _wanted(query.get(name, "")):
            yield partial(_has, name=name, member=member, wanted=wanted)
    for name in ("developers", "publishers"):
        if wanted := _wanted(query.get(name, "")):
            yield partial(_is_of, world=world, kind=name, wanted=wanted)
    if wanted := _wanted(query.get("exclude_stores", "")):
        sold = partial(_has, name="stores", member="store", wanted=wanted)
        yield lambda row: not sold(row)
    if text := query.get("search", "").lower():
        exact = query.get("search_exact", "").lower() in ("true", "1")
        yield lambda row: row["name"].lower() == text if exact else text in row["name"].lower()
    if ranges := _ranges(query.get("dates", ""), behaviour):
        yield partial(_is_within, field="released", ranges=ranges)
    low, high = map(whole_number, query.get("metacritic", "").partition(",")[::2])
    if low is not None and high is not None:
        yield lambda row: row["metacritic"] is not None and low <= row["metacritic"] <= high
    if (count := whole_number(query.get("platforms_count", ""))) is not None:
        yield lambda row: len(row["platforms"]) == count


def ordered(rows: list[Row], ordering: str, behaviour: Behaviour, salt: int) -> list[Row]:
    """Return games in an order; an unknown one is ignored.

    Games that are equal in it change places with `salt`, unless ties are stable.
    """
    name = ordering.removeprefix("-")
    reverse = ordering.startswith("-") if name in _ORDERINGS else True
    field = _ORDERINGS.get(name, "added")

    def key(row: Row) -> tuple[Any, ...]:
        value = row[field]
        tie = row["id"] if behaviour.stable_ties else zlib.crc32(b"%d:%d" % (row["id"], salt))
        return (value is None, "" if value is None and field == "released" else value or 0, tie)

    return sorted(rows, key=key, reverse=reverse)


def page_of(
    rows: list[Row], query: Mapping[str, str], behaviour: Behaviour
) -> tuple[list[Row], int | None, int | None]:
    """Return the rows of a page, and the numbers of the next and the previous page, None without one.

    Raises: InvalidPageError.
    """
    size = page_size(query, behaviour)
    page = whole_number(query.get("page", "1"))
    if not page or (behaviour.max_pages is not None and page > behaviour.max_pages):
        raise InvalidPageError
    start = (page - 1) * size
    if start >= len(rows) and page > 1 and not behaviour.empty_past_the_end:
        raise InvalidPageError
    following = page + 1 if start + size < len(rows) else None
    return rows[start : start + size], following, page - 1 or None


def page_size(query: Mapping[str, str], behaviour: Behaviour) -> int:
    """Return how many rows a page has; a page_size that is none counts as absent."""
    return min(whole_number(query.get("page_size", "")) or behaviour.default_page_size, behaviour.max_page_size)


def _wanted(text: str) -> set[str]:
    return {part for part in text.split(",") if part}


def _has(row: Row, *, name: str, member: str | None, wanted: set[str]) -> bool:
    found = (each[member] if member else each for each in row[name])
    return any(str(each["id"]) in wanted or each["slug"] in wanted for each in found)


def _is_of(row: Row, *, world: RawgWorld, kind: str, wanted: set[str]) -> bool:
    companies = (named_company(*company) for company in world.companies_of(row, kind))
    return any(str(each["id"]) in wanted or each["slug"] in wanted for each in companies)


def _is_within(row: Row, *, field: str, ranges: list[tuple[str, str]]) -> bool:
    day = (row[field] or "")[:10]
    return any(low <= day <= high for low, high in ranges)


def _ranges(text: str, behaviour: Behaviour) -> list[tuple[str, str]]:
    """Return the first and last days of ranges joined by dots; those that cannot be parsed are dropped."""
    found = []
    for part in text.split(".") if text else ():
        first, _, last = part.partition(",")
        try:
            low, high = date.fromisoformat(first), date.fromisoformat(last)
        except ValueError as error:
            if behaviour.refuses_bad_ranges:
                raise BadRangeError(text) from error
            continue
        # The day before the first one of the calendar is none: an empty text is before every day.
        last_day = high.toordinal() - (not behaviour.last_day_included)
        found.append((low.isoformat(), date.fromordinal(last_day).isoformat() if last_day else ""))
    return found
