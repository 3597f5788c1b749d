"""The compose stack, as far as it can be held to its rules where no Docker engine is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.compose_env import SECRETS
from gamelake.settings import Settings
from tests.deploy.conftest import interpolate

PROJECT_IMAGE = re.compile(r"gamelake(-sandbox|-dashboard|-capture)?:(?P<version>\d+\.\d+\.\d+)")
ONE_SHOT = {"lake-init", "airflow-init", "airflow-clean", "igdb-account"}
PROFILES = ("default", "celery", "real-api")

Services = dict[str, dict[str, Any]]

OF_SERVICES: dict[str, set[str]] = {
    "GAMELAKE_METRICS_TOKEN": {"airflow-apiserver", "event-collector", "change-capture"},
    "GAMELAKE_WEBHOOK_SECRET": {"event-collector"},
    "GAMELAKE_EVENT_SENDERS": {"event-collector"},
    "GAMELAKE_CAPTURE_URI": {"change-capture"},
    "GAMELAKE_SANDBOX_GAMES": set(),  # an argument of the sandbox
    "IGDB_CLIENT_ID": {"airflow-init", "igdb-account"},
    "IGDB_CLIENT_SECRET": {"airflow-init", "igdb-account"},
    "IGDB_BASE_URL": {"airflow-init"},
    "IGDB_TOKEN_URL": {"airflow-init"},
    "RAWG_API_KEY": {"airflow-init"},
    "RAWG_BASE_URL": {"airflow-init"},
}
"""The processes that need a variable of `.env`, where they are not those of Airflow."""
NOT_OF_COMPOSE = {
    **dict.fromkeys(("GAMELAKE_URI", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"), "the stack's own store"),
    **dict.fromkeys(("GAMELAKE_CDN_URL", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), "it needs neither CDN nor TLS"),
    **dict.fromkeys(("GAMELAKE_DUCKDB", "GAMELAKE_DUCKDB_EXTENSIONS", "GAMELAKE_LOCAL"), "a folder of the image"),
    **dict.fromkeys(("GAMELAKE_EVENT_SCHEMAS", "GAMELAKE_EVENT_SPOOL", "GAMELAKE_CAPTURE_FOLDER"), "a volume"),
    **dict.fromkeys(("GAMELAKE_TRANSFORM", "GAMELAKE_SPARK_MASTER", "GAMELAKE_SPARK_PYTHON"), "the image has no Spark"),
    "GAMELAKE_SPARK_WAREHOUSE": "the image has no Spark",
    "GAMELAKE_GENERATION": "the DAG sets it",
    "GAMELAKE_POD_TEMPLATES": "of Kubernetes",
    **dict.fromkeys(("AIRFLOW_PASSWORD", "AIRFLOW_TOKEN"), "of `gamelake smoke`, which runs elsewhere"),
    **dict.fromkeys(("GAMELAKE_SANDBOX_PORT", "AIRFLOW__API__PORT", "IGDB_RECORDED"), "of `make up`"),
    **dict.fromkeys(("ALLOW_SHRINK", "ALLOW_UNPROVEN"), "of `make run`; a DAG run has parameters"),
}
"""Variables that `.env` does not have, and why."""


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
            assert environment["AIRFLOW__API__SECRET_KEY"] == env["API_SECRET_KEY"], name
            if name != "airflow-worker":
                assert environment["AIRFLOW__CORE__FERNET_KEY"] == env["FERNET_KEY"], name
                assert environment["AIRFLOW__API_AUTH__JWT_SECRET"] == env["JWT_SECRET"], name


def test_a_worker_has_no_key_of_connections_or_tokens(services: Services, env: dict[str, str]) -> None:
    given = set(services["airflow-worker"]["environment"].values())
    assert not {env[name] for name in ("FERNET_KEY", "JWT_SECRET", "AIRFLOW_ADMIN_PASSWORD")} & given


def test_logs_of_containers_have_an_end(services: Services) -> None:
    without = [name for name, each in services.items() if "max-size" not in each.get("logging", {}).get("options", {})]
    assert without == []


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


def test_no_process_is_root_or_can_become_it(services: Services) -> None:
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
            assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]+@sha256:[0-9a-f]{64}", service["image"]), name
            assert "build" not in service, name


def test_variables_are_those_of_the_env_file(repository: Path, env: dict[str, str]) -> None:
    text = (repository / "docker-compose.yaml").read_text(encoding="utf-8")

    assert set(re.findall(r"(?<!\$)\$\{(\w+)", text)) == set(env) - {"COMPOSE_FILE"}


def test_a_variable_of_the_configuration_reaches_its_processes(compose: dict[str, Any], env: dict[str, str]) -> None:
    """One that is added to the settings is here, unless it is among those that compose does not take."""
    variables = {name.upper() for name in Settings.model_fields} - set(NOT_OF_COMPOSE)
    chosen = {name: f"the-{name.lower()}" for name in {*variables, "AIRFLOW__API__BASE_URL"}}
    services = interpolate(compose["services"], env | chosen)
    airflow = {name for name in services if name.startswith("airflow-")}

    assert variables <= set(env), "not in .env.example"
    for variable, value in chosen.items():
        given = {name for name, each in services.items() if value in each.get("environment", {}).values()}
        assert given == OF_SERVICES.get(variable, airflow), variable
    assert "--games=the-gamelake_sandbox_games" in services["sandbox"]["command"][-1]
    Settings.model_validate({name.lower(): value for name, value in env.items() if name in variables})


def test_without_an_env_file_the_message_states_what_to_do(repository: Path) -> None:
    text = (repository / "docker-compose.yaml").read_text(encoding="utf-8")
    messages = re.findall(r"\$\{\w+:\?([^}]*)\}", text)

    assert messages
    assert {message.split("; ")[-1] for message in messages} == {"make env"}


def test_ports_answer_on_this_machine_only(services: Services) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_user_lets_a_server_call_an_address(services: Services, env: dict[str, str]) -> None:
    switch = "AIRFLOW__CORE__TEST_CONNECTION"
    assert env[switch] == services["airflow-apiserver"]["environment"][switch] == "Disabled"
    assert [name for name, each in services.items() if switch in each.get("environment", {})] == ["airflow-apiserver"]
    assert "-admin.ui=false" in services["objects"]["command"]


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
        (name, *mount.split(":")[:2])
        for name, service in services.items()
        for mount in service.get("volumes", [])
        if not mount.startswith("./")
    }
    made = " ".join(each.value for each in dockerfile if each.name == "RUN")

    assert {volume for _, volume, _ in mounts} == set(compose["volumes"])
    for name, _, target in mounts:
        if PROJECT_IMAGE.fullmatch(services[name]["image"]):
            # A new volume takes over the owner of the folder that it covers; one that the image lacks would be root's.
            folder = Path(target).relative_to("/opt/airflow")
            assert re.search(rf"install -d -o 50000 [^&]*(?<=\s){re.escape(str(folder))}(\s|$)", made), target


def test_files_of_the_repository_exist_and_are_mounted_read_only(services: Services, repository: Path) -> None:
    mounts = [mount.split(":") for each in services.values() for mount in each.get("volumes", []) if mount[0] == "."]
    assert mounts
    for source, _, mode in mounts:
        assert (repository / source).exists(), source
        assert mode == "ro", source


def test_the_profile_observability_adds_what_the_other_profiles_lack(services: Services) -> None:
    added = {"prometheus", "alertmanager", "grafana"}
    assert {name for name, each in services.items() if each.get("profiles") == ["observability"]} == added
    for profile in PROFILES:
        assert not added & started(services, profile)


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


def started(services: Services, profile: str) -> set[str]:
    return {name for name, service in services.items() if profile in service.get("profiles", [profile])}
