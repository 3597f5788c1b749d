"""Small files of state: whole or not there, and no traceback for half of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gamelake.local import environment, sandbox, services
from gamelake.local.sandbox import Days, SandboxStartError
from gamelake.local.services import Service
from gamelake.local.state import read_state, write_state


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_state(tmp_path / "new" / "a.json", {"b": 1})
    assert read_state(tmp_path / "new" / "a.json") == {"b": 1}


@pytest.mark.parametrize("half", ["", '{"a": ', "[]", "null", "\x00"])
def test_half_of_a_file_is_none(tmp_path: Path, half: str) -> None:
    (tmp_path / "a.json").write_text(half, encoding="utf-8")
    assert read_state(tmp_path / "a.json") is None


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_state(path, {"b": 1})

    def full(self: Path, *_: object, **__: object) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write_state(path, {"b": 2})
    assert read_state(path) == {"b": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_half_of_a_file_of_ports_or_passwords_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORTS", "PASSWORDS"):
        monkeypatch.setattr(environment, name, tmp_path / f"{name}.json")
        (tmp_path / f"{name}.json").touch()
    monkeypatch.delenv(environment.API_PORT, raising=False)
    assert environment.chosen_port(environment.API_PORT) == 8080
    environment.remember_port(environment.API_PORT, 8081)
    assert environment.chosen_port(environment.API_PORT) == 8081
    assert len(environment.password()) >= 12


def test_half_of_a_pid_file_is_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PIDS", tmp_path)
    (tmp_path / "sleeper.json").touch()
    assert services.stop([Service("sleeper")]) == []


@pytest.mark.parametrize("half", ["", "{}", '{"first_day": "2026-11-21", "today": "soon"}'])
def test_a_sandbox_without_its_days_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: str) -> None:
    monkeypatch.setattr(sandbox, "STATE", tmp_path / "sandbox.json")
    (tmp_path / "sandbox.json").write_text(half, encoding="utf-8")
    with pytest.raises(SandboxStartError, match=r"sandbox\.json: found no days, expected .*; remove the file"):
        Days.next()
