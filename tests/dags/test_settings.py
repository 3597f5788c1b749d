"""The DAGs where variables ask for it: Spark builds the models, and each task has its pod."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from gamelake.paths import REPOSITORY
from gamelake.registry import loaded_entities
from tests.dags.test_policy import PARSE
from tests.support.command import environment_without

SETTINGS = {"GAMELAKE_TRANSFORM": "spark", "GAMELAKE_POD_TEMPLATES": "/pods"}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a DAG processor with the settings finds: tasks by the names of DAG and task."""
    home = tmp_path_factory.mktemp("airflow")
    environment = environment_without("AIRFLOW", "GAMELAKE") | SETTINGS
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/nothing/here.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    command = [sys.executable, "-c", PARSE, str(REPOSITORY / "dags")]
    parsed = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(parsed.splitlines()[-1])
    assert found["errors"] == {}
    return {
        f"{dag_id}.{task['__var']['task_id']}": task["__var"]
        for dag_id, body in found["dags"].items()
        for task in body["dag"]["tasks"]
    }


@pytest.mark.slow
def test_spark_builds_in_the_same_graph_and_its_tables_are_deleted(tasks: dict[str, dict[str, Any]]) -> None:
    assert tasks["transform.open_generation"]["downstream_task_ids"] == ["clean_up", "dbt.build", "publish"]
    assert tasks["transform.publish"]["downstream_task_ids"] == ["clean_up"]
    assert tasks["transform.dbt.build"]["command"] == [
        str(REPOSITORY / ".venv-spark" / "bin" / "python"),
        *("-m", "gamelake.cli", "marts", "build-on-spark"),
        *("--generation", "{{ task_instance.xcom_pull(task_ids='open_generation', dag_id='transform', key='key') }}"),
    ]


def test_every_task_asks_for_its_pod(tasks: dict[str, dict[str, Any]]) -> None:
    given = {name: task | task.get("partial_kwargs", {}) for name, task in tasks.items()}  # those of a mapped task
    found = {name: str(task.get("executor_config")) for name, task in given.items() if "executor_config" in task}
    work = ("change_feeds", "open_generation", "dbt.build", "publish", "clean_up")
    expected = {f"{entity.dag_id}.extract_load": "load" for entity in loaded_entities()}
    expected |= {f"transform.{task}": "transform" for task in work} | {
        "lake_audit.audit": "maintain",
        "lake_audit.compact": "maintain",
        "apply_events.apply": "load",
        "apply_events.change_feeds": "transform",
    }
    expected |= {f"{each}.check": "transform" for each in ("data_quality", "data_quality_of_marts")}
    expected |= {f"daily_brief.{task}": "transform" for task in ("make", "publish_pages", "channels", "send")}
    assert found.keys() == expected.keys()
    assert [name for name, kind in expected.items() if f"/pods/{kind}.yaml" not in found[name]] == []
