"""The pages in Airflow's web UI, as a person sees them: in a real browser, below a base path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

from tests.support.night_lake import INJECTION, NAMES, RUN

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.support.airflow import Airflow

pytestmark = pytest.mark.browser

READY = "#page[aria-busy=false]"


def test_airflow_dropped_no_view(airflow: Airflow) -> None:
    """An unknown destination makes Airflow leave out the whole plugin, with a line in a log."""
    (plugin,) = [each for each in airflow.call("GET", "/plugins")["plugins"] if each["name"] == "gamelake_ui"]
    shown = {(view["name"], view["destination"]) for view in [*plugin["external_views"], *plugin["react_apps"]]}
    assert shown == {
        ("Last night", "nav"),
        ("Games", "nav"),
        ("Daily brief", "nav"),
        ("Lineage", "nav"),
        ("In the lake", "dag_run"),
        ("Last night on Home", "dashboard"),
    }
    assert airflow.call("GET", "/plugins/importErrors")["import_errors"] == []


def test_last_night_is_in_the_navigation_and_shows_the_lake(
    open_page: Callable[..., Page], night_days: list[str]
) -> None:
    page = open_page("")
    panel = page.get_by_role("region", name="Last night")
    # The panel is a module that Home loads after all of its own: on a busy machine later than the usual 5 s.
    expect(panel).to_contain_text(f"Last night is complete{night_days[-1]}", timeout=60_000)
    expect(panel).to_contain_text(f"{len(NAMES)} of {len(NAMES)} tables · marts published at 04:17 Korean time")
    page.get_by_role("link", name="Last night", exact=True).click()
    frame = page.frame_locator("iframe")
    frame.locator(READY).wait_for()
    assert frame.locator("h1").inner_text() == "Last night is complete"
    row = frame.locator("tr", has_text="igdb.games").first
    assert "1,000 = 1,000" in row.inner_text()
    assert f"{len(NAMES)} of {len(NAMES)}" in frame.locator(".cards").inner_text()
    assert "04:17 Korean time (19:17 UTC)" in frame.locator(".verdict").inner_text()
    assert frame.locator(".mark").count() == 30
    # Links lead out of the frame.
    frame.get_by_role("link", name="igdb.games", exact=True).click()
    page.wait_for_url("**/below/dags/igdb_games*")


def test_the_strip_leads_to_each_night_with_its_reason(open_page: Callable[..., Page], night_days: list[str]) -> None:
    complete, warned, _missed, held, _last = night_days
    page = open_page("gamelake/last-night")
    page.locator(READY).wait_for()
    page.locator(f'.mark[aria-label^="{held}"]').click()
    expect(page.locator("h1")).to_contain_text("incomplete")
    assert "igdb.covers" in page.locator(".look").first.inner_text()
    page.get_by_text("Airflow has no run for it.").wait_for()
    assert f"day={held}" in page.url
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("missed")
    page.goto(f"{page.url.partition('?')[0]}?day={warned}")
    page.locator(READY).wait_for()
    assert "2 rows broke the contract" in page.locator(".look").inner_text()
    assert "12 = 10 + 2 rejected" in page.locator("table").inner_text()
    # A name from the source is text, wherever it appears.
    assert INJECTION in page.locator("table").inner_text()
    assert page.locator("img").count() == 0
    page.goto(f"{page.url.partition('?')[0]}?day={complete}")
    page.locator(READY).wait_for()
    assert "345,120 = 345,120" in page.locator("table").inner_text()


def test_a_run_has_a_tab_with_what_it_left_in_the_lake(open_page: Callable[..., Page], airflow: Airflow) -> None:
    airflow.command("dags", "reserialize")
    airflow.call("POST", "/dags/igdb_games/dagRuns", {"logical_date": None, "dag_run_id": RUN})
    page = open_page(f"dags/igdb_games/runs/{quote(RUN, safe='')}")
    page.get_by_role("link", name="In the lake").click()
    frame = page.frame_locator("iframe")
    frame.locator(READY).wait_for()
    expect(frame.locator("h1")).to_have_text("Load of igdb.games")
    expect(frame.locator("dl")).to_contain_text("1,000 = 1,000")
    frame.get_by_role("link", name="The whole night").click()
    expect(frame.locator("h1")).to_have_text("Last night is complete")


def test_the_tab_of_any_run_states_what_there_is(open_page: Callable[..., Page], night_days: list[str]) -> None:
    page = open_page(f"gamelake/run?dag_id=igdb_games&run_id=scheduled__{night_days[1]}")
    page.locator(READY).wait_for()
    assert "12 = 10 + 2 rejected" in page.locator("dl").inner_text()
    page = open_page("gamelake/run?dag_id=transform&run_id=run")
    page.locator(READY).wait_for()
    assert "published" in page.locator("dl").inner_text()
    page = open_page("gamelake/run?dag_id=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&run_id=..%2F..")
    page.locator(READY).wait_for()
    assert "loads no table" in page.inner_text("body")


def test_a_long_reason_moves_no_column_out_of_sight(open_page: Callable[..., Page], night_days: list[str]) -> None:
    page = open_page(f"gamelake/last-night?day={night_days[1]}", viewport={"width": 1216, "height": 800})
    page.locator(READY).wait_for()
    cell = page.locator("td", has_text="240 of the 4,119 games that wait")
    assert cell.evaluate("each => each.getBoundingClientRect().width") < 260


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1300])
def test_it_is_readable_in_both_themes_and_on_a_phone(open_page: Callable[..., Page], scheme: Any, width: int) -> None:
    page = open_page("gamelake/last-night", color_scheme=scheme, viewport={"width": width, "height": 800})
    page.locator(READY).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
        "the page is wider than the window"
    )
    for selector in ("h1", ".quiet", ".chip", ".mark.bad", ".mark.good", ".mark.warn", ".card span"):
        assert contrast(page, selector) >= 4.5, selector
    lightness = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (lightness == "rgb(17, 18, 23)") == (scheme == "dark")


def test_without_a_login_nothing_is_shown(airflow: Airflow) -> None:
    for path in ("last-night", "api/nights", "static/common.js", "run", "games", "api/marts", "marts/dim_games"):
        assert httpx.get(f"{airflow.address}/gamelake/{path}").status_code == 401, path


def contrast(page: Page, selector: str) -> float:
    """The contrast of a text with what is behind it, as WCAG has it."""
    ratio: float = page.evaluate(
        """selector => {
          const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map((each) => each / 255)
            .map((each) => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
            .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
          let behind = document.querySelector(selector);
          const text = light(rgb(getComputedStyle(behind).color));
          const clear = (element) => rgb(getComputedStyle(element).backgroundColor)[3] === 0;
          while (clear(behind)) behind = behind.parentElement;
          const back = light(rgb(getComputedStyle(behind).backgroundColor));
          return (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
        }""",
        selector,
    )
    return ratio


def test_a_day_that_is_none_is_no_fault_of_the_lake(open_page: Callable[..., Page]) -> None:
    page = open_page("gamelake/last-night?day=2026-13-40")
    expect(page.locator("h1")).to_have_text("There is nothing to show")
    expect(page.get_by_role("alert")).to_contain_text("found '2026-13-40', expected a Korean day")
