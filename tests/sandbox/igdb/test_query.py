from __future__ import annotations

import pytest

from sandbox.igdb.errors import QueryError
from sandbox.igdb.query import (
    Comparison,
    Either,
    Every,
    Pattern,
    Query,
    Scalar,
    SubQuery,
    Values,
    parse_multiquery,
    parse_query,
)
from tests.support.errors import having


def condition(text: str) -> object:
    return parse_query(f"where {text};").where


def test_the_empty_query_is_ten_ids() -> None:
    assert parse_query("") == Query(fields=(), limit=10, offset=0)


def test_every_clause() -> None:
    text = 'fields *,name; exclude a, b; where id > 5; sort name desc; limit 500; offset 20; search "zelda";'
    assert parse_query(text) == Query(
        fields=("*", "name"),
        exclude=("a", "b"),
        where=Comparison("id", ">", 5),
        sort=("name", True),
        limit=500,
        offset=20,
        search="zelda",
    )


def test_short_names_comments_and_line_breaks() -> None:
    text = "f name; // what to read\nw id = 5; // fields *;\ns id; l 1;"
    assert parse_query(text) == Query(("name",), where=Comparison("id", "=", 5), sort=("id", False), limit=1)


def test_slashes_in_quotes_are_no_comment() -> None:
    assert condition('url = "https://www.igdb.com"') == Comparison("url", "=", "https://www.igdb.com")


def test_and_binds_tighter_than_or() -> None:
    a, b, c = (Comparison(field, "=", 1) for field in "abc")
    assert condition("a = 1 | b = 1 & c = 1") == Either((a, Every((b, c))))
    assert condition("(a = 1 | b = 1) & c = 1") == Every((Either((a, b)), c))


@pytest.mark.parametrize("operator", ["=", "!=", ">", ">=", "<", "<=", "~"])
def test_operators_need_no_spaces(operator: str) -> None:
    assert condition(f"a{operator}5") == Comparison("a", operator, 5)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-3", -3),
        ("2.5", 2.5),
        ("1e-6", 1e-6),
        ("null", None),
        ("true", True),
        ("false", False),
        (r'"say \"hi\" \\ 안녕"', 'say "hi" \\ 안녕'),
        ("(1,2)", Values("(", (1, 2), negated=False)),
        ("![1, 2]", Values("[", (1, 2), negated=True)),
        ("{1}", Values("{", (1,), negated=False)),
        ('"a"*', Pattern("a", open_start=False, open_end=True)),
        ('*"a"', Pattern("a", open_start=True, open_end=False)),
        ('*"a"*', Pattern("a", open_start=True, open_end=True)),
    ],
)
def test_values(text: str, value: Scalar | Pattern | Values) -> None:
    assert condition(f"a = {text}") == Comparison("a", "=", value)


@pytest.mark.parametrize(
    "text",
    [
        "fields *",
        "fields;",
        "nonsense 5;",
        "__init__ 5;",
        "where a;",
        "where a = ;",
        "where a = b;",
        "where (a = 1;",
        "where a = (1,;",
        "where a = (1;",
        "where a = !5;",
        "where a = *5;",
        "where * = 5;",
        "sort id sideways;",
        "limit -1;",
        "limit many;",
        "limit " + "9" * 5_000 + ";",
        "where id = -" + "9" * 5_000 + ";",
        "offset 1.5;",
        "search zelda;",
        'where name = "open;',
        "fields *; }",
        "where " + "(" * 10_000,
    ],
)
def test_what_does_not_parse(text: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse_query(text)
    assert (raised.value.title, raised.value.status) == ("Syntax Error", 400)


def test_a_limit_above_500_is_forbidden() -> None:
    assert parse_query("limit 500;").limit == 500
    with pytest.raises(QueryError) as raised:
        parse_query("limit 501;")
    assert (raised.value.title, raised.value.status) == ("Request limit to high", 403)


def test_multiquery() -> None:
    text = 'query games "a b" { fields *; limit 5; };\nquery games/count "n" { where id > 3; };'
    assert parse_multiquery(text) == (
        SubQuery("games", "a b", Query(("*",), limit=5)),
        SubQuery("games/count", "n", Query(where=Comparison("id", ">", 3))),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fields *;",
        "query games { fields *; };",
        'query games "a" fields *;',
        'query games "a" { fields * };',
        'query games "a" { fields *; }',
        'query games "a" { fields *;',
        'query games "a" { };' * 11,
    ],
)
def test_what_is_no_multiquery(text: str) -> None:
    with pytest.raises(QueryError, check=having(title="Syntax Error")):
        parse_multiquery(text)


def test_ten_parts_are_allowed() -> None:
    assert len(parse_multiquery('query games "a" { };' * 10)) == 10
