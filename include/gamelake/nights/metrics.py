"""The metrics of a lake for Prometheus, and what each means. `gamelake.nights.samples` has their values.

A moment is in unix seconds, as Prometheus has it: `time() - gamelake_load_committed_timestamp_seconds` is an age.
Nothing here has a path, an address or a secret: the labels are names of the registry and of marts, and statuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gamelake.marts.levels import LevelStatus
from gamelake.nights.documents import LoadStatus, NightStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from gamelake.marts.build_inputs import CommitInput

TABLE = ("source", "entity")


class Metric(NamedTuple):
    """A metric: its name, unit included, what it means, and its labels. One that ends in `_total` is a counter."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


def _difference(commit: CommitInput) -> int | None:
    return None if commit.source_count is None else commit.source_count - commit.row_count - commit.rows_rejected


OF_COMMIT: dict[Metric, Callable[[CommitInput], float | None]] = {
    Metric(name, text, TABLE): value
    for name, text, value in (
        (
            "gamelake_load_committed_timestamp_seconds",
            "When the newest load of the table was committed.",
            lambda commit: commit.committed_at.timestamp(),
        ),
        (
            "gamelake_load_commits_total",
            "Commits of the table since its first one.",
            lambda commit: commit.version,
        ),
        (
            "gamelake_table_rows",
            "Rows of the table after the newest load; of a time series those of its newest day.",
            lambda commit: commit.row_count,
        ),
        (
            "gamelake_table_source_rows",
            "Rows that the source counted, rejected ones included. Absent for a source that cannot count.",
            lambda commit: commit.source_count,
        ),
        (
            "gamelake_table_difference_rows",
            "Rows that the source counted, minus rows of the table, minus rejected rows: 0 is the proof. "
            "Absent for a source that cannot count.",
            _difference,
        ),
        ("gamelake_load_read_rows", "Rows that the newest load read.", lambda commit: commit.rows_read),
        (
            "gamelake_load_rejected_rows",
            "Rows that broke the contract in the newest load.",
            lambda commit: commit.rows_rejected,
        ),
        (
            "gamelake_load_deleted_rows",
            "Rows that the newest load found deleted at the source.",
            lambda commit: commit.rows_deleted,
        ),
        (
            "gamelake_load_repaired_ranges",
            "Id ranges that differed from the source, and that the newest load read again.",
            lambda commit: commit.ranges_repaired,
        ),
        (
            "gamelake_load_unproven_ranges",
            "Id ranges of the newest load whose rows the source miscounts.",
            lambda commit: commit.ranges_unproven,
        ),
        (
            "gamelake_load_undeclared_fields",
            "Fields that the source sent in the newest load and that entities.yaml does not declare.",
            lambda commit: len(commit.undeclared_fields),
        ),
        ("gamelake_load_requests", "Requests of the newest load, retries included.", lambda commit: commit.requests),
        ("gamelake_load_retries", "Requests of the newest load that repeated another.", lambda commit: commit.retries),
        (
            "gamelake_load_received_bytes",
            "Bytes that the newest load received from the source.",
            lambda commit: commit.bytes,
        ),
        ("gamelake_load_duration_seconds", "Duration of the newest load.", lambda commit: commit.seconds),
    )
}

CHANGES_ROWS = Metric("gamelake_changes_table_rows", "Rows of a table of changes, which has no load.", TABLE)
CHANGES_COMMITTED = Metric(
    "gamelake_changes_committed_timestamp_seconds", "When changes were applied to the table the last time.", TABLE
)
CHANGES_CAPTURED = Metric(
    "gamelake_changes_captured_timestamp_seconds", "When the newest change that is applied was captured.", TABLE
)
CHANGES_REJECTED = Metric(
    "gamelake_changes_rejected_timestamp_seconds",
    "When a change of the table was rejected the last time. Absent if none was within 30 days.",
    TABLE,
)
BUDGET = Metric(
    "gamelake_load_request_budget_ratio",
    "Share of the requests that the source allows in the time of the newest load. Absent if the limit is not known.",
    TABLE,
)
LATE = Metric("gamelake_load_late_after_seconds", "Age at which the newest commit is late: one load is missing.", TABLE)
STALE = Metric("gamelake_load_stale_after_seconds", "Age at which it is stale: two loads are missing.", TABLE)
GATES = Metric(
    "gamelake_load_gates_marts",
    "1 if the marts of a day wait for the load of the table, 0 for an optional source.",
    TABLE,
)
STATUS = Metric(
    "gamelake_load_status",
    f"1 for the status of the table's load in the newest night, 0 for the others: {', '.join(LoadStatus)}.",
    (*TABLE, "status"),
)
UNCOMMITTED = Metric(
    "gamelake_load_uncommitted",
    "1 if the load of the newest night is missing and left rows without a commit: it was held, it failed, or it runs.",
    TABLE,
)
NIGHT_DAY = Metric("gamelake_night_timestamp_seconds", "The start of the Korean day of the newest night.")
NIGHT_STATUS = Metric(
    "gamelake_night_status",
    f"1 for the status of the newest night, 0 for the others: {', '.join(NightStatus)}.",
    ("status",),
)
PUBLISHED = Metric("gamelake_marts_published_timestamp_seconds", "When readers got the marts that they have now.")
BUILT = Metric("gamelake_marts_built_timestamp_seconds", "When the build of these marts passed its last test.")
MARTS_DAY = Metric("gamelake_marts_day_timestamp_seconds", "The start of the Korean day of these marts.")
ROLLED_BACK = Metric("gamelake_marts_rolled_back", "1 after a rollback, until the next publication.")
PUBLICATIONS = Metric("gamelake_marts_publications_total", "Moves of the readers' pointer since the first one.")
MART_ROWS = Metric("gamelake_mart_rows", "Rows of a mart that readers have now.", ("mart",))
MART_BYTES = Metric("gamelake_mart_size_bytes", "Size of its Parquet file.", ("mart",))
TABLE_BYTES = Metric("gamelake_table_size_bytes", "Size of the parts that the newest commit of the table lists.", TABLE)
MARTS_BYTES = Metric("gamelake_marts_size_bytes", "Size of all builds of the newest 30 nights, failed ones included.")
HISTORY_BYTES = Metric("gamelake_history_size_bytes", "Size of the days of the history that readers have now.")
BUILD_ENDED = Metric(
    "gamelake_build_ended_timestamp_seconds", "When dbt ended the last time, whether it succeeded or failed."
)
MODEL_RESULTS = ("success", "error", "skipped")
TEST_RESULTS = ("pass", "warn", "fail", "error", "skipped")
BUILD_MODELS = Metric(
    "gamelake_build_models", f"Models of that build by dbt's result: {', '.join(MODEL_RESULTS)}.", ("result",)
)
BUILD_TESTS = Metric(
    "gamelake_build_tests", f"Data tests of that build by dbt's result: {', '.join(TEST_RESULTS)}.", ("result",)
)
CHECKED = Metric("gamelake_quality_checked_timestamp_seconds", "When the quality of the data was checked.")
FINDINGS = Metric(
    "gamelake_quality_findings",
    "Findings of that check that are open, by severity (P0, P1, P2) and check; 0 for one that it no longer finds.",
    ("severity", "check"),
)
READ_AT = Metric(
    "gamelake_lake_read_timestamp_seconds", "When the lake was read for this page: the age of every figure here."
)
DAMAGED = Metric(
    "gamelake_lake_damaged_documents",
    "Manifests, generations and publications that are lost or damaged; the page Last night names them.",
)
LEVEL_TARGET = Metric(
    "gamelake_service_level_target_ratio", "Share of nights that should be good, as slo.yaml has it.", ("level",)
)
LEVEL_ATTAINED = Metric(
    "gamelake_service_level_attained_ratio",
    "Share of good nights in the window of the level. Absent before its first night.",
    ("level",),
)
LEVEL_BUDGET = Metric(
    "gamelake_service_level_budget_left_ratio",
    "Share of the level's error budget that is left; below 0 the target is missed.",
    ("level",),
)
LEVEL_BURN = Metric(
    "gamelake_service_level_burn_rate_ratio",
    "How fast the last nights spent the level's error budget: 1 spends it in one window. Absent without a budget.",
    ("level", "nights"),
)
LEVEL_STATUS = Metric(
    "gamelake_service_level_status",
    f"1 for the status of the level, 0 for the others: {', '.join(LevelStatus)}.",
    ("level", "status"),
)
LEVELS_AT = Metric("gamelake_service_levels_timestamp_seconds", "When the service levels were computed.")
READABLE = Metric("gamelake_lake_readable", "1 if the lake can be read, else 0; the other metrics are absent then.")

METRICS = (
    READABLE, READ_AT, DAMAGED, NIGHT_DAY, NIGHT_STATUS, STATUS, UNCOMMITTED, *OF_COMMIT, CHANGES_ROWS,
    CHANGES_COMMITTED, CHANGES_CAPTURED, CHANGES_REJECTED, BUDGET, LATE, STALE, GATES,
    PUBLISHED, BUILT, MARTS_DAY, ROLLED_BACK, PUBLICATIONS, MART_ROWS, MART_BYTES, BUILD_ENDED, BUILD_MODELS,
    BUILD_TESTS, TABLE_BYTES, MARTS_BYTES, HISTORY_BYTES, CHECKED, FINDINGS, LEVELS_AT, LEVEL_TARGET, LEVEL_ATTAINED,
    LEVEL_BUDGET, LEVEL_BURN, LEVEL_STATUS,
)  # fmt: skip
"""Every metric, in the order of the page."""
