"""The rejected rows beside a table: written, found again, listed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.cli.main import main
from gamelake.lake.factory import place_of
from gamelake.lake.keys import LoadRun
from gamelake.lake.rejected import RejectedError, keep_rejected, rejected_days, rejected_rows, rows_rejected_by
from gamelake.lake.table import Table
from tests.support.commits import commit
from tests.support.errors import having
from tests.support.tables import IGDB_GAMES, IGDB_GENRES

if TYPE_CHECKING:
    from gamelake.lake.store import Store

SECOND = 10**9
NOON = 1_795_262_400 * SECOND  # 2026-11-21 12:00 UTC


def kept(row_id: int | None, **changes: Any) -> dict[str, Any]:
    row = {"id": row_id, "hypes": "many"}
    return {"reason": "hypes is no int", "id": row_id, "run_id": "night", "row": row} | changes


def test_other_files_beside_the_objects_count_for_nothing(disk: Store) -> None:
    for name in ("notes.txt", f"{'9' * 23}.jsonl", "١.jsonl"):
        disk.put(f"{IGDB_GAMES.rejected_prefix}dt=2026-11-21/{name}", b"hello")
    assert list(rejected_rows(disk, IGDB_GAMES)) == []


@pytest.fixture
def lake(disk: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Games of two days, of which the second load committed, and one row that is no JSON."""
    monkeypatch.setenv("GAMELAKE_URI", disk.uri)
    keep_rejected(
        disk, LoadRun(IGDB_GAMES, "2026-11-20", "run"), time_ns=NOON - 86_400 * SECOND, rows=[kept(1), kept(2)]
    )
    raw = {"reason": "invalid UTF-8", "id": 4, "run_id": "night", "row_base64": "eyJpZCI6IDQsICJuIjogIv8ifQ=="}
    key = keep_rejected(disk, LoadRun(IGDB_GAMES, "2026-11-21", "run"), time_ns=NOON, rows=[kept(3), raw])
    commit(Table(disk, IGDB_GAMES), rejected_key=key)
    return disk


def test_the_rows_of_the_newest_load_come_first_with_what_became_of_their_load(lake: Store) -> None:
    rows = list(rejected_rows(lake, IGDB_GAMES))
    assert [(row.row_id, row.day, row.committed) for row in rows] == [
        (3, "2026-11-21", True), (4, "2026-11-21", True), (1, "2026-11-20", False), (2, "2026-11-20", False),
    ]  # fmt: skip
    assert rows[0].row == {"id": 3, "hypes": "many"}
    assert rows[1].row == b'{"id": 4, "n": "\xff"}'
    assert rows[0].time.isoformat() == "2026-11-21T12:00:00+00:00"
    assert rows[0].run_id == "night"
    assert [row.row_id for row in rejected_rows(lake, IGDB_GAMES, "2026-11-20")] == [1, 2]
    assert list(rejected_rows(lake, IGDB_GENRES)) == []
    assert rejected_days(lake, IGDB_GAMES) == ["2026-11-20", "2026-11-21"]


def test_rows_of_an_earlier_version_are_listed_too(disk: Store) -> None:
    disk.put(f"raw/igdb/games/_rejected/dt=2026-11-21/{NOON}.jsonl", b'{"reason": "old", "row": {"id": 7}}\n')
    disk.put("raw/igdb/games/_rejected/dt=2026-11-21/notes.txt", b"not ours")
    (row,) = rejected_rows(disk, IGDB_GAMES)
    assert (row.row_id, row.reason, row.run_id, row.committed) == (7, "old", None, False)


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"reason": "x"}', b'{"reason": "x", "row_base64": "?"}'])
def test_what_no_load_wrote_is_named(line: bytes, disk: Store) -> None:
    key = f"raw/igdb/games/_rejected/dt=2026-11-21/{NOON}.jsonl"
    disk.put(key, line)
    with pytest.raises(RejectedError, check=having(key=f"{key}: line 1", found=line)):
        rows_rejected_by(disk, IGDB_GAMES, key)
    other = "raw/igdb/genres/_rejected/dt=2026-11-21/1.jsonl"
    with pytest.raises(RejectedError, check=having(found=other)):
        rows_rejected_by(disk, IGDB_GAMES, other)


def test_a_damaged_line_hides_no_other_row(lake: Store, caplog: pytest.LogCaptureFixture) -> None:
    key = f"raw/igdb/games/_rejected/dt=2026-11-21/{NOON}.jsonl"
    first, second = lake.get(key).splitlines(keepends=True)
    lake.put(key, first + second[:30])  # torn, by a disk that was full
    assert [row.row_id for row in rejected_rows(lake, IGDB_GAMES)] == [3, 1, 2]
    (warning,) = caplog.messages
    assert f"{key}: line 2" in warning


def test_the_command_lists_them(lake: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lake", "rejected"]) == 0
    place, header, *lines = capsys.readouterr().out.splitlines()
    assert place == place_of(lake)
    assert header.split() == ["table", "day", "id", "reason", "load", "committed", "rejected", "(UTC)", "object"]
    assert len(lines) == 4
    assert lines[0].split()[:4] == ["igdb.games", "2026-11-21", "3", "hypes"]
    assert lines[0].endswith(f"raw/igdb/games/_rejected/dt=2026-11-21/{NOON}.jsonl")
    assert main(["lake", "rejected", "igdb.games", "--day", "2026-11-20", "--limit", "1"]) == 0
    _, _, first, more = capsys.readouterr().out.splitlines()
    assert first.split()[2] == "1"
    assert "and 1 more: --limit 2" in more


def test_the_command_gives_json_with_all_that_was_sent(lake: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lake", "rejected", "igdb.games", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["row"] for row in rows[:2]] == [{"id": 3, "hypes": "many"}, '{"id": 4, "n": "\ufffd"}']
    assert rows[0]["committed"] is True


def test_a_program_gets_every_row_and_a_person_is_told_of_the_rest(
    lake: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_rejected(lake, LoadRun(IGDB_GAMES, "2026-11-22", "run"), time_ns=NOON, rows=[kept(n) for n in range(1, 71)])
    assert main(["lake", "rejected", "igdb.games", "--day", "2026-11-22", "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 70
    assert main(["lake", "rejected", "igdb.games", "--day", "2026-11-22"]) == 0
    assert "and 20 more: --limit 70" in capsys.readouterr().out


def test_the_command_states_that_there_are_none(
    disk: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", disk.uri)
    assert main(["lake", "rejected"]) == 0
    assert capsys.readouterr().out == f"{place_of(disk)}: no rejected rows are kept; they are kept for 30 days\n"
    assert main(["lake", "rejected", "--day", "yesterday"]) == 2
    assert "found 'yesterday', expected a Korean day" in capsys.readouterr().err


def test_the_rows_of_an_hour_are_listed_with_those_of_its_day(disk: Store) -> None:
    key = keep_rejected(disk, LoadRun(IGDB_GAMES, "2026-11-21T04", "run"), time_ns=NOON, rows=[kept(3)])
    assert [row.day for row in rows_rejected_by(disk, IGDB_GAMES, key)] == ["2026-11-21T04"]
    for day in ("2026-11-21", "2026-11-21T04"):
        assert [row.row_id for row in rejected_rows(disk, IGDB_GAMES, day)] == [3]
