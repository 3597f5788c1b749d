"""Random histories of a table: the feed, applied to any version, gives each later one.

FEED_HISTORIES is how many there are (10); `make feed-histories` runs 200.
"""

from __future__ import annotations

import os
import tempfile
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gamelake.feeds.check import check_feed
from gamelake.feeds.envelope import Op
from gamelake.feeds.feed import Feed, make_missing
from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.table import Table
from tests.support.feed_tables import GAMES, commit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store

    Row = dict[str, Any]
    Rows = dict[int, Row]

HISTORIES = int(os.environ.get("FEED_HISTORIES", "10"))
IDS = 12
"""Few ids and many commits: collisions are what they are about."""

some_ids = st.sets(st.integers(0, IDS - 1), max_size=5)
values = st.sampled_from([1, 1.5, True, None, "one", [1, 2], {"a": [1]}, 2**64 - 1, 2.0])
steps = st.one_of(
    st.tuples(st.just("change"), some_ids, values),
    st.tuples(st.just("drift"), some_ids, values),
    st.tuples(st.just("delete"), some_ids, st.none()),
    st.tuples(st.just("read range again"), some_ids, st.integers(1, IDS)),
    st.tuples(st.just("read whole"), some_ids, st.integers(1, IDS)),
    st.tuples(st.just("write otherwise"), some_ids, st.none()),
    st.tuples(st.just("revert"), st.just(set[int]()), st.integers(0, 5)),
    st.tuples(st.just("nothing"), st.just(set[int]()), st.none()),
    st.tuples(st.just("expire"), st.just(set[int]()), st.none()),
    st.tuples(st.just("feed"), st.just(set[int]()), st.none()),
)


class History:
    """A table and what it has in each of its versions."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = open_store((folder / "lake").as_uri())
        self.versions: dict[int, Rows] = {}
        self._scratch = folder

    @property
    def rows(self) -> Rows:
        return self.versions[max(self.versions)] if self.versions else {}

    def take(self, kind: str, ids: set[int], value: Any) -> None:
        rows = {row_id: dict(row) for row_id, row in self.rows.items()}
        if kind == "expire":
            self.expire()
        elif kind == "feed":
            make_missing(self.store, GAMES)
        elif kind in {"change", "drift"}:
            name = "hypes" if kind == "change" else "not_declared"
            changed = {row_id: {**rows.get(row_id, {"id": row_id, "genres": [3, 1]}), name: value} for row_id in ids}
            self._commit([(changed.values(), None)], rows | changed)
        elif kind == "delete":
            left = {row_id: row for row_id, row in rows.items() if row_id not in ids}
            self._commit([((), IdRange(row_id, row_id + 1)) for row_id in sorted(ids)], left)
        elif kind == "read range again":
            low = min(ids, default=0)
            claim = IdRange(low, low + value)
            inside = {row_id: {"id": row_id, "hypes": 7} for row_id in ids if row_id in claim}
            outside = {row_id: row for row_id, row in rows.items() if row_id not in claim}
            self._commit([(inside.values(), claim)], outside | inside)
        elif kind == "read whole":  # in two windows, with some rows deleted
            left = {row_id: row for row_id, row in rows.items() if row_id not in ids}
            self._read_whole(left, at=value)
        elif kind == "write otherwise":  # the same values, in another order and another form
            again = {row_id: _otherwise(row) for row_id, row in rows.items() if row_id in ids}
            self._commit([(again.values(), None)], rows | again)
        elif kind == "revert" and self.versions:
            earlier = sorted(self.versions)[value % len(self.versions)]
            self._read_whole(self.versions[earlier], at=IDS)
        else:
            self._commit([], rows)

    def expire(self) -> None:
        """Remove every part that the newest commit does not list, as a week without a feed does."""
        newest = Table(self.store, GAMES.table).latest()
        needed = {part.key for part in newest.files} if newest else set()
        for info in list(self.store.list(f"{GAMES.table.prefix}dt=")):
            if info.key not in needed:
                self.store.delete(info.key)

    def _read_whole(self, rows: Rows, *, at: int) -> None:
        low = [row for row_id, row in rows.items() if row_id < at]
        high = [row for row_id, row in rows.items() if row_id >= at]
        self._commit([(low, IdRange(0, at)), (high, IdRange(at, None))], rows)

    def _commit(self, staged: Sequence[Any], rows: Rows) -> Manifest:
        made = commit(self.store, self._scratch, staged, rows)
        self.versions[made.version] = rows
        return made


def _otherwise(row: Row) -> Row:
    """The same row: fields in another order, ids of a list too, and a whole number written as a fraction."""
    same = dict(reversed(row.items()))
    if "genres" in row:
        same["genres"] = row["genres"][::-1]
    if type(row.get("hypes")) is int and row["hypes"] < 2**53:
        same["hypes"] = float(row["hypes"])
    return same


def plain(value: Any) -> Any:
    """A value that is equal to another one only if both are the same to a reader of the table."""
    if isinstance(value, dict):
        return {name: sorted(each) if name == "genres" else plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return ("bool", value) if isinstance(value, bool) else value


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=1, max_size=14))
def test_a_feed_applied_to_any_version_gives_each_later_one(taken: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder))
        for kind, ids, value in taken:
            history.take(kind, ids, value)
        make_missing(history.store, GAMES)
        check(history)


def check(history: History) -> None:
    feed = Feed(history.store, GAMES.table)
    found = list(feed.steps())
    if not history.versions:
        assert not found
        return
    assert [step.number for step in found] == [*range(1, len(found) + 1)]
    assert found[-1].to_version == max(history.versions)
    for earlier, later in pairwise(found):
        assert later.from_version in {None, earlier.to_version}
        assert (later.from_version is None or later.to_version != earlier.to_version + 1) == bool(later.reason)
    changes = {step.number: list(feed.changes(step)) for step in found}
    for step in found:
        ops = [change.op for change in changes[step.number]]
        assert [ops.count(op) for op in Op] == [step.created, step.updated, step.deleted]
        assert all(bool(change.changed) == (change.op is Op.UPDATED) for change in changes[step.number])
    for first, last in combinations(range(len(found)), 2):
        applied = found[first + 1 : last + 1]
        if any(step.from_version is None for step in applied):
            continue
        rows = {row_id: plain(row) for row_id, row in history.versions[found[first].to_version].items()}
        for step in applied:
            for change in changes[step.number]:
                assert rows.pop(change.id, None) == (change.before and plain(change.before))
                if change.after is not None:
                    rows[change.id] = plain(change.after)
        assert rows == {row_id: plain(row) for row_id, row in history.versions[found[last].to_version].items()}
    assert check_feed(history.store, GAMES).differing == 0
