"""Lineage events: nothing is imported while they are off, and a receiver or lake that hangs delays no task."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from openlineage.client.event_v2 import Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.uuid import generate_new_uuid

from gamelake.airflow import lineage, lineage_transport
from gamelake.airflow.lineage_transport import Bounded, LakeConfig, LakeTransport, one_object
from gamelake.days import day_of, format_day
from gamelake.lake.factory import open_store
from gamelake.lake.lineage_events import PREFIX, read
from gamelake.marts.generation import open_generation
from gamelake.registry import load_sources
from tests.support.airflow import free_port
from tests.support.command import environment_without
from tests.support.id_lake import DAY, POPSCORE, commit_day
from tests.support.receiver import running_webhook

if TYPE_CHECKING:
    from pathlib import Path

    from gamelake.lake.store import Store

KEY = "a-secret-key-of-the-receiver"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = open_store((tmp_path / "lake").as_uri())
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    monkeypatch.setattr(lineage_transport, "_LAKE", Bounded("the lake", 5))
    return store


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged. Other tests of the process may have switched off the logger that there is."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.Logger("lineage of a test")
    logger.addHandler(handler)
    monkeypatch.setattr(lineage_transport, "log", logger)
    return found


def event(*outputs: str) -> RunEvent:
    return RunEvent(
        eventType=RunState.COMPLETE,
        eventTime=datetime.now(UTC).isoformat(),
        run=Run(str(generate_new_uuid())),
        job=Job("gamelake", "igdb_games.extract_load"),
        outputs=[OutputDataset(*lineage.dataset_name(path)) for path in outputs],
        producer="a test",
    )


def kept(store: Store) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read(store, format_day(day_of(datetime.now(UTC))))]


def transport(address: str | None = None, **more: Any) -> LakeTransport:
    forward = {"type": "http", "url": address, **more} if address else None
    return LakeTransport(LakeConfig.from_dict({"forward": forward} if forward else {}))


def test_datasets_are_named_by_the_uris_of_the_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    for uri, expected in {
        "s3://bucket/deep/lake": ("s3://bucket", "deep/lake/raw/igdb/games"),
        "s3://bucket": ("s3://bucket", "raw/igdb/games"),
        "file:///a%20folder": ("file", "/a folder/raw/igdb/games"),
    }.items():
        monkeypatch.setenv("GAMELAKE_URI", uri)
        assert lineage.dataset_name("raw/igdb/games") == expected


def test_a_list_of_inputs_is_made_of_the_tables_that_the_build_reads(
    lake: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others, such as those of a source that is off, have no commit."""
    commit_day(lake, tmp_path, "2026-11-21", [1, 2])
    generation = open_generation(lake, [POPSCORE, *load_sources()["shop"].entities.values()], day=DAY, run_id="r")
    sent: list[str] = []
    monkeypatch.setattr(lineage, "is_on", lambda: True)
    monkeypatch.setattr(lineage, "_send", lambda inputs, _: sent.extend(each.name for each in inputs))
    lineage.inputs_chosen(lake, generation)
    assert sent == [lake.url("raw/igdb/popscore")]


def test_an_event_is_forwarded_and_kept_if_it_names_datasets(lake: Store) -> None:
    with running_webhook() as receiver:
        sender = transport(receiver.address)
        sender.emit(event())
        sender.emit(event("raw/igdb/games"))
        assert [len(each["outputs"]) for each in receiver.got] == [0, 1]
    (only,) = kept(lake)
    assert only["outputs"][0]["name"].endswith("/lake/raw/igdb/games")


def test_the_events_of_a_build_are_one_object(lake: Store) -> None:
    sender = transport()
    with one_object():
        for name in ("dim_games", "dim_companies"):
            sender.emit(event(f"marts/{name}"))
    assert len(list(lake.list(PREFIX))) == 1
    assert len(kept(lake)) == 2


def test_a_receiver_that_hangs_costs_seconds_once(lake: Store) -> None:
    with running_webhook() as receiver:
        receiver.hangs = True
        sender = transport(receiver.address)
        began = time.monotonic()
        for _ in range(5):
            sender.emit(event("raw/igdb/games"))
        assert time.monotonic() - began < lineage_transport.FORWARD_SECONDS + 1
        receiver.released.set()
    assert len(kept(lake)) == 5


def test_a_receiver_that_fails_loses_only_what_is_sent_to_it(lake: Store, warnings: list[str]) -> None:
    with running_webhook() as receiver:
        receiver.status = 401
        sender = transport(receiver.address, auth={"type": "api_key", "apiKey": KEY})
        began = time.monotonic()
        for _ in range(5):
            sender.emit(event("raw/igdb/games"))
    assert time.monotonic() - began < lineage_transport.FORWARD_SECONDS + 1
    assert len([line for line in warnings if "not sent to the receiver" in line]) == 1
    assert len(kept(lake)) == 5
    assert KEY not in json.dumps([warnings, kept(lake)])


@pytest.mark.parametrize("fault", ["refuses", "redirects", "is down"])
def test_the_log_has_no_secret_of_a_receiver_s_address(
    lake: Store, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    with running_webhook() as receiver:
        receiver.status, receiver.location = {"redirects": (302, "/elsewhere")}.get(fault, (401, None))
        address = receiver.address if fault != "is down" else f"http://127.0.0.1:{free_port()}"
        sender = transport(address.replace("//", f"//user:{KEY}@"), endpoint=f"lineage?key={KEY}")
        sender.emit(event("raw/igdb/games"))
    (line,) = [line for line in caplog.messages if "not sent to the receiver" in line]
    assert KEY not in caplog.text
    assert line.endswith({"refuses": "HTTPError, status 401", "redirects": "TooManyRedirects, status 302",
                          "is down": "ConnectionError"}[fault])  # fmt: skip


def test_a_lake_that_cannot_be_written_fails_nothing(
    lake: Store, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    sender, sent = transport(), event("raw/igdb/games")
    monkeypatch.setenv("GAMELAKE_URI", "ftp://nowhere")
    sender.emit(sent)
    assert [line for line in warnings if "not sent to the lake" in line]
    assert kept(lake) == []


def test_after_a_pause_a_receiver_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded, calls = Bounded("the receiver", 2), []

    def work() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError

    assert [bounded.call(work), bounded.call(work)] == [False, False]
    monkeypatch.setattr(lineage_transport, "PAUSE_SECONDS", 0)
    assert bounded.call(work)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"forwards": {}}, "forwards"),
        ({"forward": "http://marquez"}, "forward"),
        ({"forward": {"url": "x"}}, "forward"),
    ],
)
def test_a_wrong_configuration_is_named(config: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        LakeConfig.from_dict(config)


def test_while_it_is_off_nothing_of_openlineage_is_imported() -> None:
    code = (
        "import sys; from gamelake.airflow import lineage; lineage.inputs_chosen([]); "
        "import airflow.providers.openlineage.plugins.openlineage; "
        "print(sorted(name for name in sys.modules if name.startswith('openlineage')))"
    )
    environment = environment_without("AIRFLOW", "OPENLINEAGE")
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
