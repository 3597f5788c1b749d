"""Policies that every DAG follows; parsing needs nothing from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from gamelake.kinds import Kind
from gamelake.maintenance.smoke import expected_dags
from gamelake.marts.dbt_project import published_models
from gamelake.paths import REPOSITORY
from gamelake.registry import load_entities, load_sources
from tests.support.command import environment_without

OPTIONAL = [source.name for source in load_sources().values() if source.optional]
LOADS = [entity.dag_id for entity in load_entities() if entity.has_load]
POOLS = {entity.dag_id: load_sources()[entity.source].pool for entity in load_entities()}
DAGS = [*LOADS, "transform", "lake_audit", "data_quality", "data_quality_of_marts", "daily_brief", "apply_events"]
PARAMS = {"transform": {"date", "fresh"}}
PARAMS |= {"lake_audit": {"remove", "older_than_hours", "verify", "compact_again"}}
PARAMS |= {"data_quality": set(), "data_quality_of_marts": set(), "daily_brief": {"date"}}
PARAMS |= {"apply_events": {"allow_shrink"}}

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
def parses(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two parses, in processes of their own."""
    home = tmp_path_factory.mktemp("airflow")
    environment = environment_without("AIRFLOW", "AWS", "GAMELAKE", "IGDB")
    environment |= {
        "GAMELAKE_OPTIONAL_SOURCES": ",".join(OPTIONAL),
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
def dags(parses: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {dag_id: body["dag"] for dag_id, body in parses[0]["dags"].items()}


def tasks(dag: dict[str, Any]) -> list[dict[str, Any]]:
    return [task["__var"] for task in dag["tasks"]]


def default(dag: dict[str, Any], task: dict[str, Any], name: str) -> Any:
    """An attribute of a task: its own, or what the DAG gives to all."""
    return task.get(name, dag["default_args"]["__var"].get(name))


def test_a_smoke_test_expects_every_dag(dags: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMELAKE_OPTIONAL_SOURCES", ",".join(OPTIONAL))
    assert expected_dags() == set(dags)


def test_the_files_import_with_nothing_around_them(parses: list[dict[str, Any]]) -> None:
    assert parses[0]["errors"] == {}
    assert sorted(parses[0]["dags"]) == sorted(DAGS)


def test_two_parses_are_alike(parses: list[dict[str, Any]]) -> None:
    assert parses[0] == parses[1]


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_dag_states_whose_it_is_and_what_it_does(dags: dict[str, dict[str, Any]], dag_id: Any) -> None:
    dag = dags[dag_id]
    assert dag["description"]
    assert "Korean" in dag["doc_md"]
    assert len(dag["tags"]) >= 2
    assert dag["max_active_runs"] == 1
    for task in tasks(dag):
        assert default(dag, task, "owner") == "gamelake"
        assert default(dag, task, "retries") >= (0 if task["task_id"] == "change_feeds" else 2)


@pytest.mark.parametrize("dag_id", LOADS)
def test_a_load_uses_the_pool_and_ends_in_time(dags: dict[str, dict[str, Any]], dag_id: Any) -> None:
    (task,) = tasks(dags[dag_id])
    assert task["pool"] == POOLS[dag_id]
    assert 0 < task["execution_timeout"] <= timedelta(hours=1).total_seconds()
    assert [text for text in _strings(task["outlets"]) if text.startswith("raw_")][:1] == [_asset(dag_id)]


@pytest.mark.parametrize("dag_id", DAGS)
def test_every_parameter_is_described(dags: dict[str, dict[str, Any]], dag_id: Any) -> None:
    params = dict(dags[dag_id]["params"])
    assert set(params) == PARAMS.get(dag_id, {"date", "full_refresh", "allow_shrink", "allow_unproven"})
    assert all(param["description"] for param in params.values())


def test_a_parameter_states_only_what_holds_for_its_entity(dags: dict[str, dict[str, Any]]) -> None:
    for entity in filter(lambda each: each.has_load, load_entities()):
        params = dict(dags[entity.dag_id]["params"])
        descriptions = " ".join(param["description"] for param in params.values())
        assert ("only today's rows can be read" in descriptions) == (entity.kind is not Kind.INCREMENTAL)
        assert "YYYY-MM-DD" not in descriptions  # the form has a date picker


def test_assets_are_matched_by_name_alone_and_say_what_they_are(dags: dict[str, dict[str, Any]]) -> None:
    for dag_id in LOADS:
        (task,) = tasks(dags[dag_id])
        [asset] = _assets(task["outlets"])
        assert asset["uri"] == asset["name"] == _asset(dag_id)
        assert asset["group"] == "raw"
        assert asset["extra"]["description"] == dags[dag_id]["description"]
    (publish,) = [task for task in tasks(dags["transform"]) if task["task_id"] == "publish"]
    [marts] = _assets(publish["outlets"])
    assert (marts["name"], marts["uri"], marts["group"]) == ("marts", "marts", "marts")


def test_transform_shows_its_models_by_layer_and_the_process_that_builds_them(dags: dict[str, dict[str, Any]]) -> None:
    by_id = {task["task_id"]: task for task in tasks(dags["transform"])}
    layers = {name.split(".")[1] for name in by_id if name.count(".") == 2}
    assert {"staging", "marts", "marketing"} <= layers
    assert by_id["dbt.build"]["_task_display_name"] == "dbt build"


def test_a_publication_waits_for_the_build_and_not_for_the_tasks_of_models(dags: dict[str, dict[str, Any]]) -> None:
    by_id = {task["task_id"]: task for task in tasks(dags["transform"])}
    assert sorted(_upstream(by_id, "publish")) == ["dbt.build", "open_generation"]
    assert by_id["publish"]["weight_rule"] == "absolute"
    assert by_id["publish"]["priority_weight"] > len(by_id)  # the task of a model has one for each task after it


def test_the_marts_wait_for_the_change_feeds_and_not_for_their_success(dags: dict[str, dict[str, Any]]) -> None:
    by_id = {task["task_id"]: task for task in tasks(dags["transform"])}
    assert by_id["change_feeds"]["downstream_task_ids"] == ["open_generation"]
    assert by_id["change_feeds"]["execution_timeout"] <= timedelta(minutes=15).total_seconds()
    assert by_id["open_generation"]["trigger_rule"] == "all_done"


def test_transform_waits_for_every_load_that_gates_it(dags: dict[str, dict[str, Any]]) -> None:
    waits_for = set(_strings(dags["transform"]["timetable"]))
    for entity in load_entities():
        assert (_asset(entity.dag_id) in waits_for) is entity.gates_transform


def test_transform_has_a_task_for_every_mart_and_publishes_last(dags: dict[str, dict[str, Any]]) -> None:
    by_id = {task["task_id"]: task for task in tasks(dags["transform"])}
    assert published_models()
    for model in published_models():
        assert [name for name in by_id if name.endswith(f".{model}")]
    assert not by_id["publish"].get("downstream_task_ids")
    assert [task_id for task_id in by_id if not _upstream(by_id, task_id)] == ["change_feeds"]


def _asset(dag_id: str) -> str:
    return f"raw_{dag_id}"


def _upstream(by_id: dict[str, dict[str, Any]], task_id: str) -> list[str]:
    return [name for name, task in by_id.items() if task_id in task.get("downstream_task_ids", [])]


def _assets(value: Any) -> list[dict[str, Any]]:
    """The assets in a part of a serialized task."""
    if isinstance(value, dict) and {"name", "uri", "group"} <= value.keys():
        return [value]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [asset for each in values for asset in _assets(each)]


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in _strings(each)]
    return [value] if isinstance(value, str) else []


def test_the_web_ui_can_sort_the_tasks_of_each_group(parses: list[dict[str, Any]]) -> None:
    """Groups that wait for each other are error 500 in its grid and its graph, though the tasks have no cycle."""
    for parsed in parses[0]["dags"].values():
        dag = DagSerialization.from_dict(parsed)
        groups = dag.task_group.get_task_group_dict()
        for group in groups.values():
            group.topological_sort(group_dict=groups)
