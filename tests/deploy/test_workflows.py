"""GitHub's workflows: valid, pinned, with as few rights as they need, and running what people run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = REPOSITORY / ".github"
FILES = sorted((FOLDER / "workflows").glob("*.yaml"))


def workflow(path: Path) -> dict[str, Any]:
    """A workflow; YAML reads its key `on` as true."""
    text = path.read_text("utf-8")
    return {"on" if key is True else key: value for key, value in yaml.safe_load(text).items()}


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in FILES:
        for name, job in workflow(path)["jobs"].items():
            yield f"{path.stem}.{name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job.get("steps", []):
            yield name, step


def test_the_files_are_what_github_takes() -> None:
    forms = FOLDER / "ISSUE_TEMPLATE"
    schemas = {
        "vendor.github-workflows": FILES,
        "vendor.dependabot": [FOLDER / "dependabot.yml"],
        "vendor.github-issue-config": [forms / "config.yml"],
        "vendor.github-issue-forms": [path for path in forms.glob("*.yml") if path.name != "config.yml"],
    }
    for schema, paths in schemas.items():
        tool = Path(sys.executable).with_name("check-jsonschema")
        command = [str(tool), "--builtin-schema", schema, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_actionlint_finds_nothing() -> None:
    if not shutil.which("actionlint"):
        pytest.skip("actionlint is not installed")
    done = subprocess.run(["actionlint", *FILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing_that_matters() -> None:
    if not shutil.which("zizmor"):
        pytest.skip("zizmor is not installed")
    command = ["zizmor", "--offline", "--min-severity", "medium", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(path: Any) -> None:
    for line in path.read_text("utf-8").splitlines():
        if match := re.search(r"uses: (\S+)(.*)", line):
            pinned = re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", match[1]) and re.match(r" # v\d+\.\d+\.\d+$", match[2])
            assert pinned or (match[1].startswith("./.github/workflows/") and (REPOSITORY / match[1]).exists()), line


def test_an_action_is_of_one_version_everywhere() -> None:
    uses = {line for path in FILES for line in re.findall(r"uses: ([\w-]+/[\w-]+@.*)", path.read_text("utf-8"))}
    assert len({use.partition("@")[0] for use in uses}) == len(uses)


def test_rights_are_given_by_the_job_and_few() -> None:
    for path in FILES:
        assert workflow(path)["permissions"] == {}, path.stem
        assert "pull_request_target" not in workflow(path)["on"]
    wrote = {(name, right) for name, job in jobs() for right, level in job["permissions"].items() if level == "write"}
    assert wrote == {
        ("image.image", "packages"),
        ("release.image", "packages"),
        ("release.notes", "contents"),
        ("deploy.deploy", "id-token"),
    }


def test_no_secret_is_stored_and_no_text_of_others_is_run() -> None:
    for path in FILES:
        assert "secrets." not in path.read_text("utf-8"), path.stem
    for name, step in steps():
        # What comes from outside reaches a script by its environment, never as part of it.
        assert "${{" not in step.get("run", ""), name
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}, name


def test_a_job_ends_and_its_scripts_parse() -> None:
    assert {name for name, job in jobs() if "uses" not in job and "timeout-minutes" not in job} == set()
    for name, step in steps():
        if script := step.get("run"):
            done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{name}: {done.stderr}"


def test_they_run_what_people_run() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
    ran = {target for _, step in steps() for target in re.findall(r"make ([a-z0-9-]+)", step.get("run", ""))}
    assert {"lint", "test", "e2e", "sbom"} <= ran <= targets
    for path in re.findall(r"deploy/[\w./-]+\w", "\n".join(step.get("run", "") for _, step in steps())):
        assert (REPOSITORY / path).exists(), path


def test_the_pythons_are_those_of_the_project_and_of_the_image() -> None:
    (matrix,) = [job["strategy"]["matrix"]["python"] for _, job in jobs() if "strategy" in job]
    (least,) = re.findall(r'requires-python = ">=([\d.]+)"', (REPOSITORY / "pyproject.toml").read_text("utf-8"))
    (image,) = re.findall(r"(?m)^ARG \w+_IMAGE=.*python:?(\d+\.\d+)", (REPOSITORY / "Dockerfile").read_text("utf-8"))
    assert matrix[0] == least
    others = {step["with"]["python-version"] for _, step in steps() if "python-version" in step.get("with", {})}
    assert others - {"${{ matrix.python }}"} == {image}
    assert image in matrix


def test_one_version_of_the_chart() -> None:
    texts = [path.read_text("utf-8") for path in FILES]
    texts.append((REPOSITORY / "deploy" / "helm" / "values.yaml").read_text("utf-8"))
    texts.append((REPOSITORY / "docs" / "guides" / "deploy" / "kubernetes.md").read_text("utf-8"))
    found = [version for text in texts for version in re.findall(r"airflow --version ([\d.]+)", text)]
    assert len(found) >= 4
    assert len(set(found)) == 1


def test_the_deployment_is_by_digest_and_without_keys() -> None:
    deploy = workflow(FOLDER / "workflows" / "deploy.yaml")["jobs"]["deploy"]
    (aws,) = [step for step in deploy["steps"] if "configure-aws-credentials" in step.get("uses", "")]
    assert set(aws["with"]) == {"role-to-assume", "aws-region"}
    (default,) = re.findall(
        r'variable "github_environment" \{.*?default += "(\w+)"',
        (REPOSITORY / "deploy" / "terraform" / "variables.tf").read_text("utf-8"),
        re.DOTALL,
    )
    assert deploy["environment"] == default
