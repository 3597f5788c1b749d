"""Check the night and the data that is published, and tell people what is urgent.

`data_quality` runs when the clock alone changes an answer, and `data_quality_of_marts` after each publication: a DAG
has either a time or the partitions of an asset. Both do the same. They read what is published: commits, generations and
their Parquet files, and never a raw row. A generation is read once, when it is new; after that its profile counts.

- Marts that are not published by 06:00 open an incident, unless a failed load or build has opened one that explains it.
- An incident whose cause is removed is closed, if no task could record its end, and messages that could not be sent
  before are sent. docs/guides/notifications.md explains incidents.
- What is unusual in the data is a finding: `gamelake quality` lists the open ones, `mart_data_quality` has their
  history, and the page **Last night** shows those of now. A finding fails no task. docs/guides/data-quality.md explains
  each check, and how to change its threshold. Days are Korean days.

If it fails: the night or the data could not be checked, and readers keep the marts that they have. The task's log ends
with the cause, such as a damaged document or a wrong threshold. The next check needs nothing of this one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import MultipleCronTriggerTimetable, PartitionedAssetTimetable, task

from gamelake.airflow.assets import MARTS
from gamelake.airflow.dag import LakeDAG
from gamelake.airflow.failures import run_callbacks, task_callbacks
from gamelake.airflow.lasting_errors import lasting_errors
from gamelake.airflow.pods import executor_config
from gamelake.days import KST, TIMEZONE, Scheme
from gamelake.incidents.documents import Severity
from gamelake.registry import loaded_entities, loaded_sources

TIMES = ["0 0,6,12,18 * * *"]
"""06:00 and 12:00 judge the night; the others bound how long anything waits."""
BY_THE_HOUR = "20 * * * *"
"""Also, if a source loads by the hour."""
has_hours = any(source.partition is Scheme.HOUR for source in loaded_sources().values())


@task(executor_config=executor_config("transform"), **task_callbacks("checks", ends=True, severity=Severity.P1))
def check() -> dict[str, Any]:
    """Check night and data. Returns: the number of the report, and how many findings are open by severity."""
    from gamelake.airflow.data_quality import check_data

    with lasting_errors():
        return check_data(loaded_entities())


for dag_id, when, schedule in (
    (
        "data_quality",
        "when the clock changes an answer",
        MultipleCronTriggerTimetable(*TIMES, *([BY_THE_HOUR] if has_hours else []), timezone=TIMEZONE),
    ),
    ("data_quality_of_marts", "after each publication", PartitionedAssetTimetable(assets=MARTS)),
):
    with LakeDAG(
        dag_id=dag_id,
        description=f"Find what is late or unusual, {when}.",
        doc_md=f"# {dag_id}\n\n{__doc__}",
        schedule=schedule,
        start_date=datetime(2026, 1, 1, tzinfo=KST),
        catchup=False,
        max_active_runs=1,
        **run_callbacks("checks", severity=Severity.P1),
        tags=["marts", "quality", "notifications"],
        default_args={
            "owner": "gamelake",
            "retries": 2,
            "retry_delay": timedelta(minutes=2),
            "execution_timeout": timedelta(minutes=20),
        },
    ) as dag:
        check()
    globals()[dag_id] = dag
