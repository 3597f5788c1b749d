"""`gamelake webhooks` from end to end: the command, the sandbox's API and its events, a real collector, the inbox."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import Connection

from gamelake.cli.main import main
from gamelake.local import account
from gamelake.local.sandbox import connection
from sandbox.igdb import Sandbox, World
from tests.support.airflow import free_port
from tests.support.collector import SECRET, inbox_events, running_collector, wait_for_inbox
from tests.support.loads import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    """A running sandbox, its connection, and the secret of its webhooks."""
    world = World.generate(seed=3, games=60, first_day=DAY, today=DAY)
    served = Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GAMELAKE_WEBHOOK_SECRET", f"{SECRET},the-secret-before-the-rotation")
    with served.running() as url:
        monkeypatch.setenv(account.CONNECTION_VARIABLE, connection(url))
        yield served


def test_events_of_the_sandbox_come_to_the_inbox(
    sandbox: Sandbox,
    disk: Store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    ids = [row["id"] for row in sandbox.rows("games")]
    with running_collector(disk.uri, tmp_path / "spool", "--batch-seconds=0.1") as collector:
        assert main(["webhooks", "register", f"http://{collector.address}/", "--entity", "games"]) == 0
        assert main(["webhooks", "list"]) == 0
        listed = capsys.readouterr().out
        assert [line.split()[:4] for line in listed.splitlines()[-3:]] == [
            ["1", "games", "create", "yes"],
            ["2", "games", "update", "yes"],
            ["3", "games", "delete", "yes"],
        ]
        assert f"http://{collector.address}/igdb/games/update" in listed
        sandbox.upsert("games", [{"id": ids[0], "name": "Changed"}, {"id": 90_000, "name": "New"}])
        sandbox.delete("games", [ids[1]])
        assert main(["webhooks", "test", "2", str(ids[2])]) == 0
        wait_for_inbox(disk, {ids[0], ids[1], ids[2], 90_000})
        assert main(["webhooks", "remove", "1"]) == 0
        assert main(["webhooks", "remove", "--all"]) == 0
        assert sandbox.webhooks.all() == []
    operations = {event["id"]: event["op"] for event in inbox_events(disk)}
    assert operations == {ids[0]: "update", ids[1]: "delete", ids[2]: "update", 90_000: "create"}
    rows = {row["id"]: row for row in sandbox.rows("games")}
    stored = {event["id"]: event["body"] for event in inbox_events(disk) if event["op"] != "delete"}
    assert stored == {row_id: rows[row_id] for row_id in stored}
    shown = capsys.readouterr()
    assert SECRET not in listed + shown.out + shown.err + caplog.text + "".join(collector.log)


def test_the_connection_may_be_a_uri(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    as_json = os.environ[account.CONNECTION_VARIABLE]
    monkeypatch.setenv(account.CONNECTION_VARIABLE, Connection.from_json(as_json, "igdb_default").get_uri())
    assert main(["webhooks", "list"]) == 0
    assert "entity" in capsys.readouterr().out


def test_only_tables_that_take_events_get_webhooks(sandbox: Sandbox) -> None:
    assert main(["webhooks", "register", "https://events.example.com"]) == 0
    names = {each["url"].split("/")[-2] for each in sandbox.webhooks.all()}
    assert {"games", "covers", "companies"} < names
    assert names.isdisjoint({"popscore", "external_games", "websites"})


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        (["register", "https://events.example.com", "--entity", "websites"], 2, "found 'websites', expected one of"),
        (["register", "http://events.example.com"], 2, "expected https://"),
        (["register", "http://127.0.0.1.example.com"], 2, "expected https://"),
        (["register", "events.example.com"], 2, "expected https://"),
        (["register", "https://[events"], 2, "expected https://"),
        (["register", "https://events.example.com:99999"], 2, "expected https://"),
        (["register", "http://[2001:db8::1]:8100"], 2, "expected https://"),
        (["remove"], 2, "expected the ids of webhooks, or --all"),
        (["test", "7", "1"], 1, "there is no webhook 7"),
    ],
)
def test_wrong_arguments_are_explained(
    sandbox: Sandbox, words: list[str], status: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["webhooks", *words]) == status
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_sandbox_that_does_not_run_is_told_at_once(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client tried for 30 seconds, and its error asked to look at proxies."""
    monkeypatch.setenv(account.CONNECTION_VARIABLE, connection(f"http://{host}:{free_port()}"))
    assert main(["webhooks", "list"]) == 1
    assert "`make up`" in capsys.readouterr().err


def test_an_unknown_entity_and_a_missing_secret_are_explained(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["webhooks", "register", "https://events.example.com", "--entity", "nope"]) == 2
    monkeypatch.setenv("GAMELAKE_WEBHOOK_SECRET", "short")
    assert main(["webhooks", "register", "https://events.example.com"]) == 1
    message = capsys.readouterr().err
    assert "GAMELAKE_WEBHOOK_SECRET: found 5 characters" in message
