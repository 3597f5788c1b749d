from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from gamelake.days import day_of
from gamelake.fields import FieldType
from gamelake.kinds import Kind
from gamelake.registry import load_sources
from gamelake.sources.igdb.options import IgdbOptions
from sandbox.igdb import World, WorldError
from sandbox.igdb.games import OWNED
from sandbox.igdb.table import NO_UPDATED_AT
from tests.support.worlds import by_id, start_of

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = date(2026, 11, 20)
STAGING = Path(__file__).parents[3] / "dbt" / "models" / "staging" / "igdb"
DEPRECATED = {"category", "follows", "media", "region", "change_date_category", "start_date_category"}


@pytest.mark.parametrize("games", [1, 3, 300])
def test_advancing_a_world_and_making_it_again_give_the_same_rows(games: int, build: Callable[..., World]) -> None:
    last = FIRST + timedelta(days=12)
    advanced = build(games=games)
    for day in range(1, 8):
        advanced.advance(FIRST + timedelta(days=day))
    advanced.advance(last)
    rebuilt = build(games=games, today=last)
    assert set(advanced.tables) == set(rebuilt.tables)
    for endpoint in rebuilt.tables:
        assert list(advanced.rows(endpoint)) == list(rebuilt.rows(endpoint))


def test_another_seed_is_another_world(world: World) -> None:
    other = World.generate(seed=8, games=300, first_day=FIRST, today=FIRST)
    assert list(other.rows("games")) != list(world.rows("games"))


def test_rows_hold_what_the_registry_declares_and_nothing_empty(build: Callable[..., World]) -> None:
    world = build(games=2_000, today=FIRST + timedelta(days=2))
    python_types = {
        FieldType.INT: int,
        FieldType.TIMESTAMP: int,
        FieldType.DOUBLE: float,
        FieldType.STRING: str,
        FieldType.BOOL: bool,
        FieldType.INT_ARRAY: list,
    }
    modelled = {model.stem.removeprefix("stg_igdb__") for model in STAGING.glob("stg_*.sql")}
    for entity in load_sources()["igdb"].entities.values():
        rows = list(world.rows(IgdbOptions.of(entity).endpoint))
        if entity.name not in modelled:
            continue  # a new entity that no model reads yet needs no rows
        assert rows
        for row in rows:
            assert {field: type(value) for field, value in row.items()} == {
                field: python_types[entity.fields[field]] for field in row
            }
            assert not [field for field, value in row.items() if value in (None, "", [])]
        seen = {field for row in rows for field in row}
        assert set(entity.fields) - seen <= DEPRECATED


def test_games_look_like_recorded_ones(build: Callable[..., World]) -> None:
    rows = list(build(games=3_000).rows("games"))
    ids = [row["id"] for row in rows]
    assert len(ids) == 3_000
    assert max(ids) == pytest.approx(3_300, rel=0.03)
    weights = [len(orjson.dumps(row)) for row in rows]
    assert 1_200 < sum(weights) / len(weights) < 2_000
    assert Counter(row["game_type"] for row in rows)[0] / 3_000 == pytest.approx(0.83, abs=0.03)
    assert sum("game_status" in row for row in rows) < 600
    assert any(row.get("first_release_date", 0) < 0 for row in rows)
    assert any(row.get("first_release_date", 0) > start_of(FIRST) for row in rows)
    names = "".join(row["name"] for row in rows)
    assert re.search("[가-힣]", names)
    assert re.search("[ぁ-ん]", names)
    assert "🎮" in names
    assert any(row["platforms"] != sorted(row["platforms"]) for row in rows if "platforms" in row)
    assert len({row["slug"] for row in rows}) == len({row["checksum"] for row in rows}) == 3_000


def test_references_to_small_tables_resolve(build: Callable[..., World]) -> None:
    world = build(games=1_000, today=FIRST + timedelta(days=5))
    arrays = ("platforms", "genres", "themes", "game_modes", "player_perspectives")
    tables = {field: set(by_id(world, field)) for field in arrays}
    types, statuses = set(by_id(world, "game_types")), set(by_id(world, "game_statuses"))
    for row in world.rows("games"):
        for field, known in tables.items():
            assert set(row.get(field, ())) <= known
        assert row["game_type"] in types
        assert row.get("game_status", 0) in statuses
    assert (len(tables["platforms"]), len(tables["genres"]), 0 in types, 0 in statuses) == (220, 23, True, True)


def test_what_belongs_to_games_comes_and_goes_with_them(build: Callable[..., World]) -> None:
    world = build(games=3_000, today=FIRST + timedelta(days=6))
    games = by_id(world, "games")
    for endpoint in OWNED:
        rows = by_id(world, endpoint)
        assert {row["game"] for row in rows.values()} <= set(games)
        named = {game: set(row.get(endpoint, ())) for game, row in games.items()}
        if endpoint == "covers":
            named = {game: {row["cover"]} if "cover" in row else set() for game, row in games.items()}
        owned: dict[int, set[int]] = {game: set() for game in games}
        for row in rows.values():
            owned[row["game"]].add(row["id"])
        assert owned == named
    companies = by_id(world, "companies")
    parts = list(world.rows("involved_companies"))
    assert {row["company"] for row in parts} <= set(companies)
    for role in ("developer", "publisher", "porting", "supporting"):
        assert any(row[role] for row in parts)
    for field in ("franchises", "collections"):
        assert {i for row in games.values() for i in row.get(field, ())} <= set(by_id(world, field))
    unchanged = {game for game, row in games.items() if row["updated_at"] < start_of(FIRST)}
    first = [row for row in world.rows("release_dates") if row["id"] % 4 == 0 and row["game"] in unchanged]
    assert [row.get("date") for row in first] == [games[row["game"]].get("first_release_date") for row in first]


def test_games_have_store_pages_websites_and_titles(build: Callable[..., World]) -> None:
    world = build(games=3_000)
    steam = [row for row in world.rows("external_games") if row["external_game_source"] == 1]
    loaded = [row for row in world.rows("websites") if row["type"] in {1, 13, 16, 17}]
    sites = {(row["game"], row["type"]): row["url"] for row in loaded}
    apps: dict[int, set[str]] = {}
    for row in steam:
        apps.setdefault(row["game"], set()).add(row["uid"])
    assert len(apps) / 3_000 == pytest.approx(0.4, abs=0.1)
    assert 0.01 < sum(len(found) > 1 for found in apps.values()) / len(apps) < 0.1
    pages = {game: url.rpartition("/")[2] for (game, kind), url in sites.items() if kind == 13}
    assert set(pages) - set(apps)
    agree = Counter(page in apps[game] for game, page in pages.items() if game in apps)
    assert agree[True] > 10 * agree[False] > 0
    assert len(sites) == len(loaded)
    (korea,) = (row["id"] for row in world.rows("regions") if row["identifier"] == "ko-KR")
    titles = [row["name"] for row in world.rows("game_localizations") if row["region"] == korea]
    assert 0.03 < len(titles) / 3_000 < 0.15
    assert all(re.search("[가-힣]", title) for title in titles)


def test_a_day_updates_inserts_and_deletes_games(world: World) -> None:
    before = by_id(world, "games")
    day = FIRST + timedelta(days=1)
    world.advance(day)
    after = by_id(world, "games")
    start = start_of(day)
    assert all(row["updated_at"] < start_of(FIRST) for row in before.values())
    inserted, deleted = set(after) - set(before), set(before) - set(after)
    updated = {row_id for row_id in set(after) & set(before) if after[row_id] != before[row_id]}
    assert len(inserted) >= 2
    assert min(inserted) > max(before)
    assert deleted
    assert len(updated) >= 3
    for row_id in inserted | updated:
        assert start <= after[row_id]["updated_at"] < start + 60
    for row_id in set(before) & set(after) - updated:
        assert after[row_id] == before[row_id]


@pytest.mark.parametrize("games", [5, 20, 40, 150])
def test_no_load_of_a_small_world_is_held(games: int, build: Callable[..., World]) -> None:
    """Each day deletes a game with all of its rows: a share of a small table that no load may remove."""
    world = build(games=games)
    before = set(by_id(world, "games"))
    most: dict[str, int] = {}
    for age in range(15):
        world.advance(FIRST + timedelta(days=age))
        for name, entity in load_sources()["igdb"].entities.items():
            now = len(world.tables[IgdbOptions.of(entity).endpoint])
            had = most.get(name, now)
            assert had - now <= entity.limits.lost_rows(had), f"{name} on day {age}"
            most[name] = now if entity.kind is Kind.TIME_SERIES else max(had, now)
    assert before - set(by_id(world, "games"))


def test_many_days_change_names_texts_arrays_and_hypes(build: Callable[..., World]) -> None:
    before = by_id(build(games=2_000), "games")
    after = by_id(build(games=2_000, today=FIRST + timedelta(days=10)), "games")
    changed = Counter(
        field
        for row_id in set(before) & set(after)
        for field in set(before[row_id]) | set(after[row_id])
        if before[row_id].get(field) != after[row_id].get(field)
    )
    for field in ("name", "summary", "platforms", "hypes", "first_release_date", "checksum"):
        assert changed[field], field


def test_a_platform_is_renamed_on_the_first_day_and_a_genre_on_the_third(world: World) -> None:
    platforms, genres = by_id(world, "platforms"), by_id(world, "genres")
    world.advance(FIRST + timedelta(days=1))
    renamed = [row for row_id, row in by_id(world, "platforms").items() if row["name"] != platforms[row_id]["name"]]
    assert len(renamed) == 1
    assert renamed[0]["updated_at"] >= start_of(FIRST + timedelta(days=1))
    world.advance(FIRST + timedelta(days=3))
    assert [row for row_id, row in by_id(world, "genres").items() if row["name"] != genres[row_id]["name"]]


def test_the_updated_column_agrees_with_the_rows_after_every_kind_of_change(build: Callable[..., World]) -> None:
    world = build(games=400)

    def check() -> None:
        for endpoint, table in world.tables.items():
            assert list(table.updated) == [row.get("updated_at", NO_UPDATED_AT) for row in world.rows(endpoint)]

    check()
    for day in range(1, 4):
        world.advance(FIRST + timedelta(days=day))
        check()
    world.upsert("games", [{"id": 5, "name": "New"}, {"id": 99_999, "name": "Newer", "updated_at": 7}])
    world.upsert("popularity_primitives", [{"id": 1, "game_id": 5, "popularity_type": 2, "value": 0.05}])
    world.delete("games", [1, 2, 3])
    check()
    world.advance(FIRST + timedelta(days=9))
    check()


def test_upsert_merges_stamps_and_takes_nulls_away(world: World) -> None:
    row_id = next(row["id"] for row in world.rows("games") if "summary" in row)
    before = by_id(world, "games")[row_id]
    assert world.upsert("games", [{"id": row_id, "name": "New", "summary": None, "genres": []}]) == 1
    after = by_id(world, "games")[row_id]
    assert after["name"] == "New"
    assert "summary" not in after
    assert "genres" not in after
    assert after["slug"] == before["slug"]
    assert after["checksum"] != before["checksum"]
    assert abs(after["updated_at"] - world.clock().timestamp()) < 5
    world.upsert("games", [{"id": row_id, "updated_at": 12, "checksum": "given"}])
    assert by_id(world, "games")[row_id] == after | {"updated_at": 12, "checksum": "given"}


def test_an_upsert_outlives_the_day_and_is_churned_like_any_row(world: World) -> None:
    world.upsert("popularity_primitives", [{"id": 10**7, "game_id": 1, "popularity_type": 1, "value": 0.01}])
    world.advance(FIRST + timedelta(days=1))
    row = by_id(world, "popularity_primitives")[10**7]
    assert row["value"] != 0.01
    assert row["calculated_at"] >= start_of(FIRST + timedelta(days=1))


def test_deletes_and_an_endpoint_of_ones_own(world: World) -> None:
    some = [row["id"] for row in world.rows("games")][:3]
    assert world.delete("games", [*some, 10**9]) == 3
    assert not set(some) & set(by_id(world, "games"))
    world.upsert("characters", [{"id": 3, "name": "Ours"}])
    assert list(world.rows("characters")) == [{"id": 3, "name": "Ours"}]


def test_an_upsert_with_one_bad_row_writes_none(world: World) -> None:
    with pytest.raises(WorldError, match=r"games, row 1: .*expected an object with a whole `id`"):
        world.upsert("games", [{"id": 10**6}, {"name": "no id"}])
    assert 10**6 not in by_id(world, "games")


def test_the_clock_is_on_today_on_any_real_day(build: Callable[..., World]) -> None:
    for today in (FIRST, date(2027, 3, 1)):
        clock = build(games=1, today=today).clock()
        assert day_of(clock) == today
        real = datetime.now(UTC)
        apart = abs((clock - real).total_seconds()) % 86_400
        assert min(apart, 86_400 - apart) < 61


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"games": 0}, "games: found 0"),
        ({"games": 10**7}, "games: found 10000000"),
        ({"popularity_per_game": 0}, "popularity_per_game"),
        ({"today": FIRST - timedelta(days=1)}, "does not turn back"),
    ],
)
def test_a_world_that_cannot_be(options: dict[str, Any], message: str, build: Callable[..., World]) -> None:
    with pytest.raises(WorldError, match=message):
        build(**options)


def test_an_unknown_endpoint_names_the_known_ones(world: World) -> None:
    with pytest.raises(WorldError, match=r"'nope', expected one of .*games"):
        world.rows("nope")
