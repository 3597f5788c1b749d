"""What the dashboards of Grafana show. Each panel answers one question, which is its title.

Every expression reads metrics of docs/reference/prometheus.md, or of Airflow's own list.
tests/deploy/test_observability.py parses them all.
"""

from __future__ import annotations

from typing import NamedTuple

TABLE = "{{source}}.{{entity}}"
LATE_TABLES = "count(gamelake:load_age_seconds > gamelake_load_late_after_seconds) or vector(0)"
REJECTED = "gamelake_load_rejected_rows / (gamelake_load_read_rows + gamelake_load_rejected_rows)"
BUILD_TIME = (
    "gamelake_marts_built_timestamp_seconds - scalar(max("
    "gamelake_load_committed_timestamp_seconds < scalar(gamelake_marts_built_timestamp_seconds)))"
)
# Since 06:00 in Korea the marts of the day are due, as in the alert MartsNotPublishedBySix.
EARLIER_DAY = (
    "count(gamelake_marts_day_timestamp_seconds < time() - (time() + 3 * 3600) % 86400 - 6 * 3600) or vector(0)"
)
COMPLETE = 'avg_over_time((max(gamelake_night_status{status=~"complete|warning"}))[30d:1h])'
BEATS = "60 * rate(airflow_{}_heartbeat_total[$__rate_interval])"


class Question(NamedTuple):
    """A panel: its title, unit of Grafana, and each expression with the name of its series.

    `bad_from` makes it a single number, which is red from that value on.
    """

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    bad_from: float | None = None
    help: str = ""


class Board(NamedTuple):
    """A dashboard: its file, its title, and its panels in the order of reading."""

    name: str
    title: str
    questions: tuple[Question, ...]


def number(title: str, unit: str, expression: str, bad_from: float, text: str = "") -> Question:
    """Return a panel of one number."""
    return Question(title, unit, ((expression, title),), bad_from, text)


def lines(title: str, unit: str, *queries: tuple[str, str], text: str = "") -> Question:
    """Return a panel of lines over time."""
    return Question(title, unit, queries, None, text)


BOARDS = (
    Board(
        "loads",
        "gamelake: loads",
        (
            number("Tables that are late", "none", LATE_TABLES, 1),
            number("Tables held or failed", "none", "sum(gamelake_load_uncommitted)", 1),
            number(
                "Difference to the source",
                "none",
                "sum(abs(gamelake_table_difference_rows))",
                1,
                "Rows; 0 is the proof.",
            ),
            number("Rejected rows", "none", "sum(gamelake_load_rejected_rows)", 1),
            lines("How old is each table?", "s", ("gamelake:load_age_seconds", TABLE)),
            lines("How many rows does each table have?", "short", ("gamelake_table_rows", TABLE)),
            lines("How many rows did each load read?", "short", ("gamelake_load_read_rows", TABLE)),
            lines("What share of rows was rejected?", "percentunit", (REJECTED, TABLE)),
            lines("How many rows were deleted at the source?", "short", ("gamelake_load_deleted_rows", TABLE)),
            lines("How many id ranges were read again?", "short", ("gamelake_load_repaired_ranges", TABLE)),
            lines("How many fields are not declared?", "short", ("gamelake_load_undeclared_fields", TABLE)),
        ),
    ),
    Board(
        "api-budget",
        "gamelake: API budget",
        (
            number("Requests of a night", "short", "sum(gamelake_load_requests)", 1e6),
            number(
                "Repeated requests", "percentunit", "sum(gamelake_load_retries) / sum(gamelake_load_requests)", 0.05
            ),
            number(
                "Time of the loads", "s", "sum(gamelake_load_duration_seconds)", 3600, "They run one after another."
            ),
            lines(
                "What share of the allowed requests does each load use?",
                "percentunit",
                ("gamelake_load_request_budget_ratio", TABLE),
            ),
            lines("How many requests does each load send?", "short", ("gamelake_load_requests", TABLE)),
            lines("How many of them are repeated?", "short", ("gamelake_load_retries", TABLE)),
            lines("How long does each load take?", "s", ("gamelake_load_duration_seconds", TABLE)),
            lines("How many bytes does each load receive?", "bytes", ("gamelake_load_received_bytes", TABLE)),
        ),
    ),
    Board(
        "transform",
        "gamelake: transform",
        (
            number("Failed tests of the newest build", "none", 'sum(gamelake_build_tests{result=~"fail|error"})', 1),
            number("Failed models of the newest build", "none", 'sum(gamelake_build_models{result="error"})', 1),
            number("Age of the marts", "s", "time() - gamelake_marts_built_timestamp_seconds", 30 * 3600),
            number("A rollback is in force", "none", "gamelake_marts_rolled_back", 1),
            lines("How did the tests end?", "short", ("gamelake_build_tests", "{{result}}")),
            lines("How did the models end?", "short", ("gamelake_build_models", "{{result}}")),
            lines("How many rows does each mart have?", "short", ("gamelake_mart_rows", "{{mart}}")),
            lines("How long after the last load was the build ready?", "s", (BUILD_TIME, "after the last load")),
            lines(
                "How often did the readers' pointer move?",
                "short",
                ("increase(gamelake_marts_publications_total[1d])", "in a day"),
            ),
        ),
    ),
    Board(
        "lake",
        "gamelake: lake",
        (
            number("The lake cannot be read", "none", "1 - gamelake_lake_readable", 1),
            number("Damaged documents", "none", "gamelake_lake_damaged_documents", 1),
            number("Size in use", "bytes", "gamelake:lake_size_bytes", 1e12),
            number("Age of these figures", "s", "time() - gamelake_lake_read_timestamp_seconds", 600),
            lines(
                "Where is the size?",
                "bytes",
                ("sum(gamelake_table_size_bytes)", "tables"),
                ("gamelake_marts_size_bytes", "marts of 30 nights"),
                ("gamelake_history_size_bytes", "history"),
            ),
            lines("How large is each table?", "bytes", ("gamelake_table_size_bytes", TABLE)),
            lines("How large is each mart?", "bytes", ("gamelake_mart_size_bytes", "{{mart}}")),
            lines(
                "How many findings are open?",
                "short",
                ("sum by (severity, check) (gamelake_quality_findings)", "{{severity}} {{check}}"),
            ),
        ),
    ),
    Board(
        "service-levels",
        "gamelake: service levels",
        (
            number("The night is not complete", "none", 'max(gamelake_night_status{status=~"incomplete|missed"})', 1),
            number(
                "Marts of an earlier day", "none", EARLIER_DAY, 1, "Since 06:00 in Korea the marts of the day are due."
            ),
            number(
                "Open findings P0 and P1", "none", 'sum(gamelake_quality_findings{severity=~"P0|P1"}) or vector(0)', 1
            ),
            lines("What share of 30 days was complete?", "percentunit", (COMPLETE, "complete")),
            lines("What was the status of each night?", "short", ("gamelake_night_status == 1", "{{status}}")),
            lines(
                "What is left of each error budget?",
                "percentunit",
                ("gamelake_service_level_budget_left_ratio", "{{level}}"),
            ),
            lines(
                "How fast does each budget burn?",
                "short",
                ("gamelake_service_level_burn_rate_ratio", "{{level}}, {{nights}} nights"),
            ),
            lines(
                "Is each target met?",
                "percentunit",
                ("gamelake_service_level_attained_ratio", "{{level}}"),
                ("gamelake_service_level_target_ratio", "{{level}} target"),
            ),
            lines(
                "How old are the marts?",
                "s",
                ("time() - gamelake_marts_built_timestamp_seconds", "built"),
                ("time() - gamelake_marts_published_timestamp_seconds", "published"),
            ),
            lines(
                "When is a table late?",
                "s",
                ("gamelake_load_late_after_seconds - gamelake:load_age_seconds", TABLE),
                text="Below 0 it is late.",
            ),
        ),
    ),
    Board(
        "airflow",
        "gamelake: Airflow itself",
        (
            number("Seconds since a heartbeat", "s", "time() - max(timestamp(airflow_scheduler_heartbeat_total))", 120),
            number("DAG files with import errors", "none", "max(airflow_dag_processing_import_errors)", 1),
            number("Tasks that starve", "none", "max(airflow_scheduler_tasks_starving)", 1),
            number("DAGs", "none", "max(airflow_dagbag_size)", 1e6),
            lines(
                "Do its parts have a heartbeat?",
                "cpm",
                (BEATS.format("scheduler"), "scheduler"),
                (BEATS.format("dag_processor"), "DAG processor"),
            ),
            lines(
                "How full is each pool?",
                "short",
                ("airflow_pool_running_slots", "{{pool_name}} running"),
                ("airflow_pool_queued_slots", "{{pool_name}} queued"),
                ("airflow_pool_open_slots", "{{pool_name}} open"),
            ),
            lines(
                "How full is the executor?",
                "short",
                ("airflow_executor_running_tasks", "running"),
                ("airflow_executor_queued_tasks", "queued"),
                ("airflow_executor_open_slots", "open slots"),
            ),
            lines(
                "How many runs does the scheduler have?",
                "short",
                ("airflow_scheduler_dagruns_running", "running"),
                ("airflow_scheduler_tasks_executable", "tasks ready to start"),
            ),
            lines(
                "How long does it take to read all DAG files?",
                "s",
                ("airflow_dag_processing_total_parse_time", "all files"),
            ),
        ),
    ),
)
