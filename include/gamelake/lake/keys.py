"""Where everything of a table lies in the lake (contract).

raw/<source>/<entity>/dt=2026-11-21/<run>/part-00000.jsonl.gz
raw/<source>/<entity>/dt=2026-11-21/<run>/_progress.json       while the run goes on
raw/<source>/<entity>/_manifests/00000000000000000042.json
raw/<source>/<entity>/_manifest.json
raw/<source>/<entity>/_rejected/dt=2026-11-21/<time>.jsonl     rows that broke the contract, and why
raw/<source>/<entity>/_months/2026-09/00000000000000000001.json
                                                               which parts of the month one Parquet file has
raw/<source>/<entity>/_months/2026-09/<number>-<id>.parquet    that file
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

RAW = "raw/"
"""The start of the keys of all raw tables."""

_SOURCE = re.compile(r"[a-z][a-z0-9]*")
_ENTITY = re.compile(r"[a-z][a-z0-9_]*")
_RUN_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_RUN_LENGTH = 100
_DIGITS = 20


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """The name of a table: an entity of a source. As text `igdb.games`.

    Raises:
        ValueError: The registry would refuse a name.
    """

    source: str
    entity: str

    def __post_init__(self) -> None:
        if not _SOURCE.fullmatch(self.source):
            raise ValueError(f"source: found {self.source!r}, expected lower-case letters and digits, such as igdb")
        if not _ENTITY.fullmatch(self.entity):
            raise ValueError(f"entity: found {self.entity!r}, expected a name in lower case, such as game_modes")

    def __str__(self) -> str:
        return f"{self.source}.{self.entity}"

    @property
    def prefix(self) -> str:
        """The start of every key of the table."""
        return f"{RAW}{self.source}/{self.entity}/"

    @property
    def manifests_prefix(self) -> str:
        """The start of the keys of its commits."""
        return f"{self.prefix}_manifests/"

    @property
    def pointer_key(self) -> str:
        """The key of the copy of the newest commit."""
        return f"{self.prefix}_manifest.json"

    @property
    def rejected_prefix(self) -> str:
        """The start of the keys of its rejected rows."""
        return f"{self.prefix}_rejected/"

    @property
    def months_prefix(self) -> str:
        """The start of the keys of its compacted months."""
        return f"{self.prefix}_months/"

    def month_prefix(self, month: str) -> str:
        """Return the start of the keys of one compacted month, such as `2026-09`."""
        return f"{self.months_prefix}{month}/"

    @classmethod
    def of_key(cls, key: str) -> TableName | None:
        """Return the table that has the object of a key, None if it is no table's."""
        folder, source, entity, *rest = [*key.split("/"), "", ""]
        is_of_table = f"{folder}/" == RAW and any(rest) and _SOURCE.fullmatch(source) and _ENTITY.fullmatch(entity)
        return cls(source, entity) if is_of_table else None

    def manifest_key(self, version: int) -> str:
        """Return the key of the commit of that number; keys sort as their numbers do."""
        return numbered_key(self.manifests_prefix, version)


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One run that loads one partition of a table: what its objects are named by."""

    table: TableName
    partition: str
    run_id: str

    @property
    def prefix(self) -> str:
        """The start of the keys of the run's parts."""
        return f"{self.table.prefix}dt={self.partition}/{run_folder(self.run_id)}/"

    @property
    def progress_key(self) -> str:
        """The key of what the run has stored so far, for its next try."""
        return f"{self.prefix}_progress.json"

    def part_key(self, number: int) -> str:
        """Return the key of one part of the run."""
        return f"{self.prefix}part-{number:05}.jsonl.gz"

    def rejected_key(self, time_ns: int) -> str:
        """Return the key of the rows that the run rejected.

        Args:
            time_ns: when, in nanoseconds since 1970.
        """
        return f"{self.table.rejected_prefix}dt={self.partition}/{time_ns}.jsonl"


def numbered_key(prefix: str, number: int, suffix: str = ".json") -> str:
    """Return the key of a numbered object, such as a commit; keys sort as their numbers do."""
    return f"{prefix}{number:0{_DIGITS}}{suffix}"


def number_of(prefix: str, key: str, suffix: str = ".json") -> int | None:
    """Return the number of the object at a key, None if the key has no number: people put other files there."""
    name = key.removeprefix(prefix).removesuffix(suffix)
    is_number = len(name) == _DIGITS and name.isascii() and name.isdigit()
    return int(name) if is_number and key == numbered_key(prefix, int(name), suffix) else None


def run_folder(run_id: str) -> str:
    """Return a run's id as a folder name that every file system, URL and glob takes: the same for the same id.

    `scheduled__2026-11-20T19:00:00+00:00` has characters that not all of them take; these become `-`, and a short hash
    keeps ids apart that would then look alike.
    """
    safe = _RUN_UNSAFE.sub("-", run_id)[:_RUN_LENGTH].strip("-")
    if safe == run_id:
        return safe
    return f"{safe}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}".lstrip("-")
