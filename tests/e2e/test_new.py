"""`gamelake new` in a copy of the repository, to which it writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gamelake.paths import REPOSITORY
from tests.support.command import environment_without
from tests.support.copies import copy_of_the_repository

pytestmark = pytest.mark.e2e

NAME = "bakery"
SUPPORT = "tests/support"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_the_repository(tmp_path_factory.mktemp("copy") / "gamelake")


def run(copy: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    packages = ":".join(str(copy / folder) for folder in ("", "include", "plugins"))
    environment = environment_without("AIRFLOW", "GAMELAKE", "IGDB", "AWS", "PYTEST") | {"PYTHONPATH": packages}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=copy, env=environment | variables, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def conformance(copy: Path) -> subprocess.CompletedProcess[str]:
    return run(copy, "pytest", "-n", "0", "-q", "tests/gamelake/sources/test_conformance.py", "-k", NAME)


def fill_in(copy: Path) -> None:
    """Write the code of the small second source in place of what is missing."""
    second = REPOSITORY / SUPPORT / "second_source/boardgames"
    targets = {
        second / "entities.yaml": copy / f"include/gamelake/sources/{NAME}/entities.yaml",
        second / "reader.py": copy / f"include/gamelake/sources/{NAME}/reader.py",
        REPOSITORY / SUPPORT / "sources_under_test/boardgames.py": copy / f"{SUPPORT}/sources_under_test/{NAME}.py",
    }
    for path, target in targets.items():
        text = path.read_text(encoding="utf-8")
        # The server and its fixture stay those of the tests, and with them the connection.
        for old in ('["boardgames"]', "source: boardgames", '{"boardgames"'):
            text = text.replace(old, old.replace("boardgames", NAME))
        target.write_text(text, encoding="utf-8")


def test_without_an_account_a_sandbox_answers(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "engines.jsonl").write_text('{"id": 1, "name": "An engine"}\n', encoding="utf-8")
    command = ("gamelake.cli", "new", "entity")
    unknown = run(copy, *command, "nothing", IGDB_RECORDED=str(tmp_path))
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
    assert "the sandbox" in unknown.stderr
    written = run(copy, *command, "engines", IGDB_RECORDED=str(tmp_path))
    assert written.returncode == 0, written.stderr
    registry = (copy / "include/gamelake/sources/igdb/entities.yaml").read_text(encoding="utf-8")
    assert registry.endswith("    options: {endpoint: engines}\n    fields:\n      id: int\n      name: string\n")


@pytest.mark.long
def test_a_new_source_fails_for_what_is_missing_and_passes_when_it_is_filled_in(copy: Path) -> None:
    written = run(copy, "gamelake.cli", "new", "source", NAME)
    assert written.returncode == 0, written.stderr
    assert run(copy, "gamelake.cli", "generate").returncode == 0
    new = [line for line in written.stdout.splitlines() if line.endswith(".py")]
    assert len(new) == 5
    linters = (
        ["mypy", *new],
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["codespell_lib", "-D", "-", "-D", "docs/retired-words.txt", *new],
    )
    for words in linters:
        linted = run(copy, *words)
        assert linted.returncode == 0, linted.stdout
    rules = environment_without() | {"PYTHONPATH": "include:plugins:."}
    command = [str(BIN / "lint-imports"), "--no-cache"]
    imports = subprocess.run(command, cwd=copy, env=rules, capture_output=True, text=True, check=False)
    assert imports.returncode == 0, imports.stdout

    missing = conformance(copy)
    assert missing.returncode == 1, missing.stdout
    assert f"NotImplementedError: tests/support/sources_under_test/{NAME}.py has no put yet" in missing.stdout
    assert "passed" not in missing.stdout.splitlines()[-1]

    fill_in(copy)
    filled = conformance(copy)
    assert filled.returncode == 0, filled.stdout
    assert "failed" not in filled.stdout.splitlines()[-1]
