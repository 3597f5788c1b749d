"""Checkpoint of a run, so that its next try reads only the remaining rows.

A run that reads an entity whole saves the list of its parts after each part that is stored and verified. The list is
one small object beside them, `_progress.json`. Readers ignore it; it is deleted after the commit. A run of one part has
none: it is repeated, as an incremental run is.

The next try uses the parts if it would read the same way on top of the same commit, not too long after the first. It
keeps the first try's clock: changes since then come with the next incremental load.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from gamelake.lake.documents import convert, parse_json
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.manifest import ManifestError, Mode, Part
from gamelake.lake.store import ObjectNotFoundError, StoreError
from gamelake.lake.uploads import DamagedPartError, verify_part

if TYPE_CHECKING:
    from gamelake.lake.keys import LoadRun
    from gamelake.lake.store import Store
    from gamelake.sources.base import Reader

log = logging.getLogger(__name__)

RESUME_SECONDS = 6 * 3600
"""Parts that a try began to read longer ago, by the source's clock, are read again."""


class Progress(msgspec.Struct, frozen=True):
    """What a try has stored: how it reads, on top of which commit (0: none), and since when.

    clock: unix seconds by the source's clock, at the first reply. origin: whose rows the parts have, None if the source
    does not state it.
    """

    mode: Mode
    base_version: int
    clock: int
    origin: str | None
    files: tuple[Part, ...]

    def to_json(self) -> bytes:
        """Return the progress as it is in the lake."""
        return msgspec.json.format(msgspec.json.encode(self))

    @classmethod
    def from_json(cls, data: bytes) -> Progress:
        """Read a progress.

        Raises:
            ManifestError: It is none.
        """
        return convert(parse_json(data, ManifestError), cls, ManifestError)


class Checkpoint:
    """The checkpoint of one run; an incremental run saves none.

    resumed_parts: verified parts of an earlier try.
    """

    def __init__(self, store: Store, reader: Reader, *, run: LoadRun, mode: Mode, base_version: int) -> None:
        self.resumed_parts: tuple[Part, ...] = ()
        self._store = store
        self._reader = reader
        self._table = run.table
        self._key = run.progress_key
        self._mode = mode
        self._base_version = base_version
        self._first_clock: int | None = None
        self._excluded: list[IdRange] = []
        self._saved = False

    @property
    def claims(self) -> tuple[IdRange, ...]:
        """The id ranges that need not be read again."""
        return tuple(claim for file in self.resumed_parts for claim in file.claims)

    @property
    def resumed_rows(self) -> int:
        """How many rows the resumed parts have."""
        return sum(file.rows for file in self.resumed_parts)

    @property
    def began(self) -> int:
        """When the run began to read, unix seconds: the source's clock at the first reply of its first try."""
        return int(self._reader.clock.timestamp()) if self._first_clock is None else self._first_clock

    async def resume(self) -> None:
        """Look for an earlier try of the run, and use the parts that it has stored.

        Raises:
            StoreError: the store failed.
            ApiError: the source failed.
        """
        if self._mode is Mode.INCREMENTAL:
            return
        found = await asyncio.to_thread(self._read)
        if found is None:
            return
        self._saved = True
        if (found.mode, found.base_version) != (self._mode, self._base_version):
            log.info("%s: another load was committed since this run's earlier try; reading all again", self._table)
            return
        await self._reader.probe()
        age = int(self._reader.clock.timestamp()) - found.clock
        if found.origin != self._reader.origin:
            log.info("%s: this run's earlier try read %s; reading all again", self._table, found.origin)
            return
        if not 0 <= age <= RESUME_SECONDS:
            log.info("%s: this run's earlier try began %d s ago; reading all again", self._table, age)
            return
        self.resumed_parts = await asyncio.to_thread(self._verified, found.files)
        if self.resumed_parts:
            self._first_clock = found.clock
            log.info(
                "%s: an earlier try has stored %d rows in %d parts",
                self._table, self.resumed_rows, len(self.resumed_parts),
            )  # fmt: skip

    def exclude(self, ids: IdRange) -> None:
        """Leave the part of this id range out: the next try must read it again, as a row of it was rejected."""
        self._excluded.append(ids)

    def save(self, files: tuple[Part, ...]) -> None:
        """Save the parts that are stored and verified. Called in the thread of the uploads."""
        if self._mode is Mode.INCREMENTAL:
            return
        sound = tuple(
            file for file in files if not any(claim.overlaps(ids) for claim in file.claims for ids in self._excluded)
        )
        progress = Progress(self._mode, self._base_version, self.began, self._reader.origin, sound)
        self._saved = True
        self._store.put(self._key, progress.to_json(), tags={"status": "temp"})

    def delete(self) -> None:
        """Delete the checkpoint: the run is committed."""
        if self._saved:
            self._store.delete(self._key)

    def forget(self) -> None:
        """Have the next try read everything, also where the credentials may delete nothing. Raises: StoreError."""
        try:
            self.delete()
        except StoreError:
            self.save(())

    def _read(self) -> Progress | None:
        try:
            return Progress.from_json(self._store.get(self._key))
        except ObjectNotFoundError:
            return None
        except ManifestError as error:
            # Without a checkpoint the run reads everything, and saves a new one.
            log.warning("%s: %s: %s; reading all again", self._table, self._key, error)
            return None

    def _verified(self, files: tuple[Part, ...]) -> tuple[Part, ...]:
        """Return the parts that the store has as they were saved. The id ranges of the others are read again."""
        sound = []
        for file in files:
            try:
                verify_part(self._store, file)
            except (ObjectNotFoundError, DamagedPartError) as error:
                log.warning("%s: a part of an earlier try cannot be used: %s", self._table, error)
            else:
                sound.append(file)
        return tuple(sound)
