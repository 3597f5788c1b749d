"""Load one entity of IGDB into the lake.

Every night at 04:00 Korean time, or when triggered. The load reads the entity's rows from the API, stages them as JSONL
parts and commits a manifest; the asset event carries what it did. A failed load leaves the table as it was, and holds
back that day's `transform` until the load is cleared and succeeds.

- **full_refresh**: read an incremental entity whole. Scheduled runs do it by themselves on Mondays
  (`GAMELAKE_FULL_REFRESH_WEEKDAY`, 0 to 6, or `never`).
- **date**: a Korean day, `YYYY-MM-DD`. An incremental entity reads that day's changes again, as `airflow backfill
  create` does for several days; the others can only be read today. A partition key wins over it.
- **allow_shrink**: commit the table although it lost more rows than one load may remove. Without it such a load is
  held: nothing is committed, and the task fails with both numbers (docs/guides/runbooks/held-load.md).
- **allow_unproven**: commit the rows although IGDB's own count differs from them by more than one load may leave
  unproven.
"""

from __future__ import annotations

import asyncio
import os
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import CronPartitionTimetable, Param
from airflow.sdk.exceptions import AirflowFailException

from gamelake.airflow import assets
from gamelake.airflow.dag import LakeDAG
from gamelake.airflow.pods import executor_config
from gamelake.days import KST, TIMEZONE, PartitionError, run_day
from gamelake.lake.store import lake_uri
from gamelake.registry import Entity, Kind, Source, load_sources
from igdb.operators import IgdbToS3Operator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from igdb.client import IgdbClient

# 0 is Monday. The weekly full refresh also catches changes that did not update `updated_at`.
FULL_REFRESH_WEEKDAY = os.environ.get("GAMELAKE_FULL_REFRESH_WEEKDAY", "").strip() or "0"
if FULL_REFRESH_WEEKDAY not in {*"0123456", "never"}:
    raise ValueError(
        f"GAMELAKE_FULL_REFRESH_WEEKDAY: found {FULL_REFRESH_WEEKDAY!r}, expected 0 (Monday) to 6 (Sunday), or never"
    )


async def load(client: IgdbClient, *, entity: Entity, lake_uri: str, context: Context) -> Mapping[str, Any]:
    """What a task of these DAGs does: one load, by the run's key and params."""
    from gamelake.airflow.stores import connected_store, invalidate_changed
    from gamelake.limits import Allow
    from gamelake.load.errors import LoadRefused
    from gamelake.load.load import Load

    try:
        day = run_day(context)
    except PartitionError as error:
        raise AirflowFailException(f"not retried: {error}") from error
    run = context["dag_run"]
    # Backfills and manual runs of a Monday load only that day, unless `full_refresh` is set.
    weekly = run.run_type == "scheduled" and str(day.weekday()) == FULL_REFRESH_WEEKDAY
    params = context["params"]
    full_refresh = bool(params["full_refresh"]) or weekly
    allow = Allow(shrink=bool(params.get("allow_shrink")), unproven=bool(params.get("allow_unproven")))
    store = await asyncio.to_thread(connected_store, uri=lake_uri)
    load = Load(client, store, entity, day=day, run_id=run.run_id, full_refresh=full_refresh, allow=allow)
    try:
        report = await load.run()
    except LoadRefused as error:
        raise AirflowFailException(f"not retried: {error}") from error
    commit = f"{entity} version {report.version}"
    await asyncio.to_thread(invalidate_changed, [entity.table.pointer_key], change=commit)
    return report.as_dict()


def extract_load(source: Source, entity: Entity) -> LakeDAG:
    """The DAG of one entity."""
    incremental = entity.kind is Kind.INCREMENTAL
    with LakeDAG(
        dag_id=entity.dag_id,
        description=entity.description,
        doc_md=f"# {entity.dag_id}\n\n{entity.description}\n\n{__doc__}",
        schedule=CronPartitionTimetable(source.schedule, timezone=TIMEZONE, key_format=source.partition.key_format),
        start_date=datetime(2026, 1, 1, tzinfo=KST),
        catchup=False,
        max_active_runs=1,
        tags=[source.name, "extract-load", entity.kind.value],
        params={
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
                format="date",
                title="Korean day",
                description="The day whose changes are read again. Empty: the run's own day."
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
                description="Commit although IGDB's own count differs from its rows by more than a load may leave.",
            ),
        },
        default_args={
            "owner": "gamelake",
            "retries": 3,
            "retry_delay": timedelta(minutes=2),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=30),
        },
    ) as dag:
        IgdbToS3Operator(
            task_id="extract_load",
            load=partial(load, entity=entity),
            lake_uri=lake_uri(),
            outlets=[assets.raw(entity)],
            igdb_conn_id=source.connection,
            pool=source.pool,
            executor_config=executor_config("load"),
            execution_timeout=timedelta(hours=1),
            doc_md=__doc__,
        )
    return dag


for _source in load_sources().values():
    for _entity in _source.entities.values():
        globals()[_entity.dag_id] = extract_load(_source, _entity)
