"""The Dockerfile and what it is built from, as far as they can be held to their rules where no Docker engine is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from docker.utils.build import PatternMatcher

from gamelake.cli import health

Instructions = list[Any]
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|FERNET|CREDENTIAL|ACCESS_KEY", re.IGNORECASE)


@pytest.mark.parametrize("target", ["sandbox", "dashboard", "capture"])
def test_the_checks_are_shell(repository: Path, target: str) -> None:
    check = repository / "deploy" / "image" / "checks" / f"{target}.sh"
    result = subprocess.run(["bash", "-n", check], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    negated = [line for line in check.read_text(encoding="utf-8").splitlines() if line.startswith("! ")]
    assert negated == [], "`set -e` does not stop at a negated command"


def test_the_image_runs_as_the_user_that_compose_names(
    dockerfile: Instructions, services: dict[str, dict[str, Any]]
) -> None:
    users = [each.value for each in dockerfile if each.name == "USER"]

    assert users == ["0", "0", "50000:0", "0", "50000:0"], "root's while it is built; the capture's installs Java"
    begins = [number for number, each in enumerate(dockerfile) if each.name == "FROM"]
    product = dockerfile[begins[2] : begins[3]]
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
    argument = next(each.value for each in dockerfile if each.name == "ARG" and "=" in each.value)
    first, *stages = [each.value for each in dockerfile if each.name == "FROM"]
    airflow = pins((repository / "requirements.txt").read_text(encoding="utf-8"))["apache-airflow"]

    # A literal FROM: update bots read no argument.
    assert re.fullmatch(rf"apache/airflow:{re.escape(airflow)}-python3\.12@sha256:[0-9a-f]{{64}} AS apache", first)
    assert argument == "AIRFLOW_IMAGE=apache"
    assert [stage.split()[0] for stage in stages] == [
        *["${AIRFLOW_IMAGE}"] * 2,
        "gamelake",
        *["build", "gamelake"] * 2,
        "gamelake",
    ]


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
        "deploy/image/lacked.py",
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
        "requirements-kafka.txt",
        "requirements-dev.txt",
        "requirements-build.txt",
        "deploy/requirements.txt",
        "deploy/image/base.Dockerfile",
        "Makefile",
    ],
)
def test_a_version_that_is_stated_twice_is_the_locked_one(repository: Path, name: str) -> None:
    locked = pins((repository / "requirements-dev.lock").read_text(encoding="utf-8"))
    stated = pins((repository / name).read_text(encoding="utf-8"))

    assert {package: version for package, version in stated.items() if locked.get(package, version) != version} == {}


def test_what_builds_and_installs_is_locked(repository: Path) -> None:
    locked = pins((repository / "requirements-build.lock").read_text(encoding="utf-8"))
    stated = re.search(
        r"UV_VERSION=([\d.]+)", (repository / "deploy/image/base.Dockerfile").read_text(encoding="utf-8")
    )
    project = pins((repository / "pyproject.toml").read_text(encoding="utf-8"))

    assert stated
    assert stated[1] == locked["uv"], "its build context has no lock"
    assert project["hatchling"] == locked["hatchling"]


def test_the_locks_agree(repository: Path) -> None:
    developed, deployed, image, kafka, dbt, spark, dashboard, capture = (
        pins((repository / name).read_text(encoding="utf-8"))
        for name in (
            "requirements-dev.lock",
            "requirements.lock",
            "requirements-image.lock",
            "requirements-kafka.lock",
            "requirements-dbt.lock",
            "requirements-spark.lock",
            "requirements-dashboard.lock",
            "requirements-capture.lock",
        )
    )

    assert len(deployed) > 100
    assert {name: developed.get(name) for name in deployed} == deployed
    assert {name: developed.get(name) for name in image} == image
    assert {name: image.get(name) for name in kafka} == kafka
    assert {name: deployed.get(name, version) for name, version in kafka.items()} == kafka
    assert {name: spark.get(name) for name in dbt} == dbt
    assert {name: deployed.get(name) for name in dbt} == dbt
    assert {name: deployed.get(name, version) for name, version in dashboard.items()} == dashboard
    assert {name: deployed.get(name, version) for name, version in capture.items()} == capture


def test_every_requirement_is_in_its_lock(repository: Path) -> None:
    for name, lock in (
        ("requirements.txt", "requirements.lock"),
        ("requirements-dbt.txt", "requirements-dbt.lock"),
        ("requirements.txt", "requirements-image.lock"),
        ("requirements-celery.txt", "requirements-image.lock"),
        ("requirements-kafka.txt", "requirements-image.lock"),
        ("requirements-kafka.txt", "requirements-kafka.lock"),
        ("requirements-build.txt", "requirements-build.lock"),
        ("requirements-spark.txt", "requirements-spark.lock"),
        ("deploy/requirements.txt", "deploy/requirements.lock"),
        ("deploy/requirements-audit.txt", "deploy/requirements-audit.lock"),
        ("requirements-dashboard.txt", "requirements-dashboard.lock"),
        ("requirements-capture.txt", "requirements-capture.lock"),
    ):
        wanted, locked = (pins((repository / file).read_text(encoding="utf-8")) for file in (name, lock))
        assert wanted
        assert {package: locked.get(package) for package in wanted} == wanted, f"{name}: run `make lock`"


def test_every_package_of_a_lock_has_hashes_and_every_installation_asks_for_them(repository: Path) -> None:
    locks = [*repository.glob("*.lock"), *repository.glob("deploy/*.lock")]
    assert len(locks) >= 10
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        entries = re.findall(r"(?m)^[a-z0-9][^\n]*\n(?: +--hash)?", text)
        assert entries
        assert [each for each in entries if not each.endswith("--hash")] == [], lock.name
    files = [repository / "Makefile", repository / "Dockerfile", *repository.glob(".github/workflows/*.yaml")]
    for file in files:
        for line in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
            for command in re.findall(r"pip (?:install|sync)\b.*?(?=&&|\|\||$)", line):
                assert re.search(r"--require(-build)?-hashes", command), f"{file.name}: {command}"


def test_dbt_s_environment_has_what_a_build_imports(repository: Path) -> None:
    """It has no Airflow: `dbt build` without a DAG and the build on Spark import the product's code there."""
    modules = (
        "gamelake.marts.dbt_plugin",
        "gamelake.marts.generation",
        "gamelake.marts.spark",
        "gamelake.feeds.feed",  # imported only when a generation is opened
    )
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    owners = packages_distributions()
    imported = {owner for name in found.stdout.split() for owner in owners.get(name.partition(".")[0], ())}
    ours, locked = (
        pins((repository / name).read_text(encoding="utf-8")) for name in ("requirements.txt", "requirements-dbt.lock")
    )
    names = {re.sub(r"[-_.]+", "-", each).lower() for each in imported} & set(ours)  # packages import optional ones too
    assert "pyroaring" in names
    assert names - set(locked) == set()


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
