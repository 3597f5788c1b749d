"""`gamelake events`: what waits in the inbox, and applying it by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gamelake.cli.main import main
from gamelake.lake.factory import open_store, place_of
from gamelake.lake.keys import TableName
from gamelake.paths import REPOSITORY
from tests.support.captured import snapshot_of
from tests.support.feed_tables import GAMES, load_whole
from tests.support.inbox_events import event, put

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

    Captured = pytest.CaptureFixture[str]

LATER = 1_800_000_000


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scratch: None) -> Store:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    load_whole(store, tmp_path, *({"id": number, "name": "A game", "updated_at": 5} for number in range(1, 31)))
    return store


def test_events_are_listed_and_applied(lake: Store, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", str(REPOSITORY / ".venv"))
    assert main(["events", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [place_of(lake), "No table has events."]
    row = {"id": 1, "name": "Changed", "updated_at": LATER}
    put(
        lake,
        GAMES.table,
        event("update", row, LATER),
        event("create", row | {"id": 99}, LATER),
        event("update", row | {"updated_at": 4}, 4),
    )
    assert main(["events", "list", "igdb.games"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:3] == ["igdb.games", "-", "1"]
    assert main(["events", "apply"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "igdb.games version 2: 3 events up to part 1: 1 rows created, 1 updated, 0 deleted; 1 older than the table, or "
        "repeated",
        "The marts show these rows after the next nightly load. To build them now, run transform with fresh=true: "
        "`.venv/bin/airflow dags test transform --conf '{\"fresh\": true}'`",
    ]
    assert main(["events", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:3] == ["igdb.games", "1", "0"]
    assert main(["events", "apply", "igdb.games"]) == 0
    assert capsys.readouterr().out.endswith(": no event waits\n")


def test_what_cannot_be_applied_yet_is_told(lake: Store, capsys: Captured) -> None:
    """Changes of a database without the end of their snapshot, and events of a table that was never loaded."""
    orders = TableName("shop", "orders")
    put(lake, orders, *snapshot_of([{"id": 1, "status": "paid", "currency": "EUR", "ordered_at": "x"}])[:-1])
    put(lake, TableName("igdb", "genres"), event("update", {"id": 1, "updated_at": LATER}, LATER))
    put(lake, GAMES.table, event("update", {"id": 1, "updated_at": LATER}, LATER))
    assert main(["events", "apply"]) == 0
    shown = capsys.readouterr().out
    assert "igdb.games version 2" in shown
    assert "igdb.genres: 1 parts wait for the first load of the table\n" in shown
    assert "shop.orders: 1 parts wait for the end of a snapshot" in shown
    assert main(["events", "apply", "shop.orders"]) == 0
    assert "no event waits" not in capsys.readouterr().out


def test_one_table_that_fails_does_not_stop_the_others(lake: Store, tmp_path: Path, capsys: Captured) -> None:
    put(lake, GAMES.table, *(event("delete", {"id": number}, LATER) for number in range(1, 21)))
    put(lake, GAMES.table, event("update", {"id": 21, "updated_at": LATER}, LATER))
    assert main(["events", "apply"]) == 1
    assert capsys.readouterr().err.startswith("igdb.games: with the deletions of the inbox the table has 10 rows; ")
    assert main(["events", "apply", "--allow-shrink"]) == 0
    assert "0 rows created, 1 updated, 20 deleted" in capsys.readouterr().out


def test_a_damaged_table_is_left_out_of_the_list(lake: Store, capsys: Captured) -> None:
    put(lake, GAMES.table, event("update", {"id": 1, "updated_at": LATER}, LATER))
    put(lake, TableName("igdb", "genres"), event("update", {"id": 1, "updated_at": LATER}, LATER))
    lake.delete(GAMES.table.pointer_key)
    lake.put(GAMES.table.manifest_key(1), b"{")
    assert main(["events", "list"]) == 1
    printed = capsys.readouterr()
    assert [line.split()[0] for line in printed.out.splitlines()[2:]] == ["igdb.genres"]
    assert printed.err.startswith(f"igdb.games is damaged: {GAMES.table.manifest_key(1)}: ")
