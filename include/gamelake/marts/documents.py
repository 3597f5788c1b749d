"""The JSON documents of the marts, each shape stated once.

    marts/_current.json                         Generation    the one that readers have: the pointer
    marts/dt=2026-11-21/<run>/_generation.json  Generation
    marts/dt=2026-11-21/<run>/_results-1.json   BuildResults, one for each try of dbt
    marts/dt=2026-11-21/<run>/_plans-1.json     BuildPlans, of the same try
    marts/dt=2026-11-21/<run>/_history.json     History
    marts/dt=2026-11-21/<run>/_inputs.json      Inputs
    marts/_publications/<number>.json           Publication
    marts/dt=2026-11-21/<run>/_publication-<number>.json  Publication, a copy of one that showed this generation

`make generate` writes their JSON Schemas into schemas/. A document may have more fields than a reader knows.
`Inputs` is in build_inputs.py.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
from msgspec import Meta

from gamelake.lake.documents import DocumentError, convert, parse_json
from gamelake.lake.store import ObjectNotFoundError

if TYPE_CHECKING:
    from gamelake.lake.store import ReadableStore

QUALITY = "marts/quality/"
POINTER = "marts/_current.json"
PUBLICATIONS = "marts/_publications/"
INPUTS = "_inputs.json"
HISTORY = "_history.json"
RESULTS = "_results-"
"""The start of the name: the number of the try follows."""
PLANS = "_plans-"
"""The start of the name, as of RESULTS."""
RECORD = "_generation.json"
COPY_OF_PUBLICATION = "_publication-"
"""The start of the name: the number follows."""
RESTRICTED = "restricted/"
"""The folder, in a generation and in `marts/`, of marts of a source that forbids to pass its rows on."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document, or a part of one."""


Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
Day = Annotated[date, Meta(description="The Korean day.")]
CurrentRows = Annotated[int, Meta(ge=0, description="Raw rows that the table shows.")]
SupersededRows = Annotated[int, Meta(ge=0, description="Raw rows of which a newer file has a newer version.")]
VoidedRows = Annotated[int, Meta(ge=0, description="Raw rows whose ids a newer file claims.")]


# What a build leaves, also one that fails


class NodeRun(Document, frozen=True, kw_only=True, omit_defaults=True):
    """What one model or test of a build cost. A figure that was not measured is null, as all of DuckDB's on Spark."""

    name: Annotated[str, Meta(min_length=1, description="The name of the model or test.")]
    kind: Annotated[str, Meta(description="`model` or `test`.")]
    status: Annotated[str, Meta(description="dbt's status: `success`, `pass`, `warn`, `fail`, `error` or `skipped`.")]
    seconds: Annotated[float, Meta(ge=0, description="Duration of its run, as dbt states it.")]
    rows: Annotated[Count | None, Meta(description="Rows that a model wrote; null for a view and a test.")] = None
    bytes_read: Annotated[
        Count | None, Meta(description="Bytes that it read from files on a disk; null if they came over a network.")
    ] = None
    cpu_seconds: Annotated[Seconds | None, Meta(description="CPU time of the thread that ran it.")] = None
    memory_bytes: Annotated[
        Count | None,
        Meta(description="The most memory that DuckDB's buffers had while it ran, other models' included."),
    ] = None
    spilled_bytes: Annotated[
        Count | None, Meta(description="The most bytes that DuckDB had on disk because the memory was too small.")
    ] = None


class BuildResults(Document, frozen=True, kw_only=True):
    """How the models and tests of one try of a build ended, and what each of them cost."""

    at: Annotated[datetime, Meta(tz=True, description="When dbt ended.")]
    models: Annotated[dict[str, Count], Meta(description="How many models, by dbt's status: `success`, ...")]
    tests: Annotated[dict[str, Count], Meta(description="How many data tests, by dbt's status: `pass`, `fail`, ...")]
    nodes: Annotated[
        tuple[NodeRun, ...],
        Meta(description="Each model and test, in the order of their ends. Earlier versions wrote none."),
    ] = ()


class Operator(Document, frozen=True, kw_only=True, omit_defaults=True):
    """One operator of the plan that DuckDB ran."""

    depth: Annotated[Count, Meta(description="0 is the last operator; it reads the ones below it, of depth 1.")]
    name: Annotated[str, Meta(min_length=1, description="DuckDB's name, such as `HASH_JOIN`.")]
    target: Annotated[str, Meta(description="The table, mart or source that a scan reads.")] = ""
    detail: Annotated[str, Meta(description="Its condition, order or groups, cut short.")] = ""
    rows: Annotated[Count, Meta(description="Rows that it returned.")] = 0
    rows_scanned: Annotated[Count, Meta(description="Rows that a scan read.")] = 0
    seconds: Annotated[float, Meta(ge=0, description="Time that it took, without the operators below it.")] = 0.0


class BuildPlans(Document, frozen=True, kw_only=True):
    """The plans of one try of a build, as DuckDB ran them."""

    plans: Annotated[
        dict[str, tuple[Operator, ...]],
        Meta(description="By model: its operators, each before those that it reads. A view has no plan."),
    ]


# What readers get


class PublishedMart(Document, frozen=True, kw_only=True):
    """One mart of a generation: one Parquet file."""

    name: Annotated[str, Meta(min_length=1, description="The name of the mart.")]
    key: Annotated[str, Meta(min_length=1, description="The key of the file in the lake.")]
    rows: Annotated[int, Meta(ge=0, description="Rows of the file.")]
    bytes: Annotated[int, Meta(ge=0, description="Size of the file.")]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file.")]
    copy: Annotated[str, Meta(min_length=1, description="The key of the copy for readers that follow no pointer.")]

    @property
    def is_restricted(self) -> bool:
        """Whether it may not be passed on, so that no CDN and no public page has it."""
        return self.copy.startswith(f"marts/{RESTRICTED}")


class Generation(Document, frozen=True, kw_only=True):
    """A finished build of all marts."""

    generation: Annotated[str, Meta(min_length=1, description="Its folder: the start of the keys of its files.")]
    previous: Annotated[str | None, Meta(description="The generation that readers had of an earlier day.")]
    day: Annotated[date, Meta(description="The Korean day that was built.")]
    run_id: Annotated[str, Meta(min_length=1, description="The Airflow run that built it.")]
    built_at: Annotated[datetime, Meta(tz=True, description="When the build was complete.")]
    sources: Annotated[dict[str, int], Meta(description="The number of the commit that was read, by table.")]
    marts: Annotated[tuple[PublishedMart, ...], Meta(description="Every mart except the daily history.")]
    history: Annotated[str, Meta(min_length=1, description="The key of the listing of the daily history.")]
    days_left_out: Annotated[
        dict[str, str], Meta(description="Why a past day could not be built into the history, by day.")
    ]
    tables_left_out: Annotated[
        dict[str, str],
        Meta(description="What is broken in a table of an optional source, which the build read as empty, by table."),
    ] = msgspec.field(default_factory=dict)


class HistoryDay(Document, frozen=True, kw_only=True):
    """One day of the history: one Parquet file."""

    day: Day
    key: Annotated[str, Meta(min_length=1, description="The key of the file in the lake.")]
    rows: Annotated[int, Meta(ge=0, description="Rows of the file.")]
    bytes: Annotated[int, Meta(ge=0, description="Size of the file.")]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file.")]
    current_rows: CurrentRows
    superseded_rows: SupersededRows
    voided_rows: VoidedRows


class DayLeftOut(Document, frozen=True, kw_only=True):
    """A past day that could not be built into the history."""

    day: Day
    key: Annotated[str, Meta(min_length=1, description="The key that its file would have.")]
    reason: Annotated[str, Meta(min_length=1, description="Why it could not be built.")]


class History(Document, frozen=True, kw_only=True):
    """The days of the history of one generation, the oldest first."""

    days: tuple[HistoryDay, ...]
    left_out: tuple[DayLeftOut, ...]


class Action(StrEnum):
    """Why the pointer moved."""

    PUBLISH = "publish"
    ROLLBACK = "rollback"
    ROLLFORWARD = "rollforward"


class Move(Document, frozen=True, kw_only=True):
    """What a writer decides: to show a generation."""

    action: Annotated[Action, Meta(description="Why the pointer moves.")]
    generation: Annotated[str, Meta(min_length=1, description="The generation to show.")]
    day: Annotated[date, Meta(description="Its Korean day.")]
    by: Annotated[str, Meta(min_length=1, description="The id of a run, or the login of a person.")]
    reason: Annotated[str | None, Meta(description="Why, in the words of that person.")] = None


class Publication(Move, frozen=True, kw_only=True):
    """One move of the pointer. Number 0 is not stored: it stands for a pointer whose publications are lost."""

    number: Annotated[int, Meta(ge=0, description="1, 2, 3, ...: the highest one is shown.")]
    at: Annotated[datetime, Meta(tz=True, description="When the pointer moved.")]
    replaced: Annotated[str | None, Meta(description="The generation that readers had before.")]


DocumentT = TypeVar("DocumentT", bound=Document)


def mart_key(generation: str, copy: str) -> str:
    """Return the key of the file that a generation has of a mart, given the key of the mart's copy."""
    folder = RESTRICTED if copy.startswith(f"marts/{RESTRICTED}") else ""
    return f"{generation}/{folder}{copy.rpartition('/')[2]}"


def encode(document: Document) -> bytes:
    """Return a document as JSON, indented for people."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def read(store: ReadableStore, key: str, kind: type[DocumentT]) -> DocumentT:
    """Read a document from a store.

    Raises:
        ObjectNotFoundError: There is no object of that key.
        DocumentError: The object is no JSON, or differs from the shape.
        StoreError: The request failed.
    """
    return decode(key, store.get(key), kind)


def read_built(store: ReadableStore, key: str, kind: type[DocumentT]) -> DocumentT:
    """Read a document that every finished generation has, for what it tells of the marts that readers have.

    Raises:
        ObjectNotFoundError: It is lost; the error names what is missing with it and what to do.
        DocumentError, StoreError: As `read`.
    """
    try:
        return read(store, key, kind)
    except ObjectNotFoundError:
        means = _LOST[key.rpartition("/")[2]]
        raise ObjectNotFoundError(
            "read",
            key,
            f"it is lost, and with it {means}; other marts can be read. Restore it from a backup, or run the DAG "
            "`transform`: the next build has its own (docs/guides/runbooks/documents-are-damaged.md)",
        ) from None


_LOST = {
    INPUTS: "which loads this build of the marts was made from",
    HISTORY: "the list of the days of the daily history",
}


def decode(key: str, data: bytes, kind: type[DocumentT]) -> DocumentT:
    """Return the document that is in the bytes of an object.

    Args:
        key: The key of the object, for the error.
        data: Its bytes.
        kind: The shape of the document.

    Raises:
        DocumentError: The bytes are no JSON, or differ from the shape.
    """
    try:
        return convert(parse_json(data, DocumentError), kind, DocumentError)
    except DocumentError as error:
        if key.startswith(QUALITY):
            hint = "the next check of the data writes it again"
        elif key.rpartition("/")[2].startswith((RESULTS, PLANS)):
            hint = "no mart needs it: delete the object, and only the costs of this build are lost"
        else:
            again = "run `make generations`: it names the command that writes it again"
            hint = (
                f"{again if key == POINTER else 'restore the object from a backup'}. If an earlier version of gamelake "
                "wrote it, delete marts/ of the lake (raw/ stays) and run transform again"
            )
        expected = f"{error.expected}; {hint}"
        raise DocumentError(f"{key}: {error.key}", error.found, expected) from error
