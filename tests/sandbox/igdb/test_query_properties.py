"""Any condition, written as text and parsed, finds the rows that a naive reading of it finds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.igdb.evaluate import Evaluator
from sandbox.igdb.query import Comparison, Condition, Either, Every, Values, parse_query
from sandbox.igdb.static import StaticSource
from sandbox.igdb.table import Table

FIELDS = ("id", "updated_at", "score", "tags")
NUMBERS = st.integers(-2, 12)
SIGNS = {"(": ("(", ")"), "[": ("[", "]"), "{": ("{", "}")}

rows_of_a_table = st.lists(
    st.fixed_dictionaries(
        {"id": st.integers(0, 12)},
        optional={
            "updated_at": NUMBERS,
            "score": NUMBERS,
            "tags": st.lists(st.integers(0, 3), min_size=1, max_size=3),
        },
    ),
    max_size=12,
    unique_by=lambda row: row["id"],
)
comparisons = st.one_of(
    st.builds(Comparison, st.sampled_from(FIELDS), st.sampled_from(["=", "!=", ">", ">=", "<", "<="]), NUMBERS),
    st.builds(Comparison, st.sampled_from(FIELDS), st.sampled_from(["=", "!="]), st.none()),
    st.builds(
        Comparison,
        st.sampled_from(FIELDS),
        st.sampled_from(["=", "!="]),
        st.builds(
            Values,
            st.sampled_from(list(SIGNS)),
            st.lists(st.integers(0, 12), min_size=1, max_size=4).map(tuple),
            st.booleans(),
        ),
    ),
)


def _joined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    parts = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(Every, parts) | st.builds(Either, parts)


conditions = st.recursive(comparisons, _joined, max_leaves=8)


def written(condition: Condition) -> str:
    if isinstance(condition, Comparison):
        value = condition.value
        if isinstance(value, Values):
            opening, closing = SIGNS[value.bracket]
            text = f"{'!' if value.negated else ''}{opening}{','.join(map(str, value.items))}{closing}"
        else:
            text = "null" if value is None else str(value)
        return f"{condition.field} {condition.operator} {text}"
    return (" & " if isinstance(condition, Every) else " | ").join(f"({written(part)})" for part in condition.parts)


def naive(row: dict[str, Any], condition: Condition) -> bool:
    if isinstance(condition, Every):
        return all(naive(row, part) for part in condition.parts)
    if isinstance(condition, Either):
        return any(naive(row, part) for part in condition.parts)
    found, value, sign = row.get(condition.field), condition.value, condition.operator
    if value is None:
        return (found is None) == (sign == "=")
    return found is not None and naive_value(found, sign, value)


def naive_value(found: Any, sign: str, value: Any) -> bool:
    held = found if isinstance(found, list) else [found]
    if isinstance(value, Values):
        hit = {
            "(": any(item in held for item in value.items),
            "[": all(item in held for item in value.items),
            "{": set(held) == set(value.items),
        }[value.bracket]
        return (hit != value.negated) == (sign == "=")
    if sign in {"=", "!="}:
        return (value in held) == (sign == "=")
    if isinstance(found, list):
        return False
    return bool({">": found > value, ">=": found >= value, "<": found < value, "<=": found <= value}[sign])


@settings(deadline=None)  # a busy machine is no bug
@given(rows_of_a_table, conditions)
def test_a_parsed_condition_finds_what_a_naive_reading_finds(rows: list[dict[str, Any]], condition: Condition) -> None:
    table = Table(StaticSource(rows, frozenset(FIELDS)))
    expected = sorted(row["id"] for row in rows if naive(row, condition))
    query = parse_query(f"fields *; where {written(condition)}; sort id asc; limit 500;")
    answer = Evaluator().answer("games", table, query)
    assert [row["id"] for row in answer.rows] == expected
    assert answer.total == Evaluator().count("games", table, query) == len(expected)


@settings(deadline=None)  # a busy machine is no bug
@given(conditions)
def test_a_condition_survives_being_written(condition: Condition) -> None:
    """Brackets of one part read as that part, so only the shape of the text may differ, not its meaning."""
    once = parse_query(f"where {written(condition)};").where
    assert once is not None
    assert parse_query(f"where {written(once)};").where == once
