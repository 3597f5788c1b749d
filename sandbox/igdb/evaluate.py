"""Answers a query from a table.

Bounds on `id` and `updated_at` that every row must meet are looked up in the table's arrays; only what is left of the
condition is tried on rows. So a window of ids costs what its rows cost, however large the table is.

A row without a field meets no comparison with that field but `= null`.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.igdb.conditions import Predicate, compile_condition, fields_of
from sandbox.igdb.errors import invalid_field
from sandbox.igdb.query import Comparison, Condition, Either, Every, Query, Values
from sandbox.igdb.table import NO_UPDATED_AT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox.igdb.table import Row, Table

REMOVED_FIELDS = {"games": frozenset({"category"})}
"""Fields that IGDB removed but still accepts: a filter on one silently gives nothing."""

_ENDLESS = 2**62
_RANGES: dict[str, Callable[[int], tuple[int, int]]] = {
    "=": lambda value: (value, value + 1),
    ">": lambda value: (value + 1, _ENDLESS),
    ">=": lambda value: (value, _ENDLESS),
    "<": lambda value: (-_ENDLESS, value),
    "<=": lambda value: (-_ENDLESS, value + 1),
}
_SCAN_WORTH_KEEPING = 5_000
_SCANS_KEPT = 8


class Answer(NamedTuple):
    """The rows of a reply, and the number of rows that match the filter."""

    rows: list[Row]
    total: int


@dataclass(slots=True)
class _Narrowing:
    """A condition's limits on `id` and `updated_at`, as half-open ranges and ids, and the rest of the condition."""

    low: int = -_ENDLESS
    high: int = _ENDLESS
    changed_from: int = NO_UPDATED_AT
    changed_before: int = _ENDLESS
    timeless: bool = False
    listed: frozenset[int] | None = None
    spans: tuple[tuple[int, int], ...] | None = None
    rest: tuple[Condition, ...] = ()

    @classmethod
    def of(cls, where: Condition | None) -> _Narrowing:
        """Take the usable parts out of a condition."""
        narrowing = cls()
        for part in _conjuncts(where):
            if isinstance(part, Either) and narrowing.spans is None and (spans := _id_spans(part)) is not None:
                narrowing.spans = spans
            elif not (isinstance(part, Comparison) and narrowing._take(part)):
                narrowing.rest += (part,)
        return narrowing

    def _take(self, part: Comparison) -> bool:
        """Take a comparison of `id` or `updated_at` with whole numbers in; False for any other."""
        if part.field == "id" and (listed := _whole_numbers(part)) is not None:
            self.listed = listed if self.listed is None else self.listed & listed
            return True
        if (part.field, part.operator, part.value) == ("updated_at", "=", None):
            self.timeless = True
            return True
        if part.field not in {"id", "updated_at"} or type(part.value) is not int:
            return False
        bounds = _RANGES.get(part.operator)
        if bounds is None:
            return False
        first, end = bounds(part.value)
        if part.field == "id":
            self.low, self.high = max(self.low, first), min(self.high, end)
        else:
            self.changed_from, self.changed_before = max(self.changed_from, first), min(self.changed_before, end)
        return True

    def positions(self, table: Table) -> Sequence[int]:
        """Return the positions, ascending, of the rows that meet the comparisons taken in."""
        ids = table.ids
        found: Sequence[int] = range(bisect_left(ids, self.low), bisect_left(ids, self.high))
        if self.spans is not None:
            within = [range(bisect_left(ids, low), bisect_left(ids, high)) for low, high in self.spans]
            found = sorted({at for places in within for at in places if at in found})
        if self.listed is not None:
            places = sorted(bisect_left(ids, row_id) for row_id in self.listed if row_id in table)
            found = [at for at in places if at in found]
        if (self.changed_from, self.changed_before) != (NO_UPDATED_AT, _ENDLESS):
            updated, since, before = table.updated, max(self.changed_from, NO_UPDATED_AT + 1), self.changed_before
            found = [at for at in found if since <= updated[at] < before]
        if self.timeless:
            updated = table.updated
            found = [at for at in found if updated[at] == NO_UPDATED_AT]
        return found


def _conjuncts(condition: Condition | None) -> Iterable[Condition]:
    if condition is None:
        return ()
    if isinstance(condition, Every):
        return (inner for part in condition.parts for inner in _conjuncts(part))
    return (condition,)


def _id_spans(either: Either) -> tuple[tuple[int, int], ...] | None:
    """Return the ranges of `(id >= 0 & id < 9) | (id >= 20 & id < 30)`; None if a part has any other form."""
    spans = []
    for part in either.parts:
        narrowing = _Narrowing.of(part)
        if narrowing.rest or narrowing != _Narrowing(low=narrowing.low, high=narrowing.high):
            return None
        spans.append((narrowing.low, narrowing.high))
    return tuple(spans)


def _whole_numbers(condition: Comparison) -> frozenset[int] | None:
    """Return the ids of `id = (3,9)`; None for any other comparison."""
    value = condition.value
    if not isinstance(value, Values) or (condition.operator, value.bracket, value.negated) != ("=", "(", False):
        return None
    numbers = frozenset(item for item in value.items if type(item) is int)
    return numbers if len(numbers) == len(set(value.items)) else None


class Evaluator:
    """Answers queries; keeps the matches of the last full scans until their table changes."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - an order, not a secret
        self._scans: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()

    def answer(self, endpoint: str, table: Table, query: Query) -> Answer:
        """Return the rows that a query asks for; in an order that differs from one request to the next unless it sorts.

        Raises: QueryError for a field that the endpoint does not have.
        """
        _check_fields(table, query)
        positions = self._matches(endpoint, table, query)
        chosen = self._choose(table, positions, query)
        return Answer([_project(table.row(row_id), query) for row_id in chosen], len(positions))

    def count(self, endpoint: str, table: Table, query: Query) -> int:
        """Return the number of rows that match the filter.

        Raises: QueryError for a field that the endpoint does not have.
        """
        _check_fields(table, query)
        return len(self._matches(endpoint, table, query))

    def _matches(self, endpoint: str, table: Table, query: Query) -> Sequence[int]:
        """Return the positions of the rows that match, ascending."""
        if query.where and fields_of(query.where) & REMOVED_FIELDS.get(endpoint, frozenset()):
            return ()
        narrowing = _Narrowing.of(query.where)
        positions = narrowing.positions(table)
        if not narrowing.rest and query.search is None:
            return positions
        if len(positions) <= _SCAN_WORTH_KEEPING:
            return _scan(table, positions, narrowing.rest, query.search)
        allowed = set(positions) if isinstance(positions, list) else positions
        return [at for at in self._full_scan(endpoint, table, narrowing.rest, query.search) if at in allowed]

    def _full_scan(
        self, endpoint: str, table: Table, conditions: tuple[Condition, ...], search: str | None
    ) -> list[int]:
        key = (endpoint, table.version, conditions, search)
        if key not in self._scans:
            self._scans[key] = _scan(table, range(len(table)), conditions, search)
            if len(self._scans) > _SCANS_KEPT:
                self._scans.popitem(last=False)
        self._scans.move_to_end(key)
        return self._scans[key]

    def _choose(self, table: Table, positions: Sequence[int], query: Query) -> Iterable[int]:
        """Return the ids of one page."""
        first, last = query.offset, query.offset + query.limit
        ids = table.ids
        if query.sort is None:
            size = max(0, min(query.limit, len(positions) - query.offset))
            return [ids[positions[at]] for at in self._random.sample(range(len(positions)), size)]
        field, descending = query.sort
        if field == "id":
            ordered = positions[::-1] if descending else positions
            return [ids[at] for at in ordered[first:last]]
        shuffled = self._random.sample(range(len(positions)), len(positions))
        keyed = [(table.row(ids[positions[at]]).get(field), ids[positions[at]]) for at in shuffled]
        present = [pair for pair in keyed if isinstance(pair[0], int | float | str)]
        present.sort(key=lambda pair: (isinstance(pair[0], str), pair[0]), reverse=descending)
        absent = [pair for pair in keyed if not isinstance(pair[0], int | float | str)]
        return [row_id for _, row_id in (present + absent)[first:last]]


def _scan(table: Table, positions: Iterable[int], conditions: tuple[Condition, ...], search: str | None) -> list[int]:
    predicates: list[Predicate] = [compile_condition(condition) for condition in conditions]
    if search is not None:
        text = search.casefold()
        predicates.append(lambda row: text in str(row.get("name", "")).casefold())
    found = []
    for at in positions:
        row = table.row(table.ids[at])
        if all(meets(row) for meets in predicates):
            found.append(at)
    return found


def _check_fields(table: Table, query: Query) -> None:
    sort = {query.sort[0]} if query.sort else set()
    names = {*query.fields, *query.exclude} - {"*"} | sort | fields_of(query.where)
    for name in sorted(names - table.fields):
        raise invalid_field(name)


def _project(row: Row, query: Query) -> Row:
    if "*" in query.fields and not query.exclude:
        return row
    names = row if "*" in query.fields else ("id", *(field for field in query.fields if field != "id"))
    return {name: row[name] for name in names if name in row and (name == "id" or name not in query.exclude)}
