"""Compare the lake with its commits, remove unneeded objects, and compact old months of time series.

Every Sunday at noon Korean time, when no load is due. It lists orphans and removes those that are old enough: parts of
loads that never committed, parts that no commit of the last 7 days names, rejected rows of 30 days ago, lineage events
of 90 days ago, positions of topics and states of incidents of 30 days ago, steps of change feeds of 400 days ago, old
generations of marts, and old tables and reports of the data quality. It fails if a commit, or an object that a commit
or the marts' pointer names, is missing or damaged, or if events of 30 days ago are not applied to their table.
What is not the lake's, such as a table that the registry no longer has, is named and left.

Then `compact` puts each month of a time series that ended 35 days ago or earlier into one Parquet file, and tags its
parts for removal 7 days later. It runs only if nothing is broken. A month that has its file is skipped.

If it fails: read the log, then load that entity with `full_refresh`. The next run of `data_quality` repeats the audit,
and closes its incident when nothing is broken any more. docs/guides/runbooks/troubleshooting.md has what each message
means, docs/guides/runbooks/compaction.md what to do about a month.

- **remove**: remove the orphans; else only list them.
- **older_than_hours**: orphans younger than this stay: a load may be using them.
- **verify**: read all parts of the newest commits, all files of months and the marts that readers have, and compare
  their hashes, not only sizes.
- **compact_again**: write the files of months again that have one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Context, CronTriggerTimetable, Param, task
from airflow.sdk.exceptions import AirflowFailException

from gamelake.airflow.dag import LakeDAG
from gamelake.airflow.failures import run_callbacks, task_callbacks
from gamelake.airflow.lasting_errors import lasting_errors
from gamelake.airflow.pods import executor_config
from gamelake.airflow.repaired import VERIFIED
from gamelake.airflow.run_partition import check_params
from gamelake.days import KST, TIMEZONE
from gamelake.incidents.documents import Severity
from gamelake.maintenance.audit import MAX_ORPHAN_HOURS, MIN_ORPHAN_HOURS
from gamelake.registry import load_entities

TABLES = tuple(entity.table for entity in load_entities())


def part_of(context: Context) -> str:
    """Return what an audit reads: the repetition that closes its incident has to read the same."""
    return VERIFIED if context["params"]["verify"] else "audit"


@task(executor_config=executor_config("maintain"), **task_callbacks("lake_audit", ends=True, part=part_of))
def audit(**context: Any) -> dict[str, int]:
    """Audit the lake. Returns: how many orphans were found and removed, and the bytes removed."""
    import logging

    from gamelake.airflow.stores import connected_store
    from gamelake.maintenance.audit import audit as audit_lake

    log = logging.getLogger(__name__)
    params = context["params"]
    with lasting_errors():
        check_params(context)
        report = audit_lake(
            connected_store(),
            TABLES,
            older_than=timedelta(hours=params["older_than_hours"]),
            remove=params["remove"],
            verify=params["verify"],
        )
    for finding in report.findings:
        log.info("%s: %s: %s", report.outcome(finding), finding.key, finding.reason)
    if report.broken:
        lines = "\n".join(f"{finding.problem}: {finding.key}: {finding.reason}" for finding in report.broken)
        raise AirflowFailException(f"{len(report.broken)} objects are missing, damaged or unread:\n{lines}")
    return {
        "orphans": len(report.orphans),
        "removed": len(report.removed),
        "removed_bytes": sum(finding.bytes for finding in report.removed),
    }


@task(
    executor_config=executor_config("maintain"),
    execution_timeout=timedelta(hours=6),
    **task_callbacks("compaction", ends=True, severity=Severity.P2),
)
def compact(**context: Any) -> dict[str, int]:
    """Compact old months. Returns: how many months and parts were compacted, and their bytes before and after."""
    import logging

    from gamelake.airflow.stores import connected_store
    from gamelake.maintenance.compaction import compact_all

    with lasting_errors():
        done = compact_all(
            connected_store(),
            load_entities(),
            again=context["params"]["compact_again"],
            log=logging.getLogger(__name__).info,
        )
    return {
        "months": len(done),
        "parts": sum(month.parts for month in done),
        "bytes_before": sum(month.bytes_before for month in done),
        "bytes_after": sum(month.bytes_after for month in done),
    }


with LakeDAG(
    dag_id="lake_audit",
    description="Find what is missing in the lake, remove what nothing needs, and compact old months.",
    doc_md=f"# lake_audit\n\n{__doc__}",
    schedule=CronTriggerTimetable("0 12 * * 0", timezone=TIMEZONE),
    start_date=datetime(2026, 1, 1, tzinfo=KST),
    catchup=False,
    max_active_runs=1,
    tags=["lake", "maintenance"],
    params={
        "remove": Param(True, type="boolean", title="Remove", description="Remove the orphans; else only list them."),
        "older_than_hours": Param(
            48,
            type="integer",
            minimum=MIN_ORPHAN_HOURS,
            maximum=MAX_ORPHAN_HOURS,
            title="Older than hours",
            description="Orphans younger than this stay: a load may be using them.",
        ),
        "verify": Param(
            False,
            type="boolean",
            title="Verify",
            description="Read the newest parts, all files of months and the published marts, and compare their hashes.",
        ),
        "compact_again": Param(
            False,
            type="boolean",
            title="Compact again",
            description="Write the file of a month again, even if the month has one.",
        ),
    },
    default_args={
        "owner": "gamelake",
        "retries": 2,
        "retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=1),
    },
    **run_callbacks("lake_audit"),
) as dag:
    audit() >> compact()
