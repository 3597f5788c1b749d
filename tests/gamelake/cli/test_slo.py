"""`gamelake slo` on a lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gamelake.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_level_without_a_night_is_not_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lake").mkdir()
    monkeypatch.setenv("GAMELAKE_URI", (tmp_path / "lake").as_uri())
    assert main(["slo"]) == 0
    _, _, *levels = capsys.readouterr().out.splitlines()
    assert levels
    assert all("no night yet" in level and "met" not in level.split() for level in levels)
