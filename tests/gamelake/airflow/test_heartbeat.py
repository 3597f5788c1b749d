"""The sign of life for a dead man's switch: it is sent while readers have the marts of the newest night."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gamelake.airflow import heartbeat
from gamelake.airflow.heartbeat import beat
from gamelake.registry import loaded_sources
from tests.support.night_lake import NightLake, moment
from tests.support.receiver import MOST_UNREAD, running_webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store
    from tests.support.receiver import Webhook

DAY, NEXT = "2026-11-29", "2026-11-30"
SECRET = "a-secret-path"


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with running_webhook() as switch:
        monkeypatch.setenv("GAMELAKE_HEARTBEAT", "switch")
        monkeypatch.setenv("AIRFLOW_CONN_SWITCH", switch.connection())
        yield switch


def beats(store: Store, clock: str, day: str = DAY) -> bool:
    return beat(store, loaded_sources(), moment(day, clock))


def test_it_is_sent_while_readers_have_the_marts_of_the_newest_night(disk: Store, switch: Webhook) -> None:
    assert not beats(disk, "05:00"), "a new lake"
    NightLake(disk).night(DAY)
    assert beats(disk, "05:00")
    assert beats(disk, "03:59", NEXT)
    assert switch.beats == [f"/hook/{SECRET}"] * 2
    assert not beats(disk, "06:00", NEXT), "the marts are late"
    assert len(switch.beats) == 2


def test_nothing_is_sent_by_default(disk: Store, switch: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAMELAKE_HEARTBEAT")
    NightLake(disk).night(DAY)
    assert not beats(disk, "05:00")
    assert switch.beats == []


@pytest.mark.parametrize("fault", ["refused", "hangs", "no connection"])
def test_a_switch_that_does_not_answer_fails_nothing_and_its_address_stays_secret(
    disk: Store, switch: Webhook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    NightLake(disk).night(DAY)
    switch.status, switch.hangs = (404, False) if fault == "refused" else (200, fault == "hangs")
    if fault == "no connection":
        monkeypatch.delenv("AIRFLOW_CONN_SWITCH")
        monkeypatch.setenv("AIRFLOW_CONN_SWITCH", '{"conn_type": "http", "host": "http://127.0.0.1:1/a-secret-path"}')
    with monkeypatch.context() as patience:
        if fault == "hangs":  # the others are not waited for: on a busy machine an answer may take seconds
            patience.setattr(heartbeat, "SECONDS", 0.3)
        assert not beats(disk, "05:00")
    assert "the sign of life was not taken (GAMELAKE_HEARTBEAT)" in caplog.text
    assert SECRET not in caplog.text
    switch.status, switch.hangs = 200, False
    monkeypatch.setenv("AIRFLOW_CONN_SWITCH", switch.connection())
    assert beats(disk, "05:30"), "the next check sends it"


def test_an_endless_reply_is_not_read(disk: Store, switch: Webhook) -> None:
    NightLake(disk).night(DAY)
    switch.endless = True
    assert beats(disk, "05:00")
    assert switch.bytes < MOST_UNREAD
