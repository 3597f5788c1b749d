"""Each command of README and docs is run, or has the reason why not."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from tests.docs.commands import NOT_RUN, RUN, commands, commands_of, pages, python_of, why_not_run


def test_commands_are_found_in_blocks_and_between_backticks() -> None:
    text = (
        "Do `make run`, or `make`:\n\n    cd dbt && dbt build    # a comment\n    not a command\n\n"
        "```sh\nhelm upgrade \\\n  --install x\n```\n\n```json\nmake nothing\n```\n"
    )
    assert commands_of(text) == ["make run", "cd dbt && dbt build", "helm upgrade --install x"]


def test_each_command_is_run_or_has_a_reason() -> None:
    unknown = {command: sorted(pages) for command, pages in commands().items() if command not in RUN}
    assert {command: pages for command, pages in unknown.items() if why_not_run(command) is None} == {}


def test_what_is_run_stands_in_a_page() -> None:
    assert [command for command in RUN if command not in commands()] == []


@pytest.mark.parametrize("pattern", NOT_RUN)
def test_no_reason_is_left_over(pattern: Any) -> None:
    assert [command for command in commands() if re.match(pattern, command)]


def test_the_python_of_the_pages_imports_what_it_names() -> None:
    found = {
        f"{page.name} {number}": code for page in pages() for number, code in enumerate(python_of(page.read_text()))
    }
    wrong = {}
    for place, code in found.items():
        checked = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "-"],
            input=code, capture_output=True, text=True, check=False,
        )  # fmt: skip
        for module, names in re.findall(r"^from (gamelake\S*) import (.+)$", code, re.MULTILINE):
            assert [name for name in names.split(", ") if not hasattr(import_module(module), name)] == [], place
        if checked.returncode:
            wrong[place] = checked.stdout
    assert wrong == {}
    assert len(found) > 4
