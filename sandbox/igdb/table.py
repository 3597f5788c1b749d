"""The rows of one endpoint: ids in order, rows made on demand.

A table of 345,000 games is two arrays of numbers, not 600 MB of rows. A row comes from its `Source` by id, or from the
overlay of rows that were written into the running sandbox. It is then revised to the day on which it last changed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

Row = dict[str, Any]

NO_UPDATED_AT = -(2**63)


class Source(Protocol):
    """Where a table's first rows come from.

    Rows have no null and no empty value. Rows share lists, so no code changes a list in place.
    """

    ids: array[int]
    fields: frozenset[str]

    def row(self, row_id: int) -> Row:
        """Return the row as of the world's first day."""

    def updated_at(self, row_id: int) -> int:
        """Return the row's `updated_at` without making the row, or NO_UPDATED_AT."""

    def revise(self, row: Row, day: date) -> None:
        """Change the row, in place, to what it is after the change of `day`: a pure function of the row and the day."""

    def revised_at(self, row_id: int, day: date) -> int:
        """Return the `updated_at` that `revise` writes for that day."""


class _Written(NamedTuple):
    """A row that was written into the running sandbox."""

    line: bytes
    day: date


class Table:
    """The live rows of one endpoint; `version` moves with every change."""

    def __init__(self, source: Source) -> None:
        self.ids: array[int] = array("q", source.ids)
        self.fields = set(source.fields)
        self.version = 0
        self.on_change: Callable[[str, Sequence[int]], None] | None = None
        """Called after each change, with `create`, `update` or `delete` and the ids."""
        self._source = source
        self._changed: dict[int, date] = {}
        self._all_changed: date | None = None
        self._overlay: dict[int, _Written] = {}
        self._updated: array[int] | None = None
        self._highest = self.ids[-1] if self.ids else 0

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, row_id: int) -> bool:
        position = bisect_left(self.ids, row_id)
        return position < len(self.ids) and self.ids[position] == row_id

    @property
    def highest(self) -> int:
        """The highest id that was ever there: a new row gets a higher one, even when this one is deleted."""
        return self._highest

    @property
    def updated(self) -> array[int]:
        """`updated_at` by position in `ids`; NO_UPDATED_AT where a row has none."""
        if self._updated is None:
            self._updated = array("q", map(self._updated_at, self.ids))
        return self._updated

    def row(self, row_id: int) -> Row:
        """Return a fresh dict of a live row; the caller may change it, but not its lists in place."""
        written = self._overlay.get(row_id)
        row: Row = orjson.loads(written.line) if written else self._source.row(row_id)
        if day := self._revision(row_id):
            self._source.revise(row, day)
        return row

    @property
    def first_ids(self) -> array[int]:
        """The ids of the first day, deleted ones included."""
        return self._source.ids

    def original(self, row_id: int) -> Row:
        """Return a row, live or deleted, as it was given, written or made, without what days changed in it.

        Raises: KeyError, if nothing can make such a row.
        """
        written = self._overlay.get(row_id)
        row: Row = orjson.loads(written.line) if written else self._source.row(row_id)
        return row

    def revise(self, ids: Iterable[int], day: date) -> None:
        """Change rows on a day."""
        revised = list(ids)
        for row_id in revised:
            self._changed[row_id] = day
            if self._updated is not None:
                self._updated[bisect_left(self.ids, row_id)] = self._updated_at(row_id)
        self._has_changed("update", revised)

    def revise_all(self, day: date) -> None:
        """Change every row on a day."""
        self._all_changed = day
        self._updated = None
        self._has_changed("update", self.ids)

    def put(self, rows: Iterable[Row], day: date) -> None:
        """Write whole rows, replaced or new; `day` is the day of the change."""
        created: list[int] = []
        updated: list[int] = []
        for row in rows:
            row_id = row["id"]
            self._overlay[row_id] = _Written(orjson.dumps(row), day)
            self.fields.update(row)
            position = bisect_left(self.ids, row_id)
            fresh = position == len(self.ids) or self.ids[position] != row_id
            if fresh:
                self.ids.insert(position, row_id)
                self._highest = max(self._highest, row_id)
            if self._updated is not None:
                if fresh:
                    self._updated.insert(position, NO_UPDATED_AT)
                self._updated[position] = self._updated_at(row_id)
            (created if fresh else updated).append(row_id)
        self._has_changed("create", created)
        self._has_changed("update", updated)

    def delete(self, ids: Iterable[int]) -> int:
        """Delete rows. Returns how many existed; their ids may be written again."""
        deleted = {row_id for row_id in ids if row_id in self}
        if self._updated is not None:
            kept = (at for row_id, at in zip(self.ids, self._updated, strict=True) if row_id not in deleted)
            self._updated = array("q", kept)
        self.ids = array("q", [row_id for row_id in self.ids if row_id not in deleted])
        for row_id in deleted:
            self._overlay.pop(row_id, None)
        self._has_changed("delete", sorted(deleted))
        return len(deleted)

    def _has_changed(self, operation: str, ids: Sequence[int]) -> None:
        self.version += 1
        if ids and self.on_change:
            self.on_change(operation, ids)

    def _revision(self, row_id: int) -> date | None:
        """Return the day whose change the row shows on top of what was generated, recorded or written."""
        day = self._changed.get(row_id, self._all_changed)
        if day and self._all_changed:
            day = max(day, self._all_changed)
        written = self._overlay.get(row_id)
        return None if day and written and written.day >= day else day

    def _updated_at(self, row_id: int) -> int:
        if row_id in self._overlay:
            return int(self.row(row_id).get("updated_at", NO_UPDATED_AT))
        day = self._revision(row_id)
        return self._source.revised_at(row_id, day) if day else self._source.updated_at(row_id)
