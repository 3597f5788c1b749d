"""`make run` is alone with this clone's DAGs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gamelake.local import alone
from gamelake.local.alone import BusyError
from gamelake.local.services import Service


@pytest.fixture(autouse=True)
def own_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(alone, "LOCK", tmp_path / "run.lock")
    monkeypatch.setattr(alone, "private_folder", lambda: tmp_path)
    monkeypatch.setattr(Service, "running", lambda _: False)


def test_a_second_run_is_refused_and_told_of_the_first() -> None:
    alone.check_no_run()
    with alone.alone():
        with (
            pytest.raises(BusyError, match=rf"another `make run` works in .* \(process {os.getpid()}\)"),
            alone.alone(),
        ):
            pytest.fail("two runs at once")
        with pytest.raises(BusyError, match=rf"make up: `make run` works in .* \(process {os.getpid()}\)"):
            alone.check_no_run()
    alone.check_no_run()
    with alone.alone():
        pass


def test_a_run_beside_a_scheduler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "running", lambda service: service.name == "scheduler")
    with pytest.raises(BusyError, match=r"`make up` is running, .* Run `make down` first"), alone.alone():
        pytest.fail("a run beside a scheduler")


def test_a_lock_that_this_user_may_not_open_is_named() -> None:
    alone.LOCK.mkdir()
    with pytest.raises(BusyError, match=rf"GAMELAKE_LOCAL: cannot open {alone.LOCK}: "), alone.alone():
        pytest.fail("a run without a lock")
