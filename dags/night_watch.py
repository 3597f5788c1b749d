"""Tell people when the marts of a night are late, and send messages that could not be sent before.

From 04:00 to 09:30 Korean time, every half hour. Marts that are not published by 06:00 open an incident, unless a
failed load or build has opened one that explains it. An open incident that a later load or publication has made up for
is closed, if the task could not record its success itself. `GAMELAKE_NOTIFY` names the connections that are told.
docs/guides/notifications.md explains incidents.

If it fails: read the log of `watch`. Messages that wait are sent by the next task that ends. What it checks is also
on the page Last night, and docs/guides/runbooks/on-call.md has the first five minutes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronTriggerTimetable, task

from gamelake.airflow.dag import LakeDAG
from gamelake.airflow.pods import executor_config
from gamelake.days import KST, TIMEZONE


@task(executor_config=executor_config("transform"))
def watch() -> None:
    """End incidents that are over, check whether the marts are late, and send what waits."""
    from datetime import UTC

    from gamelake.airflow.notifications import record
    from gamelake.nights.late_publication import check_publication
    from gamelake.nights.made_up import end_what_is_made_up
    from gamelake.registry import loaded_sources

    sources = loaded_sources()
    record(lambda incidents, store: end_what_is_made_up(store, incidents, sources))
    record(lambda incidents, store: check_publication(store, incidents, sources, datetime.now(UTC)))


with LakeDAG(
    dag_id="night_watch",
    description="Tell people when the marts of a night are late.",
    doc_md=f"# night_watch\n\n{__doc__}",
    schedule=CronTriggerTimetable("*/30 4-9 * * *", timezone=TIMEZONE),
    start_date=datetime(2026, 1, 1, tzinfo=KST),
    catchup=False,
    max_active_runs=1,
    tags=["lake", "notifications"],
    default_args={
        "owner": "gamelake",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),
        "execution_timeout": timedelta(minutes=5),
    },
) as dag:
    watch()
