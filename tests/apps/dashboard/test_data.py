"""What pages show: lists, search, one game, trends, companies, nights and downloads, without Streamlit."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from apps.dashboard.data import companies, export, games, lists, nights, overview, reasons, search, trends
from apps.dashboard.data.snapshot import Snapshot
from apps.dashboard.texts import Texts
from gamelake.days import KST
from gamelake.marts.lists import BY_KEY, LISTS, GameList, tops
from tests.apps.dashboard.conftest import NAMES, ODD_NAMES

PLAYED, RATED, HIDDEN = (BY_KEY[key] for key in ("played", "rated", "hidden"))


# Lists


def test_a_list_has_the_themes_of_its_games(snapshot: Snapshot) -> None:
    rows = lists.rows_of(snapshot, PLAYED)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["theme_names"] == ["Fantasy"] for row in rows)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, len(ODD_NAMES) + 3),
        ({"platform": ["100% Orange Juice"]}, 1),
        ({"platform": ["100% Orange Juice", "The Legend of Zelda"]}, 2),
        ({"platform": ["100% Orange Juice"], "year": [2003]}, 1),
        ({"platform": ["100% Orange Juice"], "year": [2004]}, 0),
        ({"theme": ["Fantasy"], "type": []}, len(ODD_NAMES) + 3),
    ],
)
def test_filters(snapshot: Snapshot, filters: dict[str, list[Any]], found: int) -> None:
    rows = lists.rows_of(snapshot, PLAYED)
    assert len(lists.matching(rows, filters)) == found


def test_orders(snapshot: Snapshot) -> None:
    rows = lists.rows_of(snapshot, PLAYED)
    assert lists.ordered(rows, "climbed")[0]["game_id"] == 3  # new
    assert lists.ordered(rows, "name")[0]["display_name"] == ODD_NAMES[106]
    years = [row["release_year"] for row in lists.ordered(rows, "newest")]
    assert years == sorted(years, reverse=True)


def test_choices_of_a_filter(snapshot: Snapshot) -> None:
    rows = lists.rows_of(snapshot, PLAYED)
    assert lists.choices(rows, "genre") == ["Adventure"]
    assert lists.choices(rows, "year")[0] > lists.choices(rows, "year")[-1]


@pytest.mark.parametrize("chosen", BY_KEY.values(), ids=lambda each: each.key)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_reason_has_its_words(chosen: GameList, language: str) -> None:
    """Also where a figure is unknown."""
    figures: dict[str, Any] = dict.fromkeys(_columns_of(chosen.mart), 1)
    figures |= {"first_release_date": datetime(2026, 1, 1), "korean_release_date": None, "edition_names": ["x"]}  # noqa: DTZ001
    texts = Texts(language)
    for row in (figures, {**figures, "score_evidence": 0.5, "playing_gained_7d": None, "steam_peak_players": None}):
        parts = reasons.parts_of(chosen.key, row)
        assert parts
        for part, values in parts:
            key = f"reason.{chosen.key}.{part}"
            words = texts(key, **{name: texts.value(name, value) for name, value in values.items()})
            assert "{" not in words


def _columns_of(mart: str) -> list[str]:
    from tests.support.published_marts import contracts

    return list(contracts()[mart])


def test_lists_of_rawg_are_there_where_it_has_rows(snapshot: Snapshot, empty: Snapshot) -> None:
    assert list(lists.available(snapshot)) == list(BY_KEY)
    assert list(lists.available(empty)) == [each.key for each in LISTS]
    assert not {each["list"] for each in games.ranks(snapshot, 1)} - {each.key for each in LISTS}
    assert "disagreed" not in {top.chosen.key for top in tops(snapshot.rows)}


# Search


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("zelda", 1),
        ("LEGEND OF", 1),
        ("zedla", 1),
        ("젤다", 1),
        ("legnd of zelda", 1),
        ("100%", 3),
        ("it's", 4),
        ("별의", 105),
        ("לילה", 104),
        ("🎮", 105),
        ("super  mario", 2),
    ],
)
def test_search(snapshot: Snapshot, text: str, first: int) -> None:
    assert search.find(snapshot, text)[:1] == [first]


@pytest.mark.parametrize("text", ["", "   ", "%", "_", "'; drop table names; --", "qqqqqq", "x" * 5_000, "\0"])
def test_search_that_finds_nothing_or_little(snapshot: Snapshot, text: str) -> None:
    found = search.find(snapshot, text)
    assert all(text.strip()[:1] in NAMES[each] for each in found)


# One game


def test_the_facts_of_a_game(snapshot: Snapshot) -> None:
    row = games.facts(snapshot, 1)
    assert row is not None
    assert (row["display_name"], row["playing_users"]) == ("The Legend of Zelda", 10)
    assert games.facts(snapshot, 999) is None
    market = games.market(snapshot, 1)
    assert market is not None
    assert (market["rawg_rating"], market["attribution"]) == (2.75, "RAWG")
    assert games.market(snapshot, 2) is None
    assert games.companies(snapshot, 1) == [{"company_id": 7, "company_name": "Nintendo", "roles": ["developer"]}]
    assert {each["game_id"] for each in games.relatives(snapshot, row)} == set(NAMES) - {1}


def test_a_day_without_popularity_is_a_gap(snapshot: Snapshot) -> None:
    points = games.popularity(snapshot, [1], 28)
    assert [point["playing_users"] for point in points] == [30, None, 32]
    assert games.missing_days(snapshot, 28) == [date(2026, 11, 21)]
    assert len(games.popularity(snapshot, [1, 2], 1)) == 2


def test_the_ranks_that_a_game_has_held(snapshot: Snapshot) -> None:
    held = [(each["day"].day, each["rank"]) for each in games.ranks(snapshot, 2) if each["list"] == "played"]
    assert held == [(20, 1), (21, 3), (22, 3)]


# Overview


def test_headlines(snapshot: Snapshot) -> None:
    found = {each.key: each for each in overview.headlines(snapshot)}
    assert found["games"].day_before == found["games"].value == len(NAMES)
    assert found["games"].week_before is None
    assert found["playing"].value == sum(10 * n + 22 for n in NAMES)
    assert found["playing"].day_before is None  # no popularity was loaded
    assert found["want_to_play"].value is None


def test_tops(snapshot: Snapshot) -> None:
    found = {each.chosen.key: each for each in tops(snapshot.rows)}
    played = found["played"]
    assert played.first is not None
    assert played.mover is not None
    assert (played.first["game_id"], played.mover["game_id"], played.games) == (1, 3, len(NAMES) - 1)
    assert found["trending"].first is None


def test_the_age_of_a_generation(snapshot: Snapshot) -> None:
    for hours, verdict in ((1, "fresh"), (31, "late"), (55, "stale")):
        found = overview.hours_old(snapshot, snapshot.built_at + timedelta(hours=hours))
        assert overview.verdict(found) == verdict


# Releases


def test_releases_of_a_date_and_region_are_one(snapshot: Snapshot) -> None:
    found = games.releases(snapshot, 1)
    assert [(each["region"], each["precision"], each["platforms"]) for each in found] == [
        ("worldwide", "day", ["PC", "Wii"]),
        ("korea", "quarter", None),
        (None, None, None),
    ]
    assert games.releases(snapshot, 3) == []


def test_korea_is_first_if_wanted(snapshot: Snapshot) -> None:
    found = games.releases(snapshot, 1, korea_first=True)
    assert [each["region"] for each in found] == ["korea", "worldwide", None]


# Trends and companies


def test_trends(snapshot: Snapshot) -> None:
    assert [row["name"] for row in trends.members(snapshot, "genre")] == ["Adventure", "Puzzle"]
    assert [row["games"] for row in trends.over_years(snapshot, "genre", ["Adventure"])] == [11, 13]
    assert trends.funnel(snapshot, "genre", ["Adventure"])[0]["visit_count"] == 100
    weeks = trends.over_weeks(snapshot, "genre", ["Adventure"])
    assert len(weeks) == trends.WEEKS
    assert [row["playing_users"] for row in weeks] == [None] * 11 + [660]
    assert weeks[-1]["day"] == date(2026, 11, 20)
    (month,) = trends.cohorts(snapshot)
    assert (month["releases"], month["judged_7d"], month["played_share_7d"], month["played_share_30d"]) == (
        5,
        4,
        0.25,
        None,
    )


def test_companies(snapshot: Snapshot) -> None:
    assert [row["company_id"] for row in companies.find(snapshot, "nintend")] == [7]
    assert companies.find(snapshot, "%") == []
    row = companies.one(snapshot, 7)
    assert row is not None
    assert (row["rank"], row["playing_users"]) == (1, 660)
    assert companies.one(snapshot, 8) is None
    made = companies.games_of(snapshot, 7)
    assert (len(made), made[0]["game_id"]) == (len(NAMES), max(NAMES))


# Nights


def test_nights(snapshot: Snapshot) -> None:
    found = nights.nights(snapshot, datetime(2026, 11, 22, 6, tzinfo=KST))
    assert [(night.day.day, night.state) for night in found] == [(22, "unproven"), (21, "missing"), (20, "complete")]
    assert found[0].figures["rows_read"] == 33
    loaded_again = found[2].figures  # its rows were those of all commits: of a day with events, many times the tables
    assert (loaded_again["row_count"], loaded_again["rows_read"]) == (22, 33)
    assert all(night.published_at for night in found)
    counts = [(night.tables, night.expected, night.optional_tables) for night in found]
    assert counts == [(2, 2, 1), (0, 2, 0), (2, 2, 0)]
    assert [row["entity"] for row in nights.loads(snapshot, date(2026, 11, 22))] == ["games", "popscore", "games"]


@pytest.mark.parametrize(
    ("now", "newest", "state"),
    [
        (datetime(2026, 11, 23, 5, 59, tzinfo=KST), 22, "unproven"),
        (datetime(2026, 11, 23, 6, tzinfo=KST), 23, "unpublished"),
        (datetime(2026, 11, 25, 3, tzinfo=KST), 24, "unpublished"),
        (datetime(2026, 11, 21, 12, tzinfo=KST), 22, "unproven"),
    ],
)
def test_a_night_without_marts_is_no_complete_one(snapshot: Snapshot, now: datetime, newest: int, state: str) -> None:
    """Yesterday's marts do not know the night: without it the page would call the night before the last one."""
    found = nights.nights(snapshot, now)
    assert (found[0].day.day, found[0].state) == (newest, state)
    assert [night.state for night in found if night.day.day <= 22] == ["unproven", "missing", "complete"]


# Downloads


def test_csv_runs_no_formula(snapshot: Snapshot) -> None:
    rows = lists.rows_of(snapshot, PLAYED)
    data = export.as_csv(rows, export.columns_of(rows, without=("theme_names",)))
    assert data.startswith(b"\xef\xbb\xbf")
    read = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert [row["game_id"] for row in read] == [str(row["game_id"]) for row in rows]
    names = {row["game_id"]: row["display_name"] for row in read}
    assert names["107"] == "'=1+1"
    assert names["103"] == ODD_NAMES[103]
    assert read[0]["platform_abbreviations"] == "PC; PS5"
    assert "theme_names" not in read[0]


def test_parquet_has_the_rows_as_the_mart_has_them(snapshot: Snapshot, tmp_path: Any) -> None:
    pytest.importorskip("pyarrow")
    rows = lists.ordered(lists.rows_of(snapshot, PLAYED), "name")
    file = tmp_path / "download.parquet"
    file.write_bytes(export.as_parquet(snapshot, PLAYED.mart, "game_id", rows))
    found = duckdb.sql(f"select game_id, platform_names from '{file}'").fetchall()
    assert found == [(row["game_id"], row["platform_names"]) for row in rows]


# A generation without rows


def test_nothing_is_shown_of_empty_marts(empty: Snapshot) -> None:
    assert all(lists.rows_of(empty, each) == [] for each in BY_KEY.values())
    assert games.market(empty, 1) is None
    assert all(each.first is None for each in tops(empty.rows))
    assert [each.value for each in overview.headlines(empty)] == [0, 0, None, None]
    assert games.facts(empty, 1) is None
    assert not games.popularity(empty, [1], 28)
    assert not games.ranks(empty, 1)
    assert not search.find(empty, "zelda")
    assert not trends.members(empty, "genre")
    assert not trends.over_weeks(empty, "genre", ["x"])
    assert not companies.ranked(empty)
    assert not nights.nights(empty)


def test_the_time_that_passed_is_in_words() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    ages = [timedelta(seconds=5), timedelta(minutes=5), timedelta(hours=3), timedelta(days=4)]
    assert [Texts("en").ago(now - age, now) for age in ages] == [
        "just now",
        "5 minutes ago",
        "3 hours ago",
        "4 days ago",
    ]
