"""dbt as a group of Airflow tasks: one task builds and tests everything, and Cosmos renders a task for each model.

`GAMELAKE_TRANSFORM` selects what builds: `one_process` (the default), which is dbt with DuckDB, or `spark`, which is
the driver of a Spark cluster; see gamelake/marts/spark.py.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup, task
from cosmos import DbtTaskGroup, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, LoadMode, SeedRenderingBehavior, TestBehavior

from gamelake.airflow.dbt_build import HAS_RESULTS, DbtBuild, ModelState
from gamelake.airflow.failures import task_callbacks
from gamelake.airflow.pods import executor_config
from gamelake.marts import dbt_project, spark
from gamelake.settings import read_settings

if TYPE_CHECKING:
    from cosmos.dbt.graph import DbtNode

BUILD = "dbt.build"

NO_COLORS = {"DBT_USE_COLORS": "false"}

TOOLTIPS = {
    "staging": "Typed rows of the sources, the newest of each.",
    "marts": "The marts of the lake, and the intermediate models before and after them.",
}


def dbt_tasks(*, url: str, key: str) -> DbtBuild:
    """Make the tasks that build and test the models, and show their states.

    Args:
        url: A template of the generation's URL.
        key: A template of the generation's key.

    Returns:
        The task that builds and tests. A publication depends on it, and not on the tasks that show states.
    """
    with DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(
            dbt_project_path=dbt_project.PROJECT, manifest_path=dbt_project.MANIFEST, install_dbt_deps=False
        ),
        profile_config=ProfileConfig(
            profile_name="gamelake",
            target_name="duckdb",
            profiles_yml_filepath=dbt_project.PROJECT / "profiles.yml",
        ),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.NONE,  # a model's task shows its tests too
            seed_rendering_behavior=SeedRenderingBehavior.NONE,  # the build has loaded them
            node_converters={DbtResourceType.MODEL: _model_task},
        ),
    ) as group:
        build = _spark_build(key) if read_settings().gamelake_transform == "spark" else _duckdb_build(url, key)
        models = [each for each in group.iter_tasks() if each is not build and not each.upstream_task_ids]
        build >> has_results() >> models
    return build


# A task that it skips is no process, and in Kubernetes no pod: there is one for each model.
@task.short_circuit(trigger_rule="all_done")
def has_results(**context: Any) -> bool:
    """Tell whether dbt left results: if it did not run or was ended, the tasks that show models are skipped at once."""
    return bool(context["ti"].xcom_pull(task_ids=BUILD, key=HAS_RESULTS))


def _duckdb_build(url: str, key: str) -> DbtBuild:
    target = read_settings().gamelake_duckdb.with_name("target")
    beside = Path(sys.executable).with_name("dbt")  # in an image dbt has an environment of its own
    parsed = dbt_project.MANIFEST.with_name("partial_parse.msgpack")
    outputs = ["--target-path", str(target), "--log-path", str(target), "--log-level-file", "none"]
    return DbtBuild(
        command=[
            str(beside) if beside.exists() else "dbt",
            "build",
            *dbt_project.arguments(),
            *outputs,
            "--partial-parse-file-path",
            str(parsed),
        ],
        variables={
            **dbt_project.environment(),
            "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",  # they test the SQL, in `make test-slow`
            "GAMELAKE_GENERATION": url,
            **NO_COLORS,
        },
        target=target,
        generation=key,
        **_options(),
    )


def _spark_build(key: str) -> DbtBuild:
    python = str(read_settings().gamelake_spark_python)
    return DbtBuild(
        command=[python, "-m", "gamelake.cli", "marts", "build-on-spark", "--generation", key],
        variables=NO_COLORS,
        target=spark.folder() / "target",
        generation=key,
        **_options(),
    )


def _options() -> dict[str, Any]:
    return {
        "task_id": "build",
        "task_display_name": "dbt build",
        "doc_md": "Builds and tests every model. The log of this task is dbt's; the tasks after it show each model.",
        "execution_timeout": timedelta(hours=1),
        "executor_config": executor_config("transform"),
        **task_callbacks("transform"),
    }


def _model_task(*, task_group: TaskGroup, node: DbtNode, **_: Any) -> ModelState:
    """Make the task of a model, in the group of its layer. Cosmos calls it, and adds the edges between models."""
    layer = layer_of(str(node.original_file_path))
    group = task_group.children.get(f"{task_group.group_id}.{layer}")
    if not isinstance(group, TaskGroup):
        group = TaskGroup(layer, parent_group=task_group, tooltip=TOOLTIPS.get(layer, f"The models of {layer}."))
    return ModelState(task_id=node.name, task_group=group, model=node.name, build=BUILD, trigger_rule="all_done")


def layer_of(path: str) -> str:
    """Return the layer of a model by the path of its file: the first folder below `models`, or the area of a mart.

    Intermediate models are with the marts: some read marts and others are read by them. Airflow's web UI shows no task
    of a DAG of which two groups wait for each other.
    """
    _, *folders, _ = Path(path).parts
    layer = folders[1] if len(folders) > 1 and folders[0] == "marts" else folders[0]
    return "marts" if layer == "intermediate" else layer
