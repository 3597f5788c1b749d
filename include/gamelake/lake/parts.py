"""Write the rows of a run as parts: gzipped JSONL, immutable, verified before they count.

with PartStage(store, LoadRun(table, "2026-11-21", run_id), scratch=scratch) as stage:
    stage.add(rows, IdRange(0, 500))      # all rows of these ids
    stage.add(more_rows, None)          # these rows changed
    files = stage.finish()

A part is put into the store as soon as it is full, while the next one is written: the next try of a killed run uses
the parts that are stored. Errors: see the head of `uploads`.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from isal import isal_zlib

from gamelake.lake.id_ranges import IdRange, merge_ranges
from gamelake.lake.manifest import Part, check_partition
from gamelake.lake.uploads import PartError, PartUploads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from gamelake.lake.keys import LoadRun
    from gamelake.lake.store import Store

PART_BYTES = 64 * 1024 * 1024
"""Plain JSONL after which a new part begins: few requests, and still several files for a reader's threads."""

_LEVEL = 1  # igzip: as fast as 0 on rows of JSON and a tenth smaller; 3 is a fifth slower and 5 % smaller than this
_GZIP = 31  # zlib's code for a gzip header; it carries no time: the same rows give the same bytes


class Rows(NamedTuple):
    """Rows: each a JSON object on a line that ends with a line feed; their ids; their highest updated_at, if any."""

    lines: bytes
    ids: Sequence[int]
    max_updated_at: int | None


class PartStage:
    """The parts of one run of one entity, each on local scratch until it is full and then put into the store.

    Memory holds 1 MB of rows and the ids of one part; the disk under `scratch` holds the parts that are not in the
    store yet, compressed. A context manager: its scratch is removed at the end, however it ends. For one thread at a
    time.

    part_bytes: plain JSONL after which a new part begins. A claim is never split between parts: a part may be larger
    than this by what one `add` with a claim brings.
    resumed: verified parts of an earlier try of this run; they come before those that are added.
    committed: parts of the newest commit. One of this run's is used again only by an equal part.
    on_stored: called in the thread of the uploads after each part that is not the only one of its run. It gets all
    parts that are stored and verified so far, with the resumed ones.

    Raises: ManifestError, for a partition that is no day.
    """

    def __init__(
        self,
        store: Store,
        run: LoadRun,
        *,
        scratch: Path,
        part_bytes: int = PART_BYTES,
        resumed: Sequence[Part] = (),
        committed: Sequence[Part] = (),
        on_stored: Callable[[tuple[Part, ...]], None] | None = None,
    ) -> None:
        check_partition("partition", run.partition)
        self._run = run
        self._part_bytes = part_bytes
        self._part: _PartWriter | None = None
        self._parts_begun = 0
        self._uploads = PartUploads(store, run, resumed=resumed, committed=committed, on_stored=on_stored)
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix=f"{run.table}-", dir=scratch))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.discard()

    def add(self, rows: Rows, claim: IdRange | None) -> None:
        """Write rows.

        claim: these are all rows of that id range, possibly none. None: these rows changed, and replace older ones of
        their ids. What is added later applies later: where an `add` meets ids of this part again, a new part begins.

        Raises: PartError, for rows outside the claim, an id that occurs twice, or a last line that does not end.
        The stage is then of no use: discard it.
        """
        self._check(rows, claim)
        part = self._part_for(rows, claim)
        if claim:
            part.claim(claim)
        part.write(rows)

    def finish(self) -> tuple[Part, ...]:
        """Put the last part into the store too, and tag all of them `final`.

        A part that an earlier try of this run left, with the same bytes, is used again; with other bytes it is left
        alone, and ours gets the next free number: parts never change.

        Returns: the parts in the order in which they apply; empty if nothing was added.
        Raises: DamagedPartError, StoreError.
        """
        self._store_part(more=False)
        files = self._uploads.finish()
        self.discard()
        return files

    def discard(self) -> None:
        """Remove the local scratch; what is in the store stays."""
        self._uploads.stop()
        if self._part:
            self._part.close()
            self._part = None
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _check(self, rows: Rows, claim: IdRange | None) -> None:
        ids = rows.ids
        # The caller sees to it that no row has a line feed within: counting them took a twentieth of a load.
        if bool(ids) != rows.lines.endswith(b"\n"):
            raise PartError(
                f"{self._run.prefix}: found {rows.lines[-20:]!r} at the end of {len(ids)} rows, expected a line feed"
            )
        if len(set(ids)) != len(ids):
            twice = next(row_id for row_id, times in Counter(ids).items() if times > 1)
            raise PartError(
                f"{self._run.prefix}: found id {twice} twice, expected each row of {claim or 'a page'} once"
            )
        within = claim or IdRange(0, None)
        for row_id in (min(ids), max(ids)) if ids else ():
            if row_id not in within:
                raise PartError(
                    f"{self._run.prefix}: found a row of id {row_id}, expected {within.low} <= id < {within.end}"
                    + (", as is claimed" if claim else "")
                )

    def _part_for(self, rows: Rows, claim: IdRange | None) -> _PartWriter:
        """Return the part in which rows go: a part has either claims or none, and no id or claim of it occurs twice."""
        part = self._part
        if (
            part is None
            or part.plain_bytes >= self._part_bytes
            or part.claimed != (claim is not None)
            or (part.overlaps(claim) if claim else not part.changed_ids.isdisjoint(rows.ids))
        ):
            part = self._new_part(claimed=claim is not None)
        return part

    def _new_part(self, *, claimed: bool) -> _PartWriter:
        if not self._scratch.exists():
            raise PartError(f"{self._run.prefix}: found a stage that is finished or discarded, expected a new one")
        self._store_part(more=True)
        self._part = _PartWriter(self._scratch / f"{self._parts_begun:05}", claimed=claimed)
        self._parts_begun += 1
        return self._part

    def _store_part(self, *, more: bool) -> None:
        """Give the part that is being written to the uploads."""
        part, self._part = self._part, None
        if part is None:
            return
        part.close()
        if part.rows or part.claims:  # an `add` of no rows and no claim has no effect
            self._uploads.add(part.path, part.describe(self._run), more=more)


class _PartWriter:
    """One part as it is written: a gzip file on scratch, and the values of its manifest entry."""

    def __init__(self, path: Path, *, claimed: bool) -> None:
        self.path = path
        self.claimed = claimed
        self.claims: list[IdRange] = []
        self.changed_ids: set[int] = set()
        self.plain_bytes = 0
        self.bytes = 0
        self.rows = 0
        self.min_id: int | None = None
        self.max_id: int | None = None
        self.max_updated_at: int | None = None
        self._file = path.open("xb")
        self._gzip = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
        self._hash = hashlib.sha256()

    def overlaps(self, claim: IdRange) -> bool:
        if not self.claims or claim.low >= self.claims[-1].end:
            return False  # the usual case: claims ascend
        return any(claim.overlaps(other) for other in self.claims)

    def claim(self, claim: IdRange) -> None:
        if not self.claims or claim.low > self.claims[-1].end:
            self.claims.append(claim)
        else:
            self.claims[:] = merge_ranges([*self.claims, claim])

    def write(self, rows: Rows) -> None:
        if not self.claimed:
            self.changed_ids.update(rows.ids)
        self.rows += len(rows.ids)
        self.min_id = min([*rows.ids, *_known(self.min_id)], default=None)
        self.max_id = max([*rows.ids, *_known(self.max_id)], default=None)
        self.max_updated_at = max([*_known(rows.max_updated_at), *_known(self.max_updated_at)], default=None)
        self.plain_bytes += len(rows.lines)
        self._store(self._gzip.compress(rows.lines))

    def close(self) -> None:
        """Write the remaining bytes, and drop what only writing needs."""
        if self._file.closed:
            return
        self._store(self._gzip.flush())
        self._file.close()
        self.changed_ids = set()

    def describe(self, run: LoadRun) -> Part:
        return Part(
            key=run.part_key(0),  # its own once it is stored
            partition=run.partition,
            rows=self.rows,
            bytes=self.bytes,
            sha256=self.sha256,
            min_id=self.min_id,
            max_id=self.max_id,
            max_updated_at=self.max_updated_at,
            claims=tuple(self.claims),
        )

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def _store(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data)


def _known(value: int | None) -> tuple[int, ...]:
    return () if value is None else (value,)
