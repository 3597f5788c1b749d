"""Writes the rows of a run as parts: gzipped JSONL, immutable, verified before they count.

with PartStage(store, entity="games", partition="2026-11-21", run_id=run_id, scratch=scratch) as stage:
    stage.add(rows, Claim(0, 500))      # all rows of these ids
    stage.add(more_rows, None)          # these rows changed
    files = stage.finish()

PartError          a row, claim or call that cannot be right
  PartDamaged      what the store holds is not what was written
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from isal import isal_zlib

from include.lake.files import Claim, File, check_partition, merge_claims
from include.lake.keys import part_key, run_prefix
from include.lake.store import ObjectExists, ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from include.lake.store import Store

PART_BYTES = 64 * 1024 * 1024
"""Plain JSONL after which a new part begins: few requests, and still several files for a reader's threads."""

_LEVEL = 1  # igzip: as fast as 0 on IGDB's rows and a tenth smaller; 3 is a fifth slower and 5 % smaller than this
_GZIP = 31  # zlib's code for a gzip header; it carries no time: the same rows give the same bytes
_CHUNK = 1024 * 1024


class PartError(ValueError):
    """A row, claim or call that cannot be right: names the part or table, what was found and what was expected."""


class PartDamaged(PartError):
    """What the store holds is not what was written."""


class Row(NamedTuple):
    """One row: its JSON object as one line without line feed, its id, its updated_at (unix seconds) if it has one."""

    line: bytes
    id: int
    updated_at: int | None


class PartStage:
    """The parts of one run of one entity, on local scratch until `finish` puts them into the store.

    Memory holds 1 MB of rows and the ids of one part; the disk under `scratch` holds the whole load, compressed. A
    context manager: its scratch is removed at the end, however it ends. For one thread at a time.

    part_bytes: plain JSONL after which a new part begins. A claim is never split between parts: a part may be larger
    than this by what one `add` with a claim brings.

    Raises: ManifestError, for a partition that is no day.
    """

    def __init__(
        self,
        store: Store,
        *,
        entity: str,
        partition: str,
        run_id: str,
        scratch: Path,
        part_bytes: int = PART_BYTES,
    ) -> None:
        check_partition("partition", partition)
        self._store = store
        self._run = (entity, partition, run_id)
        self._where = run_prefix(entity, partition, run_id)
        self._part_bytes = part_bytes
        self._parts: list[_Part] = []
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix=f"{entity}-", dir=scratch))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.discard()

    def add(self, rows: Iterable[Row], claim: Claim | None) -> None:
        """Write rows, and what they say of the table.

        claim: these are all rows of that id range, possibly none. None: these rows changed, and replace older ones of
        their ids. What is added later applies later: where an `add` meets ids of this part again, a new part begins.

        Raises: PartError, for a row outside the claim, twice in it, or of more than one line. The stage is then of no
        use: discard it.
        """
        low, end = (claim.low, claim.end) if claim else (0, inf)
        part = self._part_for(claim)
        for row in rows:
            if not low <= row.id < end:
                raise PartError(
                    f"{self._where}: found a row of id {row.id}, expected {low} <= id < {end}, as is claimed"
                )
            if row.id in part.ids:
                if claim:
                    raise PartError(f"{self._where}: found id {row.id} twice, expected each row of {claim} once")
                part = self._new_part(claimed=False)
            elif claim is None and part.plain_bytes >= self._part_bytes:
                part = self._new_part(claimed=False)
            part.write(row)

    def finish(self) -> tuple[File, ...]:
        """Put the parts into the store: tagged `status=temp`, then read back and verified, then tagged `final`.

        A part that an earlier try of this run left, with the same bytes, is used again; with other bytes it is left
        alone, and ours gets the next free number: parts never change.

        Returns: the parts in the order in which they apply; empty if nothing was added.
        Raises: PartDamaged, StoreError.
        """
        files = []
        number = 0
        for part in self._parts:
            part.close()
            if not part.rows and not part.claims:
                continue  # an `add` of no rows and no claim said nothing
            number, key = self._put(part, number)
            self._verify(part, key)
            files.append(part.describe(key, self._run[1]))
        for file in files:
            self._store.tag(file.key, {"status": "final"})
        self.discard()
        return tuple(files)

    def discard(self) -> None:
        """Remove the local scratch; the store is not touched."""
        for part in self._parts:
            part.close()
        self._parts = []
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _part_for(self, claim: Claim | None) -> _Part:
        """The part in which an `add` begins: a part has either claims or none, and none of its claims overlap."""
        part = self._parts[-1] if self._parts else None
        if (
            part is None
            or part.plain_bytes >= self._part_bytes
            or part.claimed != (claim is not None)
            or (claim is not None and any(claim.low < other.end and other.low < claim.end for other in part.claims))
        ):
            part = self._new_part(claimed=claim is not None)
        if claim:
            part.claims = merge_claims([*part.claims, claim])
        return part

    def _new_part(self, *, claimed: bool) -> _Part:
        if not self._scratch.exists():
            raise PartError(f"{self._where}: found a stage that is finished or discarded, expected a new one")
        if self._parts:
            self._parts[-1].close()
        self._parts.append(_Part(self._scratch / f"{len(self._parts):05}", claimed=claimed))
        return self._parts[-1]

    def _put(self, part: _Part, number: int) -> tuple[int, str]:
        """Put a part under the first number that is free or holds these bytes. Returns: the next number, its key."""
        while True:
            key = part_key(*self._run, number)
            number += 1
            try:
                if self._store.info(key).size != part.bytes:
                    continue
            except ObjectNotFound:
                pass  # free, as it mostly is
            try:
                self._store.put_file(key, part.path, if_absent=True, tags={"status": "temp"})
            except ObjectExists:
                continue
            return number, key

    def _verify(self, part: _Part, key: str) -> None:
        held = hashlib.sha256()
        size = 0
        with self._store.open(key) as stream:
            while chunk := stream.read(_CHUNK):
                held.update(chunk)
                size += len(chunk)
        if size != part.bytes:
            raise PartDamaged(f"{key}: the store holds {size} bytes, expected {part.bytes}, as were put")
        if held.hexdigest() != part.sha256:
            raise PartDamaged(f"{key}: the store holds sha256 {held.hexdigest()}, expected {part.sha256}, as was put")


class _Part:
    """One part as it is written: a gzip file on scratch, and what its manifest entry will say."""

    def __init__(self, path: Path, *, claimed: bool) -> None:
        self.path = path
        self.claimed = claimed
        self.claims: tuple[Claim, ...] = ()
        self.ids: set[int] = set()
        self.plain_bytes = 0
        self.bytes = 0
        self.rows = 0
        self._min_id: int | None = None
        self._max_id: int | None = None
        self._max_updated_at: int | None = None
        self._file = path.open("xb")
        self._gzip = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
        self._hash = hashlib.sha256()
        self._lines: list[bytes] = []
        self._lines_bytes = 0

    def write(self, row: Row) -> None:
        if b"\n" in row.line:
            raise PartError(f"{self.path.name}: found a line feed in the row of id {row.id}, expected one line")
        self.ids.add(row.id)
        if row.updated_at is not None and (self._max_updated_at is None or row.updated_at > self._max_updated_at):
            self._max_updated_at = row.updated_at
        self._lines.append(row.line)
        size = len(row.line) + 1
        self.plain_bytes += size
        self._lines_bytes += size
        if self._lines_bytes >= _CHUNK:
            self._compress()

    def close(self) -> None:
        """Write what is left, and forget what only writing needs."""
        if self._file.closed:
            return
        if self._lines:
            self._compress()
        self._store(self._gzip.flush())
        self._file.close()
        self.rows = len(self.ids)
        self._min_id, self._max_id = min(self.ids, default=None), max(self.ids, default=None)
        self.ids = set()

    def describe(self, key: str, partition: str) -> File:
        return File(
            key=key,
            partition=partition,
            rows=self.rows,
            bytes=self.bytes,
            sha256=self.sha256,
            min_id=self._min_id,
            max_id=self._max_id,
            max_updated_at=self._max_updated_at,
            claims=self.claims,
        )

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def _compress(self) -> None:
        self._lines.append(b"")  # so that the last line ends too
        self._store(self._gzip.compress(b"\n".join(self._lines)))
        self._lines.clear()
        self._lines_bytes = 0

    def _store(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data)
