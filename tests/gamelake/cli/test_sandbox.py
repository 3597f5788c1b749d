"""`gamelake sandbox`, as a person starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from gamelake.cli.main import main
from tests.support.command import GAMELAKE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY = re.compile(
    r"sandbox IGDB on (http://127\.0\.0\.1:\d+); client id sandbox, secret sandbox-secret; "
    r"([\d,]+) games; today (\d{4}-\d\d-\d\d)\n"
)


@contextmanager
def command(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    variables = {name: value for name, value in os.environ.items() if name != "IGDB_RECORDED"} | environment
    process = subprocess.Popen(
        [GAMELAKE, "sandbox", "--port", "0", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_ends_with_its_input_if_told_to() -> None:
    with command("--games", "5", "--end-with-input") as process:
        assert process.stdin
        assert process.stdout
        ready = READY.fullmatch(process.stdout.readline())
        assert ready
        assert process.stdout.readline() == f"sandbox RAWG on {ready[1]}/api; key rawg-sandbox-key\n"
        with urllib.request.urlopen(f"{ready[1]}/api/games?key=rawg-sandbox-key") as reply:  # noqa: S310 - loopback
            assert json.load(reply)["count"]
        process.stdin.close()
        process.stdin = None
        assert process.wait(timeout=10) == 0


def test_an_input_whose_end_is_not_noticed_is_one_line() -> None:
    words = [GAMELAKE, "sandbox", "--port", "0", "--games", "5", "--end-with-input"]
    ended = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith("standard input: found a file, /dev/null or nothing, expected a pipe")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(number: int) -> None:
    with command("--games", "50", "--first-day", "2026-11-20", "--today", "2026-11-22", "--no-limits") as process:
        assert process.stdout is not None
        ready = READY.fullmatch(process.stdout.readline())
        assert ready is not None
        assert ready[3] == "2026-11-22"
        with urllib.request.urlopen(f"{ready[1]}/sandbox/state") as reply:  # noqa: S310 - a sandbox on loopback
            assert json.load(reply)["first_day"] == "2026-11-20"
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_the_variable_names_recorded_rows(tmp_path: Path) -> None:
    (tmp_path / "games.jsonl").write_text('{"id": 1}\n{"id": 2}\n', encoding="utf-8")
    with command(IGDB_RECORDED=str(tmp_path)) as process:
        assert process.stdout is not None
        ready = READY.fullmatch(process.stdout.readline())
        assert ready is not None
        assert ready[2] == "2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--today", "tomorrow"), "expected a Korean day as YYYY-MM-DD"),
        (("--games", "0"), "games: found 0, expected 1 to 1,000,000"),
        (("--data", "/nonexistent"), "data folder: found no /nonexistent, expected one file an endpoint"),
        (
            ("--first-day", "2026-11-20", "--today", "2026-11-19"),
            "'--first-day': found 2026-11-20, expected 2026-11-19 or an earlier day",
        ),
        (("--port", "99999"), "'--port': found '99999', expected at most 65535"),
        (("--latency", "-1"), "'--latency': found '-1', expected at least 0"),
    ],
)
def test_what_cannot_be_served_states_why(arguments: tuple[str, ...], message: str) -> None:
    with command(*arguments) as process:
        _, problems = process.communicate(timeout=30)
    assert process.returncode == 2
    assert message in problems
    assert problems.startswith("gamelake sandbox: ")
    assert problems.count("\n") == 1


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with command("--games", "5", "--port", str(port)) as process:
            _, problems = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"cannot serve on 127.0.0.1:{port}" in problems
    assert "choose another port" in problems


def test_the_variable_names_a_port(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("GAMELAKE_SANDBOX_PORT", str(taken.getsockname()[1]))
        assert main(["sandbox", "--games", "5"]) == 1
        assert f"cannot serve on 127.0.0.1:{taken.getsockname()[1]}" in capsys.readouterr().err


def test_an_image_without_the_sandbox_states_where_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class NoSandbox:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name.split(".", maxsplit=1)[0] == "sandbox":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for name in [name for name in sys.modules if name.split(".")[0] == "sandbox"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoSandbox, *sys.meta_path])
    assert main(["sandbox"]) == 1
    printed = capsys.readouterr().err
    assert "the sandbox is not installed here: it is in the folder sandbox/ of the repository" in printed
    assert printed.count("\n") == 1
