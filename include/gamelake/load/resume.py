"""What a run has stored so far, so that its next try asks the API only for the rest.

A run that reads an entity whole notes, after each part that is stored and verified, all of its parts in one small
object beside them, `_progress.json`. It counts for no reader, and goes when the run commits. A run of a single part has
none: it is simply repeated, as an incremental one is.

The next try takes the parts over if it would read the same way on top of the same commit, not too long after the
first. It keeps the first try's clock: changes since then come with the next incremental load.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import orjson

from gamelake.lake.files import Claim, File, ManifestError
from gamelake.lake.manifest import Mode
from gamelake.lake.store import ObjectNotFound
from gamelake.lake.uploads import PartDamaged, verify_part

if TYPE_CHECKING:
    from gamelake.lake.keys import LoadRun
    from gamelake.lake.store import Store
    from gamelake.sources.igdb.reader import Reader

log = logging.getLogger(__name__)

RESUME_SECONDS = 6 * 3600
"""Parts that a try began to read longer ago, by the source's clock, are read again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a try has stored: how it reads, on top of which commit (0: none), and since when.

    clock: unix seconds by the source's clock, at the first reply.
    """

    mode: Mode
    base_version: int
    clock: int
    files: tuple[File, ...]

    def to_json(self) -> bytes:
        """The progress as the lake holds it."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2)

    @classmethod
    def from_json(cls, data: bytes) -> Progress:
        """Read a progress. Raises: ManifestError, if it is none."""
        try:
            found = orjson.loads(data)
            files = tuple(File.from_json(file) for file in found["files"])
            return cls(Mode(found["mode"]), int(found["base_version"]), int(found["clock"]), files)
        except (ValueError, KeyError, TypeError) as error:
            raise ManifestError("progress", data[:100], f"what a run notes of its parts: {error}") from error


class RunProgress:
    """The progress of one run; of an incremental one nothing is noted. `taken` are verified parts of an earlier try."""

    def __init__(self, store: Store, reader: Reader, *, run: LoadRun, mode: Mode, base_version: int) -> None:
        self.taken: tuple[File, ...] = ()
        self._store = store
        self._reader = reader
        self._table = run.table
        self._key = run.progress_key
        self._mode = mode
        self._base_version = base_version
        self._first_clock: int | None = None
        self._spoilt: list[Claim] = []
        self._noted = False

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The id ranges that need not be read again."""
        return tuple(claim for file in self.taken for claim in file.claims)

    @property
    def began(self) -> int:
        """When the run began to read, unix seconds: the source's clock at the first reply of its first try."""
        return int(self._reader.clock.timestamp()) if self._first_clock is None else self._first_clock

    async def take_over(self) -> None:
        """Look for an earlier try of the run, and take what it has stored. Raises: StoreError; the client's errors."""
        if self._mode is Mode.INCREMENTAL:
            return
        found = await asyncio.to_thread(self._read)
        if found is None:
            return
        self._noted = True
        if (found.mode, found.base_version) != (self._mode, self._base_version):
            log.info("%s: another load was committed since this run's earlier try; reading all again", self._table)
            return
        await self._reader.look()
        age = int(self._reader.clock.timestamp()) - found.clock
        if not 0 <= age <= RESUME_SECONDS:
            log.info("%s: this run's earlier try began %d s ago; reading all again", self._table, age)
            return
        self.taken = await asyncio.to_thread(self._verified, found.files)
        if self.taken:
            self._first_clock = found.clock
            rows = sum(file.rows for file in self.taken)
            log.info("%s: %d rows in %d parts are there from an earlier try", self._table, rows, len(self.taken))

    def spoil(self, claim: Claim) -> None:
        """A row of this range was rejected: its part is not to be taken over, so that the next try rejects it too."""
        self._spoilt.append(claim)

    def note(self, files: tuple[File, ...]) -> None:
        """Note the parts that are stored and verified; called in the thread of the uploads."""
        if self._mode is Mode.INCREMENTAL:
            return
        sound = tuple(file for file in files if not any(_meet(a, b) for a in file.claims for b in self._spoilt))
        progress = Progress(self._mode, self._base_version, self.began, sound)
        self._noted = True
        self._store.put(self._key, progress.to_json(), tags={"status": "temp"})

    def forget(self) -> None:
        """The run is committed: nothing is left to be taken over."""
        if self._noted:
            self._store.delete(self._key)

    def _read(self) -> Progress | None:
        try:
            return Progress.from_json(self._store.get(self._key))
        except ObjectNotFound:
            return None
        except ManifestError as error:
            # Only a help: without it the run reads everything and writes it again.
            log.warning("%s: %s: %s; reading all again", self._table, self._key, error)
            return None

    def _verified(self, files: tuple[File, ...]) -> tuple[File, ...]:
        """Those parts that the store holds as they were noted. Of the others the ranges are read again."""
        sound = []
        for file in files:
            try:
                verify_part(self._store, file)
            except (ObjectNotFound, PartDamaged) as error:
                log.warning("%s: cannot be taken over: %s", self._table, error)
            else:
                sound.append(file)
        return tuple(sound)


def _meet(one: Claim, other: Claim) -> bool:
    return one.low < other.end and other.low < one.end
