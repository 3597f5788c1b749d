"""Values that Debezium changes: which columns may have them, and what becomes of them. Pure.

An infinite date or time comes as one of a far year: it is written as `infinity` again, as PostgreSQL has it. What
other values were cannot be seen in what came. So they are doubtful, until the database was asked whether they are
right (`odd` is the condition for that).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apps.change_capture.checks import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

_INFINITE = {
    "+292278994-08-16Z": "infinity",  # a date, in a snapshot and in arrays
    "-5877611-06-21Z": "infinity",  # a date, in a change
    "+294247-01-10T04:00:25.2Z": "infinity",  # a timestamp
    "+292269055-12-02Z": "-infinity",
    "-5877611-06-22Z": "-infinity",
    "-290308-12-21T19:59:27.6Z": "-infinity",
    "+292269055-12-02T23:00:00.000000Z": "-infinity",  # in an array of timestamps with time zone
}
_INFINITE_TYPES = ("date", "timestamp", "timestamptz", "_date", "_timestamp", "_timestamptz")
_MIDNIGHT = "00:00:00Z"
_BEFORE_CHRIST = (
    "found a date before Christ, which Debezium reads as one after it; expected a later date, or the type text"
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A column whose value may be another one than what came.

    Attributes:
        column: The column.
        odd: The condition of SQL for a value that comes as another one.
        reason: What the value is then, and what is expected.
    """

    column: str
    odd: str
    reason: str


class Values:
    """The columns of a table that may have such values.

    Args:
        columns: Rows of `database.py`.
    """

    def __init__(self, columns: Sequence[dict[str, Any]] = ()) -> None:
        self._infinite = [each["name"] for each in columns if each["base"] in _INFINITE_TYPES]
        self._arrays = [_nested(each["name"]) for each in columns if each["array"]]
        self._numbers = [_no_number(each["name"]) for each in columns if each["base"] == "_numeric"]
        self._times = [
            _end_of_day(each["name"], in_array=each["array"]) for each in columns if each["base"] in {"time", "_time"}
        ]
        self._dates = [_before_christ(each["name"]) for each in columns if each["base"] == "date"]
        self._lists_of_dates = [_with_one_before_christ(each["name"]) for each in columns if each["base"] == "_date"]

    def restore(self, envelope: dict[str, Any]) -> bool:
        """Write infinite dates and times in rows as PostgreSQL has them. Returns: whether there were any."""
        found = False
        for row in (envelope["before"], envelope["after"]):
            for name in self._infinite if row else ():
                value = row.get(name)
                if isinstance(value, list):
                    restored: Any = [_INFINITE.get(each, each) for each in value]
                else:
                    restored = _INFINITE.get(value, value)
                if restored != value:
                    row[name], found = restored, True
        return found

    def doubts(self, row: dict[str, Any], *, in_snapshot: bool) -> list[Doubt]:
        """Return the columns of a row of which the database has to be asked."""
        found = [each for each in self._arrays if _looks_nested(row.get(each.column))]
        found += [each for each in self._numbers if row.get(each.column, "") is None]
        for each in self._times:
            value = row.get(each.column)
            if value == _MIDNIGHT or (isinstance(value, list) and _MIDNIGHT in value):
                found.append(each)
        dates = self._dates if in_snapshot else []  # a change has them right
        return found + [each for each in (*dates, *self._lists_of_dates) if row.get(each.column)]


def _looks_nested(value: Any) -> bool:
    """Whether a list may have lists: Java's names of them, or nulls, are in their place."""
    if not isinstance(value, list) or not value:
        return False
    return all(each is None or (isinstance(each, str) and each.startswith("[")) for each in value)


def _nested(name: str) -> Doubt:
    return Doubt(
        name,
        f"array_ndims({quoted(name)}) > 1",
        "found an array of more than one dimension, whose values Debezium does not read; expected one dimension, or "
        "the type jsonb",
    )


def _no_number(name: str) -> Doubt:
    return Doubt(
        name,
        f"{quoted(name)} is not null",
        "found an array with NaN or an infinity, which Debezium reads as null; expected numbers or nulls in it",
    )


def _end_of_day(name: str, *, in_array: bool) -> Doubt:
    odd = f"time '24:00' = any ({quoted(name)})" if in_array else f"{quoted(name)} = time '24:00'"
    return Doubt(
        name, odd, "found the time 24:00, which Debezium reads as 00:00; expected an earlier time, or the type text"
    )


def _before_christ(name: str) -> Doubt:
    return Doubt(name, _is_before_christ(quoted(name)), _BEFORE_CHRIST)


def _with_one_before_christ(name: str) -> Doubt:
    odd = f"exists (select from unnest({quoted(name)}) each where {_is_before_christ('each')})"
    return Doubt(name, odd, _BEFORE_CHRIST)


def _is_before_christ(value: str) -> str:
    return f"{value} < date '0001-01-01' and isfinite({value})"
