"""Which entities `make run` lets through."""

from __future__ import annotations

import pytest

from gamelake.local import allowed
from gamelake.registry import load_registry


def test_nothing_is_allowed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALLOW_SHRINK", raising=False)
    monkeypatch.delenv("ALLOW_UNPROVEN", raising=False)
    assert allowed.params() == {name: {} for name in load_registry()}


def test_entities_are_named_one_by_one_or_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_SHRINK", "games, covers,")
    monkeypatch.setenv("ALLOW_UNPROVEN", "all")
    params = allowed.params()
    assert params["games"] == params["covers"] == {"allow_shrink": True, "allow_unproven": True}
    assert params["genres"] == {"allow_unproven": True}


def test_what_is_no_entity_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_SHRINK", "game,covers")
    with pytest.raises(allowed.NotAnEntity, match=r"ALLOW_SHRINK: found game, expected all, or entities .*: col"):
        allowed.params()
