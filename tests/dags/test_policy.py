"""What every DAG owes its operators, and that parsing needs nothing from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from include.registry import load_registry
from include.transform.dbt_project import REPOSITORY, published_models

LOADS = [entity.dag_id for entity in load_registry().values()]
DAGS = [*LOADS, "transform", "lake_audit"]
PARAMS = {"transform": {"date"}, "lake_audit": {"remove", "older_than_hours", "verify"}}

# Parsed in a process without connections, Variables or a database to ask, and without a proxy to ask through.
PARSE = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(sys.argv[1])
dags = {dag_id: DagSerialization.to_dict(dag) for dag_id, dag in bag.dags.items()}
print("\\n" + json.dumps({"errors": bag.import_errors, "dags": dags}, sort_keys=True, default=str))
"""


@pytest.fixture(scope="module")
def parses(tmp_path_factory) -> list[dict[str, Any]]:
    """Two parses, in processes of their own."""
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS", "GAMELAKE", "IGDB"))
    }
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/nothing/here.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PARSE, str(REPOSITORY / "dags")], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    return [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]


@pytest.fixture(scope="module")
def dags(parses) -> dict[str, dict[str, Any]]:
    return {dag_id: body["dag"] for dag_id, body in parses[0]["dags"].items()}


def tasks(dag: dict[str, Any]) -> list[dict[str, Any]]:
    return [task["__var"] for task in dag["tasks"]]


def default(dag: dict[str, Any], task: dict[str, Any], name: str) -> Any:
    """An attribute of a task: its own, or what the DAG gives to all."""
    return task.get(name, dag["default_args"]["__var"].get(name))


def test_the_files_import_with_nothing_around_them(parses):
    assert parses[0]["errors"] == {}
    assert sorted(parses[0]["dags"]) == sorted(DAGS)


def test_two_parses_are_alike(parses):
    assert parses[0] == parses[1]


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_dag_says_whose_it_is_and_what_it_does(dags, dag_id):
    dag = dags[dag_id]
    assert dag["description"]
    assert "Korean" in dag["doc_md"]
    assert len(dag["tags"]) >= 2
    assert dag["max_active_runs"] == 1
    for task in tasks(dag):
        assert default(dag, task, "owner") == "gamelake"
        assert default(dag, task, "retries") >= 2


@pytest.mark.parametrize("dag_id", LOADS)
def test_a_load_uses_the_pool_and_ends_in_time(dags, dag_id):
    (task,) = tasks(dags[dag_id])
    assert task["pool"] == "igdb_api"
    assert 0 < task["execution_timeout"] <= timedelta(hours=1).total_seconds()
    assert [text for text in _strings(task["outlets"]) if text.startswith("raw_")][:1] == [_asset(dag_id)]


@pytest.mark.parametrize("dag_id", DAGS)
def test_every_parameter_is_described(dags, dag_id):
    params = dict(dags[dag_id]["params"])
    assert set(params) == PARAMS.get(dag_id, {"date", "full_refresh"})
    assert all(param["description"] for param in params.values())


def test_transform_waits_for_every_load(dags):
    assert {_asset(dag_id) for dag_id in LOADS} <= set(_strings(dags["transform"]["timetable"]))


def test_transform_has_a_task_for_every_mart_and_publishes_last(dags):
    by_id = {task["task_id"]: task for task in tasks(dags["transform"])}
    assert published_models()
    for model in published_models():
        assert f"dbt.{model}.run" in by_id or f"dbt.{model}_run" in by_id
    assert not by_id["publish"].get("downstream_task_ids")
    assert [task_id for task_id in by_id if not _upstream(by_id, task_id)] == ["open_generation"]


def _asset(dag_id: str) -> str:
    return f"raw_{dag_id.removeprefix('igdb_')}"


def _upstream(by_id: dict[str, dict[str, Any]], task_id: str) -> list[str]:
    return [name for name, task in by_id.items() if task_id in task.get("downstream_task_ids", [])]


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in _strings(each)]
    return [value] if isinstance(value, str) else []
