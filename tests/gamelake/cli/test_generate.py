"""`gamelake generate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.main import get_command

from gamelake.cli import reference
from gamelake.cli.app import app
from gamelake.cli.main import main
from gamelake.codegen import configuration, cost, dbt_sources, metrics, pipeline, prometheus
from gamelake.fields import RegistryError
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources
from gamelake.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_the_committed_files_are_current() -> None:
    assert main(["generate", "--check"]) == 0, "run `make generate`"


def test_the_page_of_variables_has_no_path_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = tmp_path / "내 game lake 100%"
    monkeypatch.setattr(configuration, "REPOSITORY", clone)
    for name, field in Settings.model_fields.items():
        if str(field.default).startswith((str(REPOSITORY), REPOSITORY.as_uri())):
            moved = clone / ".local" / name
            monkeypatch.setattr(field, "default", moved.as_uri() if name.endswith("_uri") else str(moved))
    (page,) = configuration.generated().values()
    assert "| `GAMELAKE_URI` | `.local/gamelake_uri` in the repository |" in page
    assert "| `GAMELAKE_LOCAL` | `.local/gamelake_local` in the repository |" in page
    assert tmp_path.name not in page


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every generated file, in a folder of its own; only the page that keeps its own text is there."""
    found = [tmp_path / name / "_sources.yml" for name in load_sources()]
    for path in found:
        path.parent.mkdir()
    monkeypatch.setattr(dbt_sources, "STAGING_PATH", tmp_path)
    for module, name in (
        (dbt_sources, "MACRO_PATH"),
        (dbt_sources, "ENTITIES_PAGE_PATH"),
        (configuration, "PAGE_PATH"),
        (cost, "PAGE"),
        (metrics, "PAGE_PATH"),
        (prometheus, "PAGE_PATH"),
    ):
        found.append(tmp_path / f"{module.__name__}-{name}")
        monkeypatch.setattr(module, name, found[-1])
    found[-3].write_text(f"# Cost\n\n{cost.BEGIN}old\n{cost.END}\nText.\n", encoding="utf-8")
    found.append(tmp_path / "commands.md")
    monkeypatch.setattr(reference, "PAGE_PATH", found[-1])
    found.append(tmp_path / "pipeline.md")
    monkeypatch.setattr(pipeline, "PAGE_PATH", found[-1])
    return found


def test_stale_files_are_named_and_written(pages: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    pages[0].write_text("old", encoding="utf-8")
    assert main(["generate", "--check"]) == 1
    assert [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()] == [str(page) for page in pages]
    assert pages[0].read_text(encoding="utf-8") == "old"
    assert main(["generate"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(page) for page in pages]
    cost_page = pages[-5].read_text(encoding="utf-8")
    assert cost_page.startswith("# Cost\n")
    assert cost_page.endswith("\nText.\n")
    for arguments in (["generate", "--check"], ["generate"]):
        assert main(arguments) == 0
        assert capsys.readouterr() == ("", "")


def test_a_mistake_in_the_registry_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RegistryError("platforms.kind", "snapshots", "one of incremental, snapshot, time_series")

    monkeypatch.setattr(dbt_sources, "load_sources", broken)
    assert main(["generate"]) == 1
    assert capsys.readouterr().err == (
        "entities.yaml: platforms.kind: found 'snapshots', expected one of incremental, snapshot, time_series\n"
    )


def test_the_page_of_commands_has_every_argument() -> None:
    text = reference.generated(get_command(app))[reference.PAGE_PATH]
    section = text.partition("### gamelake lake audit\n")[2].partition("\n###")[0]
    rows = [line.split(" | ")[:2] for line in section.splitlines() if line.startswith("| `")]
    assert rows == [
        ["| `TABLE`", ""],
        ["| `--remove`", ""],
        ["| `--older-than-hours HOURS`", "`48`"],
        ["| `--verify`", ""],
    ]
