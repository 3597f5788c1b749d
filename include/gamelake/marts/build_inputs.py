"""The shape of `_inputs.json`: which commits and files one build reads.

Each list is a table of dbt's source `inputs`. `make generate` writes the tables' columns, types and descriptions for
dbt from these classes.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta

from gamelake.marts.documents import Count, CurrentRows, Day, DayLeftOut, Document, NodeRun, SupersededRows, VoidedRows

Url = Annotated[str, Meta(min_length=1, description="Where DuckDB reads it.")]
SourceName = Annotated[str, Meta(min_length=1, description="The name of the source.")]
EntityName = Annotated[str, Meta(min_length=1, description="The name of the entity in the registry.")]
Ordinal = Annotated[
    int, Meta(ge=0, description="The place of the file among the files of its entity; a higher one is newer.")
]
Partition = Annotated[str, Meta(min_length=1, description="The partition that was loaded: a Korean day.")]


class RunInput(Document, frozen=True, kw_only=True):
    """One row, the run that this build belongs to."""

    day: Annotated[date, Meta(description='The Korean day that is built. It is the "now" of every model.')]
    run_id: Annotated[str, Meta(min_length=1, description="The Airflow run.")]
    build: Annotated[str, Meta(min_length=1, description="A random id: no two builds have equal documents.")]
    previous: Annotated[str | None, Meta(description="The generation that readers have of an earlier day.")]


class SourceInput(Document, frozen=True, kw_only=True):
    """One row per table, the commit that is read."""

    source: SourceName
    entity: EntityName
    version: Annotated[int, Meta(ge=1, description="The number of the commit.")]
    partition: Partition
    cursor: Annotated[str | None, Meta(description="Where the next load continues, as the source states it.")]
    committed_at: Annotated[datetime, Meta(tz=True, description="When it was committed, by the clock of the writer.")]
    source_count: Annotated[
        Count | None, Meta(description="Rows that the source counts, including rejected ones; null: it cannot count.")
    ]
    row_count: Annotated[
        int, Meta(ge=0, description="Rows that the table shows; of a time series, those of the partition.")
    ]
    newest_day: Annotated[
        str,
        Meta(description="The newest Korean day that was loaded, up to the day that is built; its load may be empty."),
    ]


class AbsentInput(Document, frozen=True, kw_only=True):
    """One row per table that is read as empty: not loaded by that day, or broken. No build waits for its source."""

    source: SourceName
    entity: EntityName
    reason: Annotated[str | None, Meta(description="What is broken; null: it was not loaded by that day.")] = None


class FileInput(Document, frozen=True, kw_only=True):
    """One row per file of those commits that the build reads."""

    source: SourceName
    entity: EntityName
    ordinal: Ordinal
    url: Url
    partition: Partition
    rows: Annotated[int, Meta(ge=0, description="Rows of the file.")]
    is_newest: Annotated[bool, Meta(description="Whether it belongs to the newest_day of its entity.")]


class ClaimInput(Document, frozen=True, kw_only=True):
    """One row per id range that a file claims; the file has all rows of the range, so older rows in it are voided."""

    source: SourceName
    entity: EntityName
    ordinal: Ordinal
    partition: Partition
    low: Annotated[int, Meta(description="The first id of the range.")]
    high: Annotated[int | None, Meta(description="The first id after it; null: the range has no upper end.")]


class PreviousMart(Document, frozen=True, kw_only=True):
    """One row per mart of the generation that readers have of an earlier day."""

    name: Annotated[str, Meta(min_length=1, description="The name of the mart.")]
    url: Url


class DayInput(Document, frozen=True, kw_only=True):
    """One row per day of the history. A day that is built has the fields of its listing; in another they are null."""

    source: SourceName
    entity: EntityName
    day: Day
    key: Annotated[str, Meta(min_length=1, description="The key of its Parquet file in the lake.")]
    url: Annotated[Url | None, Meta(description="Where DuckDB reads that file; null: the build writes it.")]
    is_built: Annotated[bool, Meta(description="Whether an earlier build wrote it, from the same parts.")]
    rows: Annotated[Count | None, Meta(description="Rows of the file.")] = None
    bytes: Annotated[Count | None, Meta(description="Size of the file.")] = None
    sha256: Annotated[str | None, Meta(description="SHA-256 of the file.")] = None
    current_rows: CurrentRows | None = None
    superseded_rows: SupersededRows | None = None
    voided_rows: VoidedRows | None = None


class CommitInput(Document, frozen=True, kw_only=True):
    """One row per commit of each table, up to the one that is read: the figures of the load that made it."""

    source: SourceName
    entity: EntityName
    version: Annotated[int, Meta(ge=1, description="The number of the commit.")]
    partition: Partition
    run_id: Annotated[str, Meta(min_length=1, description="The Airflow run that loaded it.")]
    mode: Annotated[
        str,
        Meta(
            description="How the source was read: `full`, `incremental` or `snapshot`. `events`: the commit "
            "applies events after the last load. `changes`: the commit applies changes of a database."
        ),
    ]
    committed_at: Annotated[datetime, Meta(tz=True, description="When it was committed, by the clock of the writer.")]
    cursor: Annotated[str | None, Meta(description="Where the next load continues, as the source states it.")]
    is_read: Annotated[bool, Meta(description="Whether this build reads its rows.")]
    source_count: Annotated[
        Count | None, Meta(description="Rows that the source counts, including rejected ones; null: it cannot count.")
    ]
    row_count: Annotated[
        int, Meta(ge=0, description="Rows that the table shows; of a time series, those of the partition.")
    ]
    rows_read: Annotated[int, Meta(ge=0, description="Rows that the load staged.")]
    rows_resumed: Annotated[int, Meta(ge=0, description="Of these, rows that an earlier try of the run had staged.")]
    rows_rejected: Annotated[int, Meta(ge=0, description="Rows that broke the contract.")]
    rows_deleted: Annotated[
        int,
        Meta(ge=0, description="Rows that the source had deleted: those of repaired id ranges, or of applied events."),
    ]
    rows_late: Annotated[
        int, Meta(ge=0, description="Rows that changed before the load before, and became visible after it.")
    ]
    ranges_repaired: Annotated[
        int, Meta(ge=0, description="Id ranges that differed from the source, and were read again.")
    ]
    ranges_unproven: Annotated[int, Meta(ge=0, description="Id ranges whose rows the source miscounts.")]
    undeclared_fields: Annotated[
        tuple[str, ...], Meta(description="Fields of the rows that the registry does not declare, sorted.")
    ]
    undeclared_values: Annotated[int, Meta(ge=0, description="How many values those fields had.")]
    requests: Annotated[int, Meta(ge=0, description="Requests to the source.")]
    retries: Annotated[int, Meta(ge=0, description="Of these, repeated requests.")]
    bytes: Annotated[int, Meta(ge=0, description="Bytes that came over the network.")]
    seconds: Annotated[float, Meta(ge=0, description="Duration of the load.")]
    proof: Annotated[
        str,
        Meta(
            description="How the rows were proven complete: `counted`, `unproven`, `paged`, `partial`, or `none`: the "
            "source cannot count."
        ),
    ]
    is_cursor_set_back: Annotated[bool, Meta(description="Whether the commit before had a wrong cursor.")]
    is_shrink_allowed: Annotated[
        bool, Meta(description="Whether an operator let the table lose more rows than a load may remove.")
    ]
    rejected_key: Annotated[str | None, Meta(description="The key of the rejected rows; null if there are none.")]
    origin: Annotated[str | None, Meta(description="Where the rows come from, such as `igdb` or `sandbox`.")]
    proof_reason: Annotated[
        str | None, Meta(description="Why the proof is `paged` or `partial`; null: there is nothing to explain.")
    ] = None


class ModelRunInput(NodeRun, frozen=True, kw_only=True, omit_defaults=True):
    """One row per model and test of each try of a build, from the day of the generation before on: what it cost."""

    generation: Annotated[str, Meta(min_length=1, description="The generation that was built.")]
    attempt: Annotated[int, Meta(ge=1, description="The try of that build, from 1.")]
    day: Annotated[date, Meta(description="The Korean day that was built.")]
    built_at: Annotated[datetime, Meta(tz=True, description="When dbt ended.")]


class FeedStepInput(Document, frozen=True, kw_only=True):
    """One row per interval between two commits of a table in the last 28 days: whether what changed in it is known."""

    source: SourceName
    entity: EntityName
    from_version: Annotated[
        int | None, Meta(description="The commit before the changes; null: no earlier one is known.")
    ]
    to_version: Annotated[int, Meta(ge=1, description="The commit after the changes.")]
    partition: Annotated[str, Meta(min_length=1, description="The partition of that commit: a Korean day.")]
    committed_at: Annotated[datetime, Meta(tz=True, description="When it was committed, by the clock of the writer.")]
    is_known: Annotated[bool, Meta(description="Whether the change feed has what changed between the two commits.")]
    created: Annotated[Count | None, Meta(description="Rows that only the later commit has; null: not known.")]
    updated: Annotated[Count | None, Meta(description="Rows that differ; null: not known.")]
    deleted: Annotated[Count | None, Meta(description="Rows that only the earlier commit has; null: not known.")]
    reason: Annotated[str | None, Meta(description="Why it is not known, or over several commits; null: usual.")]


class FeedFileInput(Document, frozen=True, kw_only=True):
    """One row per file of those known intervals: a changed row on each line."""

    source: SourceName
    entity: EntityName
    to_version: Annotated[int, Meta(ge=1, description="The commit after the changes.")]
    url: Url
    rows: Annotated[int, Meta(ge=1, description="Rows of the file.")]


class PreviousModelRun(ModelRunInput, frozen=True, kw_only=True, omit_defaults=True):
    """One row per row of fct_model_runs in the generation that readers have of an earlier day."""

    built_at: Annotated[datetime, Meta(tz=False, description="When dbt ended, in UTC.")]


class PreviousRank(Document, frozen=True, kw_only=True):
    """One row per ranked row of those earlier marts that were built with the vars of this build."""

    mart: Annotated[str, Meta(description="The name of the mart.")]
    key: Annotated[str, Meta(description="What it ranks: a game_id, a company_id, or a category and a name.")]
    rank: Annotated[int, Meta(description="The rank, from 1.")]
    day: Annotated[date, Meta(description="The day of that mart.")]


class DayRowCount(Document, frozen=True, kw_only=True):
    """One row per day of the history, also of those that this build adds: what became of its raw rows."""

    source: SourceName
    entity: EntityName
    day: Day
    current_rows: CurrentRows
    superseded_rows: SupersededRows
    voided_rows: VoidedRows


class Inputs(Document, frozen=True, kw_only=True):
    """What one build reads: every list is a table of dbt's source `inputs`."""

    run: tuple[RunInput]
    sources: tuple[SourceInput, ...]
    absent: tuple[AbsentInput, ...]
    files: tuple[FileInput, ...]
    claims: tuple[ClaimInput, ...]
    previous: tuple[PreviousMart, ...]
    days: tuple[DayInput, ...]
    days_left_out: tuple[DayLeftOut, ...]
    commits: tuple[CommitInput, ...]
    model_runs: tuple[ModelRunInput, ...] = ()
    feed_steps: tuple[FeedStepInput, ...] = ()
    feed_files: tuple[FeedFileInput, ...] = ()


INPUT_TABLES: dict[str, type[Document]] = {
    "run": RunInput,
    "sources": SourceInput,
    "absent": AbsentInput,
    "files": FileInput,
    "claims": ClaimInput,
    "previous": PreviousMart,
    "days": DayInput,
    "commits": CommitInput,
    "model_runs": ModelRunInput,
    "feed_steps": FeedStepInput,
    "feed_files": FeedFileInput,
    "row_counts": DayRowCount,
    "previous_ranks": PreviousRank,
    "previous_model_runs": PreviousModelRun,
}
"""The tables of dbt's source `inputs`: lists of `Inputs`, and the last three, which a build makes from other files."""
