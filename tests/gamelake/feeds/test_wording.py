from __future__ import annotations

from typing import Any

import pytest

from gamelake.feeds.envelope import Change, Op, changed_fields
from gamelake.feeds.wording import change_in_words


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, {"name": "Portal"}, "7 Portal: created"),
        ({"name": "Portal"}, None, "7 Portal: deleted"),
        ({"hypes": 5, "updated_at": 1}, {"hypes": 6, "updated_at": 2}, "7: hypes from 5 to 6"),
        ({"updated_at": 1}, {"updated_at": 2}, "7: updated_at from 1 to 2"),
        ({"genres": [4, 5]}, {"genres": [5, 6]}, "7: genres + [6] - [4]"),
        ({}, {"hypes": 1}, "7: hypes is new: 1"),
        ({"hypes": 1}, {}, "7: hypes was 1, and is no longer there"),
        ({"name": "a\nb"}, {"name": "c" * 99}, f'7 {"c" * 59}…: name from "a b" to "{"c" * 58}…'),
    ],
)
def test_a_change_in_words(before: Any, after: Any, words: str) -> None:
    changed = changed_fields(before, after, {"genres"})
    op = Op.CREATED if before is None else Op.DELETED if after is None else Op.UPDATED
    change = Change(
        op=op, id=7, before=before, after=after, changed=changed, version=2, partition="2026-11-22", ts_ms=0
    )
    assert change_in_words(change) == words


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        (1, True, True),
        (0, False, True),
        ([1], [True], True),
        ({"a": 0}, {"a": False}, True),
        (80, 80.0, False),
        (None, 0, True),
        ([1, 2], [2, 1], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        (2**53, float(2**53), False),
        (2**53 + 1, float(2**53), True),
    ],
)
def test_values_of_json_are_compared(before: Any, after: Any, differs: bool) -> None:
    assert changed_fields({"value": before}, {"value": after}, set()) == (["value"] if differs else [])


def test_a_field_that_is_null_is_not_one_that_is_missing() -> None:
    assert changed_fields({"hypes": None}, {}, set()) == ["hypes"]
