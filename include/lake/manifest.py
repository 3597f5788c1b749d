"""The commit protocol: a manifest is the whole state of a table, and creating it is the commit.

    table = Table(store, "games")
    before = table.latest()                                             # None: nothing was ever committed
    after = table.commit(lambda newest: Draft(..., files=merge_files(newest.files if newest else (), parts)))

Commits are numbered objects that are created only if absent: a reader sees a commit whole or not at all, two writers
cannot both have a number, and history stays. `_manifest.json` is a copy of the newest, for readers that cannot list.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from include.lake.files import Claim, File, ManifestError, check_partition, merge_claims, merge_files
from include.lake.keys import manifest_key, manifest_version, manifests_prefix, pointer_key, table_prefix
from include.lake.store import ObjectExists, ObjectNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jsonschema.protocols import Validator

    from include.lake.store import Store

__all__ = ["Claim", "Draft", "File", "Manifest", "ManifestError", "Mode", "Table", "merge_claims", "merge_files"]

FORMAT_VERSION = 1
SCHEMA_PATH = Path(__file__).with_name("manifest.schema.json")

_LOST_RACES = 100
"""So many commits of one table cannot happen while one run tries: something else takes our numbers."""


class Mode(StrEnum):
    """How a run read its source."""

    FULL = "full"
    INCREMENTAL = "incremental"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a run decides of its commit; the table adds number and time.

    partition: the Korean day that was loaded, as 2026-11-21.
    watermark: the source's clock when the run began to read, unix seconds; an incremental run must have one.
    source_count: rows that the source said it has. row_count: rows that the table now shows, of a time series those of
    the partition. requests: what the run spent at the API; 0 in commits that were made before it was counted.
    files: every file of the table in the order in which they apply; see merge_files.

    Raises: ManifestError.
    """

    run_id: str
    partition: str
    mode: Mode
    watermark: int | None
    source_count: int
    row_count: int
    requests: int = 0
    files: tuple[File, ...]

    def __post_init__(self) -> None:
        check_partition("partition", self.partition)
        _expect("run_id", self.run_id, bool(self.run_id), "a text that is not empty")
        _expect("source_count", self.source_count, self.source_count >= 0, "0 or more")
        _expect("requests", self.requests, self.requests >= 0, "0 or more")
        if self.mode is Mode.INCREMENTAL:
            _expect("watermark", self.watermark, self.watermark is not None, "a time: the next run continues from it")
        _expect("watermark", self.watermark, self.watermark is None or self.watermark >= 0, "unix seconds or null")
        seen: set[str] = set()
        for file in self.files:
            _expect("files.key", file.key, file.key not in seen, "each part once")
            seen.add(file.key)
        # Older parts may be void in any degree; of the last one every row shows.
        most, least = sum(file.rows for file in self.files), self.files[-1].rows if self.files else 0
        expected = f"{least} to {most}: at least the last file's rows, at most those of all files"
        _expect("row_count", self.row_count, least <= self.row_count <= most, expected)

    def check_follows(self, newest: Manifest | None) -> None:
        """Refuse a draft that changes a part of the newest commit or takes the table back in time.

        Raises: ManifestError.
        """
        if newest is None:
            return
        before = {file.key: file for file in newest.files}
        for file in self.files:
            expected = f"{before.get(file.key)}, as version {newest.version} has it: parts never change"
            _expect("files", file, before.get(file.key, file) == file, expected)
        if newest.watermark is None or (self.watermark is None and self.mode is Mode.SNAPSHOT):
            return
        _expect(
            "watermark",
            self.watermark,
            self.watermark is not None and self.watermark >= newest.watermark,
            f"{newest.watermark} or later, as version {newest.version} of run {newest.run_id!r} has it: "
            "another run read the source after this one; run this one again",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Draft):
    """One commit: the whole state of a table. See Draft for the fields that a run decides.

    version: 1, 2, 3, ... without gaps. committed_at: UTC, by the writer's clock; for people, nothing is decided by it.

    Raises: ManifestError.
    """

    entity: str
    version: int
    committed_at: datetime
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        # dataclass(slots=True) makes a new class, which super() without arguments does not find
        Draft.__post_init__(self)
        _expect("version", self.version, self.version >= 1, "1 or more")
        _expect("committed_at", self.committed_at, self.committed_at.tzinfo is not None, "a time with its zone")
        prefix = table_prefix(self.entity)
        for file in self.files:
            expected = f"{prefix}dt={file.partition}/<run>/<part>"
            _expect("files.key", file.key, file.key.startswith(f"{prefix}dt={file.partition}/"), expected)

    def to_json(self) -> bytes:
        """The manifest as the lake holds it, in the schema's order, indented for people."""
        document = asdict(self) | {"committed_at": self.committed_at.astimezone(UTC).isoformat()}
        ordered = {key: document[key] for key in _schema()["properties"]}
        return orjson.dumps(ordered, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Read a manifest and hold it to the schema.

        Raises: ManifestError.
        """
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise ManifestError("manifest", data[:100], f"JSON: {error}") from error
        for problem in _validator().iter_errors(document):
            path = ".".join(str(step) for step in problem.absolute_path) or "manifest"
            raise ManifestError(path, problem.instance, f"what manifest.schema.json says: {problem.message}")
        try:
            committed_at = datetime.fromisoformat(document["committed_at"])
        except ValueError as error:
            raise ManifestError("committed_at", document["committed_at"], "an ISO 8601 time") from error
        files = tuple(File.from_json(file) for file in document["files"])
        return cls(**document | {"committed_at": committed_at, "mode": Mode(document["mode"]), "files": files})


class Table:
    """The commits of one entity's table.

    Methods raise StoreError where the store fails, and ManifestError where a stored manifest cannot be right.
    """

    def __init__(self, store: Store, entity: str) -> None:
        self.entity = entity
        self._store = store
        self._prefix = manifests_prefix(entity)

    def latest(self) -> Manifest | None:
        """The newest commit, None if there is none. `_manifest.json` is a hint: a newer commit beside it counts."""
        pointer = self._pointer()
        newest = max(self._versions(after=pointer.version if pointer else 0), default=None)
        return pointer if newest is None else self.read(newest)

    def read(self, version: int) -> Manifest:
        """The commit of that number.

        Raises: ObjectNotFound, if there is none.
        """
        key = manifest_key(self.entity, version)
        manifest = self._parse(key)
        _expect(f"{key}: version", manifest.version, manifest.version == version, f"{version}, as its key says")
        return manifest

    def as_of(self, partition: str) -> Manifest | None:
        """The commit that shows the table as it stood on that day, None if there is none.

        It is the newest one of that day or an earlier one that holds nothing of a later day. A day that was loaded
        after a later one is in no such commit: then the one that brought it counts.
        """
        check_partition("partition", partition)
        clean = late = None
        for commit in self.history():
            if commit.partition > partition:
                continue
            if any(file.partition > partition for file in commit.files):
                late = late or commit
                continue
            clean = clean or commit
            if late is None or commit.partition >= late.partition:
                return clean
        return late or clean

    def current_since(self, moment: datetime) -> list[Manifest]:
        """The commits that were the newest at some time since a moment, newest first.

        A commit's time is the store's, of its object: the same clock as that of the objects it names.
        """
        found: list[Manifest] = []
        for info in sorted(self._store.list(self._prefix), key=lambda info: info.key, reverse=True):
            version = manifest_version(info.key)
            if version is not None:
                found.append(self.read(version))
                if info.modified <= moment:
                    break
        return found

    def history(self) -> Iterator[Manifest]:
        """The commits, newest first; each is read when it is asked for."""
        for version in sorted(self._versions(), reverse=True):
            yield self.read(version)

    def commit(self, build: Callable[[Manifest | None], Draft]) -> Manifest:
        """Make the next commit.

        build: given the newest commit (None: there is none), says what the next one shall be. It is called again when
        another writer was faster, with that writer's commit; it may raise, which ends the try.

        After the commit `_manifest.json` is brought up to date, and files that no longer count are tagged `outdated`.

        Raises: ManifestError, if the draft cannot be right or would take the watermark back.
        """
        for _ in range(_LOST_RACES):
            newest = self.latest()
            draft = build(newest)
            draft.check_follows(newest)
            fields = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
            version = newest.version + 1 if newest else 1
            manifest = Manifest(**fields, entity=self.entity, version=version, committed_at=datetime.now(UTC))
            try:
                self._store.put(manifest_key(self.entity, version), manifest.to_json(), if_absent=True)
            except ObjectExists:
                continue
            self._refresh_pointer()
            self._tag_outdated(manifest)
            return manifest
        raise ManifestError(
            "version", self._prefix, f"a free number within {_LOST_RACES} tries: is a clone writing here?"
        )

    def _versions(self, *, after: int = 0) -> list[int]:
        """The numbers of the commits after a number."""
        keys = self._store.list(self._prefix, after=manifest_key(self.entity, after))
        return [version for info in keys if (version := manifest_version(info.key)) is not None]

    def _pointer(self) -> Manifest | None:
        try:
            return self._parse(pointer_key(self.entity))
        except ObjectNotFound:
            return None

    def _parse(self, key: str) -> Manifest:
        try:
            manifest = Manifest.from_json(self._store.get(key))
        except ManifestError as error:
            way_out = (
                "; it is a copy: delete it, and the next commit makes it anew"
                if key == pointer_key(self.entity)
                else ""
            )
            raise ManifestError(f"{key}: {error.key}", error.found, f"{error.expected}{way_out}") from error
        _expect(f"{key}: entity", manifest.entity, manifest.entity == self.entity, f"{self.entity!r}, as its key says")
        return manifest

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
            self._store.put(pointer_key(self.entity), self._store.get(manifest_key(self.entity, newest)))

    def _tag_outdated(self, manifest: Manifest) -> None:
        """Tag what the two commits before had and this one has not: the last one's writer may have been killed here.

        Their age begins anew: reads as of a past day need them for the days that the lifecycle rule gives them.
        """
        before = [self.read(version) for version in (manifest.version - 2, manifest.version - 1) if version > 0]
        counting = {file.key for file in manifest.files}
        for key in sorted({file.key for commit in before for file in commit.files} - counting):
            try:
                if self._store.tags(key).get("status") != "outdated":
                    self._store.tag(key, {"status": "outdated"}, anew=True)
            except ObjectNotFound:
                continue  # removed already, which is all that the tag is for


def _expect(key: str, found: object, holds: bool, expected: str) -> None:
    if not holds:
        raise ManifestError(key, found, expected)


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return schema


@cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator  # takes a quarter of a second

    return Draft202012Validator(_schema())
