"""One odd row of the source costs its odd values, or itself. It stops no night; many of them do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from gamelake.sources.contract import MAX_ROW_BYTES
from tests.support.dbt import Dbt
from tests.support.raw_lake import Lake

EVERY_ID = [(0, None)]
ONLY_DATA_TESTS = ("--exclude-resource-type", "unit_test")
STAGING = (*ONLY_DATA_TESTS, "-s", "staging", "--indirect-selection", "cautious")
LOOKUPS = {
    "platforms": "name",
    "genres": "name",
    "game_modes": "name",
    "themes": "name",
    "player_perspectives": "name",
    "game_types": "type",
    "game_statuses": "status",
    "popularity_types": "name",
    "regions": "name",
}
LINKS = ("platforms", "genres", "game_modes", "themes", "player_perspectives")
NO_TIME = 2**62
YEAR_0 = -62_135_683_200  # of the real company 9254
MILLISECONDS = 1_700_000_000_000

Row = dict[str, Any]


def game(number: int, **fields: Any) -> Row:
    links = {entity: [1, 2] for entity in LINKS}
    return {
        "id": number,
        "name": f"Game {number}",
        "game_type": 1 if number % 2 else 2,
        "game_status": 2,
        "cover": number,
        "aggregated_rating": 99.99999999999999,
        "aggregated_rating_count": 7,
        "first_release_date": 1_700_000_000,
        **links,
        **fields,
    }


def value(number: int, game_id: int | None, kind: int | None = 3, amount: float | None = 0.25, **fields: Any) -> Row:
    row = {"id": number, "game_id": game_id, "popularity_type": kind, "value": amount, **fields}
    return {name: found for name, found in row.items() if found is not None}


def fill(lake: Lake, *, odd: int) -> None:
    """Forty games and what they refer to; of every kind of oddity `odd` rows."""
    for entity, name in LOOKUPS.items():
        rows = [{"id": i, name: f"{entity} {i}", "created_at": 1_700_000_000} for i in range(1, 9)]
        for row in rows[:odd]:
            row[name] = "" if entity == "genres" else None
        for row in rows[-odd:]:
            row["created_at"] = YEAR_0
        lake.add(entity, [{key: found for key, found in row.items() if found is not None} for row in rows],
                 claims=EVERY_ID)  # fmt: skip
    games = [game(n) for n in range(1, 41)]
    for row in games[:odd]:
        row.update(first_release_date=NO_TIME, created_at=-NO_TIME, updated_at=MILLISECONDS)
    for row in games[odd : 2 * odd]:
        row.update(name=" \u200b")
    games[10].update(total_rating=100.00000000000001, rating=-1e-12, aggregated_rating=100.00000000000001)
    games[11].update(summary="", slug=" ", url="\t", hypes=2**62)
    games[12].update(name="")
    games[16].update({entity: [1, 2, *range(100, 300)] for entity in LINKS})
    games[12 if odd > 1 else 13].update(name="Out of range", aggregated_rating_count=2**62, hypes=-1)
    if odd == 1:
        games[12].update(name="Named")
    lake.add("games", games, claims=EVERY_ID)
    covers = [{"id": n, "game": n, "image_id": f"co{n}"} for n in range(1, 41)]
    covers[14].update(image_id="")
    lake.add("covers", covers, claims=EVERY_ID)
    companies: list[Row] = [{"id": n, "name": f"Company {n}", "start_date": 0} for n in range(1, 41)]
    companies[5].update(name="", description=" ", slug="")
    for row in companies[:odd]:
        row.update(start_date=YEAR_0)
    lake.add("companies", companies, claims=EVERY_ID)
    parts: list[Row] = [{"id": n, "game": n, "company": n, "developer": True} for n in range(1, 41)]
    parts += [{"id": 41, "developer": True}]
    lake.add("involved_companies", parts, claims=EVERY_ID)
    dates: list[Row] = [{"id": n, "game": n, "date": 1_700_000_000, "y": 2023} for n in range(1, 41)]
    for row in dates[:odd]:
        row.update(date=MILLISECONDS, y=0)
    lake.add("release_dates", [*dates, {"id": 41, "human": ""}], claims=EVERY_ID)
    pages: list[Row] = [{"id": n, "game": n, "external_game_source": 1, "uid": f"{n}0"} for n in range(1, 41)]
    pages[0].update(uid="sub/1")
    titles: list[Row] = [{"id": n, "game": n, "region": 1 + n % 8, "name": f"Title {n}"} for n in range(1, 41)]
    for row in [*pages[:odd], *titles[:odd]]:
        row.update(created_at=YEAR_0)
    lake.add("external_games", pages, claims=EVERY_ID)
    lake.add("game_localizations", titles, claims=EVERY_ID)
    lake.add("websites", [{"id": 1, "game": 1, "type": 13, "url": " "}, {"id": 2, "type": 1}], claims=EVERY_ID)
    values = [value(n, n, calculated_at=1_700_000_000) for n in range(1, 41)]
    values += [value(100 * kind + n, n, kind=kind, amount=0.5) for n in range(1, 9) for kind in (6, 7, 8)]
    values += [value(2000, None), value(2001, 1, kind=None), value(2002, 2, amount=None)][:odd]
    for row in values[-odd:]:
        row.update(calculated_at=NO_TIME)
    values += [value(3000 + n, 20 + n, amount=0.5, calculated_at=1_700_000_001) for n in range(odd)]
    lake.add("popscore", values, claims=EVERY_ID)
    fill_rawg(lake, odd=odd)


def fill_rawg(lake: Lake, *, odd: int) -> None:
    """Games of RAWG, and what belongs to them, with nested values as RAWG sends them; as many are odd."""
    games: list[Row] = [
        {
            "id": n,
            "name": f"Game {n}",
            "slug": f"game-{n}",
            "released": "2023-11-14",
            "rating": 4.25,
            "ratings": [{"id": 5, "title": "exceptional", "count": 9, "percent": 75.0}, {"id": 1, "count": 3}],
            "ratings_count": 12,
            "added": 80,
            "added_by_status": {"yet": 8, "owned": 72},
            "metacritic": 81,
            "playtime": 9,
            "updated_at": 1_700_000_000,
            "esrb_rating": {"id": 4, "name": "Mature", "slug": "mature"},
            "platforms": [{"platform": {"id": 4, "name": "PC", "slug": "pc"}, "released_at": None}],
            "genres": [{"id": 4, "name": "Action", "slug": "action"}],
            "stores": [{"id": 16 * n, "store": {"id": 1, "name": "Steam"}}],
        }
        for n in range(1, 41)
    ]
    for row in games[:odd]:
        row.update(ratings={"5": 9}, added_by_status=[8], esrb_rating="Mature", platforms=[None, {"platform": 4}, 4])
        row.update(genres="Action", stores=8, rating=1e300, metacritic=2**62, added=-(2**62), updated_at=NO_TIME)
        row.update(name="", released="next year")
    lake.add("rawg.games", games)
    details: list[Row] = [{"id": n, "name": f"Game {n}", "developers": [{"id": n, "name": "A"}]} for n in range(1, 41)]
    for row in details[:odd]:
        row.update(name=" ", developers=[[]], publishers={}, alternative_names=[["A"], None, 7], updated_at=NO_TIME)
    lake.add("rawg.game_details", [*details, {"id": 41, "is_missing": True}])
    links: list[Row] = [
        {"id": n, "items": [{"store_id": 1, "url": f"https://store.steampowered.com/app/{n}0/"}]} for n in range(1, 41)
    ]
    for row in links[:odd]:
        row.update(items="none")
    lake.add("rawg.game_stores", [*links, {"id": 41, "is_missing": True, "items": []}])
    for table in ("genres", "platforms", "stores", "developers", "publishers"):
        rows: list[Row] = [{"id": n, "name": f"{table} {n}", "games_count": 40} for n in range(1, 9)]
        for row in rows[:odd]:
            row.update(name="", games_count=None)
        lake.add(f"rawg.{table}", rows, claims=EVERY_ID)


@pytest.fixture(scope="module")
def night(make_lake: Callable[[str], Lake], dbt: Dbt) -> tuple[Any, Any]:
    """A build with all tests of a lake with one odd row of every kind: (outcome, generation)."""
    lake = make_lake("2026-11-21")
    fill(lake, odd=1)
    generation = lake.generation()
    return dbt("build", *ONLY_DATA_TESTS, generation=generation), generation


def rows_of(generation: Any, mart: str, key: str) -> dict[int, Row]:
    found = duckdb.sql(f"from read_parquet('{generation}/{mart}.parquet', hive_partitioning = false)")
    rows = (dict(zip(found.columns, row, strict=True)) for row in found.fetchall())
    return {row[key]: row for row in rows}


def test_one_odd_row_of_every_kind_stops_no_night(night: tuple[Any, Any]) -> None:
    outcome, _ = night
    assert outcome.success, outcome.messages
    warned = {name for name, status in outcome.statuses.items() if status == "warn"}
    assert warned >= {f"rarely_stg_igdb__{entity}_name_is_null__0_05" for entity in LOOKUPS}
    assert warned >= {f"rarely_stg_igdb__games_{odd}" for odd in ("name_is_null", "out_of_range_values_0")}
    bridges = {name for name in warned if name.startswith("references_known_bridge_game_")}
    assert len(bridges) == len(LINKS)
    assert {name for name in warned - bridges if not name.startswith("rarely_stg_")} == {
        "rarely_repeated_stg_igdb__popscore_game_id__popularity_type__0_05",
        "unusable_popularity_values",
        "stale_popularity_types",  # values of 2023
    }
    assert {outcome.messages[name] for name in warned} == {"Got 1 result, configured to warn if > 0"}


def test_odd_values_are_null_and_their_rows_stay(night: tuple[Any, Any]) -> None:
    _, generation = night
    games = rows_of(generation, "dim_games", "game_id")
    assert len(games) == 39  # one shows no name
    assert 2 not in games
    assert [games[1][name] for name in ("first_release_date", "created_at", "updated_at")] == [None] * 3
    assert games[1]["release_year"] is None
    assert [games[11][name] for name in ("total_rating", "rating", "aggregated_rating")] == [100, 0, 100]
    assert [games[12][name] for name in ("game_summary", "game_slug", "url")] == [None] * 3
    assert games[15]["cover_url"] is None
    assert [games[1][name] for name in ("steam_app_id", "steam_url", "official_url")] == [None] * 3
    assert games[3]["steam_app_id"] == 30
    assert games[3]["genre_names"] == ["genres 2"]
    companies = rows_of(generation, "dim_companies", "company_id")
    assert len(companies) == 40
    assert companies[1]["start_date"] is None
    assert [companies[6][name] for name in ("company_name", "company_description", "company_slug")] == [None] * 3


@pytest.mark.slow
def test_forty_of_the_longest_rows_and_their_changes_fit_in_the_memory_of_a_build(
    make_lake: Callable[[str], Lake], dbt: Dbt
) -> None:
    lake = make_lake("2026-11-21")
    fill(lake, odd=1)
    text = "Longest. " * ((MAX_ROW_BYTES - 1000) // 9)
    longest = [game(n, summary=text) for n in range(1, 41)]
    lake.add("games", longest)
    made = {"op": "u", "changed": ["summary"], "source": {"ts_ms": 1_700_000_000_000}}
    lake.change(*({**made, "id": row["id"], "before": {**row, "summary": text[::-1]}, "after": row} for row in longest))
    generation = lake.generation()
    done = dbt("run", "-s", "+dim_games", "+fct_game_changes", generation=generation)
    assert done.success, done.messages
    changes = duckdb.sql(f"select field, len(before_value) from '{generation}/fct_game_changes.parquet'").fetchall()
    assert changes == [("summary", len(text))] * 40


def test_of_two_values_the_newest_counts_and_half_a_value_is_none(night: tuple[Any, Any]) -> None:
    _, generation = night
    facts = rows_of(generation, "fct_game_popularity", "game_id")
    assert set(facts) == set(range(1, 41))
    assert facts[20]["playing"] == 0.5
    assert facts[1]["available_metrics_count"] == 4


@pytest.mark.slow
def test_many_odd_rows_fail(make_lake: Callable[[str], Lake], dbt: Dbt) -> None:
    lake = make_lake("2026-11-21")
    fill(lake, odd=3)
    generation = lake.generation()
    assert dbt("run", "-s", "staging", generation=generation).success
    done = dbt("test", *STAGING, generation=generation)
    failed = {name for name, status in done.statuses.items() if status == "fail"}
    lookups = {f"rarely_stg_igdb__{entity}_name_is_null__0_05" for entity in LOOKUPS}
    lookups |= {f"rarely_stg_igdb__{entity}_out_of_range_values_0__0_05" for entity in LOOKUPS}
    assert failed == lookups | {
        "rarely_stg_igdb__games_name_is_null",
        "rarely_stg_igdb__games_out_of_range_values_0",
        "rarely_stg_igdb__companies_out_of_range_values_0",
        "rarely_stg_igdb__release_dates_out_of_range_values_0",
        "rarely_stg_igdb__external_games_out_of_range_values_0",
        "rarely_stg_igdb__game_localizations_out_of_range_values_0",
        "rarely_stg_igdb__popscore_out_of_range_values_0",
        "unusable_popularity_values",
    }
    assert done.messages["rarely_stg_igdb__companies_out_of_range_values_0"] == (
        "Got 3 results, configured to fail if > 1 + 0.001 * max(all_rows)"
    )


@pytest.mark.slow
def test_tables_that_came_empty_fail_while_others_refer_to_them(make_lake: Callable[[str], Lake], dbt: Dbt) -> None:
    lake = make_lake("2026-11-21")
    fill(lake, odd=1)
    for entity in ("covers", "game_types", "game_statuses", "companies", "popularity_types", "regions"):
        lake.files[entity].clear()
    done = dbt("build", *STAGING, generation=lake.generation())
    failed = {name.split("__id__")[0]: name for name, status in done.statuses.items() if status == "fail"}
    assert set(failed) == {
        "references_known_stg_igdb__games_cover",
        "references_known_stg_igdb__games_game_type",
        "references_known_stg_igdb__games_game_status",
        "references_known_stg_igdb__involved_companies_company_id",
        "references_known_stg_igdb__game_localizations_region_id",
        "references_known_stg_igdb__popscore_popularity_type",
    }
    assert done.messages[failed["references_known_stg_igdb__games_cover"]] == (
        "Got 40 results, configured to fail if > 1 + 0.5 * max(all_references) and max(unknown_ids) > max(few_ids)"
    )
