from __future__ import annotations

from itertools import accumulate

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
    conditions = [above("id", 7)]
    query = Query(where=conditions)  # type: ignore[arg-type]
    conditions.append(below("id", 9))
    assert query.text() == "fields *; where id > 7; sort id asc; limit 500;"


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"limit": 501}, "limit is 501"),
        ({"limit": 0}, "limit is 0"),
        ({"fields": "id, name"}, "fields is 'id, name'"),
        ({"fields": ""}, "fields is ''"),
        ({"exclude": "a;b"}, "exclude is 'a;b'"),
        ({"sort": ""}, "sort is ''"),
        ({"sort": "id"}, "sort is 'id'"),
    ],
)
def test_what_the_api_would_refuse_is_refused_with_the_value(wrong: dict[str, object], names: str) -> None:
    with pytest.raises(ApicalypseError, match=names):
        Query(**wrong)  # type: ignore[arg-type]


def test_a_refused_limit_says_why() -> None:
    with pytest.raises(ApicalypseError, match="403"):
        Query(limit=1000)


@pytest.mark.parametrize("field", ["", "id;", "a b", "Id", "id = 1 | id"])
def test_a_condition_takes_a_field_name_only(field: str) -> None:
    with pytest.raises(ApicalypseError, match="field"):
        at_least(field, 1)


@pytest.mark.parametrize("value", [True, 1.5, "1", None])
def test_a_condition_takes_a_whole_number_only(value: object) -> None:
    with pytest.raises(ApicalypseError, match="id is compared with"):
        below("id", value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "a = 1; limit 1",
        "a = 1 // rest",
        "a = 1) | (b = 2",
        "(a = 1",
        'name = "x',
        'name = "x" & other = "',
    ],
)
def test_a_filter_cannot_leave_its_parentheses(text: str) -> None:
    with pytest.raises(ApicalypseError, match="a filter"):
        matching(text)


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


@pytest.mark.parametrize("parts", [0, 11])
def test_multiquery_takes_1_to_10_parts(parts: int) -> None:
    with pytest.raises(ApicalypseError, match=f"number of sub-queries is {parts}"):
        multiquery_text([SubQuery(str(n), "games", Query()) for n in range(parts)])


def test_multiquery_refuses_two_parts_of_one_name() -> None:
    with pytest.raises(ApicalypseError, match="names of sub-queries"):
        multiquery_text([SubQuery("a", "games", Query()), SubQuery("a", "genres", Query())])


@pytest.mark.parametrize("name", ["", 'a"b', "a\\", "a\nb"])
def test_a_sub_query_refuses_names_that_need_quoting(name: str) -> None:
    with pytest.raises(ApicalypseError, match="name of a sub-query"):
        SubQuery(name, "games", Query())


@pytest.mark.parametrize("endpoint", ["", "games/count", 'games"', "Games"])
def test_a_sub_query_takes_an_endpoint_name_only(endpoint: str) -> None:
    with pytest.raises(ApicalypseError, match="endpoint of a sub-query"):
        SubQuery("a", endpoint, Query())


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
