"""The background processes of `make up`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gamelake.local import services, stack
from gamelake.local.services import Service, stop


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(services, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(services, "PIDS", tmp_path / "pids")


@pytest.fixture
def service() -> Iterator[Any]:
    made = Service("sleeper")
    yield made
    stop([made])


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_for(text: str, service: Service) -> None:
    deadline = time.monotonic() + 60
    while text not in service.log.read_text(encoding="utf-8") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert text in service.log.read_text(encoding="utf-8")


def test_what_was_started_runs_until_it_is_stopped(service: Any) -> None:
    process = service.start(python("import time; time.sleep(600)"))
    assert service.running()
    assert stop([service]) == ["sleeper"]
    assert process.wait(timeout=60) == -signal.SIGTERM
    assert not service.running()
    assert stop([service]) == []


def test_a_clock_that_is_set_hides_no_process(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    with monkeypatch.context() as wrong:
        wrong.setattr(time, "time", lambda: now - 5 * 86400)
        service.start(python("import time; time.sleep(600)"))
    assert service.running()
    assert stop([service]) == ["sleeper"]


def test_a_child_that_ended_unwaited_for_does_not_run(service: Any) -> None:
    process = service.start(python("print('bye')"))
    wait_for("bye", service)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    os.killpg(process.pid, 0)
    assert not service.running()
    process.wait()


def test_grandchildren_run_on_and_are_stopped(service: Any) -> None:
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    service.start(python(code)).wait(timeout=60)
    assert service.running()
    assert not service.is_alive()
    assert stop([service]) == ["sleeper"]
    assert not service.running()


def test_a_killed_scheduler_whose_tasks_still_run_is_named(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves the workers of its tasks, which wait for it without end."""
    monkeypatch.setattr(stack, "AIRFLOW", {service: []})
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    service.start(python(code)).wait(timeout=60)
    with pytest.raises(stack.StackError, match="sleeper stopped while the rest runs: `make down`"):
        stack.up()


def test_a_process_that_has_the_number_by_now_is_left_alone(service: Any) -> None:
    process = service.start(python("import time; time.sleep(600)"))
    recorded = services.PIDS / "sleeper.json"
    before = recorded.read_text(encoding="utf-8")
    recorded.write_text(json.dumps({"pid": process.pid, "started": time.time() - 86400}), encoding="utf-8")
    assert not service.running()
    assert stop([service]) == []
    assert process.poll() is None
    recorded.write_text(before, encoding="utf-8")
    assert stop([service]) == ["sleeper"]
    process.wait(timeout=60)


def test_the_cause_is_the_error_and_not_what_was_printed_last(service: Any) -> None:
    printed = """
        print('[info] Started server process [12]')
        print("[error    ] [Errno 98] error while attempting to bind on address ('127.0.0.1', 8080): address in use")
        for i in range(600): print(f'DAG file statistics {i}')
    """
    service.start(python("\n".join(line.strip() for line in printed.splitlines()))).wait(timeout=60)
    assert service.cause() == (
        "  [error    ] [Errno 98] error while attempting to bind on address ('127.0.0.1', 8080): address in use"
    )


def test_the_cause_of_a_traceback_is_its_last_line(service: Any) -> None:
    service.start(python("raise ValueError('kind: found snapshots')")).wait(timeout=60)
    assert service.cause() == "  ValueError: kind: found snapshots"


def test_without_an_error_the_cause_is_the_end_of_the_log(service: Any) -> None:
    service.start(python("[print(i) for i in range(50)]")).wait(timeout=60)
    assert service.cause().split() == [str(i) for i in range(40, 50)]
