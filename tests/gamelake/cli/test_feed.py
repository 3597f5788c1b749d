from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gamelake.cli.main import main
from gamelake.feeds.documents import step_key
from gamelake.feeds.feed import Feed
from gamelake.lake.factory import open_store
from gamelake.lake.keys import TableName
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.table import Table
from tests.support.feed_tables import GAMES, load_whole

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

    Captured = pytest.CaptureFixture[str]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    load_whole(store, tmp_path, {"id": 1, "name": "One", "hypes": 5}, {"id": 2, "name": "Two"})
    load_whole(
        store, tmp_path, {"id": 1, "name": "One", "hypes": 6}, {"id": 3, "name": "Three"}, partition="2026-11-22"
    )
    return store


def test_a_feed_is_made_listed_and_shown(lake: Store, capsys: Captured) -> None:
    assert main(["feed", "list"]) == 0
    assert "igdb.games: not in the feed yet: versions 1 to 2" in capsys.readouterr().out
    assert main(["feed", "make"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "igdb.games: the change feed begins at version 1 of 2026-11-21",
        "igdb.games: version 2 of 2026-11-22: 1 created, 1 updated, 1 deleted",
    ]
    assert main(["feed", "make"]) == 0
    assert capsys.readouterr().out == "Every feed has the steps of all commits.\n"
    assert main(["feed", "list", "igdb.games"]) == 0
    assert [line.split()[:4] for line in capsys.readouterr().out.splitlines()[2:]] == [
        ["igdb.games", "1", "-", "2026-11-21"],
        ["igdb.games", "2", "1", "2026-11-22"],
    ]
    assert main(["feed", "show", "igdb.games", "--limit", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "igdb.games version 2 of 2026-11-22: 1 created, 1 updated (hypes in 1), 1 deleted",
        "  1 One: hypes from 5 to 6",
        "  2 Two: deleted",
        "  and 1 more: --limit 3",
    ]
    assert main(["feed", "show", "igdb.games", "--id", "3"]) == 0
    assert capsys.readouterr().out == "version 2 of 2026-11-22: 3 Three: created\n"
    assert main(["feed", "show", "igdb.games", "--json"]) == 0
    assert [json.loads(line)["op"] for line in capsys.readouterr().out.splitlines()] == ["u", "d", "c"]


def test_a_program_gets_every_change_and_a_person_is_told_of_the_rest(
    lake: Store, capsys: Captured, tmp_path: Path
) -> None:
    load_whole(lake, tmp_path, *({"id": n, "name": f"Game {n}"} for n in range(1, 71)), partition="2026-11-23")
    main(["feed", "make"])
    capsys.readouterr()
    assert main(["feed", "show", "igdb.games"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "  and 20 more: --limit 70"
    assert main(["feed", "show", "igdb.games", "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 70
    assert main(["feed", "show", "igdb.games", "--json", "--limit", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_everything_that_happened_to_a_row_is_shown(lake: Store, capsys: Captured, tmp_path: Path) -> None:
    for n in range(60):
        load_whole(lake, tmp_path, {"id": 1, "name": "One", "hypes": 7 + n}, partition="2026-11-23")
    main(["feed", "make"])
    capsys.readouterr()
    assert main(["feed", "show", "igdb.games", "--id", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 61
    assert main(["feed", "show", "igdb.games", "--id", "99"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "igdb.games: nothing happened to 99 in the steps of versions 1 to 62\n")


@pytest.mark.parametrize("key", [GAMES.table.manifest_key(2), step_key(GAMES.table, 2)])
def test_a_damaged_table_is_left_out(lake: Store, capsys: Captured, key: str) -> None:
    main(["feed", "make"])
    draft = Draft(
        run_id="a run",
        partition="2026-11-22",
        mode=Mode.SNAPSHOT,
        cursor=None,
        source_count=0,
        row_count=0,
        files=(),
    )
    Table(lake, TableName("igdb", "genres")).commit(lambda _: draft)
    lake.delete(GAMES.table.pointer_key)
    lake.put(key, b"{")
    capsys.readouterr()
    assert main(["feed", "list"]) == 1
    printed = capsys.readouterr()
    assert "igdb.genres: not in the feed yet: version 1" in printed.out
    assert printed.err.startswith(f"igdb.games is damaged: {key}: ")


def test_a_lake_without_commits_has_no_complete_feeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", (tmp_path / "none").as_uri())
    assert main(["feed", "make"]) == 0
    assert "nothing is committed yet" in capsys.readouterr().out
    assert main(["feed", "show", "igdb.games"]) == 1
    assert "igdb.games: feed: found 'no step', expected one: load the table" in capsys.readouterr().err


def test_a_feed_that_differs_from_its_table_is_found(lake: Store, capsys: Captured, tmp_path: Path) -> None:
    main(["feed", "make"])
    capsys.readouterr()
    assert main(["feed", "check", "igdb.games"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "igdb.games: 3 changes of 1 steps applied to version 1: 2 rows, compared with version 2",
        "They are the same.",
    ]
    step = Feed(lake, GAMES.table).read(2)
    other = open_store((tmp_path / "other").as_uri())
    load_whole(other, tmp_path, {"id": 1, "name": "One", "hypes": 5}, {"id": 2, "name": "Two"})
    load_whole(
        other, tmp_path, {"id": 1, "name": "One", "hypes": 7}, {"id": 3, "name": "Three"}, partition="2026-11-22"
    )
    for info in list(other.list("raw/")):
        lake.put(info.key, other.get(info.key))
    assert step.rows == 3
    assert main(["feed", "check", "igdb.games"]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  id 1: the row of the feed is not the table's",
        "1 differences",
    ]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["show", "igdb.popscore"], 2, "expected no time series"),
        (["show", "igdb.none"], 2, "expected one of igdb.games"),
        (["show", "igdb.games", "--version", "9"], 1, "found 9, expected a version at which a step ends"),
        (["check", "igdb.games", "--since", "9"], 1, "since: found 9, expected a version at which a step ends"),
        (["check", "igdb.games", "--since", "2", "--until", "1"], 1, "until: found 1, expected 2, the version"),
        (["check", "igdb.genres"], 1, "igdb.genres: feed: found 'no step', expected one: load the table"),
    ],
)
def test_what_cannot_be_is_explained(
    lake: Store, capsys: Captured, words: list[str], status: int, message: str
) -> None:
    main(["feed", "make"])
    assert main(["feed", *words]) == status
    assert message in capsys.readouterr().err
