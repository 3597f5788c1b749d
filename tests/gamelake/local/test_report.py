from __future__ import annotations

from datetime import date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from gamelake.feeds.feed import make_missing
from gamelake.lake.disk import DiskStore
from gamelake.lake.factory import open_store
from gamelake.local.report import (
    LOADS_HEADER,
    changed_games,
    counted,
    duration,
    load_line,
    published_line,
    write_changes,
    write_lists,
)
from gamelake.local.terminal import Terminal
from gamelake.marts.reader import open_marts
from tests.support.feed_tables import GAMES, load_whole
from tests.support.published_marts import MartsLake

LOAD = {"source": "igdb", "entity": "games", "mode": "full", "rows": 5000, "row_count": 5100, "requests": 1,
        "seconds": 1.25, "repaired_ranges": 0, "rejected": 0, "unproven": []}  # fmt: skip


def test_a_load_is_one_line() -> None:
    assert LOADS_HEADER.split() == ["table", "rows", "read", "requests", "seconds"]
    assert load_line(LOAD).split() == ["igdb.games", "5,100", "5,000", "1", "1.2"]
    assert len(load_line(LOAD)) == len(LOADS_HEADER)


def test_a_second_line_has_what_was_odd() -> None:
    odd = LOAD | {"requests": 2, "repaired_ranges": 1, "rejected": 1200, "unproven": [{}, {}]}
    odd |= {"proof": "partial", "proof_reason": "3 of the 5 games that wait were read"}
    assert load_line(odd).splitlines()[1].split(", ") == [
        "    1 range of ids read again",
        "1,200 rows rejected",
        "2 ranges of ids that the source counts otherwise",
        "partial: 3 of the 5 games that wait were read",
    ]


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200.2, "3 min 20 s")])
def test_a_time_is_rounded(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("number", "text"), [(0, "0 requests"), (1, "1 request"), (1200, "1,200 requests")])
def test_things_are_counted(number: int, text: str) -> None:
    assert counted(number, "request") == text


def test_a_publication_states_its_korean_time_or_why_there_is_none() -> None:
    document = {"published": True, "day": "2026-11-29", "built_at": "2026-11-28T19:05:00+00:00", "publication": 3}
    assert published_line(document) == "Published 2026-11-29 at 04:05 Korean time."
    assert published_line({"published": False, "reason": "not published: readers already have 2026-11-30"}) == (
        "not published: readers already have 2026-11-30"
    )


def test_the_second_day_states_what_changed_and_the_first_day_nothing(tmp_path: Path) -> None:
    store, told = open_store((tmp_path / "lake").as_uri()), StringIO()
    load_whole(store, tmp_path, {"id": 1, "name": "One", "hypes": 5}, {"id": 2, "name": "Two"}, partition="2026-11-21")
    make_missing(store, GAMES)
    write_changes(Terminal(told), store, "2026-11-21")
    assert told.getvalue() == ""
    load_whole(store, tmp_path, {"id": 1, "name": "One", "hypes": 6}, {"id": 3, "name": "New"}, partition="2026-11-22")
    make_missing(store, GAMES)
    write_changes(Terminal(told), store, "2026-11-22", ["One: Followers before release from 5 to 6"])
    assert [line.strip() for line in told.getvalue().splitlines()[1:]] == [
        "What changed on 2026-11-22, row by row",
        "igdb.games  1 created, 1 updated (hypes in 1), 1 deleted",
        "One: Followers before release from 5 to 6",
        "all of them: .venv/bin/gamelake feed show igdb.games",
    ]


def a_game(number: int, **fields: Any) -> dict[str, Any]:
    return {"game_id": number, "display_name": f"Game {number}", "updated_at": datetime(2026, 11, 1)} | fields  # noqa: DTZ001 - as the marts have it


def a_change(number: int, version: int, field: str, **values: Any) -> dict[str, Any]:
    named = {"game_name": f"Game {number}", "field": field.lower(), "field_name": field, "change": "updated"}
    return {"game_id": number, "version": version} | named | values


def a_place(number: int, rank: int, before: int | None, **fields: Any) -> dict[str, Any]:
    change = None if before is None else before - rank
    return {
        "game_id": number,
        "display_name": f"Game {number}",
        "rank": rank,
        "previous_rank": before,
        "rank_change": change,
        "previous_day": date(2026, 11, 21),
        **fields,
    }


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> MartsLake:
    """Two days: a game is new and first, one climbs, one is deleted."""
    lake = MartsLake(DiskStore(tmp_path_factory.mktemp("report") / "lake"))
    lake.add("dim_games", [a_game(1), a_game(2), a_game(3)])
    lake.add_history("2026-11-21", [{"game_id": 1}])
    lake.publish("2026-11-21")
    lake.rows.clear()
    lake.add("dim_games", [a_game(1), a_game(2, updated_at=datetime(2026, 11, 22)), a_game(4)])  # noqa: DTZ001
    lake.add("mart_most_played", [a_place(4, 1, None, playing_users=4000), a_place(2, 2, 5), a_place(1, 3, 1)])
    lake.add("mart_top_rated", [a_place(2, 1, 3, weighted_rating=84.25)])
    lake.add("mart_hidden_gems", [a_place(1, 1, 1, hidden_score=1.0) | {"display_name": "긴 이름 " * 40}])
    lake.add(
        "fct_game_changes",
        [
            a_change(1, 2, "Followers before release", before_value="4", after_value="5"),
            a_change(1, 3, "Followers before release", before_value="5", after_value="6"),
            a_change(
                1, 3, "Platforms", before_value="Arcade", after_value="PC", added_names=["PC"], removed_names=["Arcade"]
            ),
            a_change(2, 3, "Summary", after_value="word " * 40),
            a_change(3, 3, "First release", before_value="2026-01-05"),
            a_change(4, 3, "Game", change="created", after_value="Game 4"),
            a_change(5, 3, "Name", before_value="A", after_value="B"),
        ],
    )
    lake.add_history("2026-11-22", [{"game_id": 1}])
    lake.publish("2026-11-22")
    return lake


def told(lake: MartsLake, day: date | None = None) -> list[str]:
    stream = StringIO()
    with Terminal(stream) as terminal, open_marts(lake.store, day=day) as marts:
        write_lists(terminal, marts)
    return [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_the_lists_have_a_first_place_or_a_reason(lake: MartsLake) -> None:
    lines = told(lake)
    assert "Most played 3 Game 4 4,000 users play" in lines
    assert "Top rated 1 Game 2 84.2 weighted rating" in lines
    assert "Rising stars – needs 8 days of history, has 2" in lines


def test_the_moves_since_the_day_before(lake: MartsLake) -> None:
    lines = told(lake)
    assert lines[lines.index("Since 2026-11-21") :] == [
        "Since 2026-11-21",
        "games: 1 new, 1 deleted, 1 changed, 0 with another popularity",
        "Top rated new number 1: Game 2, number 3 before",
        "Most played new number 1: Game 4",
    ]


def test_three_games_that_the_newest_load_changed_are_told_in_words(lake: MartsLake) -> None:
    with open_marts(lake.store) as marts:
        assert changed_games(marts) == [
            "Game 1: Followers before release from 5 to 6; Platforms + PC, - Arcade",
            f"Game 2: Summary is new: {'word ' * 11}word…",
            "Game 3: First release was 2026-01-05, and is no longer there",
        ]
    with open_marts(lake.store, day=date(2026, 11, 21)) as marts:
        assert changed_games(marts) == []


def test_a_first_day_has_nothing_to_compare(lake: MartsLake) -> None:
    lines = told(lake, date(2026, 11, 21))
    assert "Most played – no game has users" in lines
    assert not [line for line in lines if line.startswith("Since")]


def test_a_file_has_every_name_whole(lake: MartsLake) -> None:
    stream = StringIO()
    with Terminal(stream) as terminal, open_marts(lake.store) as marts:
        write_lists(terminal, marts)
    assert " ".join(["긴 이름"] * 40) in stream.getvalue()
    assert max(map(cell_len, stream.getvalue().splitlines())) < 400


def test_no_line_is_wider_than_a_terminal(lake: MartsLake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(terminal_stream := StringIO(), "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    with Terminal(terminal_stream) as terminal, open_marts(lake.store) as marts:
        write_lists(terminal, marts)
    assert max(map(cell_len, terminal_stream.getvalue().splitlines())) <= 80
