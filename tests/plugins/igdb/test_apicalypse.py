from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igdb.apicalypse import (
    ApicalypseError,
    Condition,
    Query,
    SubQuery,
    above,
    at_least,
    below,
    count_text,
    matching,
    multiquery_text,
)
from tests.support.errors import having

if TYPE_CHECKING:
    from collections.abc import Callable


def test_the_default_query_asks_for_all_fields_in_id_order_at_the_highest_limit() -> None:
    assert Query().text() == "fields *; sort id asc; limit 500;"


def test_every_part_has_its_place() -> None:
    query = Query(
        fields="id,name",
        exclude="tags",
        where=(at_least("updated_at", 5), below("id", 500), matching("game_type = 0 | game_type = 8")),
        sort="updated_at desc",
        limit=10,
    )
    assert query.text() == (
        "fields id,name; exclude tags; where updated_at >= 5 & id < 500 & (game_type = 0 | game_type = 8); "
        "sort updated_at desc; limit 10;"
    )


def test_queries_are_values() -> None:
    assert Query(where=(above("id", 7),)) == Query(where=(above("id", 7),))
    assert len({Query(), Query(), Query(limit=1)}) == 2


def test_conditions_given_as_a_list_are_frozen() -> None:
    conditions: Any = [above("id", 7)]
    query = Query(where=conditions)
    conditions.append(below("id", 9))
    assert query.text() == "fields *; where id > 7; sort id asc; limit 500;"


@pytest.mark.parametrize(
    ("make", "values", "part"),
    [
        (lambda value: Query(limit=value), [0, 501, 1000], "limit"),
        (lambda value: Query(fields=value), ["", "id, name"], "fields"),
        (lambda value: Query(exclude=value), ["a;b"], "exclude"),
        (lambda value: Query(sort=value), ["", "id"], "sort"),
        (lambda value: at_least(value, 1), ["", "id;", "a b", "Id", "id = 1 | id"], "a condition's field"),
        (lambda value: below("id", value), [True, 1.5, "1", None], "the value that id is compared with"),
        (matching, ["", "  ", "a = 1; limit 1", "a = 1 // rest", "a = 1) | (b = 2", "(a = 1"], "a filter"),
        (matching, ['name = "x', 'name = "x" & other = "'], "a filter"),
        (lambda value: SubQuery(value, "games", Query()), ["", 'a"b', "a\\", "a\nb"], "the name of a sub-query"),
        (
            lambda value: SubQuery("a", value, Query()),
            ["", "games/count", 'games"', "Games"],
            "the endpoint of a sub-query",
        ),
        (
            lambda value: multiquery_text([SubQuery(str(n), "games", Query()) for n in range(value)]),
            [0, 11],
            "the number of sub-queries",
        ),
        (lambda value: multiquery_text([SubQuery(value, "games", Query())] * 2), ["a"], "the names of sub-queries"),
    ],
)
def test_what_the_api_would_refuse_is_refused_with_the_value(
    make: Callable[[Any], object], values: list[Any], part: str
) -> None:
    for value in values:
        with pytest.raises(ApicalypseError, check=having(part=part)):
            make(value)


@pytest.mark.parametrize("text", ['name = "a;b//c)"', "a = (1,2) & b = [3]", ' url ~ *"//x"* '])
def test_what_stands_in_quotes_is_no_syntax(text: str) -> None:
    assert matching(text) == Condition(f"({text.strip()})")


def test_count_takes_a_condition_only() -> None:
    assert count_text((at_least("id", 0), below("id", 10))) == "where id >= 0 & id < 10;"
    assert count_text(()) == ""


def test_multiquery() -> None:
    window = Query(where=(at_least("id", 0), below("id", 500)))
    assert multiquery_text(
        [
            SubQuery("0", "games", window),
            SubQuery("n", "games", window, count=True),
            SubQuery("all", "genres", Query(), count=True),
        ]
    ) == (
        'query games "0" { fields *; where id >= 0 & id < 500; sort id asc; limit 500; };\n'
        'query games/count "n" { where id >= 0 & id < 500; };\n'
        'query genres/count "all" {  };'
    )


@given(low=st.integers(0, 2**62), width=st.integers(1, 2**62), limit=st.integers(1, 500))
def test_any_window_reads_back_as_it_was_meant(low: int, width: int, limit: int) -> None:
    text = Query(where=(at_least("id", low), below("id", low + width)), limit=limit).text()
    statements = dict(statement.split(" ", 1) for statement in text.removesuffix(";").split("; "))
    assert statements.pop("where").split(" & ") == [f"id >= {low}", f"id < {low + width}"]
    assert statements == {"fields": "*", "sort": "id asc", "limit": str(limit)}, "and nothing else: no offset"


@given(st.text(alphabet='ab=1 ()|&;/"', max_size=30))
def test_any_filter_is_refused_or_stays_in_its_parentheses(text: str) -> None:
    try:
        wrapped = matching(text).text
    except ApicalypseError:
        return
    outside_quotes = "".join(wrapped.split('"')[::2])
    depths = list(accumulate((c == "(") - (c == ")") for c in outside_quotes))
    assert ";" not in outside_quotes
    assert min(depths[:-1]) == 1, "the first parenthesis closes at the end, and not before"
    assert depths[-1] == 0
