"""A night breaks and a person is told once; it heals, and the person is told that. Real Prometheus and Alertmanager."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import uvicorn

from gamelake.days import KST
from gamelake_ui import metrics
from gamelake_ui.routes import application
from tests.support.airflow import free_port
from tests.support.alerting import MISSING, QUIET_SECONDS, TOKEN, alerting, until
from tests.support.night_lake import NightLake, moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gamelake.lake.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.skipif(MISSING, reason="Debian's prometheus and prometheus-alertmanager are missing"),
]


@contextmanager
def metrics_server() -> Iterator[int]:
    """The page `/metrics` of the web UI's plugin on a port of its own. Yields: the port."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application(), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


def test_a_broken_night_is_told_once_and_so_is_its_end(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAMELAKE_URI", store.uri)
    monkeypatch.setenv("GAMELAKE_METRICS_TOKEN", TOKEN)
    monkeypatch.setattr(metrics, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr("gamelake.nights.report.FRESH_SECONDS", 0.0)
    application.cache_clear()
    lake, now = NightLake(store), datetime.now(KST)
    days = [(now.date() - timedelta(days=back)).isoformat() for back in (2, 1, 0)]
    for day in days[:-1]:
        lake.night(day)
    today = days[-1]
    lake.loads(today)
    lake.results(today, at=now, tests={"pass": 38, "fail": 2})
    with (
        metrics_server() as port,
        alerting(tmp_path, scraped=f"127.0.0.1:{port}/metrics") as receiver,
    ):
        until(lambda: bool(receiver.messages), "the message of the failed tests")
        time.sleep(QUIET_SECONDS)
        assert len(receiver.texts()) == 1, receiver.texts()
        ((title, text),) = receiver.texts()
        assert title == "P0 night: 2 data tests failed in the newest build"
        assert "readers keep the marts before it" in text
        assert "What to do: https://example.com/gamelake/docs/guides/runbooks/data-tests-failed.md" in text

        # The build is repeated, and now its tests pass.
        built = lake.build(today, at=datetime.now(UTC), run="again")
        lake.publish(built, at=moment(today, "04:17"))
        until(lambda: len(receiver.messages) > 1, "the message that it is over")
        time.sleep(QUIET_SECONDS)
        assert len(receiver.texts()) == 2, receiver.texts()
        _, (title, text) = receiver.texts()
        assert title == "Over: P0 night"
        assert re.search("Over since .* UTC: 2 data tests failed in the newest build", text)
    assert receiver.url not in (tmp_path / "prometheus-alertmanager.log").read_text()
