"""Every command of ours that a page, an error or a configuration file names exists, with the options that it names."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
from typer.main import get_command

from gamelake.cli.app import app
from gamelake.paths import REPOSITORY
from gamelake.registry import load_sources
from tests.docs.commands import commands

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = get_command(app)
WORDS = r"(?: [a-z][^\s`;|&\"')]*)(?: [^\s`;|&\"')]+)*"
NAMED = re.compile(
    rf"(?:`|exec |bin/|airflow-scheduler (?:-- )?|[\"']|^ *(?:# +)?|: )gamelake(?P<words>{WORDS})"
    rf"|-m gamelake\.cli(?P<more>{WORDS})",
    re.MULTILINE,
)
NO_TEXT = (".gz", ".parquet", ".png", ".schema.json")
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


def one_word_too_many(words: list[str]) -> str | None:
    """The first word after `gamelake` that its command does not take, None if it takes all."""
    command, rest = TREE, list(words)
    while rest and rest[0] in (known := getattr(command, "commands", {})):
        command = known[rest.pop(0)]
    with_value = {name for each in command.params if not getattr(each, "is_flag", True) for name in each.opts}
    counts = [each.nargs for each in command.params if each.param_type_name == "argument"]
    pairs = zip(["", *rest], rest, strict=False)
    given = [word for before, word in pairs if not word.startswith("-") and before not in with_value]
    return None if -1 in counts else next(iter(given[sum(counts) :]), None)


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


def tracked_texts() -> Iterator[tuple[str, str]]:
    """The name and the text of each file of the product and its docs."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, tracked.stdout.split("\0")):
        path = REPOSITORY / name
        if not name.startswith("tests/") and not name.endswith(NO_TEXT) and path.is_file():
            yield name, path.read_text(encoding="utf-8")


def test_every_command_that_is_named_exists() -> None:
    found = [(name, words) for name, text in tracked_texts() for words in named(text)]
    wrong = {f"{name}: gamelake {' '.join(words)}": why for name, words in found if (why := problem(words))}
    assert wrong == {}
    assert len(found) > 40


def test_every_target_of_make_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", makefile, re.MULTILINE))
    wrong = {
        name: missing
        for name, text in tracked_texts()
        if (missing := set(re.findall(r"(?:`|^    )make ([a-z][a-z0-9-]*)", text, re.MULTILINE)) - targets)
    }
    assert wrong == {}


def test_every_command_of_the_pages_takes_the_arguments_that_it_is_given() -> None:
    found = {line: match for line in commands() if (match := re.match(r"(?:\.venv/bin/)?gamelake ([^|;&]+)", line))}
    given = {line: shlex.split(match[1]) for line, match in found.items()}
    assert {line: word for line, words in given.items() if (word := one_word_too_many(words))} == {}
    assert len(given) > 40


def test_a_word_too_many_is_found() -> None:
    assert one_word_too_many(["lake", "restore", "s3://copy", "raw/"]) == "raw/"
    assert one_word_too_many(["lake", "restore", "s3://copy", "--prefix", "raw/"]) is None
    assert one_word_too_many(["lake", "audit", "--verify", "igdb.games"]) is None
    assert one_word_too_many(["feed", "publish", "igdb.games", "igdb.covers"]) is None


def test_every_state_that_last_night_shows_is_explained() -> None:
    facts = (REPOSITORY / "plugins/gamelake_ui/static/facts.js").read_text(encoding="utf-8")
    page = (REPOSITORY / "docs/guides/last-night.md").read_text(encoding="utf-8")
    _, _, rows = page.partition("| state of a load | meaning |")
    explained = {state for row in re.findall(r"^\| (.*?) \|", rows, re.MULTILINE) for state in row.split(", ")}
    block = facts.partition("export const LOAD = {")[2].partition("};")[0]
    states = set(re.findall(r'\["\w+", "([^"]+)"\]', block))
    assert states - explained == set()
    assert len(states) > 5


def test_to_publish_is_one_word_in_korean() -> None:
    """A reader of the brief would take 공개 for something else than the 게시 of README, dashboard and messages."""
    assert [name for name, text in tracked_texts() if "공개" in text] == []


def test_the_first_page_of_dbts_docs_names_every_source_and_folder_of_marts() -> None:
    page = (REPOSITORY / "dbt/models/overview.md").read_text(encoding="utf-8")
    folders = [each.name for each in (REPOSITORY / "dbt/models/marts").iterdir() if each.is_dir()]
    assert [name for name in folders if f"| marts/{name} |" not in page] == []
    assert [name for name in load_sources() if f"`{name}`" not in page] == []
