"""The DAG that builds, tests and publishes the marts of a day."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import AssetAll, Param, PartitionedAssetTimetable, StartOfDayMapper, task
from airflow.sdk.exceptions import AirflowSkipException

from gamelake.airflow import assets, lineage
from gamelake.airflow.assets import MARTS
from gamelake.airflow.dag import LakeDAG
from gamelake.airflow.dbt_tasks import dbt_tasks
from gamelake.airflow.failures import publication_skipped, report_lost, run_callbacks, task_callbacks
from gamelake.airflow.lasting_errors import lasting_errors
from gamelake.airflow.pods import executor_config
from gamelake.airflow.run_partition import run_partition
from gamelake.days import KEY_FORMAT, KST, TIMEZONE, parse_day
from gamelake.incidents.documents import Severity
from gamelake.marts import dbt_project
from gamelake.registry import kept_entities, load_entities
from gamelake.settings import read_settings


# The marts wait for it and not for its success: so it is not tried again, and the next night makes what is missing.
@task(
    executor_config=executor_config("transform"),
    retries=0,
    execution_timeout=timedelta(minutes=15),
    **task_callbacks("feeds", ends=True, severity=Severity.P2),
)
def change_feeds() -> dict[str, int]:
    """Make the change feed of each new commit. Returns: the changed rows of each table that has a new step."""
    from gamelake.airflow.stores import connected_store
    from gamelake.feeds.feed import make_all

    store = connected_store()
    made = make_all(store, kept_entities())
    lineage.feeds_made(made)
    changes: Counter[str] = Counter()
    for step in made:
        changes[f"{step.source}.{step.entity}"] += step.rows
    return dict(changes)


@task(
    executor_config=executor_config("transform"),
    trigger_rule="all_done",
    on_execute_callback=report_lost("change_feeds", "feeds", Severity.P2),
    **task_callbacks("transform"),
)
def open_generation(**context: Any) -> dict[str, str]:
    """Fix what this build reads. Returns: the generation's key prefix in the lake, and its URL for dbt."""
    from gamelake.airflow.stores import connected_store
    from gamelake.lake.https import open_cdn
    from gamelake.marts import generation

    run_id = context["dag_run"].run_id
    with lasting_errors():
        store = connected_store()
        day = parse_day(run_partition(context))
        fresh = bool(context["params"]["fresh"])
        key = generation.open_generation(
            store, load_entities(), day=day, run_id=run_id, sources=open_cdn(), fresh=fresh
        )
    lineage.inputs_chosen(store, key)
    return {"key": key, "url": store.url(key)}


# It runs before the tasks that show states, because readers wait for it.
@task(
    outlets=[MARTS],
    executor_config=executor_config("transform"),
    priority_weight=1000,
    weight_rule="absolute",
    on_skipped_callback=publication_skipped,
    **task_callbacks("transform", ends=True),
)
def publish(generation: str, **context: Any) -> dict[str, Any]:
    """Move the readers' pointer to the generation, now that every model is built and every test has passed.

    Skipped, without an event of `marts`, when readers have a later day, or a build of this day from newer commits.
    """
    from gamelake.airflow.stores import connected_store, invalidate_changed
    from gamelake.marts import generation as generations

    with lasting_errors():
        outcome = generations.publish(connected_store(), generation, dbt_project.published_models())
    document = outcome.as_dict()
    if not outcome.is_published:
        context["ti"].xcom_push("return_value", document)
        raise AirflowSkipException(outcome.reason)
    change = f"publication {outcome.publication} of {generation}"
    invalidate_changed(generations.changed_keys(outcome.generation), change=change)
    event = context["outlet_events"][MARTS]
    event.extra = {name: document[name] for name in ("generation", "publication", "sources")}
    if context["dag_run"].partition_key is None:
        event.add_partitions(document["day"])
    lineage.publication_done(outcome.generation)
    return document


@task(executor_config=executor_config("transform"), trigger_rule="none_failed")  # also after a skipped `publish`
def clean_up(generation: str) -> int:
    """Delete the tables of failed tries on Spark. Returns: the number of objects."""
    from gamelake.airflow.stores import connected_store
    from gamelake.marts.generation import clean_up as remove

    return remove(connected_store(), generation)


def transform_dag(*, doc_md: str) -> LakeDAG:
    """Return the DAG; it waits for the loads of all sources that gate it.

    Args:
        doc_md: What the DAG does and its params, for the UI.
    """
    gates = (assets.raw(entity) for entity in load_entities() if entity.gates_transform)
    with LakeDAG(
        dag_id="transform",
        description="Marts of a day, once all of its loads have succeeded.",
        doc_md=f"# transform\n\n{doc_md}",
        schedule=PartitionedAssetTimetable(
            assets=AssetAll(*gates),
            default_partition_mapper=StartOfDayMapper(
                timezone=TIMEZONE, input_format=KEY_FORMAT, output_format=KEY_FORMAT
            ),
        ),
        start_date=datetime(2026, 1, 1, tzinfo=KST),
        catchup=False,
        max_active_runs=1,  # the database file is one for all runs, and DuckDB lets one process write
        tags=["transform", "dbt", "marts"],
        params={
            "date": Param(
                None,
                type=["null", "string"],
                format="date",
                title="Korean day",
                description="Builds that day again from the loads up to it. Empty: the run's own day.",
            ),
            "fresh": Param(
                False,
                type="boolean",
                title="With applied events",
                description="Builds also from the events that were applied since the loads of the day.",
            ),
        },
        default_args={"owner": "gamelake", "retries": 2, "retry_delay": timedelta(minutes=1)},
        dagrun_timeout=timedelta(hours=2),
        **run_callbacks("transform"),
    ) as dag:
        fed = change_feeds()
        opened = open_generation()
        key, url = opened["key"], opened["url"]  # type: ignore[index]  # XComArg has an index at run time
        build = dbt_tasks(url=str(url), key=str(key))
        published = publish(key)
        fed >> opened >> build >> published
        if read_settings().gamelake_transform == "spark":
            published >> clean_up(key)
    return dag
