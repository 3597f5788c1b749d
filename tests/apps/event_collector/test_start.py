"""What the start of a collector refuses."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from apps.event_collector import __main__ as command
from apps.event_collector.senders import Senders, SendersError
from gamelake.paths import REPOSITORY
from tests.support.collector import ORDER_PLACED, SECRET, SHOP_SECRET

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("GAMELAKE_WEBHOOK_SECRET", "hunter2", "found a secret of 7 characters, expected at least 16"),
        ("GAMELAKE_WEBHOOK_SECRET", f"{SECRET},hunter2", "found a secret of 7 characters, expected at least 16"),
        ("GAMELAKE_EVENT_SENDERS", "shop=hunter2hunter2hunter2", "GAMELAKE_EVENT_SCHEMAS: not set"),
        ("GAMELAKE_EVENT_SENDERS", "hunter2hunter2hunter2", "entry 1 has no name"),
        ("GAMELAKE_EVENT_SENDERS", "HUNTER2hunter2hunter2==", "entry 1 has no name"),
        ("GAMELAKE_URI", "ftp://lake", "expected s3://bucket/prefix or file:///absolute/folder"),
        ("GAMELAKE_EVENT_SPOOL", "/dev/null/spool", "expected a folder"),
    ],
)
def test_a_wrong_setting_ends_the_start(
    variable: str,
    value: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GAMELAKE_EVENT_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "argv", ["event_collector", "--port=0"])
    assert command.main() == 1
    message = capsys.readouterr().err
    assert expected in message
    assert "hunter2" not in message


def test_a_taken_port_and_an_address_of_another_machine_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for given, expected in {
            f"--port={port}": f"--port: found {port}, expected one from 1024 to 65535 that is free",
            "--port=70000": "--port: found 70000, expected one from 1024",
            "--address=192.0.2.1": "--address: found '192.0.2.1', expected an address of this machine",
        }.items():
            monkeypatch.setattr(sys, "argv", ["event_collector", given])
            assert command.main() == 1
            assert expected in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e9", "soon"])
def test_a_wait_that_is_no_wait_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["event_collector", "--port=0", f"--batch-seconds={value}"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert f"--batch-seconds: found '{value}', expected more than 0, and at most" in capsys.readouterr().err


def test_it_imports_no_airflow() -> None:
    code = (
        "import sys, apps.event_collector.__main__\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'airflow', 'cosmos', 'dbt', 'duckdb', 'boto3'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def schema(folder: Path, text: str, *, sender: str = "shop", kind: str = "order_placed") -> Path:
    path = folder / sender / f"{kind}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "expected JSON"),
        ("{}", "$schema: expected"),
        (json.dumps({**ORDER_PLACED, "type": "nothing"}), "'nothing' is not valid under any of the given schemas"),
    ],
)
def test_a_file_that_is_no_schema_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SendersError) as error:
        Senders(None, f"shop={SHOP_SECRET}", schema(tmp_path, text))
    assert "order_placed.json" in str(error.value)
    assert expected in str(error.value)


def test_a_type_that_is_a_table_of_the_registry_is_refused(tmp_path: Path) -> None:
    """Else two writers would mix their events in one inbox, and the table would reject those of the sender."""
    folder = schema(tmp_path, json.dumps(ORDER_PLACED))
    Senders(None, f"shop={SHOP_SECRET}", folder)
    schema(folder, json.dumps(ORDER_PLACED), kind="orders")
    with pytest.raises(SendersError, match=r"shop/orders\.json: shop\.orders is a table of the registry"):
        Senders(None, f"shop={SHOP_SECRET}", folder)


def test_senders_have_names_of_their_own(tmp_path: Path) -> None:
    folder = schema(schema(tmp_path, json.dumps(ORDER_PLACED)), json.dumps(ORDER_PLACED), sender="igdb")
    for senders in (f"shop={SHOP_SECRET},shop={SECRET}", f"igdb={SHOP_SECRET}", f"Shop={SHOP_SECRET}", "shop=short"):
        with pytest.raises(SendersError):
            Senders(None, senders, folder)
    with pytest.raises(SendersError, match="found no file in"):
        Senders(None, f"crm={SHOP_SECRET}", folder)
    with pytest.raises(SendersError, match="found the type"):
        Senders(None, f"shop={SHOP_SECRET}", schema(folder, json.dumps(ORDER_PLACED), kind="Order-Placed"))


def test_both_secrets_are_accepted_during_a_rotation() -> None:
    senders = Senders(f"{SECRET}, {SHOP_SECRET}", "", None)
    assert [senders.is_igdb(each) for each in (SECRET, SHOP_SECRET, "", f"{SECRET},")] == [True, True, False, False]
    assert not Senders(None, "", None).is_igdb("")


def test_a_reference_reaches_no_other_file(tmp_path: Path) -> None:
    from apps.event_collector.events import sent_events

    folder = schema(tmp_path, json.dumps({**ORDER_PLACED, "$ref": "http://127.0.0.1:9/other.json"}))
    sender = Senders(None, f"shop={SHOP_SECRET}", folder).sender_of(SHOP_SECRET)
    assert sender
    event = {"id": "a", "type": "order_placed", "data": {}}
    lines, (refused,) = sent_events(json.dumps([event]).encode(), sender)
    assert lines == {}
    assert "cannot be compared with its schema" in refused["reason"]
