"""The Dockerfile and what it is built from, as far as they can be held to their rules where no Docker engine is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

Instructions = list[Any]
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|FERNET|CREDENTIAL|ACCESS_KEY", re.IGNORECASE)


def test_the_linter_is_content(repository: Path):
    result = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), repository / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_the_image_runs_as_the_user_that_compose_names(dockerfile: Instructions, services: dict[str, dict[str, Any]]):
    users = [each.value for each in dockerfile if each.name == "USER"]

    assert users == ["50000:0"]
    assert dockerfile.index(next(each for each in dockerfile if each.name == "USER")) > max(
        number for number, each in enumerate(dockerfile) if each.name in ("RUN", "COPY")
    ), "what the processes read is root's"
    assert {each["user"] for each in services.values() if each["image"].startswith("gamelake:")} == set(users)


def test_no_layer_holds_a_secret(dockerfile: Instructions):
    assert not [each for each in dockerfile if each.name == "ADD"]
    for each in dockerfile:
        if each.name in ("ENV", "ARG", "COPY"):
            assert not SECRET.search(each.value), each


def test_the_base_is_pinned_by_digest_in_every_stage(dockerfile: Instructions):
    base = next(each.value for each in dockerfile if each.name == "ARG" and each.value.startswith("PYTHON_IMAGE="))
    stages = [each.value.split()[0] for each in dockerfile if each.name == "FROM"]

    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.12\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)
    assert stages == ["${PYTHON_IMAGE}"] * 2
    tag = base.removeprefix("PYTHON_IMAGE=").split("@")[0]
    assert f'base.name="docker.io/library/{tag}"' in labels(dockerfile)


def test_what_is_copied_exists_and_reaches_the_build(repository: Path, dockerfile: Instructions):
    sources = copied(dockerfile)

    assert {"dags", "plugins", "include", "dbt", "requirements.lock"} <= sources
    for source in sources:
        assert (repository / source).exists(), source
        assert reaches_the_build(source, repository), source


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".local/lake/raw/games/_manifest.json",
        ".env",
        ".env.local",
        "include/.env",
        "dbt/.env.production",
        "dbt/target/manifest.json",
        "dbt/logs/dbt.log",
        "dags/__pycache__/transform.cpython-312.pyc",
        "include/lake/__pycache__/store.cpython-312.pyc",
        "tests/deploy/test_image.py",
        "docker-compose.yaml",
    ],
)
def test_the_build_never_sees(repository: Path, path: str):
    assert not reaches_the_build(path, repository)


@pytest.mark.parametrize(
    "path",
    [
        "dags/transform.py",
        "include/lake/manifest.schema.json",
        "plugins/.airflowignore",
        "plugins/igdb/client.py",
        "dbt/profiles.yml",
    ],
)
def test_the_build_sees(repository: Path, path: str):
    assert (repository / path).exists()
    assert reaches_the_build(path, repository)


def test_run_steps_start_modules_that_exist(dockerfile: Instructions):
    steps = " ".join(each.value for each in dockerfile if each.name == "RUN")
    modules = set(re.findall(r"python -m ([\w.]+)", steps))

    assert {"include.duckdb_extensions", "include.transform.dbt_project"} <= modules
    for module in modules:
        assert importlib.util.find_spec(module) is not None, module


def test_the_version_is_the_project_s(repository: Path, dockerfile: Instructions, services: dict[str, dict[str, Any]]):
    version = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    images = {service["image"] for service in services.values() if service["image"].startswith("gamelake")}

    assert images == {f"gamelake:{version}"}
    assert f"VERSION={version}" in [each.value for each in dockerfile if each.name == "ARG"]
    assert 'image.version="${VERSION}"' in labels(dockerfile)


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "requirements.txt", "requirements-dev.txt", "Dockerfile", "Makefile"]
)
def test_a_version_that_is_said_twice_is_the_locked_one(repository: Path, name: str):
    locked = pins((repository / "requirements-dev.lock").read_text(encoding="utf-8"))
    said = pins((repository / name).read_text(encoding="utf-8"))

    assert {package: version for package, version in said.items() if locked.get(package, version) != version} == {}


def test_uv_is_the_same_everywhere(repository: Path):
    said = {
        name: re.search(r"UV_VERSION\s*:?=\s*([\d.]+)", (repository / name).read_text(encoding="utf-8"))
        for name in ("Dockerfile", "Makefile")
    }

    assert all(said.values()), said
    assert len({match[1] for match in said.values() if match}) == 1


def test_the_two_locks_agree(repository: Path):
    deployed = pins((repository / "requirements.lock").read_text(encoding="utf-8"))
    developed = pins((repository / "requirements-dev.lock").read_text(encoding="utf-8"))

    assert len(deployed) > 100
    assert {name: developed.get(name) for name in deployed} == deployed


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "a/b", True),
        ("dbt/target/", "dbt/target/manifest.json", True),
        ("dbt/target/", "dbt/targets/x", False),
        ("**/.env", ".env", True),
        ("**/.env", "a/b/.env", True),
        ("**/*.py[cod]", "a/b.pyc", True),
        ("**/*.py[cod]", "a/b.py", False),
    ],
)
def test_ignore_patterns_are_read_as_docker_reads_them(pattern: str, path: str, matches: bool):
    assert bool(ignore_regex(pattern).fullmatch(path)) is matches


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


def reaches_the_build(path: str, repository: Path) -> bool:
    """Whether `.dockerignore` lets a path through: the last pattern that matches it, or a folder above it, decides."""
    lines = (repository / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    reaches = True
    for pattern in patterns:
        if ignore_regex(pattern.removeprefix("!")).fullmatch(path):
            reaches = pattern.startswith("!")
    return reaches


def ignore_regex(pattern: str) -> re.Pattern[str]:
    """A pattern of `.dockerignore` as a regular expression over the whole path."""
    translated = re.escape(pattern.rstrip("/"))
    for docker, python in (
        (r"\*\*/", "(?:.*/)?"),
        (r"\*", "[^/]*"),
        (r"\?", "[^/]"),
        (r"\[", "["),
        (r"\]", "]"),
    ):
        translated = translated.replace(docker, python)
    return re.compile(rf"{translated}(?:/.*)?")
