"""Each command of README and docs is run, or has the reason why not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.docs.commands import NOT_RUN, RUN, commands, commands_of, why_not_run


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
