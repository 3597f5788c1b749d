from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from gamelake.days import bounds_of
from sandbox.igdb import World, WorldError
from sandbox.rawg import RawgSandbox, RawgWorld

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = date(2026, 11, 20)
LISTS = ("games", "genres", "platforms", "stores", "developers", "publishers", "tags")
STEAM_URL = re.compile(r"https://store\.steampowered\.com/app/(\d+)/")


def igdb_rows(rawg: RawgSandbox, endpoint: str) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in rawg.igdb.rows(endpoint)}


@pytest.mark.parametrize("games", [1, 3, 300])
def test_advancing_and_making_again_give_the_same_rows(games: int, build: Callable[..., RawgSandbox]) -> None:
    last = DAY + timedelta(days=12)
    advanced, rebuilt = build(games=games), build(games=games, today=last)
    for day in range(1, 8):
        advanced.igdb.advance(DAY + timedelta(days=day))
        advanced.rows("games")
    advanced.igdb.advance(last)
    for name in LISTS:
        assert advanced.rows(name) == rebuilt.rows(name)
    assert advanced.truth() == rebuilt.truth()


def test_another_seed_is_another_world(build: Callable[..., RawgSandbox]) -> None:
    assert build(seed=1).rows("games") != build(seed=2).rows("games")


def test_each_side_has_games_that_the_other_has_not(large: RawgSandbox) -> None:
    rawg = large
    truth, here, igdb = rawg.truth(), {row["id"] for row in rawg.rows("games")}, igdb_rows(rawg, "games")
    assert set(truth) <= here
    assert set(truth.values()) <= set(igdb)
    assert len(set(truth.values())) == len(truth), "one to one"
    assert len(here - set(truth)) == round(2_000 / 12)
    assert 0.1 < 1 - len(truth) / len(igdb) < 0.25
    assert not any(row_id == game for row_id, game in truth.items())


def test_names_differ_now_and_then_and_some_games_have_the_name_of_another(large: RawgSandbox) -> None:
    rawg = large
    truth, igdb = rawg.truth(), igdb_rows(rawg, "games")
    named = {row["id"]: row["name"] for row in rawg.rows("games")}
    other = [
        (named[row_id], igdb[game]["name"]) for row_id, game in truth.items() if named[row_id] != igdb[game]["name"]
    ]
    assert 0.1 < len(other) / len(truth) < 0.3
    assert any("™" in ours for ours, _theirs in other)
    assert any(theirs.endswith(" IV") and ours.endswith(" 4") for ours, theirs in other)
    assert any(not theirs.isascii() and ours.isascii() for ours, theirs in other)
    igdb_names = {row["name"] for row in igdb.values()}
    assert sum(named[row_id] in igdb_names for row_id in named if row_id not in truth) > 20


def test_slugs_are_unique_and_plain(build: Callable[..., RawgSandbox]) -> None:
    slugs = [row["slug"] for row in build(games=1_000, today=DAY + timedelta(days=5)).rows("games")]
    assert len(set(slugs)) == len(slugs)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) for slug in slugs)


def test_links_to_stores_agree_with_the_other_world(large: RawgSandbox) -> None:
    rawg = large
    truth = rawg.truth()
    apps: dict[int, set[str]] = {}
    for external in rawg.igdb.rows("external_games"):
        if external["external_game_source"] == 1:
            apps.setdefault(external["game"], set()).add(external["uid"])
    links_of = rawg.using(lambda world: {row["id"]: world.stores_of(row) for row in world.games()})
    agreeing = wrong = 0
    for row in rawg.rows("games"):
        links = links_of[row["id"]]
        assert [link["store_id"] for link in links] == [each["store"]["id"] for each in row["stores"]]
        for link in links:
            assert link["game_id"] == row["id"]
            found = STEAM_URL.fullmatch(link["url"])
            if link["store_id"] == 1 and row["id"] in truth:
                assert found
                right = found[1] in apps.get(truth[row["id"]], ())
                agreeing, wrong = agreeing + right, wrong + (not right)
    assert agreeing > 500
    assert 0 < wrong < 0.02 * agreeing


def test_a_day_changes_a_share_of_the_games_in_its_first_minute_with_ties(build: Callable[..., RawgSandbox]) -> None:
    rawg = build(games=1_500, changed=0.02)
    before = {row["id"]: row for row in rawg.rows("games")}
    assert all(row["updated_at"] < bounds_of(DAY)[0].timestamp() for row in before.values())
    day = DAY + timedelta(days=1)
    rawg.igdb.advance(day)
    changed = [row for row in rawg.rows("games") if row != before.get(row["id"])]
    assert 0.013 < len(changed) / 1_500 < 0.027
    start = bounds_of(day)[0].timestamp()
    assert all(start <= row["updated_at"] < start + 60 for row in changed)
    assert Counter(row["updated"] for row in changed).most_common(1)[0][1] > 4
    for row in changed:
        assert datetime.fromisoformat(f"{row['updated']}+00:00").timestamp() == row["updated_at"]
        if row["id"] in before:
            assert row["added"] >= before[row["id"]]["added"]


def test_a_new_game_comes_within_days_and_a_deleted_one_stays(build: Callable[..., RawgSandbox]) -> None:
    rawg = build(games=300, today=DAY + timedelta(days=9))
    first = set(rawg.igdb.using(lambda world: list(world.table("games").first_ids)))
    live = set(igdb_rows(rawg, "games"))
    known = set(rawg.truth().values())
    assert known & (live - first), "new"
    assert known & (first - live), "deleted there"
    stepped, late = build(games=300), set()
    for day in range(1, 10):
        stepped.igdb.advance(DAY + timedelta(days=day))
        late |= set(igdb_rows(stepped, "games")) - first - set(stepped.truth().values())
    assert late & known, "not all of them came at once"


def test_figures_look_like_those_of_the_api(large: RawgSandbox) -> None:
    rows = large.rows("games")
    assert all(0 <= row["rating"] <= 5 for row in rows)
    assert all((row["ratings_count"] == 0) == (row["ratings"] == []) for row in rows)
    assert all(row["metacritic"] is None or 1 <= row["metacritic"] <= 100 for row in rows)
    assert {row["esrb_rating"] is None for row in rows} == {True, False}
    assert {row["added_by_status"] is None for row in rows} == {True, False}
    assert all(len(orjson.dumps(row)) < 20_000 for row in rows)


def test_reference_lists_count_their_games(rawg: RawgSandbox) -> None:
    games = rawg.rows("games")
    for genre in rawg.rows("genres"):
        of_genre = [game for game in games if genre["id"] in [each["id"] for each in game["genres"]]]
        assert genre["games_count"] == len(of_genre)
        assert [each["added"] for each in genre["games"]] == sorted((game["added"] for game in of_genre), reverse=True)[
            :6
        ]
    developers = rawg.rows("developers")
    assert developers
    assert len({row["slug"] for row in developers}) == len(developers)


def test_rows_are_written_and_deleted(rawg: RawgSandbox) -> None:
    (first, second, *_) = rawg.rows("games")
    assert rawg.upsert("games", [{"id": first["id"], "name": "Renamed"}, {"id": 5_000_000, "name": "New"}]) == 2
    rows = {row["id"]: row for row in rawg.rows("games")}
    assert (rows[first["id"]]["name"], rows[first["id"]]["slug"]) == ("Renamed", first["slug"])
    assert rows[first["id"]]["updated"] == rawg.igdb.clock().strftime("%Y-%m-%dT%H:%M:%S")
    assert rows[5_000_000]["name"] == "New"
    assert rawg.delete("games", [second["id"], 5_000_000, 6_000_000]) == 2
    assert {second["id"], 5_000_000}.isdisjoint({row["id"] for row in rawg.rows("games")})
    assert second["id"] not in rawg.truth()
    rawg.upsert("genres", [{"id": 4, "name": "Action!"}, {"id": 99, "name": "New", "slug": "new"}])
    genres = {row["id"]: row["name"] for row in rawg.rows("genres")}
    assert (genres[4], genres[99]) == ("Action!", "New")
    rawg.upsert("games", [{"id": first["id"], "updated": "2020-01-02T03:04:05"}])
    row = next(row for row in rawg.rows("games") if row["id"] == first["id"])
    assert row["updated_at"] == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()


def test_a_list_that_does_not_exist_is_named(rawg: RawgSandbox) -> None:
    for ask in (lambda: rawg.rows("nope"), lambda: rawg.upsert("nope", [{"id": 1}])):
        with pytest.raises(WorldError, match="found 'nope'"):
            ask()
    with pytest.raises(WorldError, match="a row without an id"):
        rawg.upsert("games", [{"name": "x"}])


def test_recorded_games_of_the_other_world_do(tmp_path: Path) -> None:
    rows = [
        {"id": row_id, "name": f"Game {row_id}", "slug": f"game-{row_id}", "external_games": [9]}
        for row_id in (1, 2, 3, 4)
    ]
    (tmp_path / "games.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    world = RawgWorld(World.recorded(tmp_path, first_day=DAY, today=DAY))
    assert 1 <= len(world.games()) <= 4
    assert set(world.truth().values()) <= {1, 2, 3, 4}
