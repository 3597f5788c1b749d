"""Where lineage events are kept, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gamelake.lake.lineage_events import RETENTION, audit_events, keep, read

if TYPE_CHECKING:
    from gamelake.lake.store import Store

AT = datetime(2026, 11, 20, 19, 17, 2, tzinfo=UTC)


def test_events_are_kept_by_the_korean_day(store: Store) -> None:
    keep(store, ['{"a": 1}', '{"b": "서울"}'], at=AT)
    keep(store, ['{"c": 3}'], at=AT + timedelta(seconds=1))
    assert list(read(store, "2026-11-21")) == ['{"a": 1}', '{"b": "서울"}', '{"c": 3}']
    assert list(read(store, "2026-11-20")) == []


def test_two_tasks_of_a_second_replace_nothing(store: Store) -> None:
    assert keep(store, ["{}"], at=AT) != keep(store, ["{}"], at=AT)


def test_old_events_are_orphans(store: Store) -> None:
    key = keep(store, ["{}"], at=AT)
    stored = store.info(key).modified
    assert list(audit_events(store, now=stored + RETENTION - timedelta(minutes=1))) == []
    (old,) = audit_events(store, now=stored + RETENTION + timedelta(minutes=1))
    assert (old.key, old.problem.value) == (key, "orphan")
