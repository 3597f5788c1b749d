"""`gamelake quality` on a lake."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gamelake.cli.main import main
from gamelake.lake.factory import open_store
from gamelake.marts.rollback import rollback
from gamelake.quality.record import record
from tests.support.generations import current_generation, published

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_was_checked_is_not_what_readers_have_after_a_rollback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store((tmp_path / "lake").as_uri())
    earlier, newest = published(store, "2026-11-20", "2026-11-21")
    record(store, [], at=datetime(2026, 11, 21, tzinfo=UTC), generation=current_generation(store))
    monkeypatch.setenv("GAMELAKE_URI", store.uri)

    assert main(["quality"]) == 0
    assert f"readers have {newest}\n" in capsys.readouterr().out

    rollback(store, None, by="hana")

    assert main(["quality"]) == 0
    assert f"readers had {newest} then, and have {earlier} now" in capsys.readouterr().out
