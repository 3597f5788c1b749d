"""Read by every Airflow process when it starts.

The scheduler and a Celery worker fork their tasks, so what they have imported costs those nothing: dbt alone takes 3
seconds, and a transform has dozens of tasks. In the image dbt is not Airflow's to import; there it is a command.
"""

import importlib
import sys

HEAVY = ("aiohttp", "airflow.providers.amazon.aws.hooks.s3", "cosmos", "duckdb", "dbt.cli.main")
NOT_HERE = ("dbt", "dbt.cli")  # the folder `dbt` passes for a package without content

if sys.argv[1:2] in (["scheduler"], ["celery"]):
    for module in HEAVY:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name not in NOT_HERE:
                raise
