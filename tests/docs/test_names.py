"""Every command of ours that a page, an error or a configuration file names exists, with the options that it names."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command

from gamelake.cli.app import app
from gamelake.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = get_command(app)
WORDS = r"(?: [a-z][^\s`;|&\"')]*)(?: [^\s`;|&\"')]+)*"
NAMED = re.compile(
    rf"(?:`|exec |bin/|airflow-scheduler (?:-- )?|[\"']|^ *(?:# +)?|: )gamelake(?P<words>{WORDS})"
    rf"|-m gamelake\.cli(?P<more>{WORDS})",
    re.MULTILINE,
)
OPTION = re.compile(r"--[a-z-]+")


def problem(words: list[str]) -> str | None:
    """What is wrong with the words after `gamelake`, None if nothing is."""
    command = TREE
    for depth, word in enumerate(words):
        commands = getattr(command, "commands", None)
        if commands is None:
            known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
            asked = [found[0] for each in words[depth:] if (found := OPTION.match(each))]
            return next((f"no option {each}" for each in asked if each not in known), None)
        if word not in commands:
            return f"no command {word}"
        command = commands[word]
    return None


def named(text: str) -> Iterator[list[str]]:
    """The words of each command in a text."""
    for found in NAMED.finditer(text):
        yield (found["words"] or found["more"]).split()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("run `gamelake lake audit --remove`", []),
        ("    .venv/bin/gamelake marts list      # every build", []),
        ('CMD ["gamelake", "health"]', []),
        ("no task of gamelake defers", []),
        ("run `gamelake lake list`", ["no command list"]),
        ("    .venv/bin/gamelake lake show --all", ["no option --all"]),
        ('hint = "apply them: gamelake lake cycles --apply"', ["no command cycles"]),
        ("bash -c 'exec gamelake sandbocks'", ["no command sandbocks"]),
        (
            'exec "$PYTHON" -m gamelake.cli marts build-on-flink --generation "$GENERATION"',
            ["no command build-on-flink"],
        ),
    ],
)
def test_names_are_found(text: str, wrong: list[str]) -> None:
    assert [found for words in named(text) if (found := problem(words))] == wrong


def test_every_command_that_is_named_exists() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    wrong, count = {}, 0
    for name in filter(None, tracked.stdout.split("\0")):
        path = REPOSITORY / name
        if (
            name.startswith("tests/")
            or name.endswith((".gz", ".parquet", ".png", ".schema.json"))
            or not path.is_file()
        ):
            continue
        for words in named(path.read_text(encoding="utf-8")):
            count += 1
            if found := problem(words):
                wrong[f"{name}: gamelake {' '.join(words)}"] = found
    assert wrong == {}
    assert count > 40
