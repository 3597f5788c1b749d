"""The dashboard's queries on a day that dbt built: the models have the columns that they name."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import pytest

from apps.dashboard.data import companies, games, lists, nights, overview, reasons, search, trends
from apps.dashboard.data.snapshot import Lake
from gamelake.marts.dbt_project import published_models
from gamelake.marts.generation import publish
from gamelake.marts.lists import BY_KEY, LISTS, tops
from tests.support.dbt import Dbt
from tests.support.source import Source

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 11, 20)


@pytest.mark.slow
def test_every_page_has_its_figures(tmp_path: Path) -> None:
    source = Source(tmp_path / "lake", DAY)
    source.load(DAY)
    assert Dbt(tmp_path / "dbt", GAMELAKE_URI=source.store.uri)("run", generation=None).success
    (generation,) = source.generations(DAY)
    publish(source.store, generation, published_models())
    snapshot = Lake(source.store).current()
    filled = [each for each in LISTS if lists.rows_of(snapshot, each)]
    assert {"rated", "played", "recent", "hyped"} <= {each.key for each in filled}
    for each in filled:
        rows = lists.rows_of(snapshot, each)
        assert all(reasons.parts_of(each.key, row) for row in rows)
        assert all(lists.choices(rows, name) for name in lists.FILTERS)
    assert all(each.value for each in overview.headlines(snapshot))
    assert {top.chosen for top in tops(snapshot.rows) if top.first} == set(filled)
    first = lists.rows_of(snapshot, BY_KEY["played"])[0]
    assert first["game_id"] in search.find(snapshot, first["display_name"])
    game = games.facts(snapshot, first["game_id"])
    assert game is not None
    assert games.relatives(snapshot, game)
    assert games.popularity(snapshot, [game["game_id"]], 28)[-1]["playing_users"] == first["playing_users"]
    assert {"list": "played", "day": DAY, "game_id": game["game_id"], "rank": 1} in games.ranks(
        snapshot, game["game_id"]
    )
    for category in trends.CATEGORIES:
        names = [row["name"] for row in trends.members(snapshot, category)]
        assert trends.over_years(snapshot, category, names)
        assert trends.over_weeks(snapshot, category, names)
        assert trends.funnel(snapshot, category, names)
    company = companies.ranked(snapshot)[0]["company_id"]
    assert companies.one(snapshot, company)
    made = companies.games_of(snapshot, company)
    assert company in {each["company_id"] for each in games.companies(snapshot, made[0]["game_id"])}
    (night,) = nights.nights(snapshot, datetime.combine(DAY, time(12), UTC))
    assert night.state == "complete"
    assert len(nights.loads(snapshot, DAY)) == night.tables
