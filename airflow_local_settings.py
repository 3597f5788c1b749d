"""Read by every Airflow process when it starts.

The scheduler and a Celery worker fork their tasks, so a module that they have imported costs no task anything. Without
it each of the 50 tasks of a transform imports Cosmos again. No module of this repository is here: a scheduler would run
the tasks with the code that it started with.
"""

import importlib
import sys

if sys.argv[1:2] in (["scheduler"], ["celery"]):
    for module in (
        "aiohttp",
        "airflow.providers.amazon.aws.hooks.s3",
        "cosmos.airflow.task_group",
        "duckdb",
        "pydantic_settings",
    ):
        importlib.import_module(module)
