"""Unusual loads, as manifests of a lake tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gamelake.lake.disk import DiskStore
from gamelake.nights.records import RecordReader
from gamelake.quality.anomalies import observations
from tests.support.night_lake import ENTITIES, NightLake, days, moment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("changes", "subjects"),
    [
        ({}, set()),
        ({"rows_read": 4000, "requests": 80}, {"igdb.games.rows_read", "igdb.games.requests"}),
        ({"seconds": 400.0}, {"igdb.games.seconds"}),
        ({"rows_rejected": 90}, {"igdb.games.rejected"}),
        ({"rows": 500}, set()),
    ],
)
def test_the_newest_load_is_compared_with_those_before_it(
    tmp_path: Path, changes: dict[str, float], subjects: set[str]
) -> None:
    games, dates = ENTITIES["games"], days("2026-10-01", 40)
    lake = NightLake(DiskStore(tmp_path))
    for number, day in enumerate(dates):
        usual = {"rows_read": 2000 + 7 * (number % 5), "requests": 40 + number % 3, "seconds": 40.0 + number % 4}
        lake.load(games, day, at=moment(day, "04:01"), **usual | (changes if day == dates[-1] else {}))

    found = list(observations(RecordReader(lake.store, [games]).read(1), [games]))
    assert {each.subject for each in found} == subjects
