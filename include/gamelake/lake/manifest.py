"""A manifest: the whole state of a table in one document. `Table` reads and commits it.

ManifestError      a manifest, or the draft of one, has an invalid value
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.days import PartitionError, scheme_of
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import TableName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jsonschema.protocols import Validator

FORMAT_VERSION = 2
SCHEMA_PATH = Path(__file__).with_name("manifest.schema.json")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ManifestError(ValueError):
    """Names the key of the manifest, the value found and what was expected."""

    def __init__(self, key: str, found: object, expected: str) -> None:
        super().__init__(key, found, expected)
        self.key = key
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return f"{self.key}: found {self.found!r}, expected {self.expected}"


def expect(key: str, found: object, holds: bool, expected: str) -> None:
    """Raise ManifestError unless it holds."""
    if not holds:
        raise ManifestError(key, found, expected)


class Mode(StrEnum):
    """How a run read its source."""

    FULL = "full"
    INCREMENTAL = "incremental"
    SNAPSHOT = "snapshot"


def check_partition(key: str, partition: str) -> None:
    """Refuse a partition of no declared scheme.

    Raises:
        ManifestError: It is neither a day nor an hour.
    """
    try:
        scheme_of(partition)
    except PartitionError as error:
        expected = "a day such as 2026-11-21, or an hour such as 2026-11-21T04"
        raise ManifestError(key, partition, expected) from error


@dataclass(frozen=True, slots=True)
class File:
    """One part: where it lies, what it holds, and what it claims.

    rows: lines; an id occurs at most once in a part. bytes, sha256: of the object as stored, that is compressed.
    min_id, max_id: None for a part without rows, and for a table without ids: its rows always count.
    max_updated_at: unix seconds, None if no row has one.
    claims: ascending, not touching; empty for a part that says "these rows changed".

    Raises: ManifestError.
    """

    key: str
    partition: str
    rows: int
    bytes: int
    sha256: str
    min_id: int | None
    max_id: int | None
    max_updated_at: int | None
    claims: tuple[IdRange, ...] = ()

    def __post_init__(self) -> None:
        check_partition(f"{self.key}: partition", self.partition)
        self._expect("rows", self.rows >= 0, "0 or more")
        self._expect("bytes", self.bytes > 0, "more than 0: even an empty gzip has a header")
        self._expect("sha256", bool(_SHA256.fullmatch(self.sha256)), "64 hexadecimal digits")
        self._expect("max_updated_at", self.max_updated_at is None or self.max_updated_at >= 0, "seconds or null")
        self._check_ids()
        self._check_claims()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> File:
        """Return the file that a parsed JSON object of a manifest's `files` describes."""
        return cls(**{**document, "claims": tuple(IdRange(**claim) for claim in document.get("claims", ()))})

    @property
    def ids(self) -> IdRange | None:
        """The range in which the part's ids lie, None for a part without rows."""
        return None if self.min_id is None or self.max_id is None else IdRange(self.min_id, self.max_id + 1)

    def _check_ids(self) -> None:
        if self.min_id is None or self.max_id is None:
            self._expect("min_id", self.min_id is None, "null, as max_id is")
            self._expect("max_id", self.max_id is None, "null, as min_id is")
            without_ids = self.rows > 0 and not self.claims
            self._expect(
                "claims", without_ids or bool(self.claims), "a claim: without rows and claims the part says nothing"
            )
            self._expect(
                "rows", without_ids or self.rows == 0, "0, as min_id and max_id are null and the part has claims"
            )
            return
        self._expect("min_id", self.min_id >= 0, "an id, 0 or more")
        self._expect("max_id", self.max_id >= self.min_id, f"min_id, which is {self.min_id}, or more")
        most = self.max_id - self.min_id + 1
        self._expect("rows", 0 < self.rows <= most, f"1 to {most}, as many as there are ids from min_id to max_id")

    def _check_claims(self) -> None:
        for before, claim in zip(self.claims, self.claims[1:], strict=False):
            expected = "claims in ascending order that neither overlap nor touch"
            self._expect("claims", before.end < claim.low, expected)
        if self.claims and self.min_id is not None and self.max_id is not None:
            for name, row_id in (("min_id", self.min_id), ("max_id", self.max_id)):
                self._expect(name, any(row_id in claim for claim in self.claims), "an id that the part claims")

    def _expect(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ManifestError(f"{self.key}: {name}", getattr(self, name), expected)


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
        try:
            files = tuple(File.from_json(file) for file in document["files"])
            unproven = tuple(Unproven(**one) for one in document["unproven"])
        except ManifestError:
            raise
        except ValueError as error:
            raise ManifestError("id range", data[:100], str(error)) from error
        typed = {
            "committed_at": committed_at,
            "mode": Mode(document["mode"]),
            "summary": Summary(**document["summary"] | {"proof": Proof(document["summary"]["proof"])}),
            "unproven": unproven,
            "files": files,
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
