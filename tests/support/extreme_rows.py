"""Rows with the extreme legal value of every type of the registry, as a load writes them."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import orjson

from gamelake.fields import FieldRule
from gamelake.sources.contract import RowContract

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gamelake.registry import Entity

ROWS = 24
LARGEST_ID = 2**53
LEAST, MOST = -(2**63), 2**63 - 1
EDGES = [-5_364_662_400, 7_258_118_399, -5_364_662_401, 7_258_118_400]
"""The first and the last second of 1800 to 2199, and those before and after them."""
EXTREMES: dict[str, list[Any]] = {
    "int": [1, 2, 3, 0, -1, LARGEST_ID, LEAST, MOST, None],
    "timestamp": [*EDGES, 0, LEAST, MOST, None],
    "double": [1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 0.0, -0.0, 0.1, None],
    "bool": [True, False, None],
    "string": [
        "", " ", "\0", "a\0b", "🎮👩‍👩‍👧", "שלום \u202eright to left", "e\u0301", "\ufeff", "'\"\\\n\r\t", "null",
        "긴 이름" * 1250, None,
    ],
    "int[]": [[], [3, 1, 3, 1], [1], [LEAST, MOST, 0], list(range(5000)), None],
    "json": [
        {}, [], [None], 4, "x", True, [[[]]], {"a": None},
        {"id": MOST, "name": "\0", "count": 1e308, "percent": -1.5, "platform": {"id": MOST, "name": ""}},
        [{"id": MOST, "title": None, "count": LEAST, "percent": "x", "slug": [], "store": {"id": 1.5}}], None,
    ],
}  # fmt: skip


def extreme_rows(entity: Entity) -> list[dict[str, Any]]:
    """Return rows that meet an entity's contract; over all of them each field has each value of its type that may be.

    One field that the registry does not know is an object with an array, an object and a null in it.
    """
    fields = {
        name: islice(cycle(_allowed(EXTREMES[str(kind)], entity.rules.get(name, FieldRule()))), place, None)
        for place, (name, kind) in enumerate(entity.fields.items())
        if name != "id"
    }
    rows: list[dict[str, Any]] = []
    for number in range(1, ROWS + 1):
        row = {"id": number if number < ROWS else LARGEST_ID, **{name: next(values) for name, values in fields.items()}}
        rows.append({**row, "field_of_tomorrow": {"array": [{"object": None}], "name": "\0"}})
    checked = RowContract(entity).check(rows)
    assert [reject.reason for reject in checked.rejects] == []
    return [orjson.loads(line) for line in checked.rows.lines.splitlines()]


def _allowed(values: Iterable[Any], rule: FieldRule) -> list[Any]:
    return [
        value
        for value in values
        if (value is not None or not rule.required)
        and (value is None or rule.minimum is None or value >= rule.minimum)
        and (value is None or rule.maximum is None or value <= rule.maximum)
    ]
