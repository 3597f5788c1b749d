"""Rollback and rollforward: each can be repeated, and none shows readers what is not whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.factory import open_store
from gamelake.lake.store import InvalidKeyError
from gamelake.marts import pointer
from gamelake.marts.documents import POINTER, RECORD, Action, encode
from gamelake.marts.errors import TransformError
from gamelake.marts.generation import publish
from gamelake.marts.rollback import generations, rollback, rollforward
from tests.support.generations import document_of, finished, published, published_key

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = open_store((tmp_path / "my lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    return store


def test_a_rollback_that_is_repeated_changes_nothing(store: Store) -> None:
    _, second, _third = published(store, "2026-11-19", "2026-11-20", "2026-11-21")
    first_try, again = (rollback(store, None, by="hana", reason="wrong scores") for _ in range(2))
    assert (first_try[1], again[1]) == (True, False)
    assert first_try[0] == again[0] == pointer.newest(store)
    assert published_key(store) == second
    assert (again[0].action, again[0].by, again[0].reason) == (Action.ROLLBACK, "hana", "wrong scores")


def test_a_rebuilt_day_is_rolled_back_to_its_earlier_build(store: Store) -> None:
    """Not to the day before: `previous` in the pointer is that one."""
    (before,) = published(store, "2026-11-20")
    (first,) = published(store, "2026-11-21")
    (again,) = published(store, "2026-11-21", run="again")
    assert rollback(store, None, by="hana")[0].generation == first
    assert published_key(store) == first
    assert rollback(store, "2026-11-20", by="hana")[0].generation == before
    assert rollforward(store, by="hana")[0].generation == again


def test_the_newest_build_of_a_day_is_the_one_published_last_also_after_the_clock_is_set_back(store: Store) -> None:
    first, second = published(store, "2026-11-20", run="b"), published(store, "2026-11-20", run="a")
    earlier = document_of(second[0], day="2026-11-20", run_id="a", built_at=datetime(2026, 11, 1, tzinfo=UTC))
    store.put(f"{second[0]}/{RECORD}", encode(earlier))
    assert [each.document.generation for each in generations(store)] == [*second, *first]
    rollback(store, *first, by="hana")
    assert [each.document.generation for each in generations(store)] == [*second, *first]


@pytest.mark.parametrize(
    "target", ["2026-11-19", "marts/dt=2026-11-19/run", "marts/dt=2026-11-19/run/", "dt=2026-11-19/run"]
)
def test_a_target_is_a_day_or_a_key(store: Store, target: str) -> None:
    oldest, *_ = published(store, "2026-11-19", "2026-11-20", "2026-11-21")
    for _ in range(2):
        rollback(store, target, by="hana")
        assert published_key(store) == oldest
    assert len(list(pointer.history(store))) == 4


def test_a_rollforward_shows_the_newest_publication_again(store: Store) -> None:
    *_, newest = published(store, "2026-11-19", "2026-11-20", "2026-11-21")
    assert rollforward(store, by="hana")[1] is False
    rollback(store, None, by="hana")
    rollback(store, "2026-11-19", by="hana")
    now, moved = rollforward(store, by="hana")
    assert (now.generation, now.action, moved) == (newest, Action.ROLLFORWARD, True)
    assert published_key(store) == newest
    assert rollforward(store, by="hana")[1] is False


def test_a_rollforward_shows_a_build_that_was_published_while_it_checked_files(store: Store) -> None:
    *_, older = published(store, "2026-11-20", "2026-11-21")
    rollback(store, None, by="hana")
    newer = finished(store, "2026-11-22")
    slow: Any = PublishedMeanwhile(store, older, newer)
    now, moved = rollforward(slow, by="hana")
    assert (now.generation, now.action, moved) == (newer, Action.PUBLISH, False)
    assert published_key(store) == newer


class PublishedMeanwhile:
    """A store in which a build is published once, when a file of another one is looked at."""

    def __init__(self, store: Store, looked_at: str, build: str) -> None:
        self._store, self._looked_at, self._build = store, f"{looked_at}/dim_games.parquet", build

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def info(self, key: str) -> Any:
        if key == self._looked_at:
            publish(self._store, self._build, {})
        return self._store.info(key)


def test_a_rollback_stays_until_something_newer_is_published(store: Store) -> None:
    first, second = published(store, "2026-11-20", "2026-11-21")
    rollback(store, None, by="hana")
    assert not publish(store, second, {}).is_published, "a task that is tried again"
    assert not publish(store, finished(store, "2026-11-19"), {}).is_published
    assert published_key(store) == first
    (again,) = published(store, "2026-11-21", run="again")
    assert published_key(store) == again
    rollback(store, None, by="hana")
    assert published_key(store) == first, "what readers had before that publication"
    (next_day,) = published(store, "2026-11-22")
    assert published_key(store) == next_day


def test_there_is_nothing_before_the_first(store: Store) -> None:
    with pytest.raises(TransformError, match=r"^nothing is published yet in /.*; run the DAG `transform`"):
        rollback(store, None, by="hana")
    published(store, "2026-11-20")
    before = store.get(POINTER)
    for _ in range(2):
        with pytest.raises(TransformError, match=r"/run is the first generation that was published in /"):
            rollback(store, None, by="hana")
    assert store.get(POINTER) == before


@pytest.mark.parametrize("target", ["2026-11-18", "marts/dt=2026-11-20/dbt", "yesterday", "../../etc"])
def test_what_is_not_there_or_not_finished_is_named(store: Store, target: str) -> None:
    published(store, "2026-11-20", "2026-11-21")
    store.put("marts/dt=2026-11-20/dbt/_inputs.json", b"{}")
    store.put("marts/dt=2026-11-20/dbt/dim_games.parquet", b"x")
    with pytest.raises((TransformError, InvalidKeyError)):
        rollback(store, target, by="hana")
    assert len(list(pointer.history(store))) == 2


def test_a_generation_with_a_hole_is_not_shown(store: Store) -> None:
    first, second = published(store, "2026-11-20", "2026-11-21")
    store.put(f"{first}/dim_games.parquet", b"cut")
    with pytest.raises(TransformError, match=r"run cannot be shown: 1 of its files are missing or damaged, such as "):
        rollback(store, None, by="hana")
    store.delete(f"{first}/dim_games.parquet")
    with pytest.raises(TransformError, match=r"run cannot be shown: 1 of its files .* `make generations` lists"):
        rollback(store, None, by="hana")
    assert published_key(store) == second
