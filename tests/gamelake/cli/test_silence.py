"""No command is silent for ten seconds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from gamelake.cli.silence import told
from gamelake.local import services
from gamelake.local.services import Service, stop


def test_a_command_that_waits_tells_it_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with told(["lake", "audit", "--verify"], silence=0.1):
        time.sleep(0.35)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[:2] == ["  ... gamelake lake audit, 0 s so far"] * 2


def test_one_that_prints_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with told(["lake", "restore"], silence=0.5):
        for number in range(20):
            print(number, file=sys.stderr if number % 2 else sys.stdout)
            time.sleep(0.05)
    assert "..." not in capsys.readouterr().err
    assert not hasattr(sys.stdout, "_watch")


def test_one_that_waits_for_an_answer_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with told(["new", "entity"], silence=0.4):
        sys.stdout.write("Its kind [snapshot]: ")
        time.sleep(1.0)
        assert capsys.readouterr().err == ""
        sys.stdout.write("snapshot\n")
        sys.stdout.write("")  # it asks nothing
        time.sleep(1.0)
    assert "  ... gamelake new entity, " in capsys.readouterr().err


@pytest.mark.parametrize("words", [["run"], ["sandbox", "--port", "0"], ["laptop", "airflow", "dags", "test"]])
def test_what_tells_it_itself_or_serves_is_left_alone(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with told(words, silence=0.05):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_down_tells_that_it_waits_for_what_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was silent for 30 seconds."""
    monkeypatch.setattr(services, "LOGS", tmp_path)
    monkeypatch.setattr(services, "PIDS", tmp_path)
    monkeypatch.setattr(services, "STOP_SECONDS", 1)
    stubborn = Service("scheduler")
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    stubborn.start([sys.executable, "-c", code])
    while "on" not in stubborn.log.read_text(encoding="utf-8"):
        time.sleep(0.05)
    with told(["down"], silence=0.2):
        assert stop([stubborn]) == ["scheduler"]
    assert "  ... gamelake down, 0 s so far" in capsys.readouterr().err
    assert not stubborn.running()
