"""The rows that differ between two commits of a table, without holding the table in memory.

Parts never change. So only ids can differ that a part claims or has rows of, if one of the two commits lists that part
and the other does not. Both commits are read in turns, and a row waits until the other commit's row of its id is read:
memory has WAITING_BYTES of such lines, and a file on the disk the others and those that differ.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from typing import IO, TYPE_CHECKING, NamedTuple

from pyroaring import BitMap64

from gamelake.lake.id_ranges import merge_ranges
from gamelake.lake.rows import read_rows
from gamelake.lake.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gamelake.lake.id_ranges import IdRange
    from gamelake.lake.manifest import Manifest, Part
    from gamelake.lake.store import Store


TURN = 512
"""Rows that are read of one commit before the other has its turn."""
WAITING_BYTES = 64 * 1024 * 1024
"""Lines that wait in memory for the row of the other commit. Two full loads have their rows in nearly one order."""
_DISK = "Rows that differ wait there: free space, or set TMPDIR to another folder"


class Difference(NamedTuple):
    """A row that differs: its line in either commit, None if that commit does not have the row."""

    row_id: int
    before: bytes | None
    after: bytes | None


@contextmanager
def differences(store: Store, before: Manifest, after: Manifest) -> Iterator[Iterator[Difference]]:
    """Provide the rows whose bytes differ between two commits of a table, by id.

    Not for a time series, whose claims apply within a partition.

    Raises:
        ObjectNotFoundError: A part is missing.
        DamagedPartError: A part differs from its manifest.
        StoreError: The lake cannot be read, or the disk of the temporary folder is full.
    """
    with scratch_folder(_DISK, done="the feed is as it was") as folder, (folder / "rows").open("w+b") as rows:
        yield _Comparison(store, before.files, after.files, rows).differences()


def visible_rows(store: Store, files: Sequence[Part]) -> Iterator[tuple[int, bytes]]:
    """Yield the id and the line of each row that a commit's parts show: always in the same order, not that of ids.

    Memory has the ids as a bitmap. Not for a time series.

    Raises:
        ObjectNotFoundError: A part is missing.
        DamagedPartError: A part differs from its manifest.
        StoreError: The lake cannot be read.
    """
    later = _Ranges(())
    seen = BitMap64()
    for part in reversed(files):
        ids = array("Q")
        if part.ids is not None and not later.cover(part.ids):
            for row_id, line in read_rows(store, part):
                if row_id not in seen and row_id not in later:
                    ids.append(row_id)
                    yield row_id, line.rstrip(b"\n")
        seen.update(ids)
        if part.claims:
            later = _Ranges((*later.merged, *part.claims))


class _Comparison:
    def __init__(self, store: Store, old: Sequence[Part], new: Sequence[Part], scratch: IO[bytes]) -> None:
        self._store = store
        self._old = old
        self._new = new
        self._scratch = scratch
        self._size = 0
        self._shared = _shared(old, new)
        self._kept: dict[str, list[tuple[int, int]]] = {}
        """Of each part that both commits list and that was read: ids and places of its rows that may differ."""
        self._ranges = _Ranges(())
        self._ids = BitMap64()

    def differences(self) -> Iterator[Difference]:
        changed = [part for part in (*self._old, *self._new) if part.key not in self._shared]
        self._ranges = _Ranges(claim for part in changed for claim in part.claims)
        for part in changed:
            if not part.claims and part.ids is not None and not self._ranges.cover(part.ids):
                self._ids.update(array("Q", map(itemgetter(0), read_rows(self._store, part))))

        before, after = self._compared()
        for row_id in sorted(before.keys() | after.keys()):
            yield Difference(row_id, self._line(before.get(row_id)), self._line(after.get(row_id)))

    def _compared(self) -> tuple[dict[int, int], dict[int, int]]:
        """Return the places of the rows that differ, as the one commit has them and as the other does.

        Both commits are read in turns. A row waits until that of the other commit is read, in memory or in the file.
        """
        reading = (self._visible(self._old), self._visible(self._new))
        waiting: tuple[dict[int, bytes | int], dict[int, bytes | int]] = ({}, {})
        differing: tuple[dict[int, int], dict[int, int]] = ({}, {})
        in_memory, is_over = 0, False
        while not is_over:
            is_over = True
            for side, other in ((0, 1), (1, 0)):
                mine, others = waiting[side], waiting[other]
                for row_id, line in islice(reading[side], TURN):
                    is_over = False
                    found = others.pop(row_id, None)
                    if found is None and in_memory < WAITING_BYTES:
                        mine[row_id] = line
                        in_memory += len(line)
                    elif found is None:
                        mine[row_id] = self._keep(line)
                    else:
                        in_memory -= len(found) if isinstance(found, bytes) else 0
                        if line != (found if isinstance(found, bytes) else self._read(found)):
                            differing[side][row_id] = self._keep(line)
                            differing[other][row_id] = self._kept_at(found)
        for side in (0, 1):
            differing[side].update((row_id, self._kept_at(left)) for row_id, left in waiting[side].items())
        return differing

    def _visible(self, files: Sequence[Part]) -> Iterator[tuple[int, bytes]]:
        """Yield the rows that a commit shows, of those that may differ: the newest part first."""
        later = _Ranges(())
        seen = BitMap64()
        for part in reversed(files):
            if part.ids is not None and not later.cover(part.ids) and self._may_differ(part.ids):
                hides = later.meet(part.ids) or _has_some(seen, part.ids)
                ids = array("Q")
                for row_id, line in self._rows(part):
                    if hides and (row_id in seen or row_id in later):
                        continue
                    ids.append(row_id)
                    yield row_id, line
                seen.update(ids)
            if part.claims:
                later = _Ranges((*later.merged, *part.claims))

    def _may_differ(self, ids: IdRange) -> bool:
        return self._ranges.meet(ids) or _has_some(self._ids, ids)

    def _rows(self, part: Part) -> Iterator[tuple[int, bytes]]:
        """Yield the rows of a part that may differ."""
        if (kept := self._kept.get(part.key)) is not None:
            for row_id, place in kept:
                yield row_id, self._read(place)
            return
        if part.key not in self._shared:
            yield from read_rows(self._store, part)  # each of its rows may differ
            return
        places = [
            (row_id, self._keep(line))
            for row_id, line in read_rows(self._store, part)
            if row_id in self._ids or row_id in self._ranges
        ]
        self._kept[part.key] = places
        for row_id, place in places:
            yield row_id, self._read(place)

    def _keep(self, line: bytes) -> int:
        place = self._size
        self._scratch.seek(place)
        self._size += self._scratch.write(line)
        return place

    def _kept_at(self, row: bytes | int) -> int:
        return self._keep(row) if isinstance(row, bytes) else row

    def _read(self, place: int) -> bytes:
        self._scratch.seek(place)
        return self._scratch.readline()

    def _line(self, place: int | None) -> bytes | None:
        return None if place is None else self._read(place).rstrip(b"\n")


def _shared(old: Sequence[Part], new: Sequence[Part]) -> set[str]:
    """Return the keys of the parts that both commits list in the same order; none if the order differs."""
    known = {part.key: part for part in old}
    shared = {part.key for part in new if known.get(part.key) == part}
    if [part.key for part in old if part.key in shared] != [part.key for part in new if part.key in shared]:
        return set()
    return shared


def _has_some(ids: BitMap64, of: IdRange) -> bool:
    """Whether some id of a range is in a set; the range has an upper end."""
    return bool(of.high and ids.range_cardinality(of.low, of.high))


class _Ranges:
    """Id ranges: whether an id, a whole range, or some id of a range is in them."""

    def __init__(self, ranges: Iterable[IdRange]) -> None:
        self.merged = merge_ranges(ranges)
        self._lows = [ids.low for ids in self.merged]
        self._ends = [ids.end for ids in self.merged]

    def __contains__(self, row_id: int) -> bool:
        found = bisect_right(self._lows, row_id) - 1
        return found >= 0 and row_id < self._ends[found]

    def cover(self, ids: IdRange) -> bool:
        found = bisect_right(self._lows, ids.low) - 1
        return found >= 0 and ids.end <= self._ends[found]

    def meet(self, ids: IdRange) -> bool:
        return any(claim.overlaps(ids) for claim in self.merged)
