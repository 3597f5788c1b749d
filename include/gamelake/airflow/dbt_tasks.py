"""dbt's models and tests as Airflow tasks: one process with DuckDB builds them all, or a Spark cluster does.

`GAMELAKE_TRANSFORM` selects it: `one_process` (the default) or `spark`. A build on Spark is one task, whose process is
the driver: see gamelake/marts/spark.py.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior

from gamelake.airflow.layers import render_in_layers
from gamelake.airflow.pods import executor_config
from gamelake.airflow.retries import RetriedBuild, SparkBuild, replace_operators
from gamelake.marts import dbt_project
from gamelake.paths import REPOSITORY

VARIABLE = "GAMELAKE_TRANSFORM"
SPARK_PYTHON = "GAMELAKE_SPARK_PYTHON"
MODES = ("one_process", "spark")
PROCESS_NAME = "dbt build (the log)"
"""What the UI calls the task `dbt_producer_watcher`: its log is dbt's, the other tasks only show a state each."""


def mode() -> str:
    """How a day is built: one of MODES. Raises: ValueError when the variable says something else."""
    found = os.environ.get(VARIABLE) or MODES[0]
    if found not in MODES:
        raise ValueError(f"{VARIABLE}: found {found!r}, expected {' or '.join(MODES)}")
    return found


def dbt_tasks(generation: str) -> DbtTaskGroup:
    """Return the tasks that build and test the models. `generation` is a template of the generation's url."""
    environment = {
        **dbt_project.environment(),
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",  # they test the SQL, in `make test`
        "GAMELAKE_GENERATION": generation,
    }
    # The pod is for the dbt process; the others are sensors that wait for it.
    process = {"executor_config": executor_config("transform"), "task_display_name": PROCESS_NAME}
    group = DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(
            dbt_project_path=dbt_project.PROJECT,
            manifest_path=dbt_project.MANIFEST,
            install_dbt_deps=False,
            env_vars=environment,
        ),
        profile_config=ProfileConfig(
            profile_name="gamelake",
            target_name="duckdb",
            profiles_yml_filepath=dbt_project.PROJECT / "profiles.yml",
        ),
        execution_config=ExecutionConfig(execution_mode=ExecutionMode.WATCHER, setup_operator_args=process),
        render_config=render_in_layers(
            load_method=LoadMode.DBT_MANIFEST,
            test_behavior=TestBehavior.AFTER_EACH,
            # The models' own assets would be named by the path of the scratch file; `marts` is the one to schedule on.
            emit_datasets=False,
        ),
        operator_args={
            "append_env": True,
            "execution_timeout": timedelta(hours=1),
            # Each poke is a request to the API server, which has the dbt process to serve.
            "deferrable": False,
            "poke_interval": 5,
        },
    )
    replace_operators(group)
    return group


def built(build: DbtTaskGroup | SparkBuild) -> Any:
    """Return the tasks that a publication waits for: when they succeed, all models are built and tested.

    That is the process that builds. The tasks that watch it only show states, and on a small machine they take minutes
    after it.
    """
    if isinstance(build, SparkBuild):
        return build
    return next(task for task in build.iter_tasks() if isinstance(task, RetriedBuild))


def spark_task(generation: str) -> SparkBuild:
    """Return the task that builds and tests the models on Spark. `generation` is a template of the generation's key."""
    python = os.environ.get(SPARK_PYTHON) or str(REPOSITORY / ".venv-spark" / "bin" / "python")
    return SparkBuild(
        task_id="dbt_on_spark",
        bash_command='exec "$PYTHON" -m gamelake.cli marts build-on-spark --generation "$GENERATION"',
        env={"PYTHON": python, "GENERATION": generation},
        append_env=True,
        execution_timeout=timedelta(hours=1),
        executor_config=executor_config("transform"),
    )
