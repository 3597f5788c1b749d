"""The tasks `publish` and `clean_up` of `transform` in DAGs of their own, one for each of GENERATIONS.

As a script, for test_publishing.py, it runs them in their order and notes what comes of it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from gamelake.airflow.transform_dag import clean_up, publish

DAGS = []
for _number, _generation in enumerate(os.environ["GENERATIONS"].split()):
    with DAG(dag_id=f"publishing_{_number}", schedule=None, params={"date": None}) as _dag:
        publish(_generation) >> clean_up(_generation)
    DAGS.append(_dag)
    globals()[_dag.dag_id] = _dag


def main() -> None:
    from airflow import settings
    from airflow.models.asset import AssetEvent
    from airflow.utils.db import upgradedb
    from sqlalchemy import select

    upgradedb()
    runs: list[dict[str, Any]] = []
    for dag in DAGS:
        run = dag.test()
        tasks = {ti.task_id: ti for ti in run.get_task_instances()}
        states = {name: str(ti.state) for name, ti in tasks.items()}
        returned = tasks["publish"].xcom_pull(task_ids="publish")
        runs.append({"state": str(run.state), "tasks": states, "returned": returned})
    assert settings.Session is not None
    session = settings.Session()
    events = [[event.asset.name, event.partition_key, event.extra] for event in session.scalars(select(AssetEvent))]
    Path(os.environ["OUTCOME"]).write_text(json.dumps({"runs": runs, "events": events}))


if __name__ == "__main__":
    main()
