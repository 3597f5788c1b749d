"""Events of the inbox in their table: nothing lost, twice or stale, also after kills, and the next load proves it."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gamelake.feeds.check import check_feed
from gamelake.feeds.feed import Feed, make_missing
from gamelake.lake.factory import open_store
from gamelake.lake.inbox import Inbox
from gamelake.lake.manifest import Manifest, Mode
from gamelake.lake.rejected import rejected_rows
from gamelake.lake.table import Table
from gamelake.load import inbox_batch
from gamelake.load.apply_events import apply_events
from gamelake.load.errors import HeldError, HeldEventsError
from gamelake.load.inbox_batch import Applied, InboxPartError
from gamelake.marts.commits import commit_inputs
from gamelake.nights.records import RecordReader
from gamelake.sources.contract import MAX_ROW_BYTES
from tests.support.inbox_events import event, put
from tests.support.kills import Steps, in_child
from tests.support.loads import DAY, GAMES, REGISTRY, Loads, check_whole, table_rows

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store
    from gamelake.marts.build_inputs import CommitInput

ENTITY = REGISTRY["games"]
TABLE = ENTITY.table


class Lake:
    """A loaded table, and events that arrive after its load."""

    def __init__(self, loads: Loads) -> None:
        self.loads = loads
        self.store = loads.store
        loads.load(run_id="night")
        self.began = int(self.newest.cursor or 0)
        self._received = self.began + 1000.0
        self.ids = loads.ids()

    @property
    def newest(self) -> Manifest:
        return self.loads.newest()

    def row(self, row_id: int, age: int, **fields: Any) -> dict[str, Any]:
        """A row that changed so many seconds after the load began."""
        return {"id": row_id, "name": f"Changed {age}", "updated_at": self.began + age, **fields}

    def event(self, operation: str, row: dict[str, Any]) -> dict[str, Any]:
        """An event that arrives after those before it."""
        self._received += 1
        return event(operation, row, self._received)

    def put(self, *events: dict[str, Any]) -> None:
        put(self.store, TABLE, *events)

    def apply(self, **options: Any) -> list[Applied]:
        return apply_events(self.store, ENTITY, **options)

    def rows(self) -> dict[int, dict[str, Any]]:
        """The rows of the table; their number is that of its commit."""
        rows = self.loads.table_rows()
        assert len(rows) == self.newest.row_count
        check_whole(self.store)
        return rows


@pytest.fixture
def lake(loads: Loads) -> Lake:
    return Lake(loads)


def test_creates_and_updates_change_rows_and_a_delete_claims_its_id(lake: Lake) -> None:
    first, second, third = lake.ids[:3]
    new = lake.row(99_999, 10)
    before = lake.newest
    lake.put(
        lake.event("create", new),
        lake.event("update", lake.row(first, 10)),
        lake.event("delete", {"id": str(second)} | {"id": second}),
    )
    (applied,) = lake.apply(run_id="run-1")
    assert (applied.events, applied.created, applied.updated, applied.deleted) == (3, 1, 1, 1)
    rows = lake.rows()
    assert rows[99_999] == new
    assert rows[first]["updated_at"] == lake.began + 10
    assert second not in rows
    assert rows[third] == lake.loads.source_rows()[third]
    after = lake.newest
    assert (after.version, after.mode, after.partition, after.run_id) == (2, Mode.EVENTS, before.partition, "run-1")
    assert (after.cursor, after.origin, after.source_count) == (before.cursor, before.origin, None)
    changed, deleted = after.files[-2:]
    assert (changed.claims, changed.rows) == ((), 2)
    assert [(claim.low, claim.high) for claim in deleted.claims] == [(second, second + 1)]
    assert lake.apply() == []
    assert lake.newest.version == 2


def test_the_newest_updated_at_counts_and_an_older_event_has_no_effect(lake: Lake) -> None:
    first, second, third = lake.ids[:3]
    lake.put(lake.event("update", lake.row(first, 30)), lake.event("update", lake.row(first, 20)))
    lake.put(lake.event("update", lake.row(second, 5)), lake.event("update", lake.row(first, 25)))
    lake.put(lake.event("update", {"id": third, "name": "Old", "updated_at": 1_600_000_000}))
    lake.apply()
    lake.put(lake.event("update", lake.row(first, 29)), lake.event("update", lake.row(second, 5)))
    (again,) = lake.apply()
    assert (again.created, again.updated, again.deleted) == (0, 0, 0)
    rows = lake.rows()
    assert [rows[each]["updated_at"] - lake.began for each in (first, second)] == [30, 5]
    assert rows[third] == lake.loads.source_rows()[third]


def test_a_deleted_row_does_not_come_back_by_an_event_from_before(lake: Lake) -> None:
    first, second = lake.ids[:2]
    lake.put(lake.event("delete", {"id": first}), lake.event("update", lake.row(first, 10)))
    lake.put(lake.event("create", lake.row(88_888, 10)), lake.event("delete", {"id": 88_888}))
    lake.apply()
    lake.put(lake.event("update", lake.row(first, 12)))
    lake.put(lake.event("create", lake.row(77_777, 20)), lake.event("delete", {"id": second}))
    lake.put(lake.event("delete", {"id": 66_666}))
    lake.apply()
    # The event that created it arrives last.
    lake.put(lake.event("create", lake.row(66_666, 20)), lake.event("delete", {"id": 66_666}))
    lake.apply()
    assert {first, second, 66_666, 88_888}.isdisjoint(lake.rows())
    # It was created again, after the deletion.
    lake.put(lake.event("create", lake.row(first, 5000)))
    lake.apply()
    assert lake.rows()[first]["updated_at"] == lake.began + 5000
    assert 77_777 in lake.rows()


def test_events_from_before_the_load_have_no_effect(lake: Lake) -> None:
    first, second = lake.ids[:2]
    long_ago = lake.began - 3600
    lake.put(
        event("delete", {"id": first}, long_ago),
        event("create", {"id": 99_999, "name": "Deleted since", "updated_at": long_ago}, long_ago),
        event("update", lake.row(second, -3600), lake.began + 5),
    )
    (applied,) = lake.apply()
    assert (applied.created, applied.updated, applied.deleted) == (0, 1, 0)
    assert set(lake.rows()) == set(lake.ids)


def test_the_next_load_proves_the_table_and_repairs_what_events_missed(lake: Lake) -> None:
    first, second, third, fourth, fifth = lake.ids[:5]
    sandbox = lake.loads.sandbox
    # The source changes; of these changes only some arrive, and one event is wrong.
    sandbox.advance(DAY + timedelta(days=1))
    sandbox.upsert(
        "games", [{"id": first, "name": "Sent"}, {"id": second, "name": "Lost"}, {"id": 70_000, "name": "New"}]
    )
    sandbox.delete("games", [third, fourth])
    source = lake.loads.source_rows()
    lake.put(lake.event("update", source[first]), lake.event("delete", {"id": third}))
    lake.put(lake.event("delete", {"id": fifth}), lake.event("create", lake.row(99_999, 10)))
    lake.apply()
    assert lake.rows() != source
    report = lake.loads.load(day=DAY + timedelta(days=1), run_id="next")
    night = lake.newest
    assert lake.rows() == source
    assert (night.mode, night.source_count, night.row_count) == (Mode.INCREMENTAL, len(source), len(source))
    assert night.summary.proof == "counted"
    assert report.version == 3
    assert night.events
    assert (night.events.through, night.events.load) == (2, 1)
    assert lake.apply() == []


def test_events_that_are_applied_while_a_load_reads_are_applied_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = lake.ids[:2]
    lake.put(lake.event("update", lake.row(first, 10)))
    lake.apply()
    commit = Table.commit

    def late(table: Table, build: Any) -> Manifest:
        monkeypatch.setattr(Table, "commit", commit)
        lake.put(lake.event("update", lake.row(second, 20)), lake.event("create", lake.row(99_999, 20)))
        lake.apply()
        assert lake.newest.version == 3
        return table.commit(build)

    monkeypatch.setattr(Table, "commit", late)
    lake.loads.load(day=DAY, run_id="load that began before")
    night = lake.newest
    source = lake.loads.source_rows()
    assert (night.version, night.row_count, night.source_count) == (4, len(source), len(source))
    assert night.events
    assert night.events.through == 1
    lake.apply()
    rows = lake.rows()
    assert rows[second]["updated_at"] == lake.began + 20
    assert 99_999 in rows
    # What both had is in use, so nothing may remove it.
    parts = {part.key for commit in Table(lake.store, TABLE).history() for part in commit.files}
    used = {part.key for part in lake.newest.files}
    assert all(lake.store.tags(key).get("status") != "outdated" for key in used & parts)


def test_many_runs_leave_few_parts(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = len(lake.newest.files)
    for age in range(1, 13):
        lake.put(lake.event("update", lake.row(lake.ids[age], age)), lake.event("delete", {"id": lake.ids[-age]}))
        lake.apply()
    assert len(lake.newest.files) <= parts + 2
    assert len(lake.rows()) == GAMES - 12
    # Many rows are not written again each time.
    monkeypatch.setattr(inbox_batch, "FOLD_BYTES", 10)
    for age in range(13, 15):
        lake.put(lake.event("update", lake.row(lake.ids[age], age)), lake.event("delete", {"id": lake.ids[-age]}))
        lake.apply()
    assert len(lake.newest.files) > parts + 2
    assert len(lake.rows()) == GAMES - 14


def test_the_change_feed_has_what_events_changed(lake: Lake) -> None:
    first, second = lake.ids[:2]
    make_missing(lake.store, ENTITY)
    for age in (10, 20):
        lake.put(lake.event("update", lake.row(first, age)), lake.event("create", lake.row(90_000 + age, age)))
        lake.apply()
    lake.put(lake.event("delete", {"id": second}), lake.event("update", lake.row(first, 20)))
    lake.apply()
    lake.loads.load(run_id="next")
    steps = make_missing(lake.store, ENTITY)
    assert [(each.created, each.updated, each.deleted) for each in steps] == [
        (1, 1, 0),
        (1, 1, 0),
        (0, 0, 1),
        (1, 1, 2),
    ]
    (deletion,) = Feed(lake.store, TABLE).changes(steps[2])
    assert (deletion.id, deletion.after) == (second, None)
    report = check_feed(lake.store, ENTITY, since=1)
    assert (report.steps, report.differing) == (4, 0)


def test_marts_read_the_load_and_not_what_was_applied_after_it(lake: Lake) -> None:
    table, day = Table(lake.store, TABLE), lake.newest.partition
    for age in (10, 20):
        lake.put(lake.event("update", lake.row(lake.ids[0], age)))
        lake.apply()
    assert [each.version for each in table.history()] == [3, 2, 1]
    assert [each.version for each in table.history(events=False)] == [1]
    assert [each.version for each in table.before(lake.newest)] == [1]
    shown, newest = table.as_of(day), table.newest_load()
    assert shown
    assert newest
    assert (shown.version, newest.version) == (1, 1)
    fresh = table.as_of(day, events=True)
    assert fresh
    assert fresh.version == 3


def test_reports_and_marts_list_loads_alone(lake: Lake) -> None:
    for night in range(3):
        for age in (10, 20):
            lake.put(lake.event("update", lake.row(lake.ids[0], 100 * night + age)))
            lake.apply()
        lake.loads.load(run_id=f"night {night}")
    reader = RecordReader(lake.store, [ENTITY])
    for _ in range(2):  # the second time most of it is known
        table = reader.read(7).tables[str(ENTITY)]
        assert sorted(table.commits) == [1, 4, 7, 10]
        assert (table.lost, {each.mode for each in table.commits.values()}) == (set(), {"full", "incremental"})
    known: list[CommitInput] = []
    for _ in range(2):
        found = commit_inputs(lake.store, ENTITY, lake.newest, day=DAY, known=known)
        assert [(each.version, each.is_read) for each in found] == [(1, False), (4, False), (7, False), (10, True)]
        known = found
    lake.put(lake.event("update", lake.row(lake.ids[0], 900)))
    lake.apply()
    fresh = commit_inputs(lake.store, ENTITY, lake.newest, day=DAY, known=known)
    assert [(each.version, each.mode, each.is_read) for each in fresh[-2:]] == [
        (10, "incremental", False),
        (11, "events", True),
    ]
    lake.loads.load(run_id="next night")
    after = commit_inputs(lake.store, ENTITY, lake.newest, day=DAY, known=fresh)
    assert [each.version for each in after] == [1, 4, 7, 10, 12], "it lists no commit of events, though it is known"
    assert sorted(RecordReader(lake.store, [ENTITY]).read(7).tables[str(ENTITY)].commits) == [1, 4, 7, 10, 12]


def test_invalid_events_are_rejected_kept_and_counted(lake: Lake) -> None:
    first = lake.ids[0]
    lake.put(
        lake.event("update", lake.row(first, 10, hypes="many")),
        lake.event("update", lake.row(lake.ids[3], 10)) | {"id": 4},
        lake.event("tell", lake.row(lake.ids[1], 10)),
        {"id": 7, "op": "update", "body": {"id": 7}},
        lake.event("update", lake.row(lake.ids[2], 10, unheard_of=1)),
        lake.event("update", lake.row(lake.ids[9], 10, summary="x" * MAX_ROW_BYTES)),
    )
    (applied,) = lake.apply()
    assert (applied.events, applied.updated, applied.rejected) == (6, 1, 5)
    after = lake.newest
    assert (after.summary.rows_rejected, after.summary.undeclared) == (5, {"unheard_of": 1})
    assert after.events
    assert after.events.rejected_key == applied.rejected_key
    kept = list(rejected_rows(lake.store, TABLE))
    assert len(kept) == 5
    assert all(each.committed for each in kept)
    assert [each.reason for each in kept if each.row_id == first] == ["Expected `int | null`, got `str` - at `$.hypes`"]
    assert any(each.reason.endswith("bytes, expected at most 1,048,576") for each in kept)
    assert lake.rows()[first] == lake.loads.source_rows()[first]


@pytest.mark.parametrize("row_id", [2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_an_event_of_an_id_that_no_table_can_have_is_rejected(lake: Lake, row_id: int) -> None:
    lake.put(lake.event("delete", {"id": row_id}), lake.event("update", lake.row(lake.ids[0], 10)))
    (applied,) = lake.apply()
    assert (applied.updated, applied.deleted, applied.rejected) == (1, 0, 1)
    assert all(part.claims == () for part in lake.newest.files[-1:])


@pytest.mark.parametrize("changed_at", [-1, -(2**63)])
def test_a_row_that_changed_before_1970_goes_by_its_arrival(lake: Lake, changed_at: int) -> None:
    row = lake.row(lake.ids[0], 10) | {"updated_at": changed_at}
    lake.put(lake.event("update", row))
    (applied,) = lake.apply()
    assert (applied.updated, lake.rows()[lake.ids[0]]) == (1, row)
    lake.put(lake.event("update", lake.row(lake.ids[0], 20)))
    (applied,) = lake.apply()
    assert (applied.updated, lake.rows()[lake.ids[0]]["name"]) == (1, "Changed 20")


@pytest.mark.parametrize("changed_at", ["2026-11-21T04:00:00", 1.5, {}, True, 2**63])
def test_an_undeclared_updated_at_may_be_anything(loads: Loads, changed_at: Any) -> None:
    covers = REGISTRY["covers"]
    assert "updated_at" not in covers.fields
    loads.load("covers")
    began = int(loads.newest("covers").cursor or 0)
    for age in (10, 20):
        row = {"id": 90_001, "image_id": f"at {age}", "updated_at": changed_at}
        put(loads.store, covers.table, event("update", row, began + age))
        assert len(apply_events(loads.store, covers)) == 1
        assert loads.table_rows("covers")[90_001] == row


def test_deletions_of_too_many_rows_are_held_until_a_person_allows_them(lake: Lake) -> None:
    lake.put(*(lake.event("delete", {"id": each}) for each in lake.ids[:200]))
    with pytest.raises(HeldEventsError, match=r"1,100 .*--allow-shrink"):
        lake.apply()
    assert lake.newest.version == 1
    # The next load has what the source has, and the deletions from before it have no effect.
    (applied,) = lake.apply(allow_shrink=True)
    assert (applied.deleted, lake.newest.shrink_allowed) == (200, True)
    assert len(lake.rows()) == GAMES - 200


def test_after_an_allowed_shrink_later_deletions_are_compared_with_it(lake: Lake) -> None:
    lake.put(*(lake.event("delete", {"id": each}) for each in lake.ids[:200]))
    lake.apply(allow_shrink=True)
    for each in lake.ids[200:202]:
        lake.put(lake.event("delete", {"id": each}))
        lake.apply()
    assert (len(lake.rows()), lake.newest.shrink_allowed) == (GAMES - 202, False)
    lake.put(*(lake.event("delete", {"id": each}) for each in lake.ids[202:250]))
    with pytest.raises(HeldEventsError, match="it had 900 in the last days, and 45 of them"):
        lake.apply()


def test_the_loads_after_an_allowed_shrink_are_not_held_for_it(lake: Lake) -> None:
    sandbox = lake.loads.sandbox
    lake.put(*(lake.event("delete", {"id": each}) for each in lake.ids[:200]))
    lake.apply(allow_shrink=True)
    lake.put(lake.event("update", lake.row(lake.ids[300], 10)))
    lake.apply()
    sandbox.delete("games", lake.ids[:260])
    with pytest.raises(HeldError, match="the source shows 840 good rows; the table had 900"):
        lake.loads.load(run_id="more than was allowed")
    sandbox.upsert("games", [{"id": each, "name": "Back"} for each in lake.ids[200:260]])
    report = lake.loads.load(run_id="next")
    assert report.row_count == GAMES - 200
    assert "Committed, as the events that removed them were allowed" in report.warnings[0]
    assert lake.newest.shrink_allowed
    report = lake.loads.load(run_id="the one after", full_refresh=True)
    assert (report.row_count, report.warnings, lake.newest.shrink_allowed) == (GAMES - 200, [], False)


def test_an_inbox_that_begins_again_is_read_from_its_start(lake: Lake) -> None:
    for age in (10, 20, 30):
        lake.put(lake.event("update", lake.row(lake.ids[0], age)))
    lake.apply()
    for info in list(lake.store.list("inbox/")):
        lake.store.delete(info.key)
    assert lake.apply() == []
    lake.put(lake.event("update", lake.row(lake.ids[0], 40)))
    (applied,) = lake.apply()
    assert (applied.through, lake.rows()[lake.ids[0]]["updated_at"]) == (1, lake.began + 40)


def test_a_damaged_part_is_named_and_what_comes_after_it_waits(lake: Lake) -> None:
    lake.put(lake.event("update", lake.row(lake.ids[0], 10)))
    key = Inbox(lake.store, TABLE).key(2)
    lake.store.put(key, b"no gzip")
    lake.put(lake.event("update", lake.row(lake.ids[0], 20)))
    with pytest.raises(InboxPartError, match=key):
        lake.apply()
    lake.store.delete(key)
    (applied,) = lake.apply()
    assert (applied.through, lake.rows()[lake.ids[0]]["updated_at"]) == (3, lake.began + 20)


def test_without_an_inbox_or_a_load_nothing_happens(store: Store) -> None:
    assert apply_events(store, ENTITY) == []
    put(store, TABLE, event("create", {"id": 1, "updated_at": 5}, 5.0))
    assert apply_events(store, ENTITY) == []
    put(store, REGISTRY["popscore"].table, event("create", {"id": 1}, 5.0))
    assert apply_events(store, REGISTRY["popscore"]) == []
    assert list(store.list("raw/")) == []


@pytest.mark.parametrize(("name", "field"), [("external_games", "external_game_source"), ("websites", "type")])
def test_a_table_with_a_filter_takes_no_events_as_they_are_of_all_rows(loads: Loads, name: str, field: str) -> None:
    loads.load(name)
    began = int(loads.newest(name).cursor or 0)
    put(loads.store, REGISTRY[name].table, event("create", {"id": 99_999, field: 14}, began + 10))
    assert apply_events(loads.store, REGISTRY[name]) == []
    assert loads.table_rows(name) == loads.source_rows(name)


def test_rows_without_updated_at_go_by_their_arrival(loads: Loads) -> None:
    covers = REGISTRY["covers"]
    loads.load("covers")
    began = int(loads.newest("covers").cursor or 0)
    first, second, *_ = [*sorted(loads.table_rows("covers")), 90_001]
    rows = loads.table_rows("covers")
    put(
        loads.store,
        covers.table,
        event("update", rows[first] | {"image_id": "newer"}, began + 20),
        event("update", rows[first] | {"image_id": "older"}, began + 10),
        event("create", rows[first] | {"id": 90_002}, began + 10),
        event("update", rows.get(second, rows[first] | {"id": second}) | {"image_id": "old"}, began - 4000),
    )
    apply_events(loads.store, covers)
    after = loads.table_rows("covers")
    assert after[first]["image_id"] == "newer"
    assert 90_002 in after
    assert after.get(second) == rows.get(second)
    loads.load("covers", run_id="next")
    assert loads.table_rows("covers") == loads.source_rows("covers")


class Sender:
    """A source that changes at random, and the events that it sends: late, twice and in any order."""

    def __init__(self, lake: Lake, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        self.truth = lake.loads.table_rows()
        self.deleted: set[int] = set()
        self._clock = lake.began + 10
        self._waiting: list[dict[str, Any]] = []
        self._next = 50_000

    def change(self) -> None:
        """Create, change or delete a row; its event waits."""
        self._clock += 2
        kind = self.chance.choices(("create", "update", "delete"), (2, 6, 1))[0]
        if kind == "create":
            self._next += 1
            row_id = self._next
        else:
            row_id = self.chance.choice(list(self.truth))
        row = {"id": row_id, "name": f"At {self._clock}", "updated_at": self._clock}
        if kind == "delete":
            del self.truth[row_id]
            row = {"id": row_id}
        else:
            self.truth[row_id] = row
        copies = self.chance.choice((1, 1, 2, 3))
        # It arrives within 1.5 seconds of the change, and again much later.
        self._waiting += [event(kind, row, self._clock + 0.5 + copy) for copy in range(copies)]

    def arrive(self, *, last: bool = False) -> list[list[dict[str, Any]]]:
        """Return parts with events in any order; some wait for later parts."""
        self.chance.shuffle(self._waiting)
        some = len(self._waiting) if last else self.chance.randint(0, len(self._waiting))
        now, self._waiting = self._waiting[:some], self._waiting[some:]
        size = self.chance.randint(1, 9)
        return [now[at : at + size] for at in range(0, len(now), size)]


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_repetition_gives_the_senders_rows(
    seed: int, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender(lake, seed)
    if seed % 2:
        monkeypatch.setattr(inbox_batch, "BATCH_EVENTS", 20)
        monkeypatch.setattr(inbox_batch, "FOLD_BYTES", 600)
    make_missing(lake.store, ENTITY)
    for run in range(5):
        for _ in range(30):
            sender.change()
        for part in sender.arrive(last=run == 4):
            lake.put(*part)
        lake.apply()
    assert lake.rows() == sender.truth
    make_missing(lake.store, ENTITY)
    assert check_feed(lake.store, ENTITY, since=1).differing == 0


def test_a_kill_at_any_step_applies_each_event_once(lake: Lake, tmp_path: Path) -> None:
    """Of a run with two commits; each try works in the lake that the killed one left."""
    lake.put(lake.event("update", lake.row(lake.ids[0], 10, hypes="many")), lake.event("delete", {"id": lake.ids[1]}))
    lake.put(lake.event("create", lake.row(99_999, 10)), lake.event("update", lake.row(lake.ids[2], 10)))
    uri, kills = lake.store.uri, 0
    folder = tmp_path / "lake"

    def run() -> int:
        inbox_batch.BATCH_EVENTS = 2
        steps = Steps(kills)
        steps.watch_disk(folder)
        apply_events(open_store(uri), ENTITY)
        return 0

    assert folder.is_dir()
    while True:
        kills += 1
        done = in_child(run)
        rows = table_rows(lake.store)
        version = check_whole(lake.store)
        assert len(rows) == lake.newest.row_count
        assert (lake.ids[1] in rows, 99_999 in rows) == {1: (True, False), 2: (False, False), 3: (False, True)}[version]
        if done == 0:
            break
    assert kills > 5
    assert [each.version for each in Table(lake.store, TABLE).history()] == [3, 2, 1]
    assert lake.rows()[lake.ids[2]]["updated_at"] == lake.began + 10
    assert lake.apply() == []
