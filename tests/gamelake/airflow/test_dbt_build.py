"""What the task that runs dbt and the tasks of the models do with dbt's results; whole builds are for test_cluster."""

from __future__ import annotations

import inspect
import json
import shutil
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from gamelake.airflow.dbt_build import (
    DbtBuild,
    FailedTestsError,
    FullDiskError,
    ModelState,
    NoMemoryError,
    UnreachableLakeError,
    _damaged,
)
from gamelake.airflow.dbt_tasks import layer_of
from gamelake.lake.store import StoreError
from tests.support.aws import isolate

if TYPE_CHECKING:
    from collections.abc import Iterator

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
  - {name: fine, columns: [{name: id, data_tests: [{relationships: {arguments: {to: ref('unbound'), field: id}}}]}]}
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
FINE = "select 1 as id"
PASSING = {
    "too_large": "select list(range order by hash(range)) as ids from range(10000000)",
    "unread": "from read_json('/nowhere/raw/igdb/genres/dt=2026-11-21/run/part-00000.jsonl.gz')",
}


class Project:
    """A dbt project of its own that a real dbt builds, and the XComs of the build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = (folder / "lake").as_uri()
        self.pushed: dict[str, Any] = {}
        self.ti = SimpleNamespace(
            try_number=2,
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
        target = self.folder / "target"
        task = DbtBuild(task_id="build", command=command, variables=variables, target=target, generation="marts/dt=x/y")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GAMELAKE_URI", self.lake)
            inspect.unwrap(DbtBuild.execute)(task, {"ti": self.ti})

    def results(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "lake/marts/dt=x/y/_results-2.json").read_text()))

    def show(self, model: str) -> ModelState:
        task = ModelState(task_id=model, model=model, build="build")
        inspect.unwrap(ModelState.execute)(task, {"ti": self.ti})
        return task


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str, str]:
    """A project with every kind of failure, and what its build raised and logged.

    The environment has variables of another project. Once the tests were left out by them, and the marts published.
    """
    project = Project(tmp_path_factory.mktemp("failed"))
    models = {**LASTING, **PASSING, "fine": FINE, "after_failed_test": "select * from {{ ref('tested') }}"}
    logged: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gamelake.airflow.dbt_build.log.info", lambda text, *given: logged.append(text % given))
        patch.setenv("DBT_RESOURCE_TYPES", "model")
        patch.setenv("DBT_WRITE_JSON", "false")
        patch.setenv("DBT_TARGET_PATH", "/nowhere")
        with pytest.raises(AirflowFailException) as raised:
            project.build(models)
    return project, str(raised.value), "\n".join(logged)


def test_each_failure_that_would_come_again_is_named_and_not_retried(failed: tuple[Project, str, str]) -> None:
    _, message, _ = failed
    names = {line.split(": ")[0] for line in message.split("\n")[1:] if line[0] != " "}
    assert names == {*LASTING, "unique_tested_id"} - {"tested"}
    assert "Got 1 result, configured to fail if != 0" in message


def test_each_model_shows_how_it_ended_and_its_sql(
    failed: tuple[Project, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, _, logged = failed
    assert "FAIL 1 unique_tested_id" in logged, "the log of the build is dbt's"
    assert project.show("fine").sql == FINE, "though a test of it was skipped"
    lines: list[str] = []
    monkeypatch.setattr("gamelake.airflow.dbt_build.log.info", lambda text, *given: lines.append(text % given))
    for model, name, reason, sql in (
        ("tested", "unique_tested_id", "Got 1 result", "having count(*) > 1"),
        ("unbound", "unbound", "Binder Error", LASTING["unbound"]),
    ):
        with pytest.raises(AirflowFailException) as raised:
            project.show(model)
        assert str(raised.value).startswith(f"{name}: ")
        assert reason in str(raised.value)
        assert len(str(raised.value).splitlines()) < 10, "a terminal shows the message"
        assert sql in lines[-1], "the log has the SQL"
    for model in ("after_failed_test", "never_reported"):
        with pytest.raises(AirflowSkipException):
            project.show(model)


def test_the_lake_has_how_many_models_and_tests_failed(failed: tuple[Project, str, str]) -> None:
    results = failed[0].results()
    assert results["models"]["error"] == len(LASTING) - 1 + len(PASSING), "`tested` is built, and its test fails"
    assert results["models"]["success"] == 2
    assert results["tests"] == {"fail": 1, "skipped": 1}
    took = {each["name"]: (each["kind"], each["status"], each["seconds"] > 0) for each in results["nodes"]}
    assert took["fine"] == ("model", "success", True)
    assert took["unique_tested_id"] == ("test", "fail", True)


@pytest.mark.slow
def test_a_failure_that_may_pass_is_retried(project: Project) -> None:
    with pytest.raises(AirflowException, match=r"(?s)too_large: .*Out of Memory.*unread: .*IO Error") as raised:
        project.build(PASSING)
    assert not isinstance(raised.value, AirflowFailException)


@pytest.mark.slow
def test_a_part_that_cannot_be_read_names_its_table_and_what_to_do(project: Project) -> None:
    with pytest.raises(AirflowException, match=r"(?s)`gamelake lake audit igdb\.genres --verify`.*damaged.*unread: "):
        project.build({"unread": PASSING["unread"]})


@pytest.mark.slow
def test_a_build_that_cannot_start_is_retried_without_the_results_of_an_earlier_one(
    failed: tuple[Project, str, str],
) -> None:
    project = Project(failed[0].folder)
    with pytest.raises(AirflowException) as raised:
        project.build({"unparsed": "{{ nothing.of(this) }} {% if %}"})
    assert not isinstance(raised.value, AirflowFailException)
    assert not project.pushed


def test_a_build_of_which_only_tests_failed_is_told_apart(failed: tuple[Project, str, str], project: Project) -> None:
    results = json.loads((failed[0].folder / "target" / "run_results.json").read_text())
    results["results"] = [each for each in results["results"] if each["status"] in ("success", "fail")]
    assert [each["status"] for each in results["results"]].count("fail") == 1
    shutil.copytree(failed[0].folder / "target", project.folder / "target")
    (project.folder / "results.json").write_text(json.dumps(results))
    written = project.folder / "target" / "run_results.json"
    with pytest.raises(FailedTestsError, match="unique_tested_id"):
        project.run(["/bin/sh", "-c", f"cp {project.folder}/results.json {written}; exit 1"])


def test_a_full_disk_is_named_and_retried(project: Project) -> None:
    """What a process that writes to a full disk prints is what dbt prints."""
    with pytest.raises(
        FullDiskError, match=r"^No space left on device; dbt ended with status 1\. Its files are in "
    ) as raised:
        project.run([sys.executable, "-c", "print('x', file=open('/dev/full', 'w'), flush=True)"])
    assert str(project.folder / "target") in str(raised.value)
    assert not isinstance(raised.value, AirflowFailException)


def test_a_full_disk_is_named_where_it_cut_the_results(project: Project) -> None:
    results = project.folder / "target" / "run_results.json"
    results.parent.mkdir()
    with pytest.raises(FullDiskError, match=r"^No space left on device"):
        project.run(["/bin/sh", "-c", f"printf '{{\"results\": [' > {results}; echo No space left on device; exit 2"])


def test_a_build_that_was_killed_names_the_memory_and_is_retried(project: Project) -> None:
    """The system kills what uses up the memory of a container with this signal."""
    with pytest.raises(NoMemoryError, match=r"^dbt was killed \(SIGKILL\); .* memory .*\n12 of 90 OK$") as raised:
        project.run(["/bin/sh", "-c", "echo '12:00:00  12 of 90 OK'; kill -9 $$"])
    assert not isinstance(raised.value, AirflowFailException)


def test_a_build_without_memory_names_the_setting_and_is_retried(project: Project) -> None:
    """The error of a connection or a hook is in no result."""
    reason = "  Out of Memory Error: failed to allocate 128.0 MiB"
    printed = f"12:00:00  Encountered an error:\\nRuntime Error\\n{reason}\\n\\n  * X"
    with pytest.raises(NoMemoryError) as raised:
        project.run(["/bin/sh", "-c", f"printf '{printed}'; exit 2"])
    first, *lines = str(raised.value).splitlines()
    assert first.startswith("Out of Memory Error: failed to allocate 128.0 MiB; raise GAMELAKE_DUCKDB_MEMORY (500MB)")
    assert lines == ["Runtime Error", reason]
    assert not isinstance(raised.value, AirflowFailException)


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        (r"printf '01:02:03  Encountered an error:\nGet k: lost\n\nhelp'; exit 2", "2; its log has more\nGet k: lost"),
        (r"printf 'a\nspark: no master\n\n'; exit 1", "status 1; its log has more\nspark: no master"),
        ("kill -15 $$", "SIGTERM; its log has more\n"),
    ],
    ids=["dbt", "program", "signal"],
)  # fmt: skip
def test_a_build_that_ends_without_results_shows_its_last_words(project: Project, script: str, shown: str) -> None:
    with pytest.raises(AirflowException) as raised:
        project.run(["/bin/sh", "-c", script])
    assert str(raised.value).endswith(shown)


@pytest.fixture
def unreachable(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A lake on a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        isolate(monkeypatch, tmp_path, AWS_ENDPOINT_URL=endpoint, AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s")
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
        monkeypatch.setattr("gamelake.airflow.dbt_build.ANSWER_SECONDS", 1)
        project.lake = "s3://lake/a"
        yield project


FAILED = "echo '12:00:00  3 of 90 ERROR creating sql table model main.stg_games ... [ERROR in 9.00s]'"


def test_a_build_whose_lake_does_not_answer_is_ended_at_the_first_failure(unreachable: Project) -> None:
    with pytest.raises(UnreachableLakeError, match=r"s3://lake/a.: no answer within 1 s\. ") as raised:
        unreachable.run(["/bin/sh", "-c", f"{FAILED}; sleep 600"])
    assert isinstance(raised.value.__cause__, StoreError)


def test_a_lake_that_no_server_has_is_the_cause_of_a_build_that_cannot_start(
    unreachable: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setattr("gamelake.airflow.dbt_build.ANSWER_SECONDS", 30)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    with pytest.raises(UnreachableLakeError, match=r"Could not connect .*; is the server up, and AWS_ENDPOINT_URL"):
        unreachable.run(["/bin/sh", "-c", "exit 2"])


def test_a_build_whose_lake_answers_goes_on_after_a_failure(project: Project) -> None:
    with pytest.raises(AirflowException, match=r"status 1; its log has more\nDone\.$") as raised:
        project.run(["/bin/sh", "-c", f"{FAILED}; echo Done.; exit 1"])
    assert not isinstance(raised.value, UnreachableLakeError)


def test_dbt_ends_with_its_task(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamelake.airflow.dbt_build.log.info", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        project.run([sys.executable, "-c", "import time; print('started', flush=True); time.sleep(600)"])


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("models/staging/igdb/stg_igdb__games.sql", "staging"),
        ("models/intermediate/int_game_ratings.sql", "marts"),
        ("models/marts/dim_games.sql", "marts"),
        ("models/marts/marketing/mart_top_rated.sql", "marketing"),
    ],
)
def test_the_layer_of_a_model_is_its_folder(path: str, layer: str) -> None:
    assert layer_of(path) == layer


@pytest.mark.parametrize(
    "key",
    [
        "marts/history/fct_game_popularity_daily/day=2026-11-20/4f-1a.parquet",
        "marts/dt=2026-11-20/run/dim_games.parquet",
        "marts/dt=2026-11-20/run/restricted/mart_market_overview.parquet",
    ],
)
@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_file_of_an_earlier_build_that_cannot_be_read_is_named(key: str, quote: str) -> None:
    error = f"Invalid Input Error: Failed to read file {quote}/a lake/{key}{quote}: ZSTD Decompression failure"
    [line] = _damaged([f"fct_popularity: {error}"])
    assert line.startswith(f"{key}, which an earlier build wrote, cannot be read.")
    assert "run `transform` again" in line
