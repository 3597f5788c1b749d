"""The commit protocol: a manifest is the whole state of a table, and creating it is the commit.

    table = Table(store, TableName("igdb", "games"))
    before = table.latest()                                             # None: nothing was ever committed
    after = table.commit(lambda newest: Draft(..., files=merge_parts(newest.files if newest else (), parts)))

Commits are numbered objects that are created only if absent: a reader sees a commit whole or not at all, two writers
cannot both have a number, and history stays. `_manifest.json` is a copy of the newest, for readers that cannot list.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from gamelake.lake.documents import what_to_do
from gamelake.lake.keys import TableName, number_of
from gamelake.lake.manifest import Draft, Manifest, ManifestError, Mode, check_partition, expect
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gamelake.lake.store import ReadableStore

log = logging.getLogger(__name__)

_LOST_RACES = 100
"""One run does not lose to so many other commits: more means that another program writes here."""
_THREADS = 8
_MOST_AHEAD = 64
"""Commits that are read at once: each is a request to S3, and a table with events has 96 of a day."""


class TableReader:
    """The commits of one table in a store that cannot list: `_manifest.json` is a copy of the newest.

    Methods raise StoreError if the store fails, and ManifestError if a stored manifest is invalid.
    """

    def __init__(self, store: ReadableStore, name: TableName) -> None:
        self.name = name
        self._objects = store

    def latest(self) -> Manifest | None:
        """Return the newest commit, None if there is none."""
        return self._pointer()

    def read(self, version: int) -> Manifest:
        """Return the commit of that number.

        Raises: ObjectNotFoundError, if there is none.
        """
        key = self.name.manifest_key(version)
        manifest = self._parse(key)
        expect(f"{key}: version", manifest.version, manifest.version == version, f"{version}, as in its key")
        return manifest

    def newest_load(self) -> Manifest | None:
        """Return the newest commit that a load made: without events that were applied after it."""
        newest = self.latest()
        return None if newest is None else self.load_of(newest)

    def load_of(self, commit: Manifest) -> Manifest:
        """Return the load to whose rows a commit applied events; the commit itself if it is a load's.

        Raises: ObjectNotFoundError, if it is lost.
        """
        return commit if commit.last_load == commit.version else self.read(commit.last_load)

    def as_of(self, partition: str, *, events: bool = False) -> Manifest | None:
        """Return the commit that shows the table as it stood on that day, None if there is none.

        It is the newest load of that day or an earlier one without parts of a later day. A day that was loaded after a
        later one is in no such commit: then its own commit counts; of several such days, that of the latest.

        Args:
            partition: The day, or an hour of it.
            events: Also the events that were applied after that load.
        """
        check_partition("partition", partition)
        width = len(partition)  # the hours of a day belong to it
        clean = late = None
        for commit in self.history(events=events):
            if commit.partition[:width] > partition:
                continue
            if any(part.partition[:width] > partition for part in commit.files):
                if late is None or commit.partition > late.partition:
                    late = commit
                continue
            clean = clean or commit
            if late is None or commit.partition >= late.partition:
                return clean
        return late or clean

    def history(self, *, events: bool = True) -> Iterator[Manifest]:
        """Yield the commits, newest first; some are read before they are asked for.

        Args:
            events: Also the commits that applied events; else those of loads alone.
        """
        newest = self.latest()
        if newest is not None:
            yield from self._newest_first(newest, range(newest.version - 1, 0, -1), events=events)

    def before(self, commit: Manifest) -> Iterator[Manifest]:
        """Yield the loads before a commit, newest first; each is read on demand.

        The first lost or damaged one ends it, with a warning: a load must not fail for want of an old commit.
        """
        version = commit.load_before
        while version > 0:
            try:
                found = self.read(version)
            except (ObjectNotFoundError, ManifestError) as error:
                log.warning("%s: the commits before version %d are not used: %s", self.name, version + 1, error)
                return
            if found.mode is not Mode.EVENTS:
                yield found
            version = found.load_before

    def loads_up_to(self, commit: Manifest) -> Iterator[Manifest]:
        """Yield a commit, if a load made it, and the loads before it; see `before`."""
        if commit.mode is not Mode.EVENTS:
            yield commit
        yield from self.before(commit)

    def shrunk_by_events(self, commit: Manifest) -> Manifest | None:
        """Return the newest commit after the last load whose events removed many rows, as a person allowed them to.

        Args:
            commit: The newest commit to look at. If a load made it, there is none.
        """
        for version in range(commit.version, commit.last_load, -1):
            with suppress(ObjectNotFoundError, ManifestError):  # a load must not fail for want of an old commit
                found = self.read(version)
                if found.shrink_allowed:
                    return found
        return None

    def _newest_first(self, newest: Manifest, older: Iterable[int], *, events: bool) -> Iterator[Manifest]:
        """Yield the newest commit and those of older versions; without `events` those of loads alone."""
        if events:
            yield newest
            yield from self._read_ahead(older)
        else:
            yield from self._read_loads(chain((newest.version,), older), newest=newest)

    def _read_loads(self, versions: Iterable[int], *, newest: Manifest | None = None) -> Iterator[Manifest]:
        """Yield the loads of descending versions; the commits between two loads are not read."""
        highest: int | None = None
        for version in versions:
            if highest is not None and version > highest:
                continue
            commit = newest if newest is not None and newest.version == version else self.read(version)
            if commit.mode is not Mode.EVENTS:
                yield commit
            highest = commit.load_before

    def _read_ahead(self, versions: Iterable[int]) -> Iterator[Manifest]:
        """Yield commits in the order of their versions: first one, then ever more at once."""
        left, size = list(versions), 1
        with ThreadPoolExecutor(_THREADS) as threads:
            while left:
                yield from threads.map(self.read, left[:size])
                left, size = left[size:], min(2 * size, _MOST_AHEAD)

    def _pointer(self) -> Manifest | None:
        try:
            return self._parse(self.name.pointer_key)
        except ObjectNotFoundError:
            return None

    def _parse(self, key: str) -> Manifest:
        try:
            manifest = Manifest.from_json(self._objects.get(key))
        except ManifestError as error:
            hint = (
                "it is a copy: delete it, from a CDN's cache too, and the next commit makes it again"
                if key == self.name.pointer_key
                else "commits never change: restore the object from a backup or the bucket's versions "
                "(docs/guides/deploy/backup.md). If there is none, delete it, and load the table with full_refresh "
                "(docs/guides/runbooks/documents-are-damaged.md)"
            )
            expected = f"{error.expected}; {what_to_do(error, hint)}"
            raise ManifestError(f"{key}: {error.key}", error.found, expected) from error
        found = str(manifest.table)
        expect(f"{key}: table", found, manifest.table == self.name, f"'{self.name}', as in its key")
        return manifest


class Table(TableReader):
    """The commits of one table in a store that can list and be written to."""

    def __init__(self, store: Store, name: TableName) -> None:
        super().__init__(store, name)
        self._store = store
        self._prefix = name.manifests_prefix

    def latest(self) -> Manifest | None:
        """Return the newest commit, or None.

        `_manifest.json` is a hint: a newer commit beside it counts. A damaged one is not used, and the next commit
        writes it again.
        """
        pointer = self._pointer()
        newest = max(self._versions(after=pointer.version if pointer else 0), default=None)
        return pointer if newest is None else self.read(newest)

    def current_since(self, moment: datetime) -> list[Manifest]:
        """Return the commits that were the newest at some time since a moment, newest first.

        A commit's time is the store's, of its object: the same clock as that of the objects it names.
        """
        found: list[int] = []
        for info in sorted(self._store.list(self._prefix), key=lambda info: info.key, reverse=True):
            version = number_of(self._prefix, info.key)
            if version is not None:
                found.append(version)
                if info.modified <= moment:
                    break
        return list(self._read_ahead(found))

    def history(self, *, events: bool = True) -> Iterator[Manifest]:
        """Yield the commits, newest first; see `TableReader`. A lost one is left out.

        The newest one is that of `latest`: where it is lost, a build must not take the commit of the day before for it.
        """
        pointer, versions = self._pointer(), sorted(self._versions(), reverse=True)
        listed = max(versions, default=0)
        if pointer is None or pointer.version < listed:
            if not versions:
                return
            newest = self.read(listed)
        else:
            newest = pointer
            if newest.version > listed:
                log.warning("%s: version %d is lost, and is read from its copy", self.name, newest.version)
        older = [version for version in versions if version < newest.version]
        yield from self._newest_first(newest, older, events=events)

    def commit(self, build: Callable[[Manifest | None], Draft]) -> Manifest:
        """Make the next commit.

        Then it updates `_manifest.json`, and tags parts that no longer count `outdated`.

        Args:
            build: Returns the draft, given the newest commit (None: there is none). It is called again with the commit
                of another writer that was faster. What it raises ends the try.

        Raises:
            ManifestError: The draft is invalid.
        """
        for _ in range(_LOST_RACES):
            newest = self.latest()
            draft = build(newest)
            draft.check_follows(newest)
            fields = msgspec.structs.asdict(draft)
            version = newest.version + 1 if newest else 1
            manifest = Manifest(
                **fields,
                source=self.name.source,
                entity=self.name.entity,
                version=version,
                committed_at=datetime.now(UTC),
            )
            try:
                self._store.put(self.name.manifest_key(version), manifest.to_json(), if_absent=True)
            except ObjectExistsError:
                continue
            self._refresh_pointer()
            if manifest.mode is not Mode.EVENTS:  # a load that is running may build on the parts that it replaced
                self._tag_outdated(manifest)
            return manifest
        raise ManifestError(
            "version", self._prefix, f"a free number within {_LOST_RACES} tries: is a clone writing here?"
        )

    def _pointer(self) -> Manifest | None:
        try:
            return super()._pointer()
        except ManifestError as error:
            log.warning("%s: the copy of the newest commit is not used: %s", self.name, error)
            return None

    def _versions(self, *, after: int = 0) -> list[int]:
        """Return the numbers of the commits after a number."""
        keys = self._store.list(self._prefix, after=self.name.manifest_key(after))
        return [version for info in keys if (version := number_of(self._prefix, info.key)) is not None]

    def _refresh_pointer(self) -> None:
        """Make `_manifest.json` a copy of the newest commit.

        A writer that was slow may put an older commit over a newer one: every writer looks again after it wrote, so the
        last one to write leaves the newest there.
        """
        while True:
            pointer = self._pointer()
            newest = max(self._versions(after=pointer.version if pointer else 0), default=None)
            if newest is None:
                return
            self._store.put(self.name.pointer_key, self._store.get(self.name.manifest_key(newest)))

    def _tag_outdated(self, manifest: Manifest) -> None:
        """Tag what the two commits before had and this one has not: the last one's writer may have been killed here.

        Their age starts again: reads as of a past day need them until the lifecycle rule removes them.
        """
        before: set[str] = set()
        for version in range(max(1, manifest.version - 2), manifest.version):
            with suppress(ObjectNotFoundError, ManifestError):  # a lost or damaged commit must not fail this one
                before |= {part.key for part in self.read(version).files}
        for key in sorted(before - {part.key for part in manifest.files}):
            try:
                if self._store.tags(key).get("status") != "outdated":
                    self._store.tag(key, {"status": "outdated"}, reset_age=True)
            except ObjectNotFoundError:
                continue  # removed already


def open_table(store: ReadableStore, name: TableName) -> TableReader:
    """Return the commits of one table, by listing them if the store can."""
    return Table(store, name) if isinstance(store, Store) else TableReader(store, name)
