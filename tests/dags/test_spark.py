"""`transform` where Spark builds the models: one task between the generation's opening and its publication."""

from __future__ import annotations

from gamelake.paths import REPOSITORY
from tests.dags.test_many_writers import parse


def test_spark_builds_in_one_task_what_is_then_published(tmp_path):
    found = parse(tmp_path, "spark")
    assert found["errors"] == {}
    tasks = {task["__var"]["task_id"]: task["__var"] for task in found["dags"]["transform"]["dag"]["tasks"]}
    assert {name: task.get("downstream_task_ids", []) for name, task in tasks.items()} == {
        "open_generation": ["clean_up", "dbt_on_spark", "publish"],
        "dbt_on_spark": ["publish"],
        "publish": ["clean_up"],
        "clean_up": [],
    }
    assert tasks["dbt_on_spark"]["env"] == {
        "PYTHON": str(REPOSITORY / ".venv-spark" / "bin" / "python"),
        "GENERATION": "{{ ti.xcom_pull('open_generation')['key'] }}",
    }
