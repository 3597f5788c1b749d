"""The feed of a table: make the steps that it lacks, in the order of its commits, and read them.

    made = make_missing(store, load_sources()["igdb"].entities["games"])     # what `transform` does each night
    for step in Feed(store, entity.table).steps():
        for change in Feed(store, entity.table).changes(step): ...

A kill leaves at most parts that no step names; the next try writes the same parts again.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from isal import isal_zlib

from gamelake.feeds.documents import (
    NAMED_FIELDS,
    FeedError,
    FeedPart,
    Step,
    part_key,
    step_key,
    steps_prefix,
)
from gamelake.feeds.envelope import Change, Envelopes, Op, read_change
from gamelake.feeds.rows import differences
from gamelake.kinds import Kind
from gamelake.lake.documents import what_to_do
from gamelake.lake.findings import RETENTION
from gamelake.lake.keys import number_of
from gamelake.lake.manifest import Manifest, ManifestError
from gamelake.lake.rows import read_lines
from gamelake.lake.store import ObjectExistsError, ObjectNotFoundError, StoreError
from gamelake.lake.table import Table
from gamelake.lake.uploads import DamagedPartError, verify_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gamelake.lake.keys import TableName
    from gamelake.lake.store import ReadableStore, Store
    from gamelake.registry import Entity

log = logging.getLogger(__name__)

PART_BYTES = 32 * 1024 * 1024
"""Plain JSONL after which a new part begins."""
_LEVEL, _GZIP = 1, 31  # as in tables; the header has no time, so the same rows give the same bytes
_LOST = (ObjectNotFoundError, ManifestError, DamagedPartError)


def has_feed(entity: Entity) -> bool:
    """Whether a table has a feed. A time series has none: each day's rows are new, and the table keeps all of them."""
    return entity.kind is not Kind.TIME_SERIES


class Feed:
    """The steps of one table's feed. Methods raise StoreError, and FeedError for an invalid step."""

    def __init__(self, store: Store, table: TableName) -> None:
        self.table = table
        self._store = store

    def numbers(self) -> list[int]:
        """Return the numbers of the stored steps, ascending."""
        prefix = steps_prefix(self.table)
        found = (number_of(prefix, info.key) for info in self._store.list(prefix))
        return sorted(number for number in found if number is not None)

    def latest(self) -> Step | None:
        """Return the newest step, None if there is none."""
        numbers = self.numbers()
        return self.read(numbers[-1]) if numbers else None

    def steps(self, *, after: int = 0) -> Iterator[Step]:
        """Yield the steps in their order, those after a number."""
        for number in self.numbers():
            if number > after:
                yield self.read(number)

    def read(self, number: int) -> Step:
        """Return the step of that number. Raises: ObjectNotFoundError."""
        return read_step(self._store, self.table, number)

    def changes(self, step: Step) -> Iterator[Change]:
        """Yield the changes of a step, by id. Raises: DamagedPartError."""
        for line in read_changes(self._store, step):
            yield read_change(line)


def read_step(store: ReadableStore, table: TableName, number: int) -> Step:
    """Return the step of that number. Raises: ObjectNotFoundError, FeedError, StoreError."""
    key = step_key(table, number)
    try:
        step = Step.from_json(store.get(key))
    except FeedError as error:
        hint = (
            "steps never change: restore the object from a backup or the bucket's versions "
            "(docs/guides/deploy/backup.md). The newest step may be deleted instead: the next run makes it again"
        )
        raise FeedError(f"{key}: {error.key}", error.found, f"{error.expected}; {what_to_do(error, hint)}") from error
    found = (step.source, step.entity, step.number)
    if found != (table.source, table.entity, number):
        raise FeedError(f"{key}: source, entity, number", found, "those of its key")
    return step


def read_changes(store: Store, step: Step) -> Iterator[bytes]:
    """Yield the lines of a step. Raises: DamagedPartError, ObjectNotFoundError, StoreError."""
    for part in step.files:
        yield from read_lines(store, part)


def make_missing(store: Store, entity: Entity) -> list[Step]:
    """Make the steps that the feed of a table lacks, up to its newest commit.

    Where several versions can no longer be told apart because parts of those between are removed, one step is over all
    of them. Where the last version of the feed itself is not readable any more, the feed begins again. Both are stated
    in the step.

    Returns:
        The steps that were made here; another process may have made others meanwhile.

    Raises:
        FeedError: A step is damaged, or no version of the table can be read.
        ManifestError: The newest commit is damaged.
        StoreError: The lake cannot be read or written.
    """
    feed, table = Feed(store, entity.table), Table(store, entity.table)
    made: list[Step] = []
    while True:
        last, newest = feed.latest(), table.latest()
        if newest is None or (last is not None and _is_of(newest, last)):
            return made
        step = _next_step(store, entity, table, last, newest)
        try:
            store.put(step_key(entity.table, step.number), step.to_json(), if_absent=True)
        except ObjectExistsError:
            continue  # another process was faster, and its step counts
        made.append(step)
        log.info("%s: %s", entity, summary(step))


class MissingStepsError(Exception):
    """The feeds of some tables could not be made; those of the others were."""

    def __init__(self, failures: Mapping[str, Exception]) -> None:
        lines = "".join(f"\n  {table}: {error}" for table, error in failures.items())
        super().__init__(
            f"These change feeds lack their newest steps ({len(failures)}); the next run makes them:{lines}"
        )
        self.failures = failures


def make_all(store: Store, entities: Iterable[Entity]) -> list[Step]:
    """Make the steps that the feeds of tables lack; a table that fails does not stop the others.

    Raises:
        MissingStepsError: Some tables failed.
    """
    made: list[Step] = []
    failures: dict[str, Exception] = {}
    for entity in filter(has_feed, entities):
        try:
            made += make_missing(store, entity)
        except (ValueError, StoreError, OSError, msgspec.MsgspecError) as error:
            log.warning("%s: the change feed lacks its newest steps: %s", entity, error)
            failures[str(entity)] = error
    if failures:
        raise MissingStepsError(failures)
    return made


def summary(step: Step) -> str:
    """Return what a step has, in a line."""
    if step.from_version is None:
        text = f"the change feed begins at version {step.to_version} of {step.partition}"
    else:
        text = (
            f"version {step.to_version} of {step.partition}: {step.created:,} created, {step.updated:,} updated, "
            f"{step.deleted:,} deleted"
        )
    return f"{text} ({step.reason})" if step.reason else text


def _next_step(store: Store, entity: Entity, table: Table, last: Step | None, newest: Manifest) -> Step:
    """Return the step after the last one; its parts are stored."""
    if last is None:
        return _beginning(store, entity, _recent(table), number=1, reason=None)
    number, missing = last.number + 1, None
    if newest.version <= last.to_version:
        return _made_again(store, entity, table, last, newest)
    try:
        before = table.read(last.to_version)
        if not _is_of(before, last):
            return _made_again(store, entity, table, last, newest)
        for version in range(last.to_version + 1, newest.version + 1):
            try:
                after = table.read(version)
                reason = f"versions between cannot be read: {missing}" if missing else None
                return _step(store, entity, before, after, number=number, reason=reason)
            except _LOST as error:
                missing = error
    except _LOST as error:
        missing = error
    log.warning("%s: the change feed cannot go on from version %d: %s", entity, last.to_version, missing)
    reason = f"what changed since version {last.to_version} is not known: {missing}"
    later = (version for version in range(last.to_version + 1, newest.version + 1))
    return _beginning(store, entity, _readable(table, later), number=number, reason=reason)


def _is_of(commit: Manifest, step: Step) -> bool:
    """Whether a step ends with this very commit: a table that was lost and loaded again has other ones."""
    return (commit.version, commit.committed_at) == (step.to_version, step.committed_at)


def _made_again(store: Store, entity: Entity, table: Table, last: Step, newest: Manifest) -> Step:
    reason = (
        f"the table does not have the version {last.to_version} of {last.committed_at:%Y-%m-%d %H:%M:%S} UTC any more"
    )
    log.warning("%s: the change feed begins again: %s", entity, reason)
    return _beginning(
        store, entity, _readable(table, range(1, newest.version + 1)), number=last.number + 1, reason=reason
    )


def _recent(table: Table) -> Iterator[Manifest]:
    """Yield the commits of the last days, whose parts are kept, the oldest first."""
    yield from reversed(table.current_since(datetime.now(UTC) - RETENTION))


def _readable(table: Table, versions: Iterable[int]) -> Iterator[Manifest]:
    for version in versions:
        try:
            yield table.read(version)
        except _LOST:
            continue


def _beginning(store: Store, entity: Entity, commits: Iterator[Manifest], *, number: int, reason: str | None) -> Step:
    """Return the step at which a feed begins: at the first commit that has all of its parts."""
    version = 0
    for commit in commits:
        version = commit.version
        try:
            for part in commit.files:
                store.info(part.key)
        except ObjectNotFoundError:
            continue
        return _draft(entity, commit, number=number, from_version=None, reason=reason)
    raise FeedError(
        "files",
        f"a part missing in each version up to {version}",
        "a version that has all of its parts; load the entity once with full_refresh",
    )


def _step(store: Store, entity: Entity, before: Manifest, after: Manifest, *, number: int, reason: str | None) -> Step:
    """Return the step between two commits, once its parts are stored."""
    ops: Counter[Op] = Counter()
    fields: Counter[str] = Counter()
    parts = _Parts(store, entity.table, after)
    envelopes = Envelopes(entity, after)
    with differences(store, before, after) as found:
        for change in filter(None, map(envelopes.line, found)):
            op, changed, line = change
            ops[op] += 1
            fields.update(changed)
            parts.add(line)
    files = parts.finish()
    grew = after.row_count - before.row_count
    if grew != ops[Op.CREATED] - ops[Op.DELETED]:
        log.warning(
            "%s: version %d states %+d rows, and the change feed has %d created and %d deleted",
            entity, after.version, grew, ops[Op.CREATED], ops[Op.DELETED],
        )  # fmt: skip
    step = _draft(entity, after, number=number, from_version=before.version, reason=reason)
    return msgspec.structs.replace(
        step,
        created=ops[Op.CREATED],
        updated=ops[Op.UPDATED],
        deleted=ops[Op.DELETED],
        fields=dict(sorted(fields.items(), key=lambda each: (-each[1], each[0]))[:NAMED_FIELDS]),
        files=files,
    )


def _draft(entity: Entity, commit: Manifest, *, number: int, from_version: int | None, reason: str | None) -> Step:
    return Step(
        source=entity.source,
        entity=entity.name,
        number=number,
        from_version=from_version,
        to_version=commit.version,
        partition=commit.partition,
        committed_at=commit.committed_at,
        made_at=datetime.now(UTC),
        created=0,
        updated=0,
        deleted=0,
        fields={},
        reason=reason,
        files=(),
    )


class _Parts:
    """Writes the parts of a step; memory has one of them, compressed."""

    def __init__(self, store: Store, table: TableName, commit: Manifest) -> None:
        self._store = store
        self._table = table
        self._commit = commit
        self._done: list[FeedPart] = []
        self._begin()

    def add(self, line: bytes) -> None:
        if self._plain_bytes >= PART_BYTES:
            self._store_part()
        self._rows += 1
        self._plain_bytes += len(line)
        self._data += self._gzip.compress(line)

    def finish(self) -> tuple[FeedPart, ...]:
        if self._rows:
            self._store_part()
        return tuple(self._done)

    def _begin(self) -> None:
        self._gzip = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)
        self._data = bytearray()
        self._rows = self._plain_bytes = 0

    def _store_part(self) -> None:
        data = bytes(self._data + self._gzip.flush())
        digest = hashlib.sha256(data).hexdigest()
        key = part_key(self._table, self._commit.partition, self._commit.version, len(self._done), digest)
        part = FeedPart(key, self._rows, len(data), digest)
        self._store.put(key, data, if_absent=True)
        verify_part(self._store, part)
        self._done.append(part)
        self._begin()
