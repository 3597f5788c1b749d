"""The ids of a table as a load will commit it: those of a commit, with what was staged on top of it."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from gamelake.lake.rows import LiveIds, apply_ids, read_ids, read_live_ids
from gamelake.lake.store import ObjectNotFoundError
from gamelake.lake.update_times import UpdateTimes
from gamelake.lake.uploads import DamagedPartError
from gamelake.load.errors import LostPartError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gamelake.lake.id_ranges import IdRange
    from gamelake.lake.manifest import Manifest, Part
    from gamelake.lake.store import Store


class LiveTable:
    """The ids of the last commit that was read, and of the staged rows: 8 bytes of memory for each.

    resumed: parts that an earlier try of the run has stored. times: when the rows of that commit changed.
    """

    def __init__(self, store: Store, *, resumed: Sequence[Part] = ()) -> None:
        self._store = store
        self._resumed = resumed
        self._staged: list[tuple[IdRange | None, array[int]]] = []
        self._read: tuple[int, LiveIds] | None = None
        self.times = UpdateTimes()

    def stage(self, ids: Iterable[int], claim: IdRange | None) -> None:
        """Note staged rows. claim: they are all rows of that id range; None: they changed."""
        self._staged.append((claim, array("Q", ids)))

    def staged(self) -> LiveIds:
        """All ids that were staged."""
        staged = LiveIds()
        for _, ids in self._staged:
            staged.add(ids)
        return staged

    def read(self, commit: Manifest | None) -> LiveIds:
        """Return the ids of a commit alone; its parts are read once. Raises: LostPartError, StoreError."""
        version = commit.version if commit else 0
        if self._read is None or self._read[0] != version:
            self.times = UpdateTimes()
            try:
                self._read = (version, read_live_ids(self._store, commit, times=self.times))
            except (ObjectNotFoundError, DamagedPartError) as error:
                if commit is None:
                    raise
                raise LostPartError(commit.table, version, error) from error
        return self._read[1]

    def ids_after(self, commit: Manifest | None) -> LiveIds:
        """Return the ids that are live once everything staged is committed on top of a commit.

        Raises:
            LostPartError, DamagedPartError, StoreError: a part of the commit, or a resumed one, cannot be read.
        """
        live = self.read(commit).copy()
        for part in self._resumed:
            apply_ids(live, part.claims, read_ids(self._store, part))
        for claim, ids in self._staged:
            if claim is None:
                live.add(ids)
            else:
                live.replace(claim, ids)
        return live
