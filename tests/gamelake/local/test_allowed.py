"""Which entities `make run` lets through."""

from __future__ import annotations

import pytest

from gamelake.local import allowed
from gamelake.registry import load_entities


def test_nothing_is_allowed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALLOW_SHRINK", raising=False)
    monkeypatch.delenv("ALLOW_UNPROVEN", raising=False)
    assert allowed.params() == {str(entity): {} for entity in load_entities() if entity.has_load}


def test_entities_are_named_one_by_one_or_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_SHRINK", "igdb.games, igdb.covers,")
    monkeypatch.setenv("ALLOW_UNPROVEN", "all")
    params = allowed.params()
    assert params["igdb.games"] == params["igdb.covers"] == {"allow_shrink": True, "allow_unproven": True}
    assert params["igdb.genres"] == {"allow_unproven": True}


def test_what_is_no_entity_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_SHRINK", "igdb.game,igdb.covers")
    with pytest.raises(
        allowed.UnknownTableError, match=r"ALLOW_SHRINK: found igdb\.game, expected all, or tables .*: igdb\.col"
    ):
        allowed.params()
