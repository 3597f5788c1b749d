"""`transform` where each model is built by a task of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gamelake.marts.dbt_project import MANIFEST, published_models
from gamelake.paths import REPOSITORY
from tests.dags.test_policy import PARSE


def parse(home: Path, setting: str) -> dict[str, Any]:
    """What a DAG processor with the setting finds."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "GAMELAKE"))}
    environment |= {
        "GAMELAKE_TRANSFORM": setting,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/nothing/here.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    command = [sys.executable, "-c", PARSE, str(REPOSITORY / "dags" / "transform.py")]
    found = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(found.splitlines()[-1])


@pytest.fixture(scope="module")
def tasks(tmp_path_factory) -> dict[str, dict[str, Any]]:
    found = parse(tmp_path_factory.mktemp("airflow"), "many_writers")
    assert found["errors"] == {}
    return {task["__var"]["task_id"]: task["__var"] for task in found["dags"]["transform"]["dag"]["tasks"]}


def upstream(tasks: dict[str, dict[str, Any]], task_id: str) -> set[str]:
    """Every task that must be done before this one."""
    direct = {name for name, task in tasks.items() if task_id in task.get("downstream_task_ids", [])}
    return direct.union(*(upstream(tasks, name) for name in direct))


def nodes(kind: str) -> dict[str, dict[str, Any]]:
    found = json.loads(MANIFEST.read_text(encoding="utf-8"))["nodes"]
    return {key: node for key, node in found.items() if node["resource_type"] == kind}


def task_of(tasks: dict[str, dict[str, Any]], model: str) -> str:
    return next(name for name in tasks if name.startswith("dbt.") and name.endswith((f".{model}.run", f".{model}_run")))


def test_no_task_is_left_that_builds_all(tasks):
    assert not [name for name in tasks if "watcher" in name]
    operators = {task["task_type"] for name, task in tasks.items() if name.startswith("dbt.")}
    assert operators == {"ConnectedRun", "ConnectedTests"}
    assert len([name for name in tasks if name.endswith("run")]) == len(nodes("model"))


def test_a_model_waits_for_those_that_it_builds_on(tasks):
    models = nodes("model")
    for node in models.values():
        needed = {task_of(tasks, models[key]["name"]) for key in node["depends_on"]["nodes"] if key in models}
        assert needed <= upstream(tasks, task_of(tasks, node["name"])), node["name"]


def test_a_test_waits_for_every_model_that_it_looks_at(tasks):
    models, several = nodes("model"), 0
    for test in nodes("test").values():
        looked_at = {models[key]["name"] for key in test["depends_on"]["nodes"] if key in models}
        if len(looked_at) == 1:
            assert task_of(tasks, looked_at.pop()).removesuffix("run") + "test" in tasks
        else:
            several += 1
            [task_id] = [name for name in tasks if name.startswith(f"dbt.{test['name']}")]
            assert {task_of(tasks, name) for name in looked_at} <= upstream(tasks, task_id)
    assert several > 10


def test_what_is_published_is_tested_and_then_cleaned_up(tasks):
    assert upstream(tasks, "clean_up") == tasks.keys() - {"clean_up"}
    assert upstream(tasks, "publish") == tasks.keys() - {"clean_up", "publish"}
    assert {task_of(tasks, name) for name in published_models()} <= tasks.keys()
    assert upstream(tasks, "open_generation") == set()


def test_another_setting_is_refused(tmp_path):
    [error] = parse(tmp_path, "ducklake")["errors"].values()
    assert "GAMELAKE_TRANSFORM: found 'ducklake', expected one_process or many_writers or spark" in error
