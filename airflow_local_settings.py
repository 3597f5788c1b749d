"""Read by every Airflow process when it starts.

The scheduler forks its tasks, so what it has imported costs them nothing: dbt alone takes 3 seconds, and a transform
has dozens of tasks.
"""

import importlib
import sys

HEAVY = ("aiohttp", "airflow.providers.amazon.aws.hooks.s3", "cosmos", "dbt.cli.main", "duckdb")

if sys.argv[1:2] == ["scheduler"]:
    for module in HEAVY:
        importlib.import_module(module)
