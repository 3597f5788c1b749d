"""Apply what is in the inbox to its tables: events of a source between two nightly loads, and changes of a database.

Every 15 minutes where `GAMELAKE_APPLY_EVENTS` is `true` or a source of the kind `debezium` is on, else only when a
person triggers it. The event collector stores what IGDB's webhooks send; this DAG commits it to the tables: changed
rows without claims, deletions as claims of single ids. The newest `updated_at` counts. The load of 04:00 Korean time
compares the result with the source. The change feed has each commit at once. The marts are built from loads, not from
events. docs/guides/events.md explains it. Tables of a database have no loads. Their changes are applied in
order, and the marts are built from these commits (docs/guides/change-capture.md).

If it fails: the tables are as before, and the events wait in the inbox; the next run applies them. One table that fails
does not stop the others. docs/guides/runbooks/events-wait.md has what to do.

- **allow_shrink**: let events delete more rows than one load may remove.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, task

from gamelake.airflow.dag import LakeDAG
from gamelake.airflow.failures import run_callbacks, task_callbacks
from gamelake.airflow.lasting_errors import lasting_errors
from gamelake.airflow.pods import executor_config
from gamelake.airflow.run_partition import check_params
from gamelake.days import KST, TIMEZONE
from gamelake.incidents.documents import Severity
from gamelake.registry import captured_sources
from gamelake.settings import read_settings

# Not on the hour, when the loads begin: what is applied while a load reads has to be applied again.
TIMES = "7-59/15 * * * *"


@task(executor_config=executor_config("load"), **task_callbacks("events", ends=True, severity=Severity.P2))
def apply(**context: Any) -> list[dict[str, Any]]:
    """Apply what is in the inboxes. Returns: what each commit has applied."""
    from gamelake.airflow.stores import connected_store, invalidate_changed
    from gamelake.load.apply_events import apply_all
    from gamelake.registry import load_entities

    params = context["params"]
    with lasting_errors():
        check_params(context)
        outcome = apply_all(
            connected_store(),
            load_entities(),
            run_id=context["dag_run"].run_id,
            allow_shrink=bool(params["allow_shrink"]),
        )
        for table, version in outcome.newest().items():
            invalidate_changed([table.pointer_key], change=f"{table} version {version}")
        try:
            if outcome.failures:  # the next task does not run then, and a retry does not know what this try applied
                _make_feeds({each.table for each in outcome.applied})
        finally:
            outcome.check()
    return [each.as_dict() for each in outcome.applied]


@task(executor_config=executor_config("transform"), **task_callbacks("feeds", severity=Severity.P2))
def change_feeds(applied: list[dict[str, Any]]) -> dict[str, int]:
    """Add the applied commits to the change feeds, for those who follow them. Returns: the changes of each table."""
    return _make_feeds({each["table"] for each in applied})


def _make_feeds(tables: set[str]) -> dict[str, int]:
    from collections import Counter

    from gamelake.airflow import lineage
    from gamelake.airflow.stores import connected_store
    from gamelake.feeds.feed import make_all
    from gamelake.registry import load_entities

    if not tables:
        return {}
    made = make_all(connected_store(), [entity for entity in load_entities() if str(entity) in tables])
    lineage.feeds_made(made)
    changes: Counter[str] = Counter()
    for step in made:
        changes[f"{step.source}.{step.entity}"] += step.rows
    return dict(changes)


is_scheduled = read_settings().gamelake_apply_events or bool(captured_sources())
with LakeDAG(
    dag_id="apply_events",
    description="Apply the events and changes that a source sent to its tables.",
    doc_md=f"# apply_events\n\n{__doc__}",
    schedule=CronTriggerTimetable(TIMES, timezone=TIMEZONE) if is_scheduled else None,
    start_date=datetime(2026, 1, 1, tzinfo=KST),
    catchup=False,
    max_active_runs=1,
    tags=["lake", "events"],
    params={
        "allow_shrink": Param(
            False,
            type="boolean",
            title="Allow tables to shrink",
            description="Let events delete more rows than one load may remove.",
        ),
    },
    default_args={
        "owner": "gamelake",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "execution_timeout": timedelta(minutes=30),
    },
    **run_callbacks("events", severity=Severity.P2),
) as dag:
    change_feeds(apply())  # type: ignore[arg-type]  # an XComArg becomes its value at run time
