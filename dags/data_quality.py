"""Check the data that is published.

`data_quality` runs every 30 minutes, and `data_quality_of_marts` after each publication: a DAG has either a
time or the partitions of an asset. Both do the same. They read what is published: commits, generations and their
Parquet files, and never a raw row. A generation is read once, when it is new; after that its profile counts.

What is found is a finding: `gamelake quality` lists the open ones, `mart_data_quality` has their history, and the page
**Last night** shows those of now. A finding fails no task. docs/guides/data-quality.md explains each check, and how to
change its threshold. Days are Korean days.

If it fails: the data could not be checked, and readers keep the marts that they have. The task's log ends with the
cause, such as a damaged document or a wrong threshold. The next check needs nothing of this one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, PartitionedAssetTimetable, task

from gamelake.airflow.assets import MARTS
from gamelake.airflow.dag import LakeDAG
from gamelake.airflow.lasting_errors import lasting_errors
from gamelake.airflow.pods import executor_config
from gamelake.days import KST, TIMEZONE
from gamelake.registry import loaded_entities


@task(executor_config=executor_config("transform"))
def check() -> dict[str, Any]:
    """Check the data. Returns: the number of the report, and how many findings are open by severity."""
    from gamelake.airflow.data_quality import check_data

    with lasting_errors():
        return check_data(loaded_entities())


for dag_id, when, schedule in (
    ("data_quality", "every 30 minutes", CronTriggerTimetable("*/30 * * * *", timezone=TIMEZONE)),
    ("data_quality_of_marts", "after each publication", PartitionedAssetTimetable(assets=MARTS)),
):
    with LakeDAG(
        dag_id=dag_id,
        description=f"Find what is unusual in the published data, {when}.",
        doc_md=f"# {dag_id}\n\n{__doc__}",
        schedule=schedule,
        start_date=datetime(2026, 1, 1, tzinfo=KST),
        catchup=False,
        max_active_runs=1,
        tags=["marts", "quality"],
        default_args={
            "owner": "gamelake",
            "retries": 2,
            "retry_delay": timedelta(minutes=2),
            "execution_timeout": timedelta(minutes=20),
        },
    ) as dag:
        check()
    globals()[dag_id] = dag
