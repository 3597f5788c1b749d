"""Build, test and publish the marts of one Korean day.

Runs by itself once every load of that day has succeeded; a load that failed holds it back, and clearing that load later
releases it. `open_generation` fixes which commits the build reads, one dbt process builds and tests (each model is a
task that shows its own state and SQL), and only a build without a failure moves the pointer `marts/_current.json`.

- **date**: a Korean day, `YYYY-MM-DD`: builds that day again from the commits up to it. Empty for the run's own day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Asset, AssetAll, Param, PartitionedAssetTimetable, StartOfDayMapper, task
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior

from include.partitions import KEY_FORMAT, KST, TIMEZONE, run_day
from include.pods import executor_config
from include.registry import load_registry
from include.transform import dbt_project
from include.transform.dag import TransformDAG
from include.transform.retries import build_again_when_lost

ENTITIES = tuple(load_registry().values())
MARTS = Asset("marts")


@task(executor_config=executor_config("transform"))
def open_generation(**context: Any) -> dict[str, str]:
    """Fix what this build reads. Returns: the generation's key prefix in the lake, and its url as dbt takes it."""
    from include.lake.https import open_cdn
    from include.stores import connected_store
    from include.transform import generation

    store = connected_store()
    run_id = context["dag_run"].run_id
    key = generation.open_generation(store, ENTITIES, day=run_day(context), run_id=run_id, sources=open_cdn())
    return {"key": key, "url": store.url(key)}


@task(outlets=[MARTS], executor_config=executor_config("transform"))
def publish(generation: str, **context: Any) -> dict[str, Any]:
    """Move the readers' pointer to the generation, now that every model is built and every test has passed."""
    from include.stores import connected_store, invalidate_changed
    from include.transform import generation as generations

    document = generations.publish(connected_store(), generation, dbt_project.published_models())
    change = f"{generation} published at {document['published_at']}"
    invalidate_changed(generations.changed_keys(document), change=change)
    event = context["outlet_events"][MARTS]
    event.extra = {"generation": generation, "published": document["published"], "sources": document["sources"]}
    if context["dag_run"].partition_key is None:
        event.add_partitions(document["day"])
    return document


with TransformDAG(
    dag_id="transform",
    description="Marts of a day, once all of its loads have succeeded.",
    doc_md=f"# transform\n\n{__doc__}",
    schedule=PartitionedAssetTimetable(
        assets=AssetAll(*(Asset(entity.asset_name) for entity in ENTITIES)),
        default_partition_mapper=StartOfDayMapper(timezone=TIMEZONE, input_format=KEY_FORMAT, output_format=KEY_FORMAT),
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
            description="YYYY-MM-DD; empty for the run's own day.",
        ),
    },
    default_args={"owner": "gamelake", "retries": 2, "retry_delay": timedelta(minutes=1)},
    dagrun_timeout=timedelta(hours=2),
) as dag:
    opened = open_generation()
    build = DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(
            dbt_project_path=dbt_project.PROJECT,
            manifest_path=dbt_project.MANIFEST,
            install_dbt_deps=False,
        ),
        profile_config=ProfileConfig(
            profile_name="gamelake",
            target_name=dbt_project.target(),
            profiles_yml_filepath=dbt_project.PROJECT / "profiles.yml",
        ),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER,
            setup_operator_args={"executor_config": executor_config("transform")},  # of the dbt process; sensors wait
        ),
        # The models' own assets would be named by the path of the scratch file; `marts` is the one to schedule on.
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.AFTER_EACH, emit_datasets=False
        ),
        operator_args={
            "env": {
                **dbt_project.environment(),
                "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",  # they test the SQL, in `make test`
                "GAMELAKE_GENERATION": "{{ ti.xcom_pull('open_generation')['url'] }}",
            },
            "append_env": True,
            "deferrable": False,
            "poke_interval": 5,  # each poke is a request to the API server, which has the dbt process to serve
            "execution_timeout": timedelta(hours=1),
        },
    )
    build_again_when_lost(build)
    opened >> build >> publish(opened["key"])  # type: ignore[index]  # an XComArg is, by the key of what was returned
