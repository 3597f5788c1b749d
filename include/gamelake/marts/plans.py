"""Reads the plan of a model: which operator is costly, why it may be, and what changed since another build."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gamelake.marts.documents import Operator

_COSTLY_SHARE = 0.1
"""A hint is about an operator that took at least this share of the time of all operators."""
_PRUNED_SHARE = 0.1
"""A scan that returns a smaller share of the rows that it looks at could leave most of the file unread."""
_MANY_ROWS = 100_000
_SAME = 1.3
"""Rows of two builds that differ by a smaller factor are about the same."""

_SCANS = frozenset({"SEQ_SCAN", "TABLE_SCAN", "READ_PARQUET", "PARQUET_SCAN"})
"""Scans that can leave out what their filters exclude. Lines of JSON are always read."""
_PAIRS = frozenset({"CROSS_PRODUCT", "NESTED_LOOP_JOIN", "BLOCKWISE_NL_JOIN", "PIECEWISE_MERGE_JOIN", "IE_JOIN"})
"""Joins without an equality, which compare many pairs of rows."""
_SPILLING = frozenset({"ORDER_BY", "WINDOW", "HASH_JOIN", "HASH_GROUP_BY", "TOP_N", "ASOF_JOIN", "STREAMING_WINDOW"})


class _Work(NamedTuple):
    """What the operators of one name, target and condition did in all."""

    seconds: float
    rows: int


_NOTHING = _Work(0.0, 0)


class Change(NamedTuple):
    """The operator that made a plan slower.

    Attributes:
        kind: `new` in the plan, `more_read` or `more_returned` rows, `same_rows` in more time; or `elsewhere`: no
            operator took longer.
        operator: Its name for people.
        seconds: What it took.
        usual_seconds: What it took in the other build.
        rows: Rows that it returned, of a scan those that it read.
        usual_rows: The same of the other build.
    """

    kind: str
    operator: str = ""
    seconds: float = 0.0
    usual_seconds: float = 0.0
    rows: int = 0
    usual_rows: int = 0


def named(operator: Operator) -> str:
    """Return the name of an operator for people, such as `READ_PARQUET of dim_games`."""
    return f"{operator.name} of {operator.target}" if operator.target else operator.name


def costly(plan: Sequence[Operator]) -> Operator | None:
    """Return the operator that took the longest; None of a plan whose operators took no time that can be measured."""
    return max((each for each in plan if each.seconds > 0), key=lambda each: each.seconds, default=None)


def hints(plan: Sequence[Operator], *, spilled_bytes: int | None = None) -> list[str]:
    """Return what could make a model faster, as far as a rule knows it, the costliest operator first.

    Args:
        plan: The operators.
        spilled_bytes: What DuckDB had on disk because the memory was too small.
    """
    total = sum(each.seconds for each in plan)
    found: list[str] = []
    for each in sorted(plan, key=lambda each: -each.seconds):
        if each.seconds < _COSTLY_SHARE * total or not total:
            break
        found += _hints_of(each, spilled_bytes or 0)
    if spilled_bytes and not any("spilled" in each for each in found):
        found.append(f"{_megabytes(spilled_bytes)} spilled to disk: raise GAMELAKE_DUCKDB_MEMORY if memory is free.")
    return list(dict.fromkeys(found))


def _hints_of(operator: Operator, spilled_bytes: int) -> Iterator[str]:
    if operator.name in _PAIRS and operator.rows >= _MANY_ROWS:
        yield (
            f"{operator.name} returned {operator.rows:,} rows: it compares rows without an equality. Join by an equal "
            "key first, or aggregate one side before the join."
        )
    is_pruned_less = operator.rows_scanned >= _MANY_ROWS and operator.rows < _PRUNED_SHARE * operator.rows_scanned
    if operator.name in _SCANS and is_pruned_less and "Filters" in operator.detail:
        yield (
            f"{named(operator)} looked at {operator.rows_scanned:,} rows for {operator.rows:,}: missing pruning. Let "
            "the order_by of that model begin with the filtered column, or filter by the column that it begins with."
        )
    if spilled_bytes and operator.name in _SPILLING:
        yield (
            f"{operator.name} is costly and {_megabytes(spilled_bytes)} spilled to disk: raise GAMELAKE_DUCKDB_MEMORY, "
            "or give it fewer rows or columns."
        )


def difference(now: Sequence[Operator], usual: Sequence[Operator]) -> Change:
    """Return what made a plan slower than that of another build: the operator that gained the most seconds."""
    before, after = _work(usual), _work(now)
    gained = {key: work.seconds - before.get(key, _NOTHING).seconds for key, work in after.items()}
    if not gained or max(gained.values()) <= 0:
        return Change("elsewhere")
    key = max(gained, key=lambda each: gained[each])
    operator = next(each for each in now if _key(each) == key)
    work, earlier = after[key], before.get(key, _NOTHING)
    if key not in before:
        kind = "new"
    elif work.rows <= _SAME * earlier.rows:
        kind = "same_rows"
    else:
        kind = "more_read" if operator.target else "more_returned"
    return Change(kind, named(operator), work.seconds, earlier.seconds, work.rows, earlier.rows)


def _key(operator: Operator) -> tuple[str, str]:
    """Return what makes two operators of two builds the same. The filters of a scan follow from the data."""
    return (operator.name, operator.target or operator.detail)


def _work(plan: Sequence[Operator]) -> dict[tuple[str, str], _Work]:
    found: dict[tuple[str, str], _Work] = {}
    for each in plan:
        seconds, rows = found.get(_key(each), (0.0, 0))
        found[_key(each)] = _Work(seconds + each.seconds, rows + max(each.rows, each.rows_scanned))
    return found


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.0f} MB"
