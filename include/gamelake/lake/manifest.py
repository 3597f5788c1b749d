"""A manifest: the whole state of a table in one document. `Table` reads and commits it.

ManifestError      a manifest, or the draft of one, has an invalid value
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import orjson
from msgspec import Meta

from gamelake.days import PartitionError, scheme_of
from gamelake.lake.documents import DocumentError, convert, parse_json
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.keys import TableName

FORMAT_VERSION = 2

Count = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(min_length=1)]
Key = Annotated[str, Meta(pattern="^raw/")]
Partition = Annotated[
    str,
    Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2})?$", description="A Korean day, or an hour of it."),
]


class ManifestError(DocumentError):
    """A manifest, or the draft of one, has an invalid value."""


def expect(key: str, found: object, holds: bool, expected: str) -> None:
    """Raise ManifestError unless it holds."""
    if not holds:
        raise ManifestError(key, found, expected)


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


class Mode(StrEnum):
    """How a run read its source."""

    FULL = "full"
    INCREMENTAL = "incremental"
    SNAPSHOT = "snapshot"
    EVENTS = "events"
    """It was not read: events that the source sent were applied to the rows of the last load."""
    CHANGES = "changes"
    """It was not read: the changes of a database were applied, all of them in their order. Marts read it as a load."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part: gzip of one JSON object a line, as the source sent it. Immutable."""

    key: Annotated[Key, Meta(description="Where it lies, under the lake's URI.")]
    partition: Annotated[Partition, Meta(description="That of the run that wrote it.")]
    rows: Annotated[Count, Meta(description="Lines. An id occurs at most once.")]
    bytes: Annotated[int, Meta(ge=1, description="Size of the object.")]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="Of the object.")]
    min_id: Annotated[Count | None, Meta(description="Lowest id of its rows; null for a part without rows.")]
    max_id: Annotated[Count | None, Meta(description="Highest id of its rows; null for a part without rows.")]
    max_updated_at: Annotated[
        Count | None, Meta(description="Greatest updated_at of its rows, unix seconds; null if none has one.")
    ]
    claims: Annotated[
        tuple[IdRange, ...],
        Meta(
            description="Id ranges of which the part has all rows: ascending, not touching. Absent: these rows changed."
        ),
    ] = ()

    def __post_init__(self) -> None:
        check_partition(f"{self.key}: partition", self.partition)
        for before, claim in zip(self.claims, self.claims[1:], strict=False):
            self._expect("claims", before.end < claim.low, "claims in ascending order that neither overlap nor touch")
        if self.min_id is None or self.max_id is None:
            self._expect("min_id", self.min_id is None, "null, as max_id is")
            self._expect("max_id", self.max_id is None, "null, as min_id is")
            self._expect("rows", self.rows == 0, "0, as min_id and max_id are null")
            self._expect("claims", bool(self.claims), "a claim: the part has no rows")
            return
        self._expect("max_id", self.max_id >= self.min_id, f"min_id, which is {self.min_id}, or more")
        most = self.max_id - self.min_id + 1
        self._expect("rows", 0 < self.rows <= most, f"1 to {most}, as many as there are ids from min_id to max_id")
        for name, row_id in (("min_id", self.min_id), ("max_id", self.max_id)):
            claimed = not self.claims or any(row_id in claim for claim in self.claims)
            self._expect(name, claimed, "an id that the part claims")

    @property
    def ids(self) -> IdRange | None:
        """The range in which the part's ids lie, None for a part without rows."""
        return None if self.min_id is None or self.max_id is None else IdRange(self.min_id, self.max_id + 1)

    def _expect(self, name: str, holds: bool, expected: str) -> None:
        expect(f"{self.key}: {name}", getattr(self, name), holds, expected)


class Unproven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An id range `[low, high)` of which the source returned the same `rows` twice, but counts `count`.

    Raises:
        ValueError: `low` and `high` are no range.
        ManifestError: The two numbers are the same.
    """

    low: Count
    high: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="Null: no upper end.")]
    rows: Annotated[Count, Meta(description="Rows as returned.")]
    count: Annotated[Count, Meta(description="Rows as the source counts them.")]

    def __post_init__(self) -> None:
        IdRange(self.low, self.high)  # validates the range
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
    PAGED = "paged"
    """Every page was read to the last one, and the source's count differs from their rows: see `proof_reason`."""
    PARTIAL = "partial"
    """Not everything was read, and a later load reads the rest: see `proof_reason`."""
    NONE = "none"
    """The source cannot count."""


class Summary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The figures of the load that made a commit."""

    rows_read: Annotated[Count, Meta(description="Rows that the load staged.")] = 0
    rows_resumed: Annotated[Count, Meta(description="Those of them that an earlier try of the run had staged.")] = 0
    rows_rejected: Annotated[Count, Meta(description="Rows that broke the contract.")] = 0
    rows_deleted: Annotated[
        Count, Meta(description="Rows that the source had deleted: a load finds them by counts, and events state them.")
    ] = 0
    rows_late: Annotated[
        Count, Meta(description="Rows that had changed before the last load and were visible only after it.")
    ] = 0
    ranges_repaired: Annotated[Count, Meta(description="Id ranges that differed from the source.")] = 0
    undeclared: Annotated[
        dict[str, Count],
        Meta(
            description="Fields that the registry does not declare, with the number of rows that have them: the 100 "
            "most frequent, and 100 characters of their names."
        ),
    ] = msgspec.field(default_factory=dict)
    requests: Annotated[Count, Meta(description="Requests at the source.")] = 0
    retries: Annotated[Count, Meta(description="Those of them that repeat a failed one.")] = 0
    bytes: Annotated[Count, Meta(description="Bytes that came over the network.")] = 0
    seconds: Annotated[float, Meta(ge=0, description="From the start of the load to its commit.")] = 0.0
    proof: Annotated[
        Proof,
        Meta(
            description="counted: the source counts as many rows. unproven: it miscounts some id ranges. "
            "paged: every page was read, and the source counts another number. partial: a later load reads the rest. "
            "none: it cannot count."
        ),
    ] = Proof.NONE
    cursor_set_back: Annotated[
        bool, Meta(description="The commit before had a wrong cursor, and this one's is earlier.")
    ] = False
    proof_reason: Annotated[
        Text | None,
        Meta(description="Why the proof is paged or partial, for people. Absent: there is nothing to explain."),
    ] = None


class AppliedEvents(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events of the table's inbox are applied. The commit of a load has those that were applied when it began."""

    through: Annotated[Count, Meta(description="The number of the last applied part of the inbox; 0: none.")]
    until: Annotated[
        float, Meta(ge=0, description="When the newest of the applied events was received, in unix seconds.")
    ]
    load: Annotated[
        Count,
        Meta(
            description="The version of the last load before this commit; only events were applied between them. In a "
            "table of changes: the newest earlier commit that is a snapshot, an allowed shrink, or the last one of an "
            "earlier day. 0: there is none."
        ),
    ]
    rejected_key: Annotated[
        Key | None,
        Meta(description="Where the events are kept that this commit rejected, for 30 days; null: none."),
    ] = None
    position: Annotated[
        Annotated[tuple[Count, ...], Meta(min_length=2, max_length=3)] | None,
        Meta(
            description="In a table of changes, how far the database's log is applied since the last snapshot: the "
            "position of a commit, that of the newest change after it, and its transaction. Absent: it has no changes."
        ),
    ] = None


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run decides of its commit; the table adds number and time.

    Raises:
        ManifestError: The values contradict each other.
    """

    run_id: Annotated[Text, Meta(description="The run that made the commit.")]
    partition: Annotated[Partition, Meta(description="The Korean day that was loaded, or an hour of it.")]
    mode: Annotated[Mode, Meta(description="How the run read its source.")]
    cursor: Annotated[
        Text | None,
        Meta(
            description="Where the next incremental run continues, in the source's own words, such as its clock when "
            "the run began to read, in unix seconds."
        ),
    ]
    source_count: Annotated[
        Count | None,
        Meta(
            description="Rows that the source has, rejected ones included: as it counts them; where that is unproven, "
            "as it returned them. Null: the source cannot count."
        ),
    ]
    row_count: Annotated[Count, Meta(description="Rows that the table shows; of a time series those of the partition.")]
    summary: Annotated[Summary, Meta(description="The figures of the load.")] = Summary()
    unproven: Annotated[
        tuple[Unproven, ...],
        Meta(
            description="Id ranges that this run read, of which the source returned the same rows twice "
            "but counts another number."
        ),
    ] = ()
    shrink_allowed: Annotated[
        bool, Meta(description="The table lost more rows than a load may remove, and an operator let it through.")
    ] = False
    rejected_key: Annotated[
        Key | None,
        Meta(description="Where the rows are kept that the run rejected, for 30 days; null: none."),
    ] = None
    origin: Annotated[
        Text | None,
        Meta(
            description="The server that sent the rows, such as the source itself or a sandbox. Null: the source does "
            "not state it. Rows of two origins are not mixed."
        ),
    ] = None
    events: Annotated[
        AppliedEvents | None,
        Meta(description="Which events of the inbox are applied. Absent: events were never applied to the table."),
    ] = None
    files: Annotated[
        tuple[Part, ...],
        Meta(
            description="The parts, in the order in which they apply. A row is voided if a later part claims its id. "
            "Of the other rows of an id, that of the newest part counts. In a time series both hold within a partition."
        ),
    ]

    def __post_init__(self) -> None:
        check_partition("partition", self.partition)
        if self.mode is Mode.INCREMENTAL:
            expect("cursor", self.cursor, self.cursor is not None, "a text: the next run continues from it")
        if self.mode in {Mode.EVENTS, Mode.CHANGES}:
            expected = f"which events are applied, as the mode is {self.mode}"
            expect("events", self.events, self.events is not None, expected)
        seen: set[str] = set()
        for part in self.files:
            expect("files.key", part.key, part.key not in seen, "each part once")
            seen.add(part.key)
        # Of the last part every row shows. A day of a time series without rows has no part: then the last part is of
        # another day.
        last = self.files[-1] if self.files else None
        shows = last is not None and (self.mode is not Mode.SNAPSHOT or last.partition == self.partition)
        most, least = sum(part.rows for part in self.files), last.rows if last and shows else 0
        expected = f"{least} to {most}: at least the last part's rows, at most those of all parts"
        expect("row_count", self.row_count, least <= self.row_count <= most, expected)

    def check_follows(self, newest: Manifest | None) -> None:
        """Refuse a draft that changes a part of the newest commit.

        The cursor is not compared: it is the source's text. The load refuses a watermark that goes back.

        Raises: ManifestError.
        """
        if newest is None:
            return
        if newest.events is not None:
            expect("events", self.events, self.events is not None, "which events are applied: the newest commit has it")
        before = {part.key: part for part in newest.files}
        for part in self.files:
            expected = f"{before.get(part.key)}, as version {newest.version} has it: parts never change"
            expect("files", part, before.get(part.key, part) == part, expected)


class Manifest(Draft, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One commit of a raw table: its whole state.

    Its key is raw/<source>/<entity>/_manifests/<version, 20 digits>.json. It is created only if absent and never
    changes; raw/<source>/<entity>/_manifest.json is a copy of the newest.

    Raises:
        ManifestError: The values contradict each other.
    """

    format_version: Annotated[int, Meta(ge=FORMAT_VERSION, le=FORMAT_VERSION)] = FORMAT_VERSION
    source: Annotated[str, Meta(pattern="^[a-z][a-z0-9]*$")]
    entity: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    version: Annotated[int, Meta(ge=1, description="1, 2, 3, ... without gaps.")]
    committed_at: Annotated[datetime, Meta(tz=True, description="UTC, by the writer's clock; for people.")]

    def __post_init__(self) -> None:
        super().__post_init__()
        prefix = self.table.prefix
        for part in self.files:
            expected = f"{prefix}dt={part.partition}/<run>/<part>"
            expect("files.key", part.key, part.key.startswith(f"{prefix}dt={part.partition}/"), expected)

    @property
    def table(self) -> TableName:
        """The table that it commits."""
        return TableName(self.source, self.entity)

    @property
    def last_load(self) -> int:
        """The version of the newest load up to this commit."""
        return self.events.load if self.events and self.mode is Mode.EVENTS else self.version

    @property
    def load_before(self) -> int:
        """The version of the newest load before this commit, 0 if there is none."""
        return self.events.load if self.events else self.version - 1

    def to_json(self) -> bytes:
        """Return the manifest as it is in the lake, indented for people.

        Raises:
            ManifestError: A value is out of its bounds.
        """
        document = msgspec.to_builtins(self, builtin_types=(datetime,))
        convert(document, Manifest, ManifestError)  # building a struct validates no bounds
        if self.summary.proof_reason is None:
            del document["summary"]["proof_reason"]  # it came later: manifests without it stay as they were
        if self.events is None:
            del document["events"]
        elif self.events.position is None:
            del document["events"]["position"]
        ordered = {name: document[name] for name in FIELD_ORDER if name in document}
        return orjson.dumps(ordered, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Read and validate a manifest.

        Raises:
            ManifestError: It is no JSON, lacks a field, or has an invalid value.
        """
        document = parse_json(data, ManifestError)
        manifest = convert(document, cls, ManifestError)
        _expect_all_fields("document", document, cls, but="events")
        _expect_all_fields("summary", document["summary"], Summary, but="proof_reason")
        return manifest


FIELD_ORDER = (
    *(name for name in Manifest.__struct_fields__ if name not in Draft.__struct_fields__),
    *Draft.__struct_fields__,
)
"""The order of a manifest's fields (contract)."""


def _expect_all_fields(key: str, document: dict[str, Any], kind: type[msgspec.Struct], *, but: str = "") -> None:
    """Raise ManifestError for a field that a draft may omit, and a stored manifest may not."""
    missing = [name for name in kind.__struct_fields__ if name not in document and name != but]
    expect(key, document, not missing, f"the fields {', '.join(missing)}")
