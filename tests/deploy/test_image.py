"""The Dockerfile and what it is built from, as far as they can be held to their rules where no Docker engine is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from docker.utils.build import PatternMatcher

from gamelake.cli import health

Instructions = list[Any]
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|FERNET|CREDENTIAL|ACCESS_KEY", re.IGNORECASE)


def test_the_check_is_shell(repository: Path) -> None:
    check = repository / "deploy" / "image" / "check.sh"
    result = subprocess.run(["bash", "-n", check], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr


def test_the_image_runs_as_the_user_that_compose_names(
    dockerfile: Instructions, services: dict[str, dict[str, Any]]
) -> None:
    users = [each.value for each in dockerfile if each.name == "USER"]

    assert users == ["0", "0", "50000:0"], "root's while it is built, in either stage"
    begins = [number for number, each in enumerate(dockerfile) if each.name == "FROM"]
    product = dockerfile[begins[1] : begins[2]]
    assert max(number for number, each in enumerate(product) if each.name == "USER") > max(
        number for number, each in enumerate(product) if each.name in ("RUN", "COPY")
    ), "what the processes read is root's"
    assert {each["user"] for each in services.values() if each["image"].startswith("gamelake")} == {users[-1]}


def test_the_health_check_has_somebody_to_ask(dockerfile: Instructions) -> None:
    (check,) = [each.value for each in dockerfile if each.name == "HEALTHCHECK"]

    assert check.endswith('CMD ["gamelake", "health"]')
    assert float(re.findall(r"--timeout=(\d+)s", check)[0]) > health.TIMEOUT
    assert "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK=True" in " ".join(
        each.value for each in dockerfile if each.name == "ENV"
    ), "the scheduler has no port without it"


def test_no_layer_holds_a_secret(dockerfile: Instructions) -> None:
    assert not [each for each in dockerfile if each.name == "ADD"]
    for each in dockerfile:
        if each.name in ("ENV", "ARG", "COPY"):
            assert not SECRET.search(each.value), each


def test_the_base_is_airflow_s_pinned_by_digest_and_one_argument_names_another(
    repository: Path, dockerfile: Instructions
) -> None:
    base = next(each.value for each in dockerfile if each.name == "ARG" and "=" in each.value)
    stages = [each.value.split()[0] for each in dockerfile if each.name == "FROM"]
    airflow = pins((repository / "requirements.txt").read_text(encoding="utf-8"))["apache-airflow"]

    assert re.fullmatch(rf"AIRFLOW_IMAGE=apache/airflow:{re.escape(airflow)}-python3\.12@sha256:[0-9a-f]{{64}}", base)
    assert stages == [*["${AIRFLOW_IMAGE}"] * 2, "gamelake", "build", "gamelake", "gamelake"]
    assert 'base.name="${AIRFLOW_IMAGE}"' in labels(dockerfile)


def test_paths_are_the_base_s(dockerfile: Instructions) -> None:
    """Apache's image lives in /opt/airflow, Astronomer's in /usr/local/airflow."""
    assert [each.value for each in dockerfile if each.name == "WORKDIR"] == ["${AIRFLOW_HOME}"]
    assert not [each for each in dockerfile if "/opt/airflow" in each.value]


def test_what_is_copied_exists_and_reaches_the_build(repository: Path, dockerfile: Instructions) -> None:
    sources = copied(dockerfile)

    assert {"dags", "plugins", "include", "dbt", "requirements.txt", "requirements-dbt.lock"} <= sources
    for source in sources:
        assert (repository / source).exists(), source
        assert reaches_the_build(source, repository), source


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".local/lake/raw/igdb/games/_manifest.json",
        ".env",
        ".env.local",
        "include/.env",
        "dbt/.env.production",
        "dbt/target/manifest.json",
        "dbt/logs/dbt.log",
        "dags/__pycache__/transform.cpython-312.pyc",
        "include/gamelake/lake/__pycache__/store.cpython-312.pyc",
        "tests/deploy/test_image.py",
        "docker-compose.yaml",
    ],
)
def test_the_build_never_sees(repository: Path, path: str) -> None:
    assert not reaches_the_build(path, repository)


@pytest.mark.parametrize(
    "path",
    [
        "dags/transform.py",
        "include/gamelake/lake/manifest.schema.json",
        "plugins/.airflowignore",
        "plugins/igdb/client.py",
        "dbt/profiles.yml",
    ],
)
def test_the_build_sees(repository: Path, path: str) -> None:
    assert (repository / path).exists()
    assert reaches_the_build(path, repository)


def test_run_steps_start_modules_that_exist(dockerfile: Instructions) -> None:
    steps = " ".join(each.value for each in dockerfile if each.name == "RUN")
    modules = set(re.findall(r"python -m ([\w.]+)", steps))

    assert {"gamelake.marts.duckdb_extensions", "gamelake.marts.dbt_project"} <= modules
    for module in modules:
        assert importlib.util.find_spec(module) is not None, module


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "requirements.txt",
        "requirements-dbt.txt",
        "requirements-celery.txt",
        "requirements-dev.txt",
        "deploy/requirements.txt",
        "deploy/image/base.Dockerfile",
        "Dockerfile",
        "Makefile",
    ],
)
def test_a_version_that_is_stated_twice_is_the_locked_one(repository: Path, name: str) -> None:
    locked = pins((repository / "requirements-dev.lock").read_text(encoding="utf-8"))
    stated = pins((repository / name).read_text(encoding="utf-8"))

    assert {package: version for package, version in stated.items() if locked.get(package, version) != version} == {}


def test_uv_is_the_same_everywhere(repository: Path) -> None:
    stated = {
        name: re.search(r"UV_VERSION\s*:?=\s*([\d.]+)", (repository / name).read_text(encoding="utf-8"))
        for name in ("Dockerfile", "deploy/image/base.Dockerfile", "Makefile")
    }

    assert all(stated.values()), stated
    assert len({match[1] for match in stated.values() if match}) == 1


def test_the_locks_agree(repository: Path) -> None:
    developed, deployed, dbt, dashboard = (
        pins((repository / name).read_text(encoding="utf-8"))
        for name in (
            "requirements-dev.lock",
            "requirements.lock",
            "requirements-dbt.lock",
            "requirements-dashboard.lock",
        )
    )

    assert len(deployed) > 100
    assert {name: developed.get(name) for name in deployed} == deployed
    assert {name: deployed.get(name) for name in dbt} == dbt
    assert {name: deployed.get(name, version) for name, version in dashboard.items()} == dashboard


def test_every_requirement_is_in_its_lock(repository: Path) -> None:
    for name, lock in (
        ("requirements.txt", "requirements.lock"),
        ("requirements-dbt.txt", "requirements-dbt.lock"),
        ("requirements-celery.txt", "requirements-dev.lock"),
        ("requirements-dashboard.txt", "requirements-dashboard.lock"),
    ):
        wanted, locked = (pins((repository / file).read_text(encoding="utf-8")) for file in (name, lock))
        assert wanted
        assert {package: locked.get(package) for package in wanted} == wanted, f"{name}: run `make lock`"


def test_airflow_s_side_goes_without_dbt(repository: Path) -> None:
    """Its constraints exclude it. DuckDB is on both sides, in one version."""
    airflow, dbt = (
        pins((repository / name).read_text(encoding="utf-8")) for name in ("requirements.txt", "requirements-dbt.txt")
    )

    assert set(airflow) & set(dbt) == {"duckdb"}
    assert airflow["duckdb"] == dbt["duckdb"]
    assert not [name for name in airflow if name.startswith("dbt")]


def reaches_the_build(path: str, repository: Path) -> bool:
    """Whether `.dockerignore` lets a path through, by Docker's own rules."""
    lines = (repository / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return not PatternMatcher([line for line in lines if line and not line.startswith("#")]).matches(path)


def labels(dockerfile: Instructions) -> str:
    return " ".join(each.value for each in dockerfile if each.name == "LABEL")


def copied(dockerfile: Instructions) -> set[str]:
    """What COPY takes from the build context."""
    copies = [each.value.split() for each in dockerfile if each.name == "COPY"]
    return {source for words in copies if not words[0].startswith("--from=") for source in words[:-1]}


def pins(text: str) -> dict[str, str]:
    """The `name==version` in a file, comments aside; the first of a name."""
    lines = [line.split("#")[0] for line in text.splitlines()]
    found = re.findall(r"(?<![\w.-])([a-zA-Z][\w.-]*)(?:\[\w+\])?==(\d[\w.]*)", "\n".join(lines))
    return {name.lower(): version for name, version in reversed(found)}
