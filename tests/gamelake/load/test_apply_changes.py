"""The changes of a database's table become rows: snapshots, changes, deletions, and what must not be applied."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.days import day_of, format_day
from gamelake.feeds.check import check_feed
from gamelake.feeds.feed import make_missing
from gamelake.fields import FieldRule, FieldType
from gamelake.lake.factory import open_store
from gamelake.lake.inbox import Inbox
from gamelake.lake.manifest import Manifest, Mode, Proof
from gamelake.lake.rejected import rejected_rows
from gamelake.lake.table import Table
from gamelake.load import change_batch, inbox_batch
from gamelake.load.apply_events import apply_events
from gamelake.load.change_order import UNAVAILABLE, position_of
from gamelake.load.errors import ContractError, HeldChangesError, MissingPartsError, SnapshotError
from gamelake.load.inbox_batch import Applied, InboxPartError
from gamelake.load.replay import ReplayError, replay
from gamelake.sources.contract import MAX_ROW_BYTES
from tests.support.captured import Capture, Database, put, things
from tests.support.kills import Steps, in_child
from tests.support.loads import table_rows

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.registry import Entity

ENTITY = things()


class Shop:
    """A database, its capture, and its table in a lake."""

    def __init__(self, store: Store, entity: Entity = ENTITY) -> None:
        self.store = store
        self.entity = entity
        self.table = Table(store, entity.table)
        self.database = Database(str(entity.options["key"]))
        self.capture = Capture(store, entity.table, self.database)

    def begin(self, rows: int) -> None:
        """Insert rows, and apply a snapshot of them."""
        for row_id in range(1, rows + 1):
            self.database.insert(row_id)
        self.capture.snapshot(cut=50)
        self.apply()

    def apply(self, **options: Any) -> list[Applied]:
        return apply_events(self.store, self.entity, **options)

    def send(self) -> list[Applied]:
        """Store what the database has logged, and apply it."""
        self.capture.run(7)
        return self.apply()

    @property
    def newest(self) -> Manifest:
        newest = self.table.latest()
        assert newest
        return newest

    def rows(self) -> dict[int, Any]:
        rows = table_rows(self.store, "things", "shop")
        assert len(rows) == self.newest.row_count
        return rows


@pytest.fixture
def shop(store: Store) -> Shop:
    return Shop(store)


def test_nothing_is_applied_before_the_first_snapshot_is_completed(shop: Shop) -> None:
    assert shop.apply() == []
    for row_id in (1, 2, 3):
        shop.database.insert(row_id)
    put(shop.store, ENTITY.table, [event for event, _ in shop.database.log])
    assert shop.apply() == []
    shop.capture.snapshot(unfinished=3, cut=1)
    assert shop.apply() == []
    assert shop.table.latest() is None
    shop.capture.snapshot(cut=1)
    (applied,) = shop.apply(run_id="run-1")
    assert (applied.created, applied.rejected, applied.version) == (3, 0, 1)
    assert shop.rows() == shop.database.shown()
    made = shop.newest
    assert (made.mode, made.run_id, made.row_count, made.source_count) == (Mode.FULL, "run-1", 3, 3)
    assert (made.summary.proof, made.partition) == (Proof.COUNTED, format_day(day_of(datetime.now(UTC))))


def test_an_empty_table_is_a_commit_without_rows(shop: Shop) -> None:
    shop.capture.snapshot()
    shop.apply()
    assert (shop.rows(), shop.newest.source_count, shop.newest.files) == ({}, 0, ())
    shop.database.insert(5)
    shop.send()
    assert shop.rows() == shop.database.shown()


def test_changes_follow_in_their_order_and_the_commit_states_their_position(shop: Shop) -> None:
    shop.begin(20)
    shop.database.update(1, name="one")
    shop.database.delete(2)
    shop.database.insert(99)
    shop.database.update(99, note="changed since")
    shop.database.move(3, 33)
    shop.database.insert(50)
    shop.database.delete(50)
    (applied,) = shop.send()
    assert (applied.created, applied.updated, applied.deleted) == (2, 1, 2)
    assert shop.rows() == shop.database.shown()
    made = shop.newest
    assert (made.mode, made.source_count, made.summary.proof) == (Mode.CHANGES, None, Proof.NONE)
    assert made.events
    assert made.events.position
    assert shop.apply() == []
    # The same changes again, after a kill of the capture: they have no effect, also while they are not complete.
    shop.capture.restart(9)
    shop.capture.run(1, 4)
    before = shop.newest.files
    (again,) = shop.apply()
    assert (again.created, again.updated, again.deleted) == (0, 0, 0)
    assert shop.newest.files == before
    assert shop.rows() == shop.database.shown()


def test_a_change_of_before_the_first_commit_counts_once(shop: Shop) -> None:
    """Debezium knows no commit right after a snapshot, also where such a change comes again."""
    shop.begin(5)
    shop.database.update(1, name="of no known commit")
    shop.database.update(1, name="after it")
    shop.database.update(2, name="after it, too")
    assert position_of(shop.database.log[0][0]["body"]) == (0, shop.database.log[0][0]["body"]["source"]["lsn"], 1240)
    shop.send()
    assert shop.rows() == shop.database.shown()
    shop.capture.restart(3)
    shop.send()
    assert shop.rows() == shop.database.shown()


def test_a_change_is_told_from_one_that_comes_again_by_its_transaction(shop: Shop) -> None:
    """Debezium may state another commit before it then: one that is lower, or higher than those of its transaction."""
    shop.begin(5)
    for transaction in range(3):
        shop.database.update(1, name="begun")
        shop.database.update(1, name="first", together=True)
        shop.database.update(2, name="second", together=True)
        shop.capture.run(1)
        shop.apply()
        shop.database.update(3, name=f"third of {transaction}", together=True)
        shop.capture.restart(2)
        shop.capture.run(1, 3)
        shop.apply()
        assert shop.rows() == shop.database.shown()


def test_overlapping_transactions_are_not_taken_for_a_repetition(shop: Shop) -> None:
    shop.begin(5)
    shop.database.update(1, name="committed first")
    shop.send()
    shop.database.update(2, name="written before, committed after", early=True)
    shop.send()
    assert shop.rows() == shop.database.shown()


def test_a_snapshot_brings_what_was_missed(shop: Shop) -> None:
    shop.begin(40)
    shop.database.delete(1)
    shop.database.update(2, name="missed")
    shop.database.insert(77)
    shop.database.restart()  # the positions of another server are lower
    shop.capture.snapshot()
    shop.database.update(3, name="after it")
    (applied,) = shop.send()
    assert shop.rows() == shop.database.shown()
    assert shop.newest.mode is Mode.FULL
    assert shop.newest.source_count == applied.created == 40
    shop.database.update(4, name="later")
    shop.send()
    assert shop.rows() == shop.database.shown()


def test_a_key_of_another_name_is_the_id(store: Store) -> None:
    shop = Shop(store, things("thing_id"))
    shop.begin(3)
    shop.database.update(2, name="two")
    shop.send()
    assert shop.rows()[2] == {"id": 2, "thing_id": 2, "name": "two", "note": "long"}


def test_a_value_that_was_not_logged_is_that_of_the_row_before(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.begin(3)
    shop.database.update(1, name="in the table")
    shop.database.insert(4, note="of this batch")
    shop.database.update(4, name="again")
    shop.send()
    assert shop.rows() == shop.database.shown()
    # No row before has it: the row stays away, and is counted.
    envelope = {"before": None, "after": {"id": 9, "name": "nine", "note": UNAVAILABLE}, "source": {}}
    put(shop.store, ENTITY.table, [shop.database.event("update", 9, envelope)])
    (applied,) = shop.apply()
    assert (applied.rejected, applied.created) == (1, 0)
    (kept,) = rejected_rows(shop.store, ENTITY.table)
    assert kept.committed
    assert "REPLICA IDENTITY FULL" in kept.reason
    # REPLICA IDENTITY FULL brings it with the row before.
    envelope["before"] = {"id": 9, "name": "old", "note": "full"}
    put(shop.store, ENTITY.table, [shop.database.event("update", 9, envelope)])
    shop.apply()
    assert shop.rows()[9]["note"] == "full"
    # After a truncate, rows stream through the store.
    monkeypatch.setattr(inbox_batch, "BATCH_BYTES", 1)
    shop.database.truncate()
    shop.database.insert(1, note="after it")
    shop.database.update(1, name="new")
    shop.capture.run(2)
    shop.apply(allow_shrink=True)
    assert shop.rows() == shop.database.shown()


@pytest.mark.parametrize(
    "form",
    [
        [UNAVAILABLE],
        list(UNAVAILABLE.encode()),
        ["b68a35a7-17ad-35b3-af2a-ae46edb4545a"],
        f'{{"{UNAVAILABLE}":"{UNAVAILABLE}"}}',
    ],
    ids=["text[]", "bigint[]", "uuid[]", "hstore"],
)
def test_the_forms_of_a_value_that_was_not_logged(shop: Shop, form: Any) -> None:
    """As Debezium 3 sends them with the default replica identity: none of them becomes the value of a row."""
    shop.begin(3)

    def send(row_id: int, value: Any) -> None:
        envelope = {"before": None, "after": {"id": row_id, "name": "changed", "odd": value}, "source": {}}
        put(shop.store, ENTITY.table, [shop.database.event("update", row_id, envelope)])

    send(1, "whole")
    shop.apply()
    send(1, form)
    send(9, form)
    (applied,) = shop.apply()
    assert applied.rejected == 1
    (kept,) = rejected_rows(shop.store, ENTITY.table)
    assert "REPLICA IDENTITY FULL" in kept.reason
    assert shop.rows()[1]["odd"] == "whole"


def test_rows_that_break_the_contract_are_kept_and_the_row_before_stays(store: Store) -> None:
    shop = Shop(store, replace(ENTITY, rules=MappingProxyType({**ENTITY.rules, "name": FieldRule(required=True)})))
    shop.begin(6)
    shop.database.update(1, name="good")
    shop.database.update(1, name=None)
    shop.database.update(2, name=7)
    shop.database.update(6, note="x" * MAX_ROW_BYTES)
    shop.database.update(3, name="three", added_since=1)  # a column that the registry does not declare
    odd: list[Any] = [
        {"id": 4, "op": "update"},
        shop.database.event("update", 4, {"after": {"id": 5, "name": "of another id"}, "source": {}}),
        shop.database.event("tell", 4, {}),
        shop.database.event("update", 4, {"after": {"id": 4, "name": "other"}}) | {"fault": "note: found 24:00"},
        shop.database.event("delete", None, {}),
        "no object",
    ]
    shop.capture.run(2)
    put(shop.store, ENTITY.table, odd)
    (applied,) = shop.apply()
    rows = shop.rows()
    assert (rows[1]["name"], rows[2]["name"], rows[3]["added_since"]) == ("good", "new", 1)
    assert rows[4]["name"] == "new"
    assert applied.rejected == 8  # of an id the last one
    assert shop.newest.summary.undeclared == {"added_since": 1}
    reasons = [each.reason for each in rejected_rows(shop.store, ENTITY.table)]
    assert any("found 5 in the row, expected 4" in reason for reason in reasons)
    assert any("'tell'" in reason for reason in reasons)
    assert "note: found 24:00" in reasons
    assert any(reason.endswith("bytes, expected at most 1,048,576") for reason in reasons)


def test_a_snapshot_of_too_many_wrong_rows_is_refused_and_of_few_is_applied(shop: Shop) -> None:
    for row_id in range(1, 101):
        shop.database.insert(row_id, name="good" if row_id > 2 else 5)
    shop.capture.snapshot(cut=30)
    with pytest.raises(ContractError, match="2 of the 100 rows"):
        shop.apply()
    assert shop.table.latest() is None
    shop.database.update(1, name="good")
    shop.capture.snapshot(cut=30)
    shop.apply()
    assert (shop.newest.row_count, shop.newest.source_count, shop.newest.summary.rows_rejected) == (99, 100, 1)


def test_rejected_rows_are_not_replayed_as_later_changes_may_have_deleted_them(shop: Shop) -> None:
    shop.begin(3)
    shop.database.insert(8, name=5)
    shop.database.delete(8)
    shop.database.insert(9, name=5)
    shop.send()
    shop.database.update(9, name="good")  # the log has no `note`
    shop.send()
    assert shop.newest.rejected_key
    entity = replace(ENTITY, fields=MappingProxyType({**ENTITY.fields, "name": FieldType.JSON}))
    before = shop.newest
    with pytest.raises(ReplayError, match=r"may have deleted a rejected row\. A new snapshot"):
        replay(shop.store, entity)
    assert shop.newest == before


def test_deletions_of_too_many_rows_are_held(shop: Shop) -> None:
    shop.begin(100)
    for row_id in range(1, 7):
        shop.database.delete(row_id)
    shop.capture.run(2)
    with pytest.raises(
        HeldChangesError, match=r"the deletions of the inbox the table has 94 rows; it had 100.*--allow-shrink"
    ):
        shop.apply()
    assert shop.newest.version == 1
    # They come back: then nothing is lost.
    for row_id in (1, 2, 3):
        shop.database.insert(row_id)
    shop.send()
    assert shop.rows() == shop.database.shown()
    shop.database.truncate()
    shop.capture.run(1)
    with pytest.raises(HeldChangesError, match="the truncate of the inbox"):
        shop.apply()
    # A table that is emptied and filled is not held, however its parts are cut.
    for row_id in range(1, 99):
        shop.database.insert(row_id, note="again")
    shop.send()
    assert (shop.rows(), shop.newest.mode) == (shop.database.shown(), Mode.CHANGES)
    for row_id in range(1, 50):
        shop.database.delete(row_id)
    shop.capture.snapshot()
    with pytest.raises(HeldChangesError, match="the snapshot of the inbox"):
        shop.apply()
    (applied,) = shop.apply(allow_shrink=True)
    assert (applied.created, shop.newest.shrink_allowed, len(shop.rows())) == (49, True, 49)
    shop.database.delete(50)
    shop.send()
    assert shop.rows() == shop.database.shown()


def test_a_snapshot_with_other_rows_than_its_end_states_is_refused_until_the_next_one(shop: Shop) -> None:
    shop.database.insert(1)
    shop.database.insert(2)
    lines = shop.database.snapshot("torn")
    put(shop.store, ENTITY.table, [*lines[:2], lines[3]])
    with pytest.raises(SnapshotError, match=r"snapshot torn has 1 rows in the inbox, and its end states 2"):
        shop.apply()
    assert shop.table.latest() is None
    shop.capture.snapshot()
    shop.apply()
    assert shop.rows() == shop.database.shown()


def test_a_missing_part_stops_what_follows_until_a_snapshot(shop: Shop) -> None:
    shop.begin(3)
    for name in ("a", "b", "c"):
        shop.database.update(1, name=name)
    shop.capture.run(1)
    shop.store.delete(Inbox(shop.store, ENTITY.table).key(3))
    with pytest.raises(MissingPartsError, match=r"part 3 is missing"):
        shop.apply()
    shop.store.put(Inbox(shop.store, ENTITY.table).key(3), b"no gzip")
    with pytest.raises(InboxPartError, match="new snapshot of the database"):
        shop.apply()
    shop.store.delete(Inbox(shop.store, ENTITY.table).key(3))
    shop.store.delete(Inbox(shop.store, ENTITY.table).key(2))
    with pytest.raises(MissingPartsError, match=r"parts 2 to 3 are missing"):
        shop.apply()
    shop.capture.snapshot()
    shop.apply()
    assert shop.rows() == shop.database.shown()


@pytest.mark.parametrize("more", [0, 1, 3])
def test_an_inbox_that_begins_again_is_applied_from_its_start(shop: Shop, more: int) -> None:
    """Also where it has as many parts as were applied of the other one, or more."""
    shop.begin(20)
    shop.database.update(1, name="before")
    shop.send()
    assert shop.newest.events
    for part in list(Inbox(shop.store, ENTITY.table).parts()):
        shop.store.delete(part.key)
    shop.database.delete(2)  # the deletion is in no part any more
    shop.capture.snapshot(cut=50)
    for number in range(shop.newest.events.through - 1 + more):
        shop.database.insert(100 + number)
        shop.capture.run(1)
    shop.apply()
    assert shop.rows() == shop.database.shown()
    assert shop.apply() == []


def test_the_end_of_a_snapshot_and_the_start_of_the_next_one_may_share_a_part(shop: Shop) -> None:
    for row_id in range(1, 4):
        shop.database.insert(row_id)
    first = shop.database.snapshot("first")
    second, third = shop.database.snapshot("second"), shop.database.snapshot("third")
    put(shop.store, ENTITY.table, first)
    put(shop.store, ENTITY.table, second[:2])
    put(shop.store, ENTITY.table, [*second[2:], *third[:2]])
    (applied,) = shop.apply()
    assert (applied.through, len(shop.rows())) == (1, 3)
    put(shop.store, ENTITY.table, third[2:])
    (applied,) = shop.apply()
    assert (applied.through, shop.rows()) == (4, shop.database.shown())


def test_marts_read_the_last_commit_of_a_day(shop: Shop) -> None:
    shop.begin(3)
    for name in ("a", "b", "c"):
        shop.database.update(1, name=name)
        shop.send()
    newest = shop.newest
    assert shop.table.as_of(newest.partition) == shop.table.newest_load() == newest
    assert [each.version for each in shop.table.history()] == [4, 3, 2, 1]
    # Those of a day between are left out: of each day the last one, and snapshots.
    assert [each.version for each in shop.table.history(events=False)] == [4, 1]
    assert [each.version for each in shop.table.before(newest)] == [1]


def test_a_clock_that_was_ahead_once_hides_no_later_change(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.begin(5)
    shop.database.update(1, name="by a clock of another year")
    with monkeypatch.context() as ahead:
        ahead.setattr(change_batch, "day_of", lambda moment: day_of(moment + timedelta(days=400)))
        shop.send()
    today = format_day(day_of(datetime.now(UTC)))
    assert shop.newest.partition > today
    for name in ("first", "second"):
        shop.database.update(2, name=name)
        shop.send()
        assert shop.table.as_of(today) == shop.newest
        assert shop.rows() == shop.database.shown()
    monkeypatch.setattr(change_batch, "day_of", lambda moment: day_of(moment - timedelta(days=1)))
    shop.database.update(2, name="by a worker before midnight")
    shop.send()
    assert shop.newest.partition == today


def test_many_commits_leave_few_parts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.begin(30)
    for turn in range(6):
        shop.database.update(turn + 1, name=f"turn {turn}")
        shop.database.delete(30 - turn)
        shop.capture.run(7)
        shop.apply(allow_shrink=True)
    assert len(shop.newest.files) <= 2
    monkeypatch.setattr(inbox_batch, "FOLD_ROWS", 1)
    monkeypatch.setattr(change_batch, "MOST_PARTS", 5)
    most = 0
    for turn in range(12):
        shop.database.update(turn + 1, name=f"late {turn}")
        shop.send()
        most = max(most, len(shop.newest.files))
        assert shop.rows() == shop.database.shown()
    assert most <= 7
    make_missing(shop.store, ENTITY)
    assert check_feed(shop.store, ENTITY, since=1).differing == 0


def test_a_kill_at_any_step_leaves_the_old_table_or_the_new_one(shop: Shop, tmp_path: Path) -> None:
    for row_id in range(1, 5):
        shop.database.insert(row_id)
    shop.capture.snapshot()
    snapshot = shop.database.shown()
    shop.capture.run(7)
    uri, kills = shop.store.uri, 0

    def run() -> int:
        steps = Steps(kills)
        steps.watch_disk(tmp_path / "lake")
        apply_events(open_store(uri), ENTITY, allow_shrink=True)
        return 0

    expected = [{}, snapshot]
    while True:
        kills += 1
        done = in_child(run)
        newest = shop.table.latest()
        version = newest.version if newest else 0
        assert table_rows(shop.store, "things", "shop") == expected[version]
        if done == 0 and version == 1:  # then changes on top of it
            shop.database.update(1, name="one")
            shop.database.delete(2)
            shop.capture.run(7)
            expected.append(shop.database.shown())
            kills = 0
        elif done == 0:
            break
    assert kills > 2
    assert shop.apply() == []
