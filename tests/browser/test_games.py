"""The page "Games": the published Parquet, read in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from playwright.sync_api import expect

from tests.support.night_lake import INJECTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser


def test_the_rows_of_a_mart_are_shown_searched_and_sorted(open_page: Callable[..., Page]) -> None:
    page = open_page("gamelake/games")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(100)
    page.get_by_role("button", name="Show 100 more").click()
    expect(rows).to_have_count(200)
    page.get_by_role("searchbox").fill("미스터리")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("서울 미스터리")
    page.get_by_role("searchbox").fill("puzzle GAME 39")
    expect(page.locator("#rows p")).to_have_text("14 rows of 400 match.")
    page.get_by_role("button", name="playing users").click()
    expect(rows.first).to_contain_text("39,000")
    page.get_by_role("button", name="playing users").click()
    expect(rows.first).to_contain_text("399,000")


def test_any_name_is_text(open_page: Callable[..., Page]) -> None:
    page = open_page("gamelake/games?mart=dim_games", viewport={"width": 390, "height": 800})
    expect(page.locator("tbody tr")).to_have_count(100)
    expect(page.locator("tbody tr").first).to_contain_text(INJECTION)
    assert page.locator("img").count() == 0
    assert not page.locator("td.zero").first.is_visible(), "a phone shows no empty values"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_another_mart_another_column_and_the_file_itself(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page("gamelake/games")
    page.get_by_role("combobox").select_option("mart_top_rated")
    expect(page.get_by_role("columnheader", name="rank", exact=True)).to_be_visible()
    assert "mart=mart_top_rated" in page.url
    page.locator("summary").click()
    page.get_by_label("game_id").check()
    expect(page.get_by_role("columnheader", name="game id")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download Parquet").click()
    path = tmp_path / "mart.parquet"
    download.value.save_as(path)
    assert duckdb.sql(f"select count(*), sum(rank) from '{path}'").fetchall() == [(400, 400)]


def test_small_shares_and_times_are_shown_and_sorted_as_they_are(open_page: Callable[..., Page]) -> None:
    page = open_page("gamelake/games?mart=mart_game_sales")
    rows = page.locator("tbody tr")
    expect(rows.first).to_contain_text("7.29e-8")
    page.locator("summary").click()
    page.get_by_label("played_at").check()
    expect(rows.first).to_contain_text("2026-11-21 04:16:09")
    page.get_by_role("button", name="played at").click()
    expect(rows.nth(1)).to_contain_text("09:30:00")


def test_rawg_is_named_where_its_rows_are_and_nowhere_else(open_page: Callable[..., Page]) -> None:
    page = open_page("gamelake/games?mart=mart_market_overview")
    expect(page.get_by_text("Data from RAWG")).to_be_visible()
    page.get_by_role("combobox").select_option("mart_game_sales")
    expect(page.get_by_text("Data from RAWG")).to_have_count(0)


def test_a_file_that_cannot_be_read_is_told_with_the_reason(open_page: Callable[..., Page]) -> None:
    """The page stated "fetch failed 503"."""
    page = open_page("gamelake/games")
    page.route(
        "**/marts/mart_top_rated*", lambda route: route.fulfill(status=503, json={"detail": "a file is missing"})
    )
    page.get_by_role("combobox").select_option("mart_top_rated")
    expect(page.get_by_role("alert")).to_contain_text("The lake cannot be read")
    expect(page.get_by_role("alert")).to_contain_text("a file is missing")


def test_the_mart_and_the_columns_that_were_chosen_last_are_shown(open_page: Callable[..., Page]) -> None:
    """The rows of a mart that came late were shown under the name of the next one."""
    page = open_page("gamelake/games")
    expect(page.locator("tbody tr")).to_have_count(100)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/marts/mart_top_rated*", hold)
    page.get_by_role("combobox").select_option("mart_top_rated")
    page.get_by_role("combobox").select_option("mart_game_sales")
    expect(page.locator("tbody tr")).to_have_count(3)
    with page.expect_response("**/marts/mart_top_rated*"):
        held[0].continue_()
    page.unroute("**/marts/mart_top_rated*")
    page.wait_for_timeout(500)
    assert "mart=mart_game_sales" in page.url
    expect(page.get_by_role("combobox")).to_have_value("mart_game_sales")
    expect(page.get_by_role("columnheader")).to_have_text(["game id", "visit share"])

    page.locator("summary").click()
    page.evaluate("""() => {
        for (const box of document.querySelectorAll(".columns input:not(:checked)")) box.click();
        document.querySelector(".columns input").click();
    }""")
    expect(page.get_by_role("columnheader")).to_have_text(["visit share", "played at"])


def test_a_link_to_an_unknown_mart_is_explained(open_page: Callable[..., Page]) -> None:
    page = open_page("gamelake/games?mart=mart_none")
    expect(page.get_by_role("status")).to_have_text("The published build has no mart mart_none: this is dim_games.")
    page.get_by_role("combobox").select_option("mart_top_rated")
    expect(page.get_by_text("has no mart")).to_have_count(0)
