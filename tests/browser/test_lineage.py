"""The page "Lineage": the path of a mart, drawn in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

READY = "#page[aria-busy=false]"


def test_a_mart_leads_back_to_the_source_and_its_files(open_page: Callable[..., Page]) -> None:
    page = open_page("gamelake/lineage?mart=dim_games")
    page.locator(READY).wait_for()
    expect(page.locator("h1")).to_have_text("Where dim_games comes from")
    assert page.locator(".step.off").count() == 0, "all of it is on the path"
    assert page.locator("#lines path").count() > 30
    page.locator('[data-path="raw/igdb/genres"]').click()
    on = page.locator(".step.on").evaluate_all("all => all.map((each) => each.dataset.path)")
    assert set(on) == {
        "source/igdb: genres",
        "raw/igdb/genres",
        "staging/stg_igdb__genres",
        "marts/dim_games",
    }
    facts = page.locator("#facts")
    expect(facts).to_contain_text("Genres of games.")
    expect(facts).to_contain_text("number 4 of")
    # By the keyboard, and to the load in Airflow.
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".step[aria-pressed=true]")).not_to_have_attribute("data-path", "raw/igdb/genres")
    page.get_by_label("Mart", exact=True).select_option("mart_top_rated")
    expect(page.locator("h1")).to_have_text("Where mart_top_rated comes from")
    assert "mart=mart_top_rated" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_in_korean_and_fits_a_phone(open_page: Callable[..., Page], scheme: str) -> None:
    page = open_page(
        "gamelake/lineage?mart=dim_games&lang=ko", color_scheme=scheme, viewport={"width": 390, "height": 800}
    )
    page.locator(READY).wait_for()
    expect(page.locator("h1")).to_have_text("dim_games 의 출처")
    assert page.locator("html").get_attribute("lang") == "ko"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("link", name="English").click()
    expect(page.locator("h1")).to_have_text("Where dim_games comes from")


def test_it_is_in_the_navigation_and_linked_from_the_marts(open_page: Callable[..., Page]) -> None:
    page = open_page("gamelake/games?mart=dim_games")
    page.get_by_role("link", name="Where it comes from").click()
    expect(page.locator("h1")).to_have_text("Where dim_games comes from")
    page = open_page("")
    page.get_by_role("link", name="Lineage", exact=True).click()
    expect(page.frame_locator("iframe").locator("h1")).to_contain_text("Where ")


def test_an_unknown_mart_is_explained(open_page: Callable[..., Page]) -> None:
    page = open_page("gamelake/lineage?mart=<img src=x onerror=alert(1)>")
    page.locator(READY).wait_for()
    expect(page.locator("#page")).to_contain_text("expected one of")
    assert page.locator("img").count() == 0
