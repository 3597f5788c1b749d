"""The pages of docs/guides/deploy: each block of commands says whether it was run, and what it names exists."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from gamelake.paths import REPOSITORY

FOLDER = REPOSITORY / "docs" / "guides" / "deploy"
PAGES = sorted(FOLDER.glob("*.md"))
ELSEWHERE = {"docker", "kubectl", "helm", "aws", "astro"}
"""What no machine of ours has: a block with one of these cannot have been run."""


def blocks(text: str) -> list[tuple[str, str]]:
    """Each indented block with the paragraph before it."""
    found: list[tuple[str, str]] = []
    paragraph: list[str] = []
    block: list[str] = []
    blank = False
    for line in [*text.splitlines(), "end"]:
        if line.startswith("    ") or (not line and block):
            block.append(line)
        elif line:
            if block:
                found.append((" ".join(" ".join(paragraph).split()), "\n".join(block).strip("\n")))
            paragraph = [line] if block or blank else [*paragraph, line]
            block = []
        blank = not line
    return found


def test_blocks_are_found() -> None:
    text = "Do (run):\n\n    make run\n\n    make up\n\nThen (not run here: no\ncluster):\n\n    helm x\n"
    assert blocks(text) == [
        ("Do (run):", "    make run\n\n    make up"),
        ("Then (not run here: no cluster):", "    helm x"),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_block_says_whether_it_was_run(page: Any) -> None:
    for paragraph, block in blocks(page.read_text("utf-8")):
        said = re.search(r"\((run(?:[,:][^)]*)?|not run here: [^)]+)\)", paragraph)
        assert said, f"{page.name}: {paragraph[-80:]!r} has to say (run) or (not run here: why)"
        words = {line.split()[0] for line in block.splitlines() if line.split()}
        assert not (said[1].startswith("run") and words & ELSEWHERE), block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_exists(page: Any) -> None:
    text = page.read_text("utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|    )make ([a-z0-9-]+)", text)) <= targets
    for module in re.findall(r"python -m (gamelake[\w.]+)", text):
        assert importlib.util.find_spec(module) is not None, module
    for path in re.findall(r"(?<![\w/])deploy/[\w./-]+\w", text):
        assert (REPOSITORY / path).exists(), path


def test_every_page_is_listed() -> None:
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (FOLDER / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(page.name for page in PAGES if page.name != "README.md")


def test_the_variables_of_terraform_are_its_own() -> None:
    declared = set(re.findall(r'^variable "(\w+)"', (REPOSITORY / "deploy/terraform/variables.tf").read_text(), re.M))
    declared |= set(
        re.findall(r'^variable "(\w+)"', (REPOSITORY / "deploy/terraform/access/variables.tf").read_text(), re.M)
    )
    outputs = set(re.findall(r'^output "(\w+)"', (REPOSITORY / "deploy/terraform/outputs.tf").read_text(), re.M))
    text = (FOLDER / "aws.md").read_text("utf-8")
    assert set(re.findall(r"-var (\w+)=", text)) <= declared
    assert outputs == {"GAMELAKE_URI", "GAMELAKE_CDN_URL", "distribution_id", "role_arns", "policy_arns"}
    assert all(f"`{name}`" in text for name in outputs)


def test_the_connection_of_the_astro_page_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = re.findall(r"AIRFLOW_CONN_IGDB_DEFAULT=(\{.*\})", (FOLDER / "astro.md").read_text("utf-8"))
    connection = json.loads(line)
    assert connection["conn_type"] == "igdb"
    assert connection["host"] == "https://api.igdb.com/v4"
    assert set(connection["extra"]) == {"token_url"}


@pytest.mark.parametrize("page", ["deploy/upgrade.md", "runbooks/marts-are-wrong.md"])
def test_the_rollback_of_the_marts_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    """The commands of the page in their order, on a lake of three days."""
    from gamelake.cli.main import main
    from gamelake.lake.factory import open_store
    from gamelake.marts.generation import publish
    from tests.support.generations import finished, shown

    store = open_store((tmp_path / "lake").as_uri())
    days = [finished(store, f"2026-11-{day}") for day in (20, 21, 22)]
    for generation in days:
        publish(store, generation, {})
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    text = (REPOSITORY / "docs" / "guides" / page).read_text("utf-8")
    commands = re.findall(r"^    \.venv/bin/gamelake marts (.*)$", text, re.MULTILINE)
    seen = []
    for command in commands:
        assert main(["marts", *shlex.split(command.replace("DAY", "2026-11-20"))]) == 0, capsys.readouterr().err
        seen.append((command.split()[0], shown(store)))
    assert seen[:2] == [("list", days[2]), ("rollback", days[1])]
    assert seen[-1] == ("rollforward", days[2])
    assert all(generation == days[0] for command, generation in seen[2:-1])
