"""A small lake of three days, with names that a page must survive."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from apps.dashboard.data.snapshot import Lake, Snapshot
from gamelake.lake.factory import open_store
from tests.support.published_marts import MartsLake

if TYPE_CHECKING:
    from pathlib import Path

DAYS = ("2026-11-20", "2026-11-21", "2026-11-22")
ODD_NAMES = {
    101: "<img src=x onerror=\"document.title='broken'\">",
    102: r"$$\LaTeX$$ and **bold** :material/home: [link](https://example.com)",
    103: "A" * 5_000,
    104: "\u202eלילה טוב",
    105: "🎮 별의 여행 🎲",
    106: "   ",
    107: "=1+1",
}
NAMES = {1: "The Legend of Zelda", 2: "Super Mario 64", 3: "100% Orange Juice", 4: "It's Mine", **ODD_NAMES}
COMMITTED = datetime(2026, 11, 20, 4)  # noqa: DTZ001 - as the marts have it
IGDB = "https://images.igdb.com/igdb/image/upload/t_cover_big"


def game(number: int, **fields: Any) -> dict[str, Any]:
    """A row of dim_games."""
    row = {
        "game_id": number,
        "game_name": NAMES[number],
        "display_name": NAMES[number],
        "game_summary": NAMES[number],
        "game_type_name": "Main Game",
        "is_main_game": True,
        "platform_names": ["PC (Microsoft Windows)", NAMES[number]],
        "platform_abbreviations": ["PC", "PS5"],
        "name_ko": "젤다의 전설" if number == 1 else None,
        "steam_app_id": 70 if number == 1 else None,
        "genre_names": ["Adventure"],
        "genre_ids": [1],
        "theme_names": ["Fantasy"],
        "theme_ids": [1],
        "developer_names": ["Nintendo"],
        "release_year": 2000 + number % 20,
        "first_release_date": COMMITTED.replace(year=2000 + number % 20),
        "release_date_precision": "day",
        "cover_url": f"{IGDB}/co{number}.jpg",
        "url": f"https://www.igdb.com/games/{number}",
    }
    return row | fields


def ranked(number: int, rank: int, day: str, before: int | None, **fields: Any) -> dict[str, Any]:
    """A row of a list."""
    shown = game(number)
    columns: tuple[str, ...] = (
        "game_id",
        "game_name",
        "display_name",
        "name_ko",
        "game_type_name",
        "platform_names",
        "platform_abbreviations",
    )
    columns += ("genre_names", "developer_names", "release_year", "first_release_date", "cover_url", "url")
    row = {column: shown[column] for column in columns}
    row |= {"rank": rank, "previous_rank": before, "rank_change": before - rank if before else None}
    return row | {"day": date.fromisoformat(day), "previous_day": date(2026, 11, 20)} | fields


def load(entity: str, day: str, **fields: Any) -> dict[str, Any]:
    """A row of fct_loads."""
    figures: dict[str, Any] = {
        "source_count": 11,
        "row_count": 11,
        "rows_read": 11,
        "rows_rejected": 0,
        "rows_deleted": 0,
    }
    figures |= {"ranges_repaired": 0, "undeclared_values": 0, "requests": 3, "retries": 0, "seconds": 1.5}
    row = {"source": "igdb", "entity": entity, "version": 1, "day": date.fromisoformat(day), "mode": "full"}
    return row | figures | {"proof": "counted", "committed_at": COMMITTED, "undeclared_fields": []} | fields


def fill(lake: MartsLake, day: str) -> None:
    """Put the rows of a day into a lake."""
    lake.rows.clear()
    lake.add("dim_games", [game(number) for number in NAMES])
    users = {number: 10 * number for number in NAMES}
    lake.add("fct_game_popularity", [{"game_id": n, "playing_users": u, "played_users": u} for n, u in users.items()])
    lake.add(
        "dim_companies",
        [
            {
                "company_id": 7,
                "company_name": "Nintendo",
                "display_name": "Nintendo",
                "developed_games": 9,
                "published_games": 2,
            }
        ],
    )
    release = {"game_id": 1, "release_region": "worldwide", "release_date": COMMITTED, "date_precision": "day"}
    lake.add("fct_release_dates", [
        release | {"release_date_id": 1, "platform_id": 6, "platform_name": "PC"},
        release | {"release_date_id": 2, "platform_id": 5, "platform_name": "Wii"},
        release | {"release_date_id": 3, "release_region": "korea", "release_date": COMMITTED.replace(month=12, day=31),
                   "date_precision": "quarter"},
        release | {"release_date_id": 4, "release_region": None, "release_date": None, "date_precision": None},
        release | {"release_date_id": 5, "game_id": 2},
        release | {"release_date_id": 6, "game_id": 2, "release_region": "korea", "release_date": None,
                   "date_precision": "year", "release_year": 2029},
    ])  # fmt: skip
    lake.add("fct_game_change_steps", [
        {"to_version": 1, "day": date(2026, 11, 19), "is_known": False, "reason": "the change feed begins here"},
        {"to_version": 2, "from_version": 1, "day": date(2026, 11, 20), "is_known": True},
        {"to_version": 3, "from_version": 2, "day": date(2026, 11, 21), "is_known": False, "reason": "it is damaged"},
    ])  # fmt: skip
    change = {"game_id": 1, "version": 2, "day": date(2026, 11, 20), "change": "updated"}
    lake.add("fct_game_changes", [
        change | {"field": "hypes", "field_name": "Followers", "before_value": "5", "after_value": "1200"},
        change | {"field": "rating", "before_value": "80.01", "after_value": "80.0161"},
        change | {"field": "first_release_date", "before_value": "1986-02-21"},
        change | {"field": "platforms", "before_value": "PC", "after_value": "Wii", "added_names": ["Wii", "#7"],
                  "removed_names": ["PC"]},
        change | {"field": "screenshots", "added_names": ["#1", "#2"]},
        change | {"field": "field_of_tomorrow", "field_name": "field_of_tomorrow", "after_value": ODD_NAMES[101]},
        change | {"field": "slug", "before_value": "a", "after_value": "b"},
        change | {"field": "game", "game_id": 2, "change": "created", "after_value": "Super Mario 64"},
        change | {"field": "game", "game_id": 99, "change": "deleted", "before_value": "Halo"},
    ])  # fmt: skip
    lake.add("bridge_game_company", [{"game_id": n, "company_id": 7, "role": "developer"} for n in NAMES])
    order = [2, 1, *ODD_NAMES] if day == DAYS[0] else [1, 3, 2, *ODD_NAMES]
    places = [
        ranked(n, rank, day, None if n == 3 else rank + 1, playing_users=users[n]) for rank, n in enumerate(order, 1)
    ]
    lake.add("mart_most_played", places)
    lake.add("mart_top_rated", [
        ranked(1, 1, day, 1, weighted_rating=91.25, aggregated_rating=95.0, aggregated_rating_count=12, rating=90.0,
               rating_count=8, edition_names=["The Legend of Zelda: Gold"]),
    ])  # fmt: skip
    lake.add("mart_hidden_gems", [
        ranked(2, 1, day, None, hidden_score=88.0, quality_score=90.0, positive_share=0.98, positive_share_low=0.95,
               steam_positive_count=490, steam_negative_count=10, reach_percentile=20.0),
    ])  # fmt: skip
    day_before = datetime.fromisoformat(day) - timedelta(days=1)
    lake.add("mart_recent_games", [
        ranked(3, 1, day, None, first_release_date=day_before, platform_abbreviations=["PC"]),
        ranked(2, 2, day, 1, first_release_date=day_before - timedelta(days=9), platform_names=["Nintendo Switch"],
               platform_abbreviations=["Switch"]),
    ])  # fmt: skip
    of_rawg = {"attribution": "RAWG", "attribution_url": "https://rawg.io/games/zelda"}
    ratings = {"rating": 90.0, "rating_count": 100, "rawg_rating": 2.75, "rawg_rating_of_100": 55.0,
               "rawg_ratings_count": 64}  # fmt: skip
    lake.add("mart_market_overview", [
        {"game_id": 1, "aggregated_rating": 95.0, "aggregated_rating_count": 12, "metacritic": 97, "playtime": 20,
         "metacritic_url": "https://www.metacritic.com/game/zelda", "esrb_rating": "Everyone", "added": 1200,
         "added_owned": 700, "steam_store_url": "https://store.steampowered.com/app/70/",
         "gog_store_url": "https://elsewhere.example/zelda", **ratings, **of_rawg},
    ])  # fmt: skip
    lake.add("mart_rating_disagreements", [
        ranked(1, 1, day, None, difference=-35.0, typical_difference=5.0, unusual_difference=-40.0, uncertainty=2.5,
               sure_difference=35.1, **ratings, **of_rawg),
    ])  # fmt: skip
    trend = {"category": "genre", "day": date.fromisoformat(day), "previous_day": None}
    lake.add("mart_theme_trends", [
        {**trend, "name": "Adventure", "games": 11, "playing_users": 660, "rank": 1, "releases_52w": 2},
        {**trend, "name": "Puzzle", "games": 1, "playing_users": None, "rank": 2, "releases_52w": 0},
    ])  # fmt: skip
    lake.add("mart_release_trends", [
        {"category": "genre", "name": "Adventure", "release_year": year, "games": year - 1990} for year in (2001, 2003)
    ])  # fmt: skip
    monday = date.fromisoformat(day) - timedelta(days=date.fromisoformat(day).weekday())
    lake.add("mart_weekly_trends", [
        {"category": "genre", "name": "Adventure", "week": monday, "popularity_day": date(2026, 11, 20), "releases": 1,
         "playing_users": 660},
        {"category": "genre", "name": "Adventure", "week": monday - timedelta(weeks=3), "releases": 2},
    ])  # fmt: skip
    cohort = {"category": "all", "name": "all", "releases": 5, "judged_7d": 4, "judged_30d": 0, "judged_90d": 0}
    lake.add("mart_release_cohorts", [{**cohort, "release_month": date(2026, 11, 1), "played_share_7d": 0.25}])
    lake.add("mart_engagement_funnel", [
        {"category": "genre", "member": "Adventure", "name": "Adventure", "games": 11, "visit_count": 100},
    ])  # fmt: skip
    lake.add("mart_companies", [
        {"company_id": 7, "company_name": "Nintendo", "display_name": "Nintendo", "country_name": "Japan", "games": 11,
         "releases_52w": 1,
         "playing_users": 660, "rank": 1,
         "previous_day": None},
    ])  # fmt: skip
    lake.add("fct_loads", [
        load("games", "2026-11-20", row_count=9, proof="unproven"), load("games", "2026-11-20", version=2),
        load("popscore", "2026-11-20"), load("games", "2026-11-22", version=3),
        load("popscore", "2026-11-22", version=2, proof="unproven", undeclared_fields=["mood"], undeclared_values=3),
        load("games", "2026-11-22", source="rawg"),
    ])  # fmt: skip


@pytest.fixture(scope="session")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> MartsLake:
    """A lake of three days that no test changes; of the second one no popularity was loaded."""
    lake = MartsLake(open_store((tmp_path_factory.mktemp("dashboard") / "lake").as_uri()))
    for day in DAYS:
        fill(lake, day)
        if day != DAYS[1]:
            lake.add_history(day, [{"game_id": n, "playing_users": 10 * n + int(day[-2:])} for n in NAMES])
        lake.publish(day)
    return lake


@pytest.fixture(scope="session")
def snapshot(three_days: MartsLake) -> Snapshot:
    return Lake(three_days.store).current()


@pytest.fixture
def marts(three_days: MartsLake, tmp_path: Path) -> MartsLake:
    """The same lake, for a test that goes on with it."""
    return three_days.copied(tmp_path / "lake")


@pytest.fixture(scope="session")
def no_rows(tmp_path_factory: pytest.TempPathFactory) -> MartsLake:
    """A lake whose marts have no rows, built long ago."""
    lake = MartsLake(open_store((tmp_path_factory.mktemp("empty") / "lake").as_uri()))
    lake.publish(DAYS[0], built_at=datetime(2026, 11, 20, 5, tzinfo=UTC))
    return lake


@pytest.fixture(scope="session")
def empty(no_rows: MartsLake) -> Snapshot:
    return Lake(no_rows.store).current()
