"""The metrics dictionary states units of numbers only, and words that fit the rows of each mart."""

from __future__ import annotations

import re

import pytest

from gamelake.codegen import metrics

Columns = dict[tuple[str, str], tuple[str, str, str]]

_ROW = re.compile(r"\| `(\w+)` \| (\S+) \| (.*?) \| (.*) \|$")
RANKED = "previous_day"
"""A column that each list has, and only lists have."""


@pytest.fixture(scope="module")
def columns() -> Columns:
    """The type, unit and definition of each column, by mart and name."""
    found, mart = {}, ""
    for line in metrics.page().splitlines():
        if line.startswith("## "):
            mart = line.removeprefix("## ")
        elif row := _ROW.match(line):
            found[mart, row[1]] = (row[2], row[3], row[4])
    return found


def test_texts_dates_and_flags_have_no_unit(columns: Columns) -> None:
    with_unit = {name: each for name, each in columns.items() if each[1]}
    assert {name: each for name, each in with_unit.items() if not re.match("bigint|integer|double", each[0])} == {}


@pytest.mark.parametrize(
    ("mart", "column", "unit"),
    [
        ("dim_games", "rating", "0 to 100"),
        ("dim_games", "rating_count", "ratings"),
        ("fct_rawg_daily", "rating", "1 to 5"),
        ("mart_market_overview", "esrb_rating", ""),
        ("mart_market_segments", "rawg_games_count", "games"),
        ("fct_game_changes", "added_names", ""),
        ("fct_game_change_steps", "games_deleted", "games"),
    ],
)
def test_the_unit_of_a_column(mart: str, column: str, unit: str, columns: Columns) -> None:
    assert columns[mart, column][1] == unit


def test_a_unit_is_the_scale_that_the_definition_states(columns: Columns) -> None:
    stated = {name: re.search(r", (\d to \d+)[;.]", text) for name, (_, _, text) in columns.items()}
    scales = {name: found[1] for name, found in stated.items() if found and found[1] != "0 to 1"}
    others = {"score", "share of 1"}
    assert {name: scale for name, scale in scales.items() if columns[name][1] not in {scale, *others}} == {}
    assert len(scales) > 20


def test_the_day_of_a_list_is_the_day_that_is_built(columns: Columns) -> None:
    lists = [mart for mart, name in columns if name == RANKED]
    assert {mart: columns[mart, "day"][2] for mart in lists} == dict.fromkeys(lists, "The Korean day that is built.")
    assert len(lists) > 9


def test_figures_of_many_games_are_described_as_sums(columns: Columns) -> None:
    of_games = {mart for mart, name in columns if name == "game_id"}
    counts = re.compile(r".*_users|visit_count|.*_gained_7d")
    sums = {name: each for name, each in columns.items() if name[0] not in of_games and counts.fullmatch(name[1])}
    assert {name: each[2] for name, each in sums.items() if not each[2].startswith("The sum over")} == {}
    assert len({mart for mart, _ in sums}) == 5
