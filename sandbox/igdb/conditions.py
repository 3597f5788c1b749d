"""Conditions of `where` as functions of a row. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.igdb.errors import syntax_error
from sandbox.igdb.query import Comparison, Condition, Every, Pattern, Scalar, Values

if TYPE_CHECKING:
    from sandbox.igdb.table import Row

Predicate = Callable[["Row"], bool]

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def fields_of(condition: Condition | None) -> set[str]:
    """Return the names of the fields that a condition looks at."""
    if condition is None:
        return set()
    if isinstance(condition, Comparison):
        return {condition.field}
    return set().union(*map(fields_of, condition.parts))


def compile_condition(condition: Condition) -> Predicate:
    """Return a function that returns whether a row meets the condition.

    Raises: QueryError where an operator does not go with its value, such as `name > (1,2)`.
    """
    if not isinstance(condition, Comparison):
        parts = [compile_condition(part) for part in condition.parts]
        joined = all if isinstance(condition, Every) else any
        return lambda row: joined(part(row) for part in parts)
    field = condition.field
    meets = _test_of(condition)
    if condition.value is None:
        return lambda row: meets(row.get(field))
    return lambda row: (found := row.get(field)) is not None and meets(found)


def _test_of(condition: Comparison) -> Callable[[Any], bool]:
    sign, value = condition.operator, condition.value
    if sign in _ORDER:
        return _order_test(condition)
    if isinstance(value, Values):
        equal = _list_test(condition, value)
    elif isinstance(value, Pattern):
        equal = _pattern_test(value, fold=sign == "~")
    else:
        equal = _scalar_test(value, fold=sign == "~")
    return (lambda found: not equal(found)) if sign == "!=" else equal


def _order_test(condition: Comparison) -> Callable[[Any], bool]:
    value, compare = condition.value, _ORDER[condition.operator]
    if value is None or isinstance(value, Values | Pattern | bool):
        raise syntax_error(f"'{condition.field} {condition.operator}' takes a number or a text in quotes")
    if isinstance(value, str):
        return lambda found: isinstance(found, str) and compare(found, value)
    return lambda found: _is_number(found) and compare(found, value)


def _scalar_test(value: Scalar, *, fold: bool) -> Callable[[Any], bool]:
    if isinstance(value, str) and fold:
        folded = value.casefold()
        return lambda found: isinstance(found, str) and found.casefold() == folded
    return lambda found: any(_same(item, value) for item in found) if isinstance(found, list) else _same(found, value)


def _pattern_test(pattern: Pattern, *, fold: bool) -> Callable[[Any], bool]:
    text = pattern.text.casefold() if fold else pattern.text

    def meets(found: object) -> bool:
        if not isinstance(found, str):
            return False
        subject = found.casefold() if fold else found
        if pattern.open_start and pattern.open_end:
            return text in subject
        return subject.endswith(text) if pattern.open_start else subject.startswith(text)

    return meets


def _list_test(condition: Comparison, values: Values) -> Callable[[Any], bool]:
    if condition.operator == "~":
        raise syntax_error(f"'{condition.field} ~' takes a text in quotes, not a list")
    listed = frozenset(map(_keyed, values.items))

    def meets(found: Any) -> bool:
        values_of_row = set(map(_keyed, found)) if isinstance(found, list) else {_keyed(found)}
        if values.bracket == "(":
            return not listed.isdisjoint(values_of_row)
        return listed <= values_of_row if values.bracket == "[" else listed == values_of_row

    return (lambda found: not meets(found)) if values.negated else meets


def _keyed(value: object) -> tuple[bool, object]:
    """Return a key that differs for `true` and `1`, which Python compares as equal."""
    return isinstance(value, bool), value


def _same(found: object, value: object) -> bool:
    return isinstance(found, bool) is isinstance(value, bool) and found == value


def _is_number(found: object) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)
