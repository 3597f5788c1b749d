from __future__ import annotations

import pytest

from sandbox.igdb.errors import QueryError
from sandbox.igdb.evaluate import Evaluator
from sandbox.igdb.query import parse_query
from sandbox.igdb.static import StaticSource
from sandbox.igdb.table import Table
from tests.support.errors import having

ROWS = [
    {"id": 0, "name": "Zero", "updated_at": 50},
    {"id": 1, "name": "Dark Castle", "genres": [1, 2], "rating": 90.5, "updated_at": 100, "free": True},
    {"id": 4, "name": "dark tower", "genres": [2, 1], "rating": 70, "updated_at": 200, "free": False},
    {"id": 5, "name": "Bright Castle", "genres": [1], "rating": 80, "updated_at": 200},
    {"id": 9, "name": "Ærø 별빛", "genres": [3, 4], "first_release_date": -86400},
]
FIELDS = frozenset({"category"})


@pytest.fixture
def table() -> Table:
    return Table(StaticSource(ROWS, FIELDS))


def ids(table: Table, text: str) -> list[int]:
    return [
        row["id"] for row in Evaluator().answer("games", table, parse_query(f"{text} sort id asc; limit 500;")).rows
    ]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("id = 4", [4]),
        ("id >= 1 & id < 5", [1, 4]),
        ("id > 1 & id <= 5 & rating > 75", [5]),
        ("id = (9,4,77,0)", [0, 4, 9]),
        ("id = (4,9) & id = (9,5)", [9]),
        ("id != 4", [0, 1, 5, 9]),
        ("id != (4,5)", [0, 1, 9]),
        ("id = !(4,5)", [0, 1, 9]),
        ("id = 2.5", []),
        ("id >= 5 & id < 1", []),
        ("updated_at >= 200", [4, 5]),
        ("updated_at > 50 & updated_at <= 100", [1]),
        ("updated_at < 1000", [0, 1, 4, 5]),
        ("updated_at = null", [9]),
        ("updated_at != null & id > 0", [1, 4, 5]),
        ("updated_at >= 200 & id > 4", [5]),
        ("id = 1 | updated_at = 200", [1, 4, 5]),
        ("(id >= 1 & id < 5) | (id >= 4 & id < 5) | (id >= 9)", [1, 4, 9]),
        ("id >= 4 & ((id >= 0 & id < 5) | (id >= 9 & id < 10)) & updated_at > 100", [4]),
        ("(id >= 0 & id < 5) | (id >= 5 & rating > 75)", [0, 1, 4, 5]),
        ("((id < 1) | (id = 9)) & ((id = 0) | (id = 4))", [0]),
        ("rating > 70.0", [1, 5]),
        ("rating != 70", [1, 5]),
        ("rating = null", [0, 9]),
        ("first_release_date < 0", [9]),
        ("genres = 1", [1, 4, 5]),
        ("genres = (2,3)", [1, 4, 9]),
        ("genres = [2,1]", [1, 4]),
        ("genres = {1}", [5]),
        ("genres = {2,1}", [1, 4]),
        ("genres = !(2,3)", [5]),
        ("genres = ![1,2]", [5, 9]),
        ("genres != {1}", [1, 4, 9]),
        ("free = true", [1]),
        ("free = 1", []),
        ("free = (true,false)", [1, 4]),
        ('name = "Dark Castle"', [1]),
        ('name = "dark castle"', []),
        ('name ~ "dark castle"', [1]),
        ('name ~ "DARK"*', [1, 4]),
        ('name ~ *"castle"', [1, 5]),
        ('name ~ *"A"*', [1, 4, 5]),
        ('name ~ *"별"*', [9]),
        ('name = "Dark"*', [1]),
        ('name >= "Zero"', [0, 4, 9]),
        ("name = 5", []),
        ("category = 1", []),
        ("category = 1 | id = 1", []),
        ("(genres = 1 | rating = null) & id > 0", [1, 4, 5, 9]),
    ],
)
def test_where(table: Table, where: str, expected: list[int]) -> None:
    assert ids(table, f"where {where};") == expected
    assert Evaluator().count("games", table, parse_query(f"where {where};")) == len(expected)


@pytest.mark.parametrize("where", ["name > (1,2)", "name ~ (1,2)", "rating > null", "free < true", 'name < "a"*'])
def test_an_operator_that_does_not_go_with_its_value(table: Table, where: str) -> None:
    with pytest.raises(QueryError, check=having(title="Syntax Error")):
        ids(table, f"where {where};")


def test_search_looks_into_names(table: Table) -> None:
    assert ids(table, 'search "castle";') == [1, 5]
    assert ids(table, 'search "castle"; where id > 1;') == [5]


@pytest.mark.parametrize(
    "text", ["fields nope;", "exclude nope;", "where nope = 1;", "sort nope;", "fields genres.name;"]
)
def test_an_unknown_field(table: Table, text: str) -> None:
    with pytest.raises(QueryError) as raised:
        Evaluator().answer("games", table, parse_query(text))
    assert raised.value.title == "Invalid Field"
    assert "genres.name" in raised.value.cause or "nope" in raised.value.cause


def test_fields_and_exclude(table: Table) -> None:
    def first(text: str) -> dict[str, object]:
        return Evaluator().answer("games", table, parse_query(f"{text} where id = 1;")).rows[0]

    assert first("") == {"id": 1}
    assert first("fields name,first_release_date;") == {"id": 1, "name": "Dark Castle"}
    assert first("fields *;") == ROWS[1]
    assert first("fields *; exclude genres,rating,updated_at,free;") == {"id": 1, "name": "Dark Castle"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sort id desc; limit 2;", [9, 5]),
        ("sort id asc; limit 2; offset 3;", [5, 9]),
        ("sort id asc; offset 9;", []),
        ("sort rating desc; limit 3;", [1, 5, 4]),
        ("sort rating asc; limit 3;", [4, 5, 1]),
        ("sort name asc;", [5, 1, 0, 4, 9]),
        ("where rating > 0; sort name asc; limit 0;", []),
    ],
)
def test_sort_limit_offset(table: Table, text: str, expected: list[int]) -> None:
    answer = Evaluator().answer("games", table, parse_query(text))
    assert [row["id"] for row in answer.rows] == expected


def test_the_total_counts_what_matches_not_what_is_sent(table: Table) -> None:
    answer = Evaluator().answer("games", table, parse_query("where id > 0; limit 1;"))
    assert (len(answer.rows), answer.total) == (1, 4)


def test_without_sort_the_order_differs_from_request_to_request() -> None:
    table = Table(StaticSource(({"id": row_id} for row_id in range(100)), frozenset()))
    evaluator = Evaluator()
    orders = [[row["id"] for row in evaluator.answer("x", table, parse_query("limit 100;")).rows] for _ in range(2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(100))


def test_a_full_scan_is_kept_until_the_table_changes() -> None:
    source = StaticSource(({"id": row_id, "kind": row_id % 3} for row_id in range(9_000)), frozenset())
    table, evaluator = Table(source), Evaluator()
    text = "where kind = 1 & id >= 300; sort id asc; limit 2;"
    assert [row["id"] for row in evaluator.answer("x", table, parse_query(text)).rows] == [301, 304]
    assert evaluator.count("x", table, parse_query("where kind = 1;")) == 3_000
    table.delete([301])
    assert [row["id"] for row in evaluator.answer("x", table, parse_query(text)).rows] == [304, 307]
    assert evaluator.count("x", table, parse_query("where kind = 1;")) == 2_999
