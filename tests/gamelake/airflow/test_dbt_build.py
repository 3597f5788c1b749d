"""What the task that runs dbt and the tasks of the models do with dbt's results; whole builds are for test_cluster."""

from __future__ import annotations

import inspect
import json
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from gamelake.airflow.dbt_build import DbtBuild, ModelState
from gamelake.airflow.dbt_tasks import layer_of

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


class Project:
    """A dbt project of its own that a real dbt builds, and the XComs of the build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pushed: dict[str, Any] = {}
        self.ti = SimpleNamespace(
            xcom_push=lambda key, value: self.pushed.update({key: json.loads(json.dumps(value))}),
            xcom_pull=lambda *, key, **_: self.pushed.get(key),
        )

    def build(self, models: dict[str, str], rules: str = RULES) -> None:
        files = {"dbt_project.yml": PROJECT, "profiles.yml": PROFILE, "models/rules.yml": rules}
        for name, text in {**files, **{f"models/{name}.sql": sql for name, sql in models.items()}}.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(text)
        dbt = [str(Path(sys.executable).with_name("dbt")), "build", "--target", "memory"]
        self.run([*dbt, "--project-dir", str(self.folder), "--profiles-dir", str(self.folder)])

    def run(self, command: list[str], **variables: str) -> None:
        task = DbtBuild(task_id="build", command=command, variables=variables, target=self.folder / "target")
        inspect.unwrap(DbtBuild.execute)(task, {"ti": self.ti})

    def show(self, model: str) -> ModelState:
        task = ModelState(task_id=model, model=model, build="build")
        inspect.unwrap(ModelState.execute)(task, {"ti": self.ti})
        return task


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_each_failure_that_would_come_again_is_named_and_not_retried(project: Project) -> None:
    with pytest.raises(AirflowFailException) as raised:
        project.build({**LASTING, **PASSING, "fine": "select 1 as id"})
    failed = {line.split(": ")[0] for line in str(raised.value).split("\n")[1:] if line[0] != " "}
    assert failed == {*LASTING, "unique_tested_id"} - {"tested"}
    assert "Got 1 result, configured to fail if != 0" in str(raised.value)


def test_each_model_shows_how_it_ended_and_its_sql(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    models = {
        "fine": "select 1 as id",
        "tested": LASTING["tested"],
        "after_failed_test": "select * from {{ ref('tested') }}",
        "unbound": LASTING["unbound"],
    }
    with pytest.raises(AirflowFailException):
        project.build(models)
    assert "FAIL 1 unique_tested_id" in caplog.text, "the log of the build is dbt's"
    assert project.show("fine").sql == models["fine"]
    for model, reason in {"tested": "unique_tested_id: Got 1 result", "unbound": "Binder Error"}.items():
        with pytest.raises(AirflowFailException) as failed:
            project.show(model)
        assert reason in str(failed.value)
    for model in ("after_failed_test", "never_reported"):
        with pytest.raises(AirflowSkipException):
            project.show(model)


def test_a_model_is_built_though_a_test_of_it_was_skipped(project: Project) -> None:
    to = "{relationships: {arguments: {to: ref('unbound'), field: id}}}"
    rules = f"models: [{{name: fine, columns: [{{name: id, data_tests: [{to}]}}]}}]"
    with pytest.raises(AirflowFailException):
        project.build({"fine": "select 1 as id", "unbound": LASTING["unbound"]}, rules)
    assert project.show("fine").sql == "select 1 as id"


def test_a_failure_that_may_pass_is_retried(project: Project) -> None:
    with pytest.raises(AirflowException, match=r"(?s)too_large: .*Out of Memory.*unread: .*IO Error") as raised:
        project.build(PASSING)
    assert not isinstance(raised.value, AirflowFailException)


def test_a_build_that_cannot_start_is_retried_without_the_results_of_an_earlier_one(project: Project) -> None:
    with pytest.raises(AirflowFailException):
        project.build({"unbound": LASTING["unbound"]})
    project.pushed.clear()
    with pytest.raises(AirflowException) as raised:
        project.build({"unparsed": "{{ nothing.of(this) }} {% if %}"})
    assert not isinstance(raised.value, AirflowFailException)
    assert not project.pushed


def test_dbt_ends_with_its_task(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamelake.airflow.dbt_build.log.info", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        project.run([sys.executable, "-c", "import time; print('started', flush=True); time.sleep(600)"])


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("models/staging/igdb/stg_igdb__games.sql", "staging"),
        ("models/intermediate/int_game_ratings.sql", "intermediate"),
        ("models/marts/dim_games.sql", "marts"),
        ("models/marts/marketing/mart_top_rated.sql", "marketing"),
    ],
)
def test_the_layer_of_a_model_is_its_folder(path: str, layer: str) -> None:
    assert layer_of(path) == layer
