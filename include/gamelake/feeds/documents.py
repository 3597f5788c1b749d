"""The step of a feed as the lake keeps it, and where everything of a feed lies (contract).

feeds/<source>/<entity>/_manifests/00000000000000000042.json   a step: created only if absent
feeds/<source>/<entity>/dt=2026-11-21/<version>-<n>-<hash>.jsonl.gz
                                                               its changed rows, by id, one a line; immutable

Steps are numbered without gaps, and each begins at the version where the one before ends: of two writers one creates
the next number, so a change is in one step only.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import orjson
from msgspec import Meta

from gamelake.lake.documents import DocumentError, convert, parse_json
from gamelake.lake.keys import numbered_key

if TYPE_CHECKING:
    from gamelake.lake.keys import TableName

FEEDS = "feeds/"
"""The start of the keys of all feeds."""
FORMAT_VERSION = 1
NAMED_FIELDS = 100
"""The fields that a step names, those that changed in most rows."""

Count = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(min_length=1)]
Version = Annotated[int, Meta(ge=1)]


class FeedError(DocumentError):
    """A step of a feed has an invalid value."""


class FeedPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a step: gzip of one changed row a line. Immutable."""

    key: Annotated[str, Meta(pattern="^feeds/", description="Where it lies, under the lake's URI.")]
    rows: Annotated[int, Meta(ge=1, description="Lines.")]
    bytes: Annotated[int, Meta(ge=1, description="Size of the object.")]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="Of the object.")]


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a feed: the rows that differ between two versions of a table.

    Raises:
        FeedError: The values contradict each other.
    """

    format_version: Annotated[int, Meta(ge=FORMAT_VERSION, le=FORMAT_VERSION)] = FORMAT_VERSION
    source: Annotated[str, Meta(pattern="^[a-z][a-z0-9]*$")]
    entity: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    number: Annotated[int, Meta(ge=1, description="1, 2, 3, ... without gaps.")]
    from_version: Annotated[
        Version | None,
        Meta(
            description="The version of the table before the changes: to_version of the step before. Null: the feed "
            "begins here, or begins again. The step has no rows; those of the table at to_version are the start."
        ),
    ]
    to_version: Annotated[Version, Meta(description="The version of the table after the changes.")]
    partition: Annotated[Text, Meta(description="The partition of that version: a Korean day, or an hour of it.")]
    committed_at: Annotated[datetime, Meta(tz=True, description="When that version was committed.")]
    made_at: Annotated[datetime, Meta(tz=True, description="When the step was made, by the writer's clock.")]
    created: Annotated[Count, Meta(description="Rows that the version before does not have.")]
    updated: Annotated[Count, Meta(description="Rows that both versions have, with other values.")]
    deleted: Annotated[Count, Meta(description="Rows that only the version before has.")]
    fields: Annotated[
        dict[str, Count],
        Meta(description=f"In how many updated rows each field differs: the {NAMED_FIELDS} most frequent."),
    ]
    reason: Annotated[
        Text | None,
        Meta(description="Why the step is over several versions or has no from_version, for people. Null: usual."),
    ]
    files: Annotated[tuple[FeedPart, ...], Meta(description="The parts, in the order of the ids of their rows.")]

    def __post_init__(self) -> None:
        rows, changes = sum(part.rows for part in self.files), self.created + self.updated + self.deleted
        if rows != changes:
            raise FeedError("files.rows", rows, f"{changes}, as created, updated and deleted together")
        if self.from_version is None and rows:
            raise FeedError("files", f"{rows} rows", "no rows: the step has no from_version")
        if self.from_version is not None and self.from_version >= self.to_version:
            raise FeedError("to_version", self.to_version, f"more than from_version, which is {self.from_version}")

    @property
    def rows(self) -> int:
        """How many rows changed."""
        return self.created + self.updated + self.deleted

    def to_json(self) -> bytes:
        """Return the step as it is in the lake, indented for people. Raises: FeedError."""
        document = msgspec.to_builtins(self, builtin_types=(datetime,))
        convert(document, Step, FeedError)  # building a struct validates no bounds
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, data: bytes) -> Step:
        """Read and validate a step. Raises: FeedError."""
        return convert(parse_json(data, FeedError), cls, FeedError)


def prefix_of(table: TableName) -> str:
    """Return the start of every key of a table's feed."""
    return f"{FEEDS}{table.source}/{table.entity}/"


def steps_prefix(table: TableName) -> str:
    """Return the start of the keys of its steps."""
    return f"{prefix_of(table)}_manifests/"


def step_key(table: TableName, number: int) -> str:
    """Return the key of a step; keys sort as their numbers do."""
    return numbered_key(steps_prefix(table), number)


def part_key(table: TableName, partition: str, version: int, number: int, sha256: str) -> str:
    """Return the key of a part of the step to a version: the same for the same bytes."""
    return f"{prefix_of(table)}dt={partition}/{version:020}-{number:05}-{sha256[:16]}.jsonl.gz"
