"""The DAGs that load entities: one for each entity of each source."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import CronPartitionTimetable, Param

from gamelake.airflow import assets
from gamelake.airflow.dag import LakeDAG
from gamelake.airflow.failures import load_callbacks, load_run_callbacks
from gamelake.airflow.load_operator import LoadEntityOperator
from gamelake.airflow.pods import executor_config
from gamelake.days import KST, TIMEZONE, Scheme
from gamelake.kinds import Kind

if TYPE_CHECKING:
    from gamelake.registry import Entity, Source


def load_dag(
    source: Source, entity: Entity, *, lake_uri: str, full_refresh_weekday: int | None, doc_md: str
) -> LakeDAG:
    """Return the DAG that loads one entity; connection and pool are those of the source.

    Args:
        source: of the registry.
        entity: of the source.
        lake_uri: where the lake is.
        full_refresh_weekday: see LoadEntityOperator.
        doc_md: what the DAG does and its params, for the UI.
    """
    with LakeDAG(
        dag_id=entity.dag_id,
        description=entity.description,
        doc_md=f"# {entity.dag_id}\n\n{entity.description}\n\n{doc_md}",
        schedule=CronPartitionTimetable(entity.schedule, timezone=TIMEZONE, key_format=source.partition.key_format),
        start_date=datetime(2026, 1, 1, tzinfo=KST),
        catchup=False,
        max_active_runs=1,
        tags=[source.name, "extract-load", entity.kind.value],
        params=_params(entity, source.partition),
        **load_run_callbacks(source, entity),
        default_args={
            "owner": "gamelake",
            "retries": 3,
            "retry_delay": timedelta(minutes=2),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=30),
        },
    ) as dag:
        LoadEntityOperator(
            task_id="extract_load",
            source=source,
            entity=entity,
            lake_uri=lake_uri,
            full_refresh_weekday=full_refresh_weekday,
            outlets=[assets.raw(entity)],
            pool=source.pool,
            executor_config=executor_config("load"),
            execution_timeout=timedelta(hours=1),
            doc_md=doc_md,
            **load_callbacks(source, entity),
        )
    return dag


def _params(entity: Entity, scheme: Scheme) -> dict[str, Param]:
    incremental = entity.kind is Kind.INCREMENTAL
    form: dict[str, Any] = {"format": "date"} if scheme is Scheme.DAY else {"examples": ["2026-11-21T04"]}
    return {
        "full_refresh": Param(
            False,
            type="boolean",
            title="Full refresh",
            description="Read the entity whole instead of its changes."
            if incremental
            else "Without effect: this entity is always read whole.",
        ),
        "date": Param(
            None,
            type=["null", "string"],
            **form,
            title=f"Korean {scheme}",
            description=f"The {scheme} whose changes are read again. Empty: the run's own {scheme}."
            if incremental
            else "Leave it empty: only today's rows can be read.",
        ),
        "allow_shrink": Param(
            False,
            type="boolean",
            title="Allow the table to shrink",
            description="Commit although the table lost more rows than one load may remove.",
        ),
        "allow_unproven": Param(
            False,
            type="boolean",
            title="Allow unproven rows",
            description="Commit although the source's count differs from its rows by more than a load may leave.",
        ),
    }
