"""`transform` where Spark builds the models: the graph is that of a build by DuckDB, and has a task that cleans up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from gamelake.paths import REPOSITORY
from tests.dags.test_policy import PARSE
from tests.support.command import environment_without


def parse(home: Path, setting: str) -> dict[str, Any]:
    """What a DAG processor with the setting finds."""
    environment = environment_without("AIRFLOW", "GAMELAKE")
    environment |= {
        "GAMELAKE_TRANSFORM": setting,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/nothing/here.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    command = [sys.executable, "-c", PARSE, str(REPOSITORY / "dags" / "transform.py")]
    found = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    parsed: dict[str, Any] = json.loads(found.splitlines()[-1])
    return parsed


def test_spark_builds_in_the_same_graph_and_its_tables_are_deleted(tmp_path: Path) -> None:
    found = parse(tmp_path, "spark")
    assert found["errors"] == {}
    tasks = {task["__var"]["task_id"]: task["__var"] for task in found["dags"]["transform"]["dag"]["tasks"]}
    assert tasks["open_generation"]["downstream_task_ids"] == ["clean_up", "dbt.build", "publish"]
    assert tasks["publish"]["downstream_task_ids"] == ["clean_up"]
    assert tasks["dbt.build"]["command"] == [
        str(REPOSITORY / ".venv-spark" / "bin" / "python"),
        *("-m", "gamelake.cli", "marts", "build-on-spark"),
        *("--generation", "{{ task_instance.xcom_pull(task_ids='open_generation', dag_id='transform', key='key') }}"),
    ]
