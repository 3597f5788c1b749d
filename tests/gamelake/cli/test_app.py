"""The command `gamelake`: what it lists, how it fails, and how fast it starts."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from gamelake.cli import health, laptop
from gamelake.cli.app import app
from gamelake.cli.main import main
from gamelake.lake.store import StoreError
from gamelake.local import run, stack
from tests.support.command import GAMELAKE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMANDS = ["run", "up", "down", "sandbox", "generate", "health", "slo", "smoke", "notify"]
COMMANDS += ["quality", "explain", "lake", "feed", "events", "marts", "settings", "new", "webhooks", "laptop"]
HEAVY = {"airflow", "boto3", "duckdb", "dbt", "aiohttp", "yaml", "rich", "pydantic", "typer"}


def test_the_installed_command_lists_its_commands() -> None:
    ran = subprocess.run([GAMELAKE, "--help"], capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in ran.stdout.partition("Commands:\n")[2].splitlines()] == COMMANDS
    assert "completion" not in ran.stdout


@pytest.mark.parametrize("arguments", [[], ["lake"], ["marts"], ["settings"], ["laptop"]])
def test_a_group_without_a_command_shows_its_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"Usage: {' '.join(['gamelake', *arguments])} ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "gamelake: No such command 'nothing'."),
        (["lake", "nothing"], "gamelake lake: No such command 'nothing'."),
        (["lake", "show", "--all"], "gamelake lake show: No such option: --all"),
        (["lake", "replay"], "gamelake lake replay: Missing argument 'TABLE'."),
        (
            ["lake", "rejected", "--limit", "some"],
            "gamelake lake rejected: Invalid value for '--limit': found 'some', expected a whole number",
        ),
        (
            ["feed", "list", "--limit", "0"],
            "gamelake feed list: Invalid value for '--limit': found '0', expected at least 1",
        ),
        (
            ["sandbox", "--port", "99999"],
            "gamelake sandbox: Invalid value for '--port': found '99999', expected at most 65535",
        ),
        (
            ["sandbox", "--latency", "some"],
            "gamelake sandbox: Invalid value for '--latency': found 'some', expected a number",
        ),
        (
            ["webhooks", "remove", "some"],
            "gamelake webhooks remove: Invalid value for 'WEBHOOK': found 'some', expected a whole number",
        ),
        (
            ["lake", "rejected", "--day", "x"],
            "gamelake lake rejected: Invalid value for '--day': found 'x', expected a",
        ),
        (["smoke", ""], "gamelake smoke: Invalid value for 'URL': found '', expected the address of Airflow"),
        (["smoke", "https://[airflow"], "gamelake smoke: Invalid value for 'URL': found 'https://[airflow', expected"),
        (["smoke", "http://airflow.example.com"], "gamelake smoke: Invalid value for 'URL': found 'http://airflow"),
        (["new", "source", "A B"], "gamelake new source: Invalid value: found the name 'A B', expected at most 20"),
        (["new", "source", "igdb"], "gamelake new source: Invalid value: "),
        (["new", "entity", "a.b"], "gamelake new entity: Invalid value: found the name 'a.b', expected lower case"),
        (["new", "entity", "a", "--name", ""], "gamelake new entity: Invalid value: found the name '', expected"),
        (["new", "entity", "a", "--sample", ""], "gamelake new entity: Invalid value for '--sample': file ''"),
        (["webhooks", "register", ""], "gamelake webhooks register: Invalid value for 'URL': found '', expected"),
        (["lake", "restore", ""], "gamelake lake restore: Invalid value for 'URI': found '': expected s3://"),
        (["sandbox", "--host", ""], "gamelake sandbox: Invalid value for '--host': found '', expected an address"),
        (["run", "2026-11-21"], "gamelake run: Got unexpected extra argument(s) (2026-11-21)"),
        (["health", "now"], "gamelake health: Got unexpected extra argument(s) (now)"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith(message)


@pytest.mark.parametrize("command", [["lake", "show"], ["lake", "replay"], ["feed", "list"], ["feed", "publish"]])
def test_a_misspelt_table_is_answered_with_a_similar_one(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "igdb.gamez"]) == 2
    assert capsys.readouterr().err.endswith(". Did you mean 'igdb.games'?\n")


def commands(group: Any) -> Iterator[Any]:
    for each in group.commands.values():
        yield from commands(each) if hasattr(each, "commands") else [each]


def test_names_of_arguments_are_in_capitals() -> None:
    """As in the pages of docs: some messages had 'TABLE', others 'url'."""
    parameters = [each for command in commands(get_command(app)) for each in command.params]
    names = [each.get_error_hint() for each in parameters if not each.opts[0].startswith("-")]
    assert names
    assert [name for name in names if name != name.upper()] == []


def raising(error: BaseException) -> Callable[..., None]:
    def work(*_: object) -> None:
        raise error

    return work


def test_an_error_of_ours_is_its_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    error = StoreError("get", "a-key", "no right")
    monkeypatch.setattr(stack, "down", raising(error))
    assert main(["down"]) == 1
    assert capsys.readouterr() == ("", f"{error}\n")


def test_a_full_disk_needs_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GAMELAKE_LOCAL", "/full")
    monkeypatch.setattr(stack, "up", raising(OSError(errno.ENOSPC, "No space left on device")))
    assert main(["up"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("No space left on device: /full (GAMELAKE_LOCAL), file://")
    assert "Remove files on that disk" in printed


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("redirection", "status", "printed"),
    [
        (">/dev/full", 1, "standard output cannot be written: No space left on device"),
        (">&-", 0, ""),
        ("<&- 2>&- >/dev/null", 0, ""),
    ],
)
def test_an_output_that_cannot_be_written_needs_no_traceback(
    redirection: str, status: int, printed: str, unbuffered: str, tmp_path: Path
) -> None:
    environment = {"PATH": os.environ["PATH"], "GAMELAKE_URI": tmp_path.as_uri(), "PYTHONUNBUFFERED": unbuffered}
    shell = ["sh", "-c", f"{shlex.quote(str(GAMELAKE))} lake show {redirection}"]
    ran = subprocess.run(shell, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr.strip()) == (status, printed)


@pytest.mark.parametrize("words", [["--help"], ["marts", "list"]])
def test_a_reader_that_has_left_is_no_error(words: list[str], tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    environment = {"PATH": os.environ["PATH"], "GAMELAKE_URI": tmp_path.as_uri()}
    with os.fdopen(write, "wb") as output:
        ran = subprocess.run(
            [GAMELAKE, *words], env=environment, stdout=output, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ran.returncode, ran.stderr) == (128 + signal.SIGPIPE, "")


def test_a_closed_output_is_not_the_next_file_that_is_opened() -> None:
    code = """
import sys
from gamelake.cli import main
main._open_missing_streams()
sys.exit(open("/dev/zero").fileno() < 3)
"""
    subprocess.run(["sh", "-c", f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} >&-"], check=True)


def test_any_other_error_is_a_bug_and_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "down", raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        main(["down"])


@pytest.mark.parametrize(
    ("arguments", "module", "again"),
    [(["run"], run, "`make run` again continues"), (["down"], stack, "run the same command again")],
)
def test_ctrl_c_states_how_to_go_on(
    arguments: list[str],
    module: object,
    again: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, arguments[0], raising(KeyboardInterrupt()))
    assert main(arguments) == 128 + signal.SIGINT
    assert capsys.readouterr().err.strip() == f"Interrupted. Nothing is lost: {again}."


def test_a_status_of_a_command_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "service", lambda _: "scheduler")
    monkeypatch.setattr(health, "check", raising(health.UnhealthyError("no answer")))
    assert main(["health"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["dags", "test", "igdb_games", "--conf", '{"a": 1}'],
        ["--help"],
        ["-v", "dags", "list"],
        ["tasks", "run", "--", "-x"],
        [],
    ],
)
def test_airflow_s_own_arguments_reach_it(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from gamelake.local import airflow_command

    given: list[list[str]] = []

    def run(words: list[str]) -> int:
        given.append(words)
        return 3

    monkeypatch.setattr(airflow_command, "run", run)
    assert main(["laptop", "airflow", *arguments]) == 3
    assert given == [arguments]
    assert laptop.airflow.__doc__


@pytest.mark.parametrize(("arguments", "allowed"), [(["health"], set()), (["--help"], {"typer"})])
def test_it_starts_without_what_takes_long_to_import(arguments: list[str], allowed: set[str]) -> None:
    code = (
        f"import json, sys\nsys.argv = ['gamelake', *{arguments!r}]\nfrom gamelake.cli.main import main\n"
        "main()\nprint(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert set(json.loads(ran.stdout.splitlines()[-1])) & HEAVY == allowed
