"""What a commit says: the manifest as a document, held to manifest.schema.json and to what must be true of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.lake.files import File, IdRange, ManifestError, check_partition
from gamelake.lake.keys import TableName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

FORMAT_VERSION = 2
SCHEMA_PATH = Path(__file__).with_name("manifest.schema.json")


def expect(key: str, found: object, holds: bool, expected: str) -> None:
    """Raise ManifestError unless it holds."""
    if not holds:
        raise ManifestError(key, found, expected)


class Mode(StrEnum):
    """How a run read its source."""

    FULL = "full"
    INCREMENTAL = "incremental"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Unproven:
    """An id range `[low, high)` of which the source returned the same `rows` twice, but counts `count`.

    Raises: ManifestError.
    """

    low: int
    high: int | None
    rows: int
    count: int

    def __post_init__(self) -> None:
        IdRange(self.low, self.high)  # it checks the range
        expect("unproven.rows", self.rows, self.rows >= 0, "0 or more")
        expect("unproven.count", self.count, self.count >= 0, "0 or more")
        expect("unproven.count", self.count, self.count != self.rows, f"another number than rows, which is {self.rows}")

    def __str__(self) -> str:
        where = f"ids {self.low} and above" if self.high is None else f"ids {self.low} to {self.high - 1}"
        return f"{where}: the source returned {self.rows} rows but counts {self.count}"

    @property
    def difference(self) -> int:
        """How many rows the range may have more or less than the source counts."""
        return abs(self.rows - self.count)


class Proof(StrEnum):
    """How the rows of a load were proven complete."""

    COUNTED = "counted"
    """The source counts as many rows as the load read or the table has."""
    UNPROVEN = "unproven"
    """The source miscounts some id ranges: see `unproven`."""
    NONE = "none"
    """The source cannot count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of the load that made a commit.

    `rows_read` were staged, of which an earlier try of the run had staged `rows_resumed`. `rows_rejected` broke the
    contract. `ranges_repaired` differed from the source, which had deleted `rows_deleted` there. `rows_late` had
    changed before the last load and were visible only after it. `undeclared` counts fields that the registry does not
    declare. `bytes` came over the network. `cursor_set_back`: the commit before had a wrong cursor.

    Raises:
        ManifestError: A figure is negative.
    """

    rows_read: int = 0
    rows_resumed: int = 0
    rows_rejected: int = 0
    rows_deleted: int = 0
    rows_late: int = 0
    ranges_repaired: int = 0
    undeclared: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    seconds: float = 0.0
    proof: Proof = Proof.NONE
    cursor_set_back: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, int | float):
                expect(f"summary.{each.name}", value, value >= 0, "0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a run decides of its commit; the table adds number and time.

    partition: what was loaded: a Korean day, as 2026-11-21, or an hour of one, as 2026-11-21T04.
    cursor: where the next incremental run continues, in the source's own words; an incremental run must have one.
    source_count: rows that the source has, those that were rejected included: as it counts them, and as it returned
    them where its count is unproven. None: the source cannot count.
    row_count: rows that the table now shows, of a time series those of the partition.
    summary: the figures of the load.
    unproven: ranges that this run read whose rows differ from the source's count.
    shrink_allowed: the table lost more rows than a load may remove, and an operator let it through: what it had before
    no longer counts.
    rejected_key: where the rows are kept that this run rejected, None if it rejected none. They are `source_count` less
    `row_count` rows, unless that is unproven.
    origin: whose rows the table has: `igdb`, `sandbox` or `recorded`; None: the source does not say.
    files: every file of the table in the order in which they apply; see merge_files.

    Raises: ManifestError.
    """

    run_id: str
    partition: str
    mode: Mode
    cursor: str | None
    source_count: int | None
    row_count: int
    summary: Summary = Summary()
    unproven: tuple[Unproven, ...] = ()
    shrink_allowed: bool = False
    rejected_key: str | None = None
    origin: str | None = None
    files: tuple[File, ...]

    def __post_init__(self) -> None:
        check_partition("partition", self.partition)
        expect("run_id", self.run_id, bool(self.run_id), "a text that is not empty")
        expect("source_count", self.source_count, self.source_count is None or self.source_count >= 0, "0 or more")
        if self.mode is Mode.INCREMENTAL:
            expect("cursor", self.cursor, self.cursor is not None, "a text: the next run continues from it")
        expect("cursor", self.cursor, self.cursor != "", "a text that is not empty, or null")
        seen: set[str] = set()
        for file in self.files:
            expect("files.key", file.key, file.key not in seen, "each part once")
            seen.add(file.key)
        # Older parts may be void in any degree; of the last one every row shows. A day of a time series that has no
        # rows has no part either: the last one is then of another day.
        last = self.files[-1] if self.files else None
        shows = last is not None and (self.mode is not Mode.SNAPSHOT or last.partition == self.partition)
        most, least = sum(file.rows for file in self.files), last.rows if last and shows else 0
        expected = f"{least} to {most}: at least the last file's rows, at most those of all files"
        expect("row_count", self.row_count, least <= self.row_count <= most, expected)

    def check_follows(self, newest: Manifest | None) -> None:
        """Refuse a draft that changes a part of the newest commit.

        Raises: ManifestError.
        """
        if newest is None:
            return
        before = {file.key: file for file in newest.files}
        for file in self.files:
            expected = f"{before.get(file.key)}, as version {newest.version} has it: parts never change"
            expect("files", file, before.get(file.key, file) == file, expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Draft):
    """One commit: the whole state of a table. See Draft for the fields that a run decides.

    version: 1, 2, 3, ... without gaps. committed_at: UTC, by the writer's clock; for people, nothing is decided by it.

    Raises: ManifestError.
    """

    source: str
    entity: str
    version: int
    committed_at: datetime
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        # dataclass(slots=True) makes a new class, which super() without arguments does not find
        Draft.__post_init__(self)
        expect("version", self.version, self.version >= 1, "1 or more")
        expect("committed_at", self.committed_at, self.committed_at.tzinfo is not None, "a time with its zone")
        prefix = self.table.prefix
        for file in self.files:
            expected = f"{prefix}dt={file.partition}/<run>/<part>"
            expect("files.key", file.key, file.key.startswith(f"{prefix}dt={file.partition}/"), expected)

    @property
    def table(self) -> TableName:
        """The table that it commits."""
        return TableName(self.source, self.entity)

    def to_json(self) -> bytes:
        """Return the manifest as the lake holds it, in the schema's order, indented for people."""
        document = asdict(self) | {"committed_at": self.committed_at.astimezone(UTC).isoformat()}
        ordered = {key: document[key] for key in _schema()["properties"]}
        for file in ordered["files"]:
            if not file["claims"]:
                del file["claims"]
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
        typed = {
            "committed_at": committed_at,
            "mode": Mode(document["mode"]),
            "summary": Summary(**document["summary"] | {"proof": Proof(document["summary"]["proof"])}),
            "unproven": tuple(Unproven(**one) for one in document["unproven"]),
            "files": tuple(File.from_json(file) for file in document["files"]),
        }
        return cls(**document | typed)


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    return schema


@cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator  # takes a quarter of a second

    return Draft202012Validator(_schema())
