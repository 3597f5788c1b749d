"""CONTRIBUTING.md: the hooks of a commit are the linters of `make lint`, and its table has what runs by itself."""

from __future__ import annotations

import re

import yaml

from gamelake.paths import REPOSITORY


def test_the_hooks_of_a_commit_run_the_linters_of_make_lint() -> None:
    recipe = (REPOSITORY / "Makefile").read_text(encoding="utf-8").partition("\nlint: ")[2].partition("\n\n")[0]
    linters = [
        re.sub(r" (--check|--no-progressbar|Dockerfile|\.|dbt$).*", "", words)
        for words in re.findall(r'"\$\(BIN\)"/(.+)', recipe)
    ]
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    entries = [each["entry"] for each in hooks]
    assert len(linters) == 9
    wanted = [each.removesuffix(" $$(git ls-files)") for each in linters]
    assert [each for each in wanted if not any(f".venv/bin/{each}" in entry for entry in entries)] == []


def test_what_runs_every_night_is_in_the_table() -> None:
    nightly = (REPOSITORY / ".github/workflows/nightly.yaml").read_text(encoding="utf-8")
    page = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = re.findall(r"run: make ([\w-]+)$", nightly, re.MULTILINE)
    rows = {name: row for row in page.splitlines() for name in re.findall(r"^\| `make ([\w-]+)` \|", row)}
    assert [name for name in targets if "every night" not in rows[name]] == []
    assert len(targets) > 4
