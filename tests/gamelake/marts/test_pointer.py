"""The pointer as a compare-and-set: of publications that overlap, the newest day wins, in any order of writes."""

from __future__ import annotations

import threading
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.lake.documents import DocumentError
from gamelake.lake.factory import open_store
from gamelake.marts import pointer
from gamelake.marts.documents import (
    POINTER,
    RECORD,
    Action,
)
from gamelake.marts.generation import publish
from tests.support.generations import COPY, finished, published_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gamelake.lake.store import Store


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "disk":
        return open_store((tmp_path / "lake").as_uri())
    return open_store(f"s3://{request.getfixturevalue('bucket')}/lake", s3=request.getfixturevalue("s3"))


class Interleaved:
    """A store that does something else once, right before the first put of a key that contains `at`."""

    def __init__(self, store: Store, at: str, then: Callable[[], Any]) -> None:
        self._store = store
        self._at = at
        self._then: Callable[[], Any] | None = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, *given: Any, **options: Any) -> None:
        self._interleave(key)
        self._store.put(key, *given, **options)

    def copy(self, source: str, target: str) -> None:
        self._interleave(target)
        self._store.copy(source, target)

    def _interleave(self, key: str) -> None:
        if self._at in key and self._then:
            then, self._then = self._then, None
            then()


@pytest.mark.parametrize("at", ["_publications/", "_current.json", "dim_games.parquet"])
def test_an_older_day_never_wins(store: Store, at: str) -> None:
    """The publication of day N+1 begins and ends between two steps of that of day N."""
    publish(store, finished(store, "2026-11-19"), {})
    older, newer = finished(store, "2026-11-20"), finished(store, "2026-11-21")
    slow: Any = Interleaved(store, at, lambda: publish(store, newer, {}))
    document = publish(slow, older, {})
    assert published_key(store) == newer
    assert next(pointer.history(store)).generation == newer
    assert document.is_published is (at != "_publications/"), "what was shown for a moment was published"


def test_of_many_at_once_the_newest_day_is_shown(tmp_path: Path) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    generations = [finished(store, f"2026-11-{day}") for day in range(10, 22)]
    threads = [threading.Thread(target=publish, args=(store, each, {})) for each in generations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert published_key(store) == generations[-1]
    numbers = [each.number for each in pointer.history(store)]
    assert numbers == list(range(len(numbers), 0, -1))


def test_a_publication_states_what_it_replaced_and_who_made_it(store: Store) -> None:
    first = finished(store, "2026-11-20")
    second = finished(store, "2026-11-21", run="scheduled__2026-11-21")
    for generation in (first, second):
        publish(store, generation, {})
    newest, oldest = pointer.history(store)
    assert (oldest.number, oldest.replaced) == (1, None)
    assert (newest.number, newest.action, newest.generation, newest.day, newest.replaced, newest.by) == (
        2,
        Action.PUBLISH,
        second,
        date(2026, 11, 21),
        first,
        "scheduled__2026-11-21",
    )
    assert store.get(POINTER) == store.get(f"{second}/{RECORD}")


def test_publishing_again_changes_nothing(store: Store) -> None:
    generation = finished(store, "2026-11-20")
    publish(store, generation, {})
    before = store.get(POINTER)
    assert publish(store, generation, {}).is_published
    assert store.get(POINTER) == before
    assert len(list(pointer.history(store))) == 1


def test_a_generation_that_was_replaced_is_not_published_again(store: Store) -> None:
    """Clearing `publish` alone, of a run whose day was built again since."""
    first, again = finished(store, "2026-11-20"), finished(store, "2026-11-20", run="again")
    for generation in (first, again):
        assert publish(store, generation, {}).is_published
    document = publish(store, first, {})
    assert not document.is_published
    assert f"number 2 (publish) replaced it by {again}; `make rollback TO={first}`" in (document.reason or "")
    assert published_key(store) == again


def test_without_publications_the_pointer_counts(store: Store) -> None:
    """As a backup without them leaves it."""
    old = finished(store, "2026-11-21")
    store.put(POINTER, store.get(f"{old}/{RECORD}"))
    store.copy(f"{old}/dim_games.parquet", COPY)
    assert not publish(store, finished(store, "2026-11-20"), {}).is_published
    assert published_key(store) == old
    new = finished(store, "2026-11-22")
    assert publish(store, new, {}).is_published
    (only,) = pointer.history(store)
    assert (only.number, only.replaced) == (1, old)


def test_a_lost_pointer_and_lost_copies_come_back_with_the_next_publication(store: Store) -> None:
    newer = finished(store, "2026-11-21")
    publish(store, newer, {})
    for key in (POINTER, COPY):
        store.delete(key)
    assert not publish(store, finished(store, "2026-11-20"), {}).is_published
    assert published_key(store) == newer


def test_a_broken_publication_is_named(store: Store) -> None:
    store.put(pointer.publication_key(1), b"{}")
    with pytest.raises(DocumentError) as raised:
        pointer.newest(store)
    assert raised.value.key == f"{pointer.publication_key(1)}: action"
