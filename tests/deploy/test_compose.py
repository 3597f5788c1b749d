"""The compose stack, as far as it can be held to its rules where no Docker engine is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from deploy.compose_env import SECRETS
from gamelake.registry import load_sources

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT_IMAGE = re.compile(r"gamelake(-sandbox|-dashboard)?:(?P<version>\d+\.\d+\.\d+)")
ONE_SHOT = {"lake-init", "airflow-init", "igdb-account"}
PROFILES = ("default", "celery", "real-api")

Services = dict[str, dict[str, Any]]


@pytest.mark.parametrize("name", ["docker-compose.yaml", "docker-compose.override.yml"])
def test_the_file_is_valid_by_the_compose_specification(repository: Path, name: str) -> None:
    result = subprocess.run(
        [
            Path(sys.executable).with_name("check-jsonschema"),
            "--builtin-schema=vendor.compose-spec",
            repository / name,
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_has_one_scheduler_whose_executor_has_its_workers(services: Services, profile: str) -> None:
    executors = {
        services[name]["environment"]["AIRFLOW__CORE__EXECUTOR"]
        for name in started(services, profile)
        if services[name].get("command") in (["airflow", "scheduler"], ["airflow", "celery", "worker"])
    }
    schedulers = [n for n in started(services, profile) if services[n].get("command") == ["airflow", "scheduler"]]

    assert executors == {"CeleryExecutor" if profile == "celery" else "LocalExecutor"}
    assert len(schedulers) == 1


def test_all_of_airflow_shares_its_secrets(services: Services, env: dict[str, str]) -> None:
    for name, service in services.items():
        if name.startswith("airflow-"):
            environment = service["environment"]
            assert environment["AIRFLOW__CORE__FERNET_KEY"] == env["FERNET_KEY"], name
            assert environment["AIRFLOW__API_AUTH__JWT_SECRET"] == env["JWT_SECRET"], name
            assert environment["AIRFLOW__API__SECRET_KEY"] == env["API_SECRET_KEY"], name


def test_a_command_is_one_that_the_entry_point_of_the_base_takes(services: Services) -> None:
    for name, service in services.items():
        if PROJECT_IMAGE.fullmatch(service["image"]):
            assert service["command"][0] in ("airflow", "python", "bash"), name


def test_no_container_can_take_all_memory(services: Services) -> None:
    assert [name for name, service in services.items() if "mem_limit" not in service] == []


def test_no_secret_is_on_a_command_line(services: Services, env: dict[str, str]) -> None:
    for name, service in services.items():
        shown = str(service.get("command")) + str(service.get("healthcheck")) + str(service.get("labels"))
        assert [secret for secret in SECRETS if env[secret] in shown] == [], name


def test_nobody_is_root_or_can_become_it(services: Services) -> None:
    for name, service in services.items():
        user, group = service["user"].split(":")
        assert int(user) > 0, name
        assert group.isdecimal(), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_our_own_containers_are_read_only_and_write_to_volumes(services: Services) -> None:
    for name, service in services.items():
        if PROJECT_IMAGE.fullmatch(service["image"]):
            assert service["read_only"] is True, name
            # Not the home: in it the base keeps its Python packages.
            assert service["tmpfs"] == ["/tmp"], name  # noqa: S108 - a path in the container


def test_images_are_ours_or_pinned_by_digest(services: Services) -> None:
    for name, service in services.items():
        if not PROJECT_IMAGE.fullmatch(service["image"]):
            assert re.fullmatch(r"[\w./-]+:\d[\w.-]+@sha256:[0-9a-f]{64}", service["image"]), name
            assert "build" not in service, name


def test_variables_are_those_of_the_env_file(repository: Path, env: dict[str, str]) -> None:
    text = (repository / "docker-compose.yaml").read_text(encoding="utf-8")

    assert set(re.findall(r"(?<!\$)\$\{(\w+)", text)) == set(env) - {"COMPOSE_FILE"}


def test_without_an_env_file_the_message_says_what_to_do(repository: Path) -> None:
    text = (repository / "docker-compose.yaml").read_text(encoding="utf-8")
    messages = re.findall(r"\$\{\w+:\?([^}]*)\}", text)

    assert messages
    assert {message.split("; ")[-1] for message in messages} == {"make env"}


def test_ports_answer_on_this_machine_only(services: Services) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_services_that_last_have_a_health_check_and_come_back(services: Services) -> None:
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"] in ("on-failure:3", "no"), name
        else:
            assert service["restart"] == "unless-stopped", name
            test = service["healthcheck"]["test"]
            assert test[0] == "CMD", name
            assert (test[1:] == ["gamelake", "health"]) is bool(PROJECT_IMAGE.fullmatch(service["image"]))


def test_services_wait_for_what_can_come_true(services: Services) -> None:
    waits = {
        (name, on, wait["condition"])
        for name, service in services.items()
        for on, wait in service.get("depends_on", {}).items()
    }

    assert waits
    for profile in PROFILES:
        there = started(services, profile)
        for name in there:
            for on, wait in services[name].get("depends_on", {}).items():
                assert on in there or wait.get("required") is False, f"{name} waits for {on}, which {profile} lacks"
    for name, on, condition in waits:
        expected = "service_completed_successfully" if on in ONE_SHOT else "service_healthy"
        assert condition == expected, f"{name} waits for {on}"


def test_volumes_are_declared_and_belong_to_their_user_in_the_image(
    compose: dict[str, Any], services: Services, dockerfile: list[Any]
) -> None:
    mounts = {
        (name, *mount.split(":")[:2]) for name, service in services.items() for mount in service.get("volumes", [])
    }
    made = " ".join(each.value for each in dockerfile if each.name == "RUN")

    assert {volume for _, volume, _ in mounts} == set(compose["volumes"])
    for name, _, target in mounts:
        if PROJECT_IMAGE.fullmatch(services[name]["image"]):
            # A new volume takes over the owner of the folder that it covers; one that the image lacks would be root's.
            folder = Path(target).relative_to("/opt/airflow")
            assert re.search(rf"install -d -o 50000 [^&]*(?<=\s){re.escape(str(folder))}(\s|$)", made), target


def test_airflow_knows_its_settings(services: Services, dockerfile: list[Any], tmp_path: Path) -> None:
    """A misspelt AIRFLOW__… variable is silently nothing."""
    text = str(services) + str([each.value for each in dockerfile if each.name == "ENV"])
    names = sorted(set(re.findall(r"AIRFLOW__[A-Z0-9_]+", text)))
    script = (
        "import json, sys\n"
        "from airflow.configuration import conf\n"
        "from airflow.providers_manager import ProvidersManager\n"
        "ProvidersManager().initialize_providers_configuration()\n"
        "known = {\n"
        "    f'AIRFLOW__{section}__{key}'.upper()\n"
        "    for section, content in conf.configuration_description.items()\n"
        "    for key, option in content['options'].items()\n"
        "}\n"
        "print(json.dumps(sorted(known)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    known = set(json.loads(result.stdout.splitlines()[-1]))

    assert len(names) > 10
    # Cosmos declares none of its settings.
    assert [name for name in names if not name.startswith("AIRFLOW__COSMOS__") and name not in known] == []


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
    assert {rule["Expiration"]["Days"] for rule in rules if "Expiration" in rule} == {1, 7}


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
    unpaused = len(load_sources()["igdb"].entities) + len(("transform", "lake_audit"))
    assert answer == f"{unpaused} True http://sandbox:8900/v4 sandbox-secret"


def test_the_api_server_knows_the_password_and_nobody_else_can_read_it(
    services: Services, env: dict[str, str], tmp_path: Path
) -> None:
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
    from botocore.exceptions import ClientError

    from tests.deploy.conftest import interpolate
    from tests.support.seaweed import running_seaweed

    (identity,) = json.loads(interpolate(compose["configs"]["identities"]["content"], env))["identities"]
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


def started(services: Services, profile: str) -> set[str]:
    return {name for name, service in services.items() if profile in service.get("profiles", [profile])}


def run(command: list[str], environment: dict[str, Any], folder: Path) -> str:
    """Run a service's command with its environment and no other. Returns: its standard output."""
    result = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder)}
        | {name: str(value) for name, value in environment.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
