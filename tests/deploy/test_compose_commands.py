"""The commands and identities of the compose stack's services, run here without Docker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from gamelake.lake.factory import open_store
from gamelake.lake.inbox import Inbox
from gamelake.lake.keys import TableName
from gamelake.maintenance.smoke import WITHOUT_SOURCE
from gamelake.registry import load_sources
from tests.deploy.conftest import interpolate
from tests.support.seaweed import running_seaweed

if TYPE_CHECKING:
    from collections.abc import Callable

Services = dict[str, dict[str, Any]]


@pytest.mark.slow
def test_lake_init_makes_the_bucket_and_its_rules_and_can_be_repeated(services: Services, repository: Path) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        environment = {**services["lake-init"]["environment"], "AWS_ENDPOINT_URL": endpoint}
        for _ in range(2):
            run(services["lake-init"]["command"], environment, repository)
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a",
                          aws_secret_access_key="b")  # fmt: skip
        rules = s3.get_bucket_lifecycle_configuration(Bucket="gamelake")["Rules"]
    finally:
        server.stop()

    assert {rule["Status"] for rule in rules} == {"Enabled"}
    assert {rule["Expiration"]["Days"] for rule in rules if "Expiration" in rule} == {1, 7, 90}
    (logs,) = [rule["Filter"] for rule in rules if rule["ID"] == "task-logs"]
    folder = services["airflow-scheduler"]["environment"]["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"]
    assert folder + "/" == f"s3://gamelake/{logs['Prefix']}"


@pytest.mark.e2e
def test_airflow_init_leaves_an_airflow_that_is_ready(services: Services, repository: Path, tmp_path: Path) -> None:
    """The service's own script, with SQLite for PostgreSQL and folders of the machine for those of the image."""
    environment = services["airflow-init"]["environment"] | {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__CORE__DAGS_FOLDER": str(repository / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(repository / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW_HOME": str(tmp_path),
    }
    environment = {name: value.replace("/opt/airflow", str(tmp_path)) for name, value in environment.items()}
    # Airflow would write one, with a Fernet key of its own; the image has an empty one for the same reason.
    (tmp_path / "airflow.cfg").touch()

    run(services["airflow-init"]["command"], environment, tmp_path)

    query = (
        "from airflow.models import Connection, DagModel\n"
        "from airflow.utils.session import create_session\n"
        "from sqlalchemy import select\n"
        "with create_session() as session:\n"
        "    dags = session.execute(select(DagModel.dag_id, DagModel.is_paused)).all()\n"
        "    igdb = session.scalar(select(Connection).where(Connection.conn_id == 'igdb_default'))\n"
        "    print(sum(not paused for _, paused in dags), 'transform' in dict(dags), igdb.host, igdb.password)\n"
    )
    answer = run([sys.executable, "-c", query], environment, tmp_path).splitlines()[-1]
    unpaused = len(load_sources()["igdb"].entities) + len(WITHOUT_SOURCE)
    assert answer == f"{unpaused} True http://sandbox:8900/v4 sandbox-secret"


@pytest.mark.parametrize(
    ("account", "sources", "key", "is_imported"),
    [
        ("", "", "", True),
        ("", "rawg", "", True),
        ("id", "", "", True),
        ("id", "rawg", "", False),
        ("id", "rawg", "my-own-key", True),
    ],
)
def test_rawg_needs_a_key_beside_an_account(
    services: Services, tmp_path: Path, account: str, sources: str, key: str, *, is_imported: bool
) -> None:
    """The script of airflow-init up to the import."""
    for name in ("airflow", "gamelake"):
        (tmp_path / name).write_text('#!/bin/sh\necho "$0 $*"\n', encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "IGDB_CLIENT_ID": account,
        "GAMELAKE_OPTIONAL_SOURCES": sources,
        "RAWG_API_KEY": key,
        "RAWG_BASE_URL": "",
    }
    assert environment.keys() - {"PATH"} <= services["airflow-init"]["environment"].keys()
    ran = subprocess.run(
        services["airflow-init"]["command"], env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, "needs RAWG_API_KEY in .env" in ran.stderr) == ((0, False) if is_imported else (1, True))
    imported = [line for line in ran.stdout.splitlines() if line.startswith(f"{tmp_path}/gamelake ")]
    command = f"{tmp_path}/gamelake settings import --sandbox=http://sandbox:8900"
    assert imported == ([command] if is_imported else [])


def test_only_the_api_server_can_read_the_password(services: Services, env: dict[str, str], tmp_path: Path) -> None:
    shell, flags, script = services["airflow-apiserver"]["command"]
    file = tmp_path / "passwords.json"
    environment = services["airflow-apiserver"]["environment"] | {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(file)
    }

    run([shell, flags, script.replace("exec airflow", "true")], environment, tmp_path)

    assert json.loads(file.read_text(encoding="utf-8")) == {"admin": env["AIRFLOW_ADMIN_PASSWORD"]}
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("account", "status"), [(("", ""), 1), (("id", ""), 1), (("", "secret"), 1), (("id", "secret"), 0)]
)
def test_the_real_api_needs_an_account(services: Services, account: tuple[str, str], status: int) -> None:
    environment = dict(zip(services["igdb-account"]["environment"], account, strict=True))
    result = subprocess.run(
        services["igdb-account"]["command"], env=environment, capture_output=True, text=True, check=False
    )

    assert result.returncode == status
    assert ("IGDB_CLIENT_ID and IGDB_CLIENT_SECRET in .env" in result.stderr) is bool(status)


def test_the_dashboard_can_read_the_marts_and_nothing_else(
    compose: dict[str, Any], services: Services, env: dict[str, str], tmp_path: Path
) -> None:
    """SeaweedFS with the stack's own identities."""
    identity, _ = identities(compose, env)
    environment = services["dashboard"]["environment"]
    key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    with running_seaweed(tmp_path, identity) as server:
        writer = server.client()
        writer.create_bucket(Bucket="gamelake")
        for name in ("marts/_current.json", "raw/igdb/games/_manifest.json"):
            writer.put_object(Bucket="gamelake", Key=f"lake/{name}", Body=b"{}")
        reader = boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1", aws_access_key_id=key,
                              aws_secret_access_key=secret)  # fmt: skip
        assert reader.get_object(Bucket="gamelake", Key="lake/marts/_current.json")["Body"].read() == b"{}"
        refused: list[Callable[[], object]] = [
            lambda: reader.get_object(Bucket="gamelake", Key="lake/raw/igdb/games/_manifest.json"),
            lambda: reader.put_object(Bucket="gamelake", Key="lake/marts/_current.json", Body=b""),
            lambda: reader.delete_object(Bucket="gamelake", Key="lake/marts/_current.json"),
        ]
        for request in refused:
            with pytest.raises(ClientError) as error:
                request()
            assert error.value.response["Error"]["Code"] == "AccessDenied"


def identities(compose: dict[str, Any], env: dict[str, str]) -> list[dict[str, Any]]:
    """The keys of the stack's S3 server beside its own: of the dashboard, and of the event collector."""
    found: list[dict[str, Any]] = json.loads(interpolate(compose["configs"]["identities"]["content"], env))[
        "identities"
    ]
    return found


@pytest.mark.slow
def test_the_event_collector_can_write_the_inbox_and_nothing_else(
    compose: dict[str, Any], services: Services, env: dict[str, str], tmp_path: Path
) -> None:
    """SeaweedFS with the stack's own identities."""
    _, identity = identities(compose, env)
    environment = services["event-collector"]["environment"]
    key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    with running_seaweed(tmp_path, identity) as server:
        owner = server.client()
        owner.create_bucket(Bucket="gamelake")
        owner.put_object(Bucket="gamelake", Key="lake/marts/_current.json", Body=b"{}")
        client = boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1", aws_access_key_id=key,
                              aws_secret_access_key=secret)  # fmt: skip
        inbox = Inbox(open_store(environment["GAMELAKE_URI"], s3=client), TableName("igdb", "games"))
        assert [inbox.add(line) for line in (b'{"id":1}\n', b'{"id":2}\n')] == [1, 2]
        assert inbox.add(b'{"id":2}\n', number=2) == 2
        assert [part.number for part in inbox.parts()] == [1, 2]
        refused: list[Callable[[], object]] = [
            lambda: client.get_object(Bucket="gamelake", Key="lake/marts/_current.json"),
            lambda: client.put_object(Bucket="gamelake", Key="lake/marts/_current.json", Body=b""),
            lambda: client.put_object(Bucket="gamelake", Key="lake/raw/igdb/games/_manifest.json", Body=b""),
        ]
        for request in refused:
            with pytest.raises(ClientError) as error:
                request()
            assert error.value.response["Error"]["Code"] == "AccessDenied"


def run(command: list[str], environment: dict[str, Any], folder: Path) -> str:
    """Run a service's command with its environment and no other. Returns: its standard output."""
    with tempfile.TemporaryDirectory() as programs:
        # Airflow's own command, as in the image: the one of this virtual environment is for a laptop.
        own = Path(programs) / "airflow"
        own.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m airflow "$@"\n', encoding="utf-8")
        own.chmod(0o755)
        result = subprocess.run(
            command,
            cwd=folder,
            env={"PATH": f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder)}
            | {name: str(value) for name, value in environment.items()},
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
