"""What the pages on logs, secrets and the smoke test state, on an Airflow that is configured as they state it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from gamelake.days import day_of
from gamelake.lake.factory import open_store
from gamelake.paths import REPOSITORY
from sandbox.igdb import Sandbox, World
from tests.support.airflow import LOGIN, Airflow, airflow_environment, running_airflow
from tests.support.command import GAMELAKE
from tests.support.copies import copy_of_the_repository
from tests.support.published_marts import MartsLake
from tests.support.tables import newest_commit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store

pytestmark = [pytest.mark.e2e, pytest.mark.long]

TODAY = day_of(datetime.now(UTC))
GUIDES = REPOSITORY / "docs" / "guides"
AWS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}


def documented(page: str, *names: str) -> dict[str, str]:
    """Variables as a page sets them, one a line."""
    found = dict(re.findall(r"^    (AIRFLOW__\w+)=(.*)$", (GUIDES / page).read_text("utf-8"), re.MULTILINE))
    return {name: found[name] for name in names or found}


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    """S3, Secrets Manager and Parameter Store."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client(cloud: str, service: Any) -> Any:
    return boto3.client(service, endpoint_url=cloud, region_name="us-east-1", aws_access_key_id="a",
                        aws_secret_access_key="b")  # fmt: skip


@pytest.fixture(scope="module")
def igdb() -> Iterator[str]:
    """The connection as the page stores it, to a small sandbox."""
    page = (GUIDES / "deploy/secrets-backend.md").read_text("utf-8")
    (line,) = re.findall(r"^    (\{\"conn_type\": \"igdb\".*\})$", page, re.MULTILINE)
    connection = json.loads(line)
    world = World.generate(seed=5, games=100, first_day=TODAY, today=TODAY, popularity_per_game=1)
    with Sandbox(world, latency=0.0).running() as url:
        connection |= {"host": f"{url}/v4", "login": "sandbox", "password": "sandbox-secret"}
        connection["extra"]["token_url"] = f"{url}/oauth2/token"
        yield json.dumps(connection)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another repository: a test breaks a DAG file."""
    return copy_of_the_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def environment(cloud: str, igdb: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    client(cloud, "s3").create_bucket(Bucket="my-lake")
    client(cloud, "secretsmanager").create_secret(Name="airflow/connections/igdb_default", SecretString=igdb)
    folder = tmp_path_factory.mktemp("operations")
    return airflow_environment(folder, lake=(folder / "lake").as_uri(), igdb=AWS) | {
        "AWS_ENDPOINT_URL": cloud,
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "20",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        **documented("deploy/task-logs.md"),
        **documented("deploy/secrets-backend.md", "AIRFLOW__SECRETS__BACKEND", "AIRFLOW__SECRETS__BACKEND_KWARGS"),
    }


@pytest.fixture(scope="module")
def airflow(environment: dict[str, str], copy: Path) -> Iterator[Airflow]:
    folder, gamelake = Path(environment["GAMELAKE_LOCAL"]), str(copy / ".venv" / "bin" / "gamelake")
    with running_airflow(folder, environment, gamelake=gamelake) as running:
        yield running


@pytest.fixture(scope="module")
def lake(environment: dict[str, str]) -> Store:
    return open_store(environment["GAMELAKE_URI"])


def test_a_load_with_its_secret_in_the_backend_leaves_its_log_in_s3(
    airflow: Airflow, cloud: str, lake: Store, environment: dict[str, str]
) -> None:
    stored = airflow.call("GET", "/connections/igdb_default")
    assert stored["host"] == "http://127.0.0.1:8900/v4", "the database leads to another server"
    airflow.unpause("igdb_genres")
    airflow.trigger("igdb_genres", str(TODAY))
    airflow.wait(lambda: airflow.state("igdb_genres", str(TODAY)) in {"success", "failed"}, 600, "the load ends")
    assert airflow.state("igdb_genres", str(TODAY)) == "success"
    assert newest_commit(lake, "genres").row_count > 0

    # The scheduler may have started another one when the DAG was unpaused.
    run, *_ = [each for each in airflow.runs("igdb_genres", str(TODAY)) if each["state"] == "success"]
    s3 = client(cloud, "s3")

    def logs() -> list[str]:
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket="my-lake", Prefix="logs/").get("Contents", [])]
        return [key for key in keys if f"run_id={run['dag_run_id']}/" in key]

    # The task writes its log to the bucket after its run has ended.
    airflow.wait(lambda: bool(logs()), 60, "the log is in the bucket")
    (key,) = logs()
    log = s3.get_object(Bucket="my-lake", Key=key)["Body"].read().decode()
    assert "sandbox-secret" not in log
    # What the page of the task shows has to come from there.
    shutil.rmtree(f"{environment['GAMELAKE_LOCAL']}/airflow/logs/dag_id=igdb_genres")
    shown = airflow.log_of(run, run_task(airflow, run))
    assert f"s3://my-lake/{key}" in shown
    assert "committed" in shown


def run_task(airflow: Airflow, run: dict[str, Any]) -> str:
    (task,) = airflow.call("GET", f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances")["task_instances"]
    return str(task["task_id"])


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_airflow_finds_the_connection_in_each_service(
    service: str, cloud: str, igdb: str, environment: dict[str, str], airflow: Airflow
) -> None:
    own = documented("deploy/secrets-backend.md", "AIRFLOW__SECRETS__BACKEND_KWARGS")
    if service == "ssm":
        page = (GUIDES / "deploy/secrets-backend.md").read_text("utf-8")
        (backend,) = re.findall(r"`(airflow\.providers\.amazon\.aws\.secrets\.systems_manager\.\w+)`", page)
        (kwargs,) = re.findall(r"`(\{[^`]*\"/airflow/connections\"[^`]*\})`", page)
        client(cloud, "ssm").put_parameter(Name="/airflow/connections/igdb_default", Value=igdb, Type="SecureString")
        own = {"AIRFLOW__SECRETS__BACKEND": backend, "AIRFLOW__SECRETS__BACKEND_KWARGS": kwargs}
    command = [GAMELAKE, "laptop", "airflow", "connections", "get", "igdb_default", "--output", "json"]
    done = subprocess.run(
        command, env={**environment, **own}, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (found,) = json.loads(done.stdout[done.stdout.index("[") :])
    assert found["host"] == json.loads(igdb)["host"]


def smoke(airflow: Airflow, *options: str, password: str = LOGIN["password"]) -> tuple[int, str]:
    done = subprocess.run(
        [GAMELAKE, "smoke", airflow.address, *options], env={**os.environ, "AIRFLOW_PASSWORD": password},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout


def test_smoke_finds_what_a_deployment_lacks(airflow: Airflow, lake: Store, copy: Path) -> None:
    status, text = smoke(airflow)
    assert status == 0, text
    assert re.search(r"^ok +DAGs +\d+ are parsed, without an error", text, re.MULTILINE)
    assert re.search(r"^look +DAGs +paused: .*transform", text, re.MULTILINE)
    assert re.search(r"^look +marts +Nothing is published yet", text, re.MULTILINE)
    assert re.search(r"^(ok|look) +night +\d", text, re.MULTILINE)

    assert smoke(airflow, password="wrong")[0] == 1

    marts = MartsLake(lake)
    marts.add("dim_games", [{"game_id": 1, "display_name": "One"}])
    marts.publish(str(TODAY))
    assert re.search(rf"^ok +marts +\d+ of {TODAY} can be read", smoke(airflow)[1], re.MULTILINE)
    assert damaged_mart(lake)
    assert re.search(r"^FAILED +marts +cannot be read as Parquet: dim_games", smoke(airflow)[1], re.MULTILINE)

    airflow.command("connections", "delete", "igdb_default")
    airflow.command("pools", "delete", "igdb_api")
    broken = copy / "dags" / "broken.py"
    broken.write_text("from airflow.sdk import dag\nimport there_is_no_such_module\n", encoding="utf-8")
    airflow.wait(lambda: bool(airflow.call("GET", "/importErrors")["import_errors"]), 120, "the file is parsed")
    status, text = smoke(airflow, "--wait", "5")
    assert status == 1
    assert re.search(r"^FAILED +DAGs +cannot be imported: broken.py: .*there_is_no_such_module", text, re.MULTILINE)
    assert re.search(r"^FAILED +connections +igdb_default is missing", text, re.MULTILINE)
    assert re.search(r"^FAILED +pools +igdb_api: missing", text, re.MULTILINE)
    assert re.search(
        r"^ok +connections +igdb_default: not in the database",
        smoke(airflow, "--wait", "0", "--secrets-backend")[1],
        re.MULTILINE,
    )


def damaged_mart(lake: Store) -> bool:
    """Cut the file of a published mart short."""
    from gamelake.marts.pointer import current

    shown = current(lake)
    assert shown is not None
    (mart,) = [each for each in shown.marts if each.name == "dim_games"]
    lake.put(mart.key, lake.get(mart.key)[:-4] + b"----")
    return True
