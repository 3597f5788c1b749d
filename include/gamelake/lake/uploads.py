"""Put the parts of a run into the store while the run goes on, and verify them there.

PartError          an invalid row, claim or call
  DamagedPartError   the store has other bytes than were written
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from gamelake.lake.store import CHUNK, ObjectExistsError, ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from gamelake.lake.keys import LoadRun
    from gamelake.lake.manifest import Part
    from gamelake.lake.store import ReadableStore, Store

REUSE = timedelta(hours=24)
"""A part that was left longer ago is not used again: the lifecycle rules or an audit may remove it soon."""


class PartError(ValueError):
    """An invalid row, claim or call: names the part or table, what was found and what was expected."""


class DamagedPartError(PartError):
    """The stored bytes differ from those written."""


class StoredPart(Protocol):
    """What a manifest states of the bytes of a part."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def bytes(self) -> int: ...  # noqa: D102
    @property
    def rows(self) -> int: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102


def verify_part(store: ReadableStore, part: StoredPart) -> None:
    """Read a part and verify the size and hash of its bytes.

    Raises: DamagedPartError, if they differ; ObjectNotFoundError; StoreError.
    """
    _read_verified(store, part, lambda _: None)


def verified_copy(store: ReadableStore, part: StoredPart, path: Path) -> None:
    """Copy a part to a local file, and verify it. Raises as `verify_part`."""
    with path.open("wb") as copy:
        _read_verified(store, part, copy.write)


def _read_verified(store: ReadableStore, part: StoredPart, use: Callable[[bytes], object]) -> None:
    digest = hashlib.sha256()
    size = 0
    with store.open(part.key) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            use(chunk)
    if size != part.bytes:
        raise DamagedPartError(f"{part.key}: the store has {size} bytes, expected {part.bytes}, as were put")
    if digest.hexdigest() != part.sha256:
        raise DamagedPartError(
            f"{part.key}: the store has sha256 {digest.hexdigest()}, expected {part.sha256}, as was put"
        )


class PartUploads:
    """The uploads of one run: one part after another, in a thread of its own, tagged `status=temp` and verified.

    resumed: parts of an earlier try of this run, which come first. committed: parts that a commit names, by their keys.
    on_stored: called in that thread, with all parts so far, after each part that is not the only one of its run.
    """

    def __init__(
        self,
        store: Store,
        run: LoadRun,
        *,
        resumed: Sequence[Part],
        committed: Sequence[Part],
        on_stored: Callable[[tuple[Part, ...]], None] | None,
    ) -> None:
        self._store = store
        self._run = run
        self._stored = list(resumed)
        self._resumed = {part.key for part in resumed}
        self._committed = {part.key: part for part in committed}
        self._on_stored = on_stored
        self._number = 0
        self._failed = False
        self._thread = ThreadPoolExecutor(1, "part-uploads")
        self._waiting: list[Future[None]] = []

    def add(self, path: Path, part: Part, *, more: bool) -> None:
        """Put a local file into the store, as soon as those before it are there, and remove it.

        part: its entry in the manifest, but for the key. more: other parts of the run follow.

        Raises: what an earlier upload failed with.
        """
        for upload in [upload for upload in self._waiting if upload.done()]:
            self._waiting.remove(upload)
            upload.result()
        self._waiting.append(self._thread.submit(self._upload, path, part, more))

    def finish(self) -> tuple[Part, ...]:
        """Wait for all uploads, then tag the parts `final`. Returns: them, in the order in which they apply.

        Raises: DamagedPartError, StoreError.
        """
        for upload in self._waiting:
            upload.result()
        for part in self._stored:
            self._store.tag(part.key, {"status": "final"})
        return tuple(self._stored)

    def stop(self) -> None:
        """End the thread after the upload that is under way, if one is."""
        self._thread.shutdown(cancel_futures=True)

    def _upload(self, path: Path, part: Part, more: bool) -> None:
        if self._failed:
            return  # the run ends with the error of the part that failed
        try:
            part = self._put(path, part)
            verify_part(self._store, part)
        except BaseException:
            self._failed = True
            raise
        path.unlink()
        self._stored.append(part)
        if self._on_stored and (more or len(self._stored) > 1):
            self._on_stored(tuple(self._stored))

    def _put(self, path: Path, part: Part) -> Part:
        """Put a part under the first number that is free or has these bytes and an equal entry."""
        while True:
            part = replace(part, key=self._run.part_key(self._number))
            self._number += 1
            # Two parts without rows have the same bytes, and may claim different ranges.
            if part.key in self._resumed or self._committed.get(part.key, part) != part:
                continue
            try:
                found = self._store.info(part.key)
                old = datetime.now(UTC) - found.modified > REUSE and part.key not in self._committed
                if found.size != part.bytes or old:
                    continue
            except ObjectNotFoundError:
                pass  # free, the usual case
            try:
                self._store.put_file(part.key, path, if_absent=True, tags={"status": "temp"})
            except ObjectExistsError:
                continue
            return part
