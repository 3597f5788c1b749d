"""The compose stack, as far as it can be held to its rules where no Docker engine is."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from include.registry import load_registry

PROJECT_IMAGE = re.compile(r"gamelake:(?P<version>\d+\.\d+\.\d+)")
ONE_SHOT = {"lake-init", "airflow-init"}

Services = dict[str, dict[str, Any]]


def test_the_file_is_valid_by_the_compose_specification(repository: Path):
    result = subprocess.run(
        [
            Path(sys.executable).with_name("check-jsonschema"),
            "--builtin-schema=vendor.compose-spec",
            repository / "docker-compose.yaml",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_services_are_these(services: Services):
    assert set(services) == ONE_SHOT | {
        "postgres",
        "objects",
        "sandbox",
        "airflow-apiserver",
        "airflow-scheduler",
        "airflow-dag-processor",
    }


def test_nobody_is_root_or_can_become_it(services: Services):
    for name, service in services.items():
        user, group = service["user"].split(":")
        assert int(user) > 0, name
        assert group.isdecimal(), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_our_own_containers_are_read_only_and_write_to_volumes(services: Services):
    for name, service in services.items():
        if PROJECT_IMAGE.fullmatch(service["image"]):
            assert service["read_only"] is True, name
            assert {"/tmp", "/home/airflow"} <= set(service["tmpfs"]), name  # noqa: S108 - a path in the container


def test_images_are_ours_or_pinned_by_digest(services: Services):
    for name, service in services.items():
        if not PROJECT_IMAGE.fullmatch(service["image"]):
            assert re.fullmatch(r"[\w./-]+:\d[\w.-]+@sha256:[0-9a-f]{64}", service["image"]), name
            assert "build" not in service, name


def test_variables_are_those_of_the_example(repository: Path, example: dict[str, str]):
    text = (repository / "docker-compose.yaml").read_text(encoding="utf-8")

    assert set(re.findall(r"(?<!\$)\$\{(\w+)", text)) == set(example)


def test_without_an_env_file_the_message_says_what_to_do(repository: Path):
    text = (repository / "docker-compose.yaml").read_text(encoding="utf-8")
    messages = re.findall(r"\$\{\w+:\?([^}]*)\}", text)

    assert messages
    assert {message.split("; ")[-1] for message in messages} == {"cp .env.example .env"}


def test_ports_answer_on_this_machine_only(services: Services):
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert sorted(ports) == ["127.0.0.1:8080:8080", "127.0.0.1:8333:8333"]


def test_services_that_last_have_a_health_check_and_come_back(services: Services):
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"].startswith("on-failure"), name
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_services_wait_for_what_can_come_true(services: Services):
    waits = {
        (name, on, wait["condition"])
        for name, service in services.items()
        for on, wait in service.get("depends_on", {}).items()
    }

    assert waits
    for name, on, condition in waits:
        expected = "service_completed_successfully" if on in ONE_SHOT else "service_healthy"
        assert condition == expected, f"{name} waits for {on}"


def test_volumes_are_declared_and_belong_to_their_user_in_the_image(
    compose: dict[str, Any], services: Services, dockerfile: list[Any]
):
    mounts = {
        (name, *mount.split(":")[:2]) for name, service in services.items() for mount in service.get("volumes", [])
    }
    made = " ".join(each.value for each in dockerfile if each.name == "RUN")

    assert {volume for _, volume, _ in mounts} == set(compose["volumes"])
    for name, _, target in mounts:
        if PROJECT_IMAGE.fullmatch(services[name]["image"]):
            # A new volume takes over the owner of the folder that it covers; one that the image lacks would be root's.
            folder = Path(target).relative_to("/opt/airflow")
            assert re.search(rf"install -d -o airflow [^&]*(?<=\s){re.escape(str(folder))}(\s|$)", made), target


def test_commands_start_modules_that_exist(services: Services):
    modules = {
        module
        for service in services.values()
        for module in re.findall(r"python(?: |', ')-m(?: |', ')([\w.]+)", str(service.get("command")))
    }

    assert modules == {"include.lake", "include.sandbox", "include.airflow_settings"}
    for module in modules:
        spec = importlib.util.find_spec(module)
        assert spec is not None, module
        if spec.submodule_search_locations:
            assert importlib.util.find_spec(f"{module}.__main__"), module


def test_airflow_knows_its_settings(services: Services, dockerfile: list[Any], tmp_path: Path):
    """A misspelt AIRFLOW__… variable is silently nothing."""
    text = str(services) + str([each.value for each in dockerfile if each.name == "ENV"])
    names = sorted(set(re.findall(r"AIRFLOW__[A-Z0-9_]+", text)))
    script = (
        "import json, sys\n"
        "from airflow.configuration import conf\n"
        "known = {\n"
        "    (f'AIRFLOW__{section}__{key}'.upper(), str(option.get('sensitive')) == 'True')\n"
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
    known = dict(json.loads(result.stdout.splitlines()[-1]))

    assert len(names) > 10
    for name in names:
        if name.startswith("AIRFLOW__COSMOS__"):
            continue  # Cosmos declares none of its settings
        # Only a secret can come from a command.
        base = name.removesuffix("_CMD")
        assert base in known, name
        assert base == name or known[base], name


def test_lake_init_makes_the_bucket_and_its_rules_and_can_be_repeated(services: Services, repository: Path):
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
def test_airflow_init_leaves_an_airflow_that_is_ready(services: Services, repository: Path, tmp_path: Path):
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
    (tmp_path / "keys").mkdir()
    # Airflow would write one, with a Fernet key of its own; the image has an empty one for the same reason.
    (tmp_path / "airflow.cfg").touch()

    *shell, script = services["airflow-init"]["command"]

    run([*shell, script], environment, tmp_path)
    keys = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "keys").iterdir()}
    run([*shell, script.partition("airflow db migrate")[0]], environment, tmp_path)

    assert set(keys) == {"fernet_key", "api_secret_key", "jwt_secret", "passwords.json"}
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "keys").iterdir()} == keys, "kept"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert json.loads(keys["passwords.json"]) == {"admin": "admin"}
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
    unpaused = len(load_registry()) + len(("transform", "lake_audit"))
    assert answer == f"{unpaused} True http://sandbox:8900/v4 sandbox-secret"


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
