"""What the DAG does with an inbox, as a task; that it parses is for test_policy."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.feeds.feed import Feed, make_missing
from gamelake.lake.factory import open_store
from gamelake.lake.table import Table
from gamelake.registry import load_sources
from tests.support.captured import Database, apply_snapshot
from tests.support.feed_tables import GAMES, load_whole
from tests.support.inbox_events import event, put

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

LATER = 1_800_000_000


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scratch: None) -> Store:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    load_whole(store, tmp_path, *({"id": number, "name": "A game", "updated_at": 5} for number in range(1, 31)))
    return store


def apply(*, allow_shrink: bool = False, **conf: bool) -> Any:
    module: Any = importlib.import_module("dags.apply_events")
    run = SimpleNamespace(run_id="manual__1", conf=conf)
    return module.apply.function(params={"allow_shrink": allow_shrink}, dag_run=run, dag=module.dag)


def feed(applied: list[dict[str, Any]]) -> Any:
    module: Any = importlib.import_module("dags.apply_events")
    return module.change_feeds.function(applied)


@pytest.mark.parametrize(
    ("variable", "value"), [("GAMELAKE_APPLY_EVENTS", "true"), ("GAMELAKE_OPTIONAL_SOURCES", "shop")]
)
def test_it_has_a_schedule_where_events_or_changes_are_switched_on(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = importlib.import_module("dags.apply_events")
    assert module.dag.schedule is None
    monkeypatch.setenv(variable, value)
    try:
        assert importlib.reload(module).dag.schedule.expression == "7-59/15 * * * *"
    finally:
        monkeypatch.delenv(variable)
        importlib.reload(module)


def test_what_waits_is_applied_once(lake: Store) -> None:
    assert apply() == []
    put(lake, GAMES.table, event("update", {"id": 1, "name": "Changed", "updated_at": LATER}, LATER))
    (applied,) = apply()
    assert (applied["table"], applied["version"], applied["updated"]) == ("igdb.games", 2, 1)
    newest = Table(lake, GAMES.table).latest()
    assert newest
    assert newest.run_id == "manual__1"
    assert feed([applied]) == {"igdb.games": 1}
    put(lake, GAMES.table, event("update", {"id": 1, "name": "Again", "updated_at": LATER + 1}, LATER))
    assert feed(apply()) == {"igdb.games": 1}
    assert feed([]) == {}
    assert apply() == []


def test_events_that_delete_too_much_fail_without_a_retry(lake: Store) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    put(lake, GAMES.table, *(event("delete", {"id": number}, LATER) for number in range(1, 21)))
    with pytest.raises(AirflowFailException, match=r"not retried: igdb\.games: with the deletions"):
        apply()
    (applied,) = apply(allow_shrink=True)
    assert applied["deleted"] == 20


def test_a_table_that_fails_keeps_no_other_one_from_its_feed(lake: Store) -> None:
    """The task `change_feeds` does not run then, and the next try has nothing to apply to the other table."""
    from airflow.sdk.exceptions import AirflowFailException

    orders = load_sources()["shop"].entities["orders"]
    row = {"id": 1, "status": "paid", "currency": "EUR", "ordered_at": "2026-11-20T15:00:00Z"}
    apply_snapshot(lake, orders, [row | {"id": number} for number in range(1, 31)])
    make_missing(lake, orders)
    make_missing(lake, GAMES)
    database = Database(rows={number: row | {"id": number} for number in range(1, 31)})
    database.update(1, status="refunded")
    put(lake, orders.table, *(each for each, _ in database.log))
    put(lake, GAMES.table, *(event("delete", {"id": number}, LATER) for number in range(1, 21)))
    with pytest.raises(AirflowFailException, match=r"not retried: igdb\.games: with the deletions"):
        apply()
    (change,) = Feed(lake, orders.table).changes(Feed(lake, orders.table).read(2))
    assert (change.op, change.id, change.changed) == ("u", 1, ["status"])


def test_a_misspelt_param_fails_without_a_retry(lake: Store) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=r"param allow_shrnk: .* expected one of allow_shrink"):
        apply(allow_shrnk=True)
