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


@pytest.mark.parametrize("first", ["make run", "make up"])
@pytest.mark.parametrize("second", ["make run", "make up"])
def test_a_second_run_or_start_is_refused_and_told_of_the_first(first: str, second: str) -> None:
    """`make up` starts its scheduler after half a minute; meanwhile `make run` ran the same tasks."""
    told = rf"{second}: `{first}` \(process {os.getpid()}\) works in "
    with alone.alone(first), pytest.raises(BusyError, match=told), alone.alone(second):
        pytest.fail("two at once")
    with alone.alone(second):
        pass


def test_a_run_beside_a_scheduler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "running", lambda service: service.name == "scheduler")
    with pytest.raises(BusyError, match=r"`make up` is running, .* Run `make down` first"), alone.alone():
        pytest.fail("a run beside a scheduler")


def test_a_lock_that_this_user_may_not_open_is_named() -> None:
    alone.LOCK.mkdir()
    with pytest.raises(BusyError, match=rf"GAMELAKE_LOCAL: cannot open {alone.LOCK}: "), alone.alone():
        pytest.fail("a run without a lock")
