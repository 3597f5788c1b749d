"""What a task that watches the dbt process does as the process comes and goes; whole builds are for test_cluster."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from cosmos import ProfileConfig
from cosmos.constants import InvocationMode
from cosmos.exceptions import CosmosDbtRunError
from cosmos.operators.local import DbtLocalBaseOperator

from gamelake.airflow.retries import (
    PATIENCE,
    WATCHER_RETRIES,
    RetriedBuild,
    SparkBuild,
    WatchedRun,
    WatchedTests,
)
from gamelake.marts import spark
from gamelake.paths import REPOSITORY


@pytest.fixture(scope="module")
def tasks() -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("transform_of_retries", REPOSITORY / "dags" / "transform.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {task.task_id: task for task in module.dag.tasks}


@pytest.fixture(params=["dbt.marts.dim_games.run", "dbt.marts.dim_games.test"])
def watch(tasks, request, monkeypatch) -> Any:
    """A function that pokes once: given the process's state and what it has reported of the model, by `pushed`."""
    task = tasks[request.param]
    monkeypatch.setattr(task, "_pokes_without_process", 0)
    kind = "tests_status" if task.is_test_sensor else "status"
    key = f"model__gamelake__dim_games_{kind}"

    def poke(process: str | None, status: str | None = None, try_number: int = 1) -> bool:
        reported = status if task.is_test_sensor or status is None else {"status": status, "outlet_uris": []}
        pushed = {key: reported}
        ti = SimpleNamespace(try_number=try_number, xcom_pull=lambda _, key: pushed.get(key))
        monkeypatch.setattr(task, "_get_producer_task_status", lambda _: process)
        return bool(task.poke({"ti": ti}))

    poke.interval = task.poke_interval  # type: ignore[attr-defined]
    return poke


def test_every_task_of_cosmos_is_one_of_ours(tasks):
    kinds = Counter(type(task) for name, task in tasks.items() if name.startswith("dbt."))
    assert kinds[RetriedBuild] == 1
    assert kinds[WatchedRun] >= kinds[WatchedTests] > 40
    assert sum(kinds.values()) == kinds[RetriedBuild] + kinds[WatchedRun] + kinds[WatchedTests] + 1  # the last is empty
    assert {task.retries for task in tasks.values() if isinstance(task, WatchedRun)} == {WATCHER_RETRIES}


@pytest.mark.parametrize("try_number", [1, 2])
def test_it_waits_for_the_process_and_never_runs_dbt(watch, try_number):
    assert not watch("running", None, try_number)
    assert watch("running", "pass", try_number)
    assert watch("success", "success", try_number)


def test_what_failed_is_tried_again_as_long_as_the_process_is(watch):
    for process in ("running", "up_for_retry", "queued"):
        with pytest.raises(AirflowException, match="waiting for another try") as raised:
            watch(process, "fail")
        assert not isinstance(raised.value, AirflowFailException)


@pytest.mark.parametrize("process", ["success", "failed", "skipped", "upstream_failed"])
@pytest.mark.parametrize("status", [None, "fail", "error", "skipped"])
def test_a_process_that_has_ended_says_no_more(watch, process, status):
    with pytest.raises(AirflowFailException, match=rf"dim_games: {status or 'nothing reported'}; .* \({process}\)"):
        watch(process, status, 3)


@pytest.mark.parametrize("process", [None, "queued", "up_for_retry"])
def test_the_slot_is_given_back_when_no_process_runs(watch, process):
    pokes = int(PATIENCE.total_seconds() / watch.interval)
    for _ in range(2):
        for _ in range(pokes):
            assert not watch(process)
        assert not watch("running")  # and the count starts again
    for _ in range(pokes):
        assert not watch(process)
    with pytest.raises(AirflowException, match="may need this task's slot"):
        watch(process)


@pytest.mark.parametrize("try_number", [1, 2, 3])
def test_each_try_of_the_process_builds(tasks, monkeypatch, try_number):
    ran = []
    monkeypatch.setattr(DbtLocalBaseOperator, "execute", lambda self, **_: ran.append(self.base_cmd))
    ti = SimpleNamespace(try_number=try_number)
    RetriedBuild.execute.__wrapped__(tasks["dbt.dbt_producer_watcher"], {"ti": ti})
    assert ran == [["build"]]


PROJECT = """
name: small
version: "1.0.0"
profile: small
flags: {send_anonymous_usage_stats: false}
models: {small: {+materialized: table}}
"""
PROFILE = """
small: {outputs: {memory: {type: duckdb, path: ":memory:", config_options: {memory_limit: 20MB, temp_directory: ""}}}}
"""
RULES = """
models:
  - {name: tested, columns: [{name: id, data_tests: [unique]}]}
  - {name: contracted, config: {contract: {enforced: true}}, columns: [{name: id, data_type: varchar}]}
  - {name: constrained, config: {contract: {enforced: true}}, columns: [{name: id, data_type: integer, constraints: [{type: not_null}]}]}
"""  # noqa: E501
LASTING = {
    "tested": "select unnest([1, 1]) as id",
    "contracted": "select 1::integer as id",
    "constrained": "select null::integer as id",
    "unbound": "select missing from range(3)",
    "unparsed": "selec 1",
    "unconverted": "select cast('x' || range as integer) as id from range(3)",
    "refused": "{% if execute %} {{ exceptions.raise_compiler_error('var mart_game_types: found x') }} {% endif %}",
}
PASSING = {
    "too_large": "select list(range order by hash(range)) as ids from range(10000000)",
    "unread": "from read_parquet('/nowhere/at/all.parquet')",
}


@pytest.fixture
def build(tmp_path) -> Any:
    """A function that has the task build models in a project of its own, with a real dbt."""

    def run(
        models: dict[str, str],
        mode: InvocationMode = InvocationMode.DBT_RUNNER,
    ) -> Any:
        for name, text in {"dbt_project.yml": PROJECT, "profiles.yml": PROFILE, "models/rules.yml": RULES}.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        for name, sql in models.items():
            (tmp_path / "models" / f"{name}.sql").write_text(sql)
        profile = ProfileConfig("small", "memory", profiles_yml_filepath=tmp_path / "profiles.yml")
        task = RetriedBuild(
            task_id="dbt",
            project_dir=str(tmp_path),
            profile_config=profile,
            emit_datasets=False,
            invocation_mode=mode,
            dbt_executable_path=str(Path(sys.executable).with_name("dbt")),
        )
        ti = SimpleNamespace(try_number=1, xcom_push=lambda **_: None, xcom_pull=lambda **_: None)
        return RetriedBuild.execute.__wrapped__(task, {"ti": ti, "run_id": "run"})

    return run


@pytest.mark.parametrize("mode", [InvocationMode.DBT_RUNNER, InvocationMode.SUBPROCESS], ids=["laptop", "image"])
def test_what_would_fail_again_fails_for_good(build, mode):
    """Each of them is named, and what might pass beside them is not."""
    with pytest.raises(AirflowFailException, match="would read the same and fail the same") as raised:
        build({**LASTING, **PASSING, "fine": "select 1 as id"}, mode)
    failed = {line.split(": ")[0] for line in str(raised.value).split("\n")[1:] if line[0] != " "}
    assert failed == {*LASTING, "unique_tested_id"} - {"tested"}
    assert "Got 1 result, configured to fail if != 0" in str(raised.value)


def test_what_may_pass_is_tried_again(build):
    with pytest.raises(CosmosDbtRunError, match=r"(?s)too_large: .*Out of Memory.*unread: .*IO Error") as raised:
        build(PASSING)
    assert not isinstance(raised.value, AirflowFailException)


def test_a_build_that_cannot_begin_is_tried_again(build):
    with pytest.raises(CosmosDbtRunError, match="did not complete"):
        build({"unparsed": "{{ nothing.of(this) }} {% if %}"})


@pytest.mark.parametrize(("status", "raised"), [("fail", AirflowFailException), ("error", AirflowException)])
def test_a_build_on_spark_fails_for_good_by_its_results(monkeypatch, tmp_path, status, raised):
    """There is no Spark here: its process is one that writes what dbt would."""
    monkeypatch.setenv("GAMELAKE_DUCKDB", str(tmp_path / "gamelake.duckdb"))
    results = {"results": [{"unique_id": "test.gamelake.not_empty", "status": status, "message": "Connection refused"}]}
    task = SparkBuild(
        task_id="dbt_on_spark",
        bash_command=f"mkdir -p {spark.folder()}/target && echo '{json.dumps(results)}' "
        f"> {spark.folder()}/target/run_results.json && exit 1",
    )
    with pytest.raises(raised) as error:
        SparkBuild.execute.__wrapped__(task, {"ti": SimpleNamespace(task_id="dbt_on_spark")})
    assert type(error.value) is raised
