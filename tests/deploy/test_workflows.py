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


def test_zizmor_finds_nothing() -> None:
    if not shutil.which("zizmor"):
        pytest.skip("zizmor is not installed")
    command = ["zizmor", "--offline", "--min-severity", "low", str(FOLDER)]
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
        ("image.build", "packages"),
        *(
            (job, right)
            for job in ("image.index", "release.image")
            for right in ("packages", "id-token", "attestations")
        ),
        ("release.notes", "contents"),
        ("deploy.deploy", "id-token"),
        *(("locks.locks", right) for right in ("contents", "pull-requests", "actions")),
    }


def test_no_secret_is_stored_and_no_text_of_others_is_run() -> None:
    for path in FILES:
        assert "secrets." not in path.read_text("utf-8"), path.stem
    for name, step in steps():
        # What comes from outside reaches a script by its environment, never as part of it.
        assert "${{" not in step.get("run", ""), name
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}, name


def test_a_tag_is_pushed_once_and_its_name_is_lower_case() -> None:
    """`github.event_name` of a called workflow is its caller's: that of a release is `push`."""
    (name,) = [step for _, step in steps() if step.get("id") == "name"]
    assert name["if"] == "github.event_name == 'push'"
    environment = {"GITHUB_REPOSITORY": "Octo/Gamelake", "GITHUB_OUTPUT": "/dev/stdout"}
    done = subprocess.run(["bash", "-c", name["run"]], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "image=ghcr.io/octo/gamelake\n"
    pushes = [step for _, step in steps() if "push=true" in str(step.get("with", {}).get("outputs"))]
    assert [step["if"] for step in pushes] == ["steps.name.outputs.image"]
    assert "push-by-digest=true" in pushes[0]["with"]["outputs"]


@pytest.mark.parametrize(("status", "created"), [(1, True), (0, False)])
def test_a_tag_that_exists_is_not_moved(status: int, created: bool, tmp_path: Path) -> None:
    """The step of the index, with a `docker` that knows the tag or not, and records what is asked of it."""
    (step,) = [step for _, step in steps() if step.get("id") == "index"]
    docker = tmp_path / "docker"
    docker.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n'
        f'case "$*" in *--format*) echo sha256:of-both;; *inspect*) exit {status};; esac\n',
        encoding="utf-8",
    )
    docker.chmod(0o755)
    digests = {"AMD64": "sha256:a", "ARM64": "sha256:b", "TAG": "v1.2.3"}
    output = tmp_path / "output"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_REPOSITORY": "O/G", "GITHUB_OUTPUT": str(output)}
    command = ["bash", "-e", "-c", step["run"]]
    done = subprocess.run(command, env=environment | digests, capture_output=True, text=True, check=False)

    asked = (tmp_path / "asked").read_text("utf-8")
    assert ("imagetools create --tag ghcr.io/o/g:v1.2.3 ghcr.io/o/g@sha256:a ghcr.io/o/g@sha256:b" in asked) is created
    assert done.returncode == (0 if created else 1)
    if created:
        assert output.read_text("utf-8") == "image=ghcr.io/o/g\ndigest=sha256:of-both\n"
    else:
        assert "ghcr.io/o/g:v1.2.3 exists" in done.stdout


def test_a_deployment_takes_only_what_the_image_workflow_attested() -> None:
    names = [(name, step) for name, step in steps() if "attest-build-provenance@" in step.get("uses", "")]
    ((job, attest),) = names
    assert job == "image.index"
    assert attest["with"]["subject-digest"] == "${{ steps.index.outputs.digest }}"
    deploy = [step.get("run", "") for name, step in steps() if name == "deploy.deploy"]
    (verified,) = [number for number, script in enumerate(deploy) if "gh attestation verify" in script]
    (deployed,) = [number for number, script in enumerate(deploy) if "helm upgrade" in script]
    assert verified < deployed
    assert ".github/workflows/image.yaml" in deploy[verified]


def test_containers_of_scripts_are_named_by_digest() -> None:
    images = [image for _, step in steps() for image in re.findall(r"\s(\w+/\w+:\d\S*)", step.get("run", ""))]
    assert images
    assert [image for image in images if "@sha256:" not in image] == []


def test_every_lock_is_audited() -> None:
    (audit,) = [step["run"] for _, step in steps() if "pip-audit --requirement" in step.get("run", "")]
    patterns = re.search(r"for lock in ([^;]+);", audit)
    assert patterns
    audited = {path for pattern in patterns[1].split() for path in REPOSITORY.glob(pattern)}
    tracked = subprocess.run(["git", "ls-files", "*.lock"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert audited == {REPOSITORY / name for name in tracked.stdout.split()}


def test_bots_read_what_is_pinned() -> None:
    """Dependabot reads FROM with a literal name, and files by their names; the workflow `locks` does the locks."""
    updates = yaml.safe_load((FOLDER / "dependabot.yml").read_text("utf-8"))["updates"]
    folders = {each["package-ecosystem"]: each.get("directories", [each.get("directory")]) for each in updates}
    files = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for ecosystem, pattern in (
        ("pip", r"requirements[\w-]*\.txt"),
        ("docker-compose", r"docker-compose[\w.]*\.ya?ml"),
        ("docker", r"(?:Dockerfile|services\.yaml)"),
    ):
        found = {f"/{path.rpartition('/')[0]}" for path in files.split() if re.fullmatch(pattern, path.split("/")[-1])}
        # The dashboard's file names a lock and the project, no package.
        assert found - {"/apps/dashboard"} == set(folders[ecosystem]), ecosystem
    locks = workflow(FOLDER / "workflows" / "locks.yaml")
    assert locks["on"]["schedule"]
    assert "make lock" in "".join(step.get("run", "") for name, step in steps() if name == "locks.locks")


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
    for path in re.findall(r"(?:tests/)?deploy/[\w./-]+\w", "\n".join(step.get("run", "") for _, step in steps())):
        assert (REPOSITORY / path).exists() or path.endswith(".terraform.lock.hcl"), path


def test_the_pythons_are_those_of_the_project_and_of_the_image() -> None:
    matrices = [job["strategy"]["matrix"] for _, job in jobs() if "strategy" in job]
    (matrix,) = [each["python"] for each in matrices if "python" in each]
    (least,) = re.findall(r'requires-python = ">=([\d.]+)"', (REPOSITORY / "pyproject.toml").read_text("utf-8"))
    (image,) = re.findall(r"(?m)^FROM apache/.*python(\d+\.\d+)", (REPOSITORY / "Dockerfile").read_text("utf-8"))
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
    assert deploy["environment"] == "${{ inputs.environment }}"
    inputs = workflow(FOLDER / "workflows" / "deploy.yaml")["on"]["workflow_dispatch"]["inputs"]
    assert inputs["environment"]["options"] == ["staging", default]
    assert "gamelake smoke " in deploy["steps"][-1]["run"]
