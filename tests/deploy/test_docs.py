"""What the pages of docs/guides/deploy name exists, and their commands do what they say."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import Connection

from gamelake.paths import REPOSITORY
from rawg.settings import DEFAULT_BASE_URL, RawgSettings

FOLDER = REPOSITORY / "docs" / "guides" / "deploy"
PAGES = sorted(FOLDER.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_exists(page: Any) -> None:
    text = page.read_text("utf-8")
    for module in re.findall(r"python -m (gamelake[\w.]+)", text):
        assert importlib.util.find_spec(module) is not None, module
    for path in re.findall(r"(?<![\w/])deploy/[\w./-]+\w", text):
        assert (REPOSITORY / path).exists(), path


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


@pytest.mark.parametrize(("page", "found"), [("astro.md", 1), ("secrets-backend.md", 1)])
def test_the_connection_of_rawg_on_a_page_is_one(page: str, found: int) -> None:
    lines = re.findall(r'\{"conn_type": "rawg".*\}', (FOLDER / page).read_text("utf-8"))
    assert len(lines) == found
    for line in lines:
        connection = Connection.from_json(line.replace("…", "my-own-key"), conn_id="rawg_default")
        assert RawgSettings.from_connection(connection).base_url == DEFAULT_BASE_URL


@pytest.mark.parametrize(
    "file",
    [
        *(f"docs/guides/deploy/{name}.md" for name in ("kubernetes", "compose", "astro", "aws-managed-airflow")),
        *("deploy/helm/values.yaml", "deploy/mwaa.py", "docker-compose.yaml", ".env.example"),
    ],
)
def test_every_way_of_deployment_states_how_rawg_is_switched_on(file: str) -> None:
    text = (REPOSITORY / file).read_text("utf-8")
    assert "GAMELAKE_OPTIONAL_SOURCES" in text
    assert re.search("RAWG_API_KEY|RAWG_DEFAULT|rawg_default", text)


def test_astro_takes_the_folder_for_a_project_and_no_file_of_compose() -> None:
    project = yaml.safe_load((REPOSITORY / ".astro" / "config.yaml").read_text("utf-8"))
    assert project == {"project": {"name": "gamelake"}}
    text = (FOLDER / "astro.md").read_text("utf-8")
    assert re.findall(r"^    astro (?!.*--image-name gamelake:astro)", text, re.MULTILINE) == []
    ignored = subprocess.run(["git", "check-ignore", "--quiet", ".env.astro"], cwd=REPOSITORY, check=False)
    assert "--env .env.astro" in text
    assert ignored.returncode == 0, "it has secrets"


@pytest.mark.parametrize("page", ["deploy/upgrade.md", "runbooks/marts-are-wrong.md"])
def test_the_rollback_of_the_marts_does_what_the_page_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    """The commands of the page in their order, on a lake of three days."""
    from gamelake.cli.main import main
    from gamelake.lake.factory import open_store
    from gamelake.marts.generation import publish
    from tests.support.generations import finished, published_key

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
        seen.append((command.split()[0], published_key(store)))
    assert seen[:2] == [("list", days[2]), ("rollback", days[1])]
    assert seen[-1] == ("rollforward", days[2])
    assert all(generation == days[0] for command, generation in seen[2:-1])
