"""Record the day of `make run` as done in Airflow, so that a scheduler does not repeat it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def record(day: str, loads: Iterable[str], transform: str = "transform") -> None:
    """Set the day of the newest runs of these DAGs, after all of them have succeeded.

    `DAG.test` makes runs without a partition key. A scheduler counts them for no day, and the events of the loads wait
    for a `transform` that has run already. So each run gets the day as its key, the events get the run of `transform`,
    and a load whose last 04:00 is due becomes that scheduled run.
    """
    from airflow.models import DagModel
    from airflow.models.asset import AssetPartitionDagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType
    from sqlalchemy import select, update

    now = datetime.now(UTC)
    with create_session() as session:
        for dag_id in loads:
            run, model = _newest_run(dag_id, session), session.get(DagModel, dag_id)
            run.partition_key = day
            if model and model.next_dagrun_create_after and model.next_dagrun_create_after <= now:
                run.run_type = DagRunType.SCHEDULED
                run.partition_date = model.next_dagrun_partition_date
        built = _newest_run(transform, session)
        built.partition_key = day
        waiting = select(AssetPartitionDagRun.id).where(
            AssetPartitionDagRun.target_dag_id == transform,
            AssetPartitionDagRun.partition_key == day,
            AssetPartitionDagRun.created_dag_run_id.is_(None),
        )
        session.execute(
            update(AssetPartitionDagRun)
            .where(AssetPartitionDagRun.id.in_(waiting))
            .values(created_dag_run_id=built.id)
            .execution_options(synchronize_session=False)
        )


def _newest_run(dag_id: str, session: Any) -> Any:
    """Return the run of a DAG that `DAG.test` made last."""
    from airflow.models import DagRun
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy import select

    made_here = DagRun.triggered_by == DagRunTriggeredByType.TEST
    found = select(DagRun).where(DagRun.dag_id == dag_id, made_here).order_by(DagRun.id.desc()).limit(1)
    return session.scalars(found).one()
