"""The dashboard in a real Chromium: `make test-browser` has it."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from msgspec.structs import replace

from gamelake.marts import pointer
from gamelake.marts.findings import Severity
from gamelake.paths import REPOSITORY
from tests.apps.dashboard.conftest import DAYS, IGDB, NAMES, ODD_NAMES, fill
from tests.support.night_lake import NightLake, finding
from tests.support.published_marts import folder_of

pytest.importorskip("streamlit", reason="Streamlit is in .venv-dashboard only: make test-browser")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

    from tests.support.published_marts import MartsLake

pytestmark = pytest.mark.browser

PAGES = ("", "lists", "game?id=1", "trends", "companies", "companies?id=7", "compare?games=1,2", "pipeline")
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}
LOADS = 200
CHECKED = datetime(2026, 11, 22, 5, tzinfo=UTC)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("no Chromium: install it (apt-get install chromium), or name it by CHROMIUM")
    with sync_playwright() as playwright:
        # The sandbox of Chromium needs a user other than root.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.getuid() == 0 else [])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lake(three_days: MartsLake, tmp_path_factory: pytest.TempPathFactory) -> MartsLake:
    """The lake that the server reads; the last test publishes into it."""
    lake = three_days.copied(tmp_path_factory.mktemp("served") / "lake")
    late = finding("freshness", Severity.P1, since=CHECKED)
    NightLake(lake.store).check(replace(late, subject=f"mart_engagement_funnel.{'completed_share' * 4}"), at=CHECKED)
    return lake


@pytest.fixture(scope="session")
def url(lake: MartsLake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running dashboard."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    environment = {**os.environ, "GAMELAKE_URI": lake.store.uri, "STREAMLIT_SERVER_HEADLESS": "true"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "apps.dashboard", "--port", str(port)],
            cwd=REPOSITORY, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", process, log)
        yield f"http://127.0.0.1:{port}/"
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(address, timeout=2):  # noqa: S310 - loopback
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"the dashboard did not start: {log.read_text()}")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=DESK, locale="en-US", accept_downloads=True)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab whose requests to other hosts fail."""
    page = context.new_page()
    page.route(lambda address: "//127.0.0.1" not in address, lambda route: route.abort())
    return page


def test_on_a_phone_the_words_of_a_finding_are_in_sight(page: Page, url: str) -> None:
    page.set_viewport_size(PHONE)
    visit(page, f"{url}pipeline")
    words = page.get_by_text("The games are late.")
    box = words.bounding_box()  # without a scroll to the side
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]


def visit(page: Page, address: str) -> None:
    """Open a page and wait until it is drawn to its end."""
    page.goto(address)
    settled(page)


def settled(page: Page) -> None:
    page.wait_for_selector(".gl-foot")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    assert page.locator("[data-testid=stException]").count() == 0


def generations(page: Page) -> set[str]:
    """What generations the page shows figures of: its head, and the day of each list."""
    return set(page.eval_on_selector_all("[data-generation]", "all => all.map(each => each.dataset.generation)"))


@pytest.mark.parametrize("name", PAGES)
def test_no_request_leaves_without_covers(context: BrowserContext, url: str, name: str) -> None:
    page = context.new_page()
    others: list[str] = []
    page.on("request", lambda request: others.append(request.url) if "//127.0.0.1" not in request.url else None)
    visit(page, f"{url}{name}{'&' if '?' in name else '?'}covers=no")
    page.wait_for_timeout(300)
    assert [each for each in others if not each.startswith(("data:", "blob:"))] == []


def test_covers_are_the_only_requests(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    others: list[str] = []
    page.on("request", lambda request: others.append(request.url) if "//127.0.0.1" not in request.url else None)
    page.route(lambda address: "//127.0.0.1" not in address, lambda route: route.abort())
    visit(page, f"{url}lists?list=played")
    page.wait_for_timeout(300)
    assert others
    assert all(each.startswith(("data:", "blob:", IGDB)) for each in others)


def test_search_then_open_a_game(page: Page, url: str) -> None:
    visit(page, f"{url}game")
    box = page.get_by_label("Search")
    box.fill("zedla")
    box.press("Enter")
    page.get_by_role("link", name="The Legend of Zelda").click()
    page.wait_for_url(re.compile(r"id=1"))
    settled(page)
    assert page.locator(".gl-hero h2").inner_text() == "The Legend of Zelda"
    page.locator("[data-testid=stVegaLiteChart]").wait_for()


def test_filter_download_and_share(page: Page, url: str, context: BrowserContext) -> None:
    visit(page, f"{url}lists")
    page.get_by_role("radio", name="Most played").click()
    page.get_by_text("10 of 10 games").wait_for()
    page.get_by_role("combobox", name="Platform").click()
    page.get_by_role("option", name="100% Orange Juice").click()
    page.get_by_text("1 of 10 games").wait_for()
    page.keyboard.press("Escape")
    settled(page)
    chosen = page.locator("[data-tag]", has_text="100% Orange Juice").locator("span").first
    assert chosen.evaluate("each => each.scrollWidth <= each.clientWidth")  # it can be read whole
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = download.value.path().read_bytes().decode("utf-8-sig")
    assert download.value.suggested_filename == f"mart_most_played_{DAYS[-1]}.csv"
    assert [row["display_name"] for row in csv.DictReader(io.StringIO(text))] == ["100% Orange Juice"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Download Parquet").click()
    assert download.value.path().read_bytes()[:4] == b"PAR1"
    shared = context.new_page()
    visit(shared, page.url)
    assert shared.get_by_text("1 of 10 games").is_visible()


def test_five_questions_are_answered_by_clicks(page: Page, url: str) -> None:
    """From the first page, as docs/guides/dashboard.md shows it: nothing is typed but a name."""
    from playwright.sync_api import expect

    # An earlier list stays in the page until the next one is drawn: `expect` waits, where a look would see it.
    expect.set_options(timeout=60_000)
    visit(page, url)
    names = page.locator(".gl-game .gl-name")

    def go(name: str) -> None:
        page.get_by_role("link", name=name, exact=True).first.click()
        expect(page.get_by_role("heading", name=name, exact=True).first).to_be_visible()
        settled(page)

    def choose(name: str) -> None:
        page.get_by_role("radio", name=name).click()
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        settled(page)

    # What came out this week on PC?
    go("Lists")
    choose("Just released")
    expect(names).to_have_text(["100% Orange Juice", "Super Mario 64"])
    page.get_by_role("combobox", name="Platform").click()
    page.get_by_role("option", name="PC (Microsoft Windows)").click()
    expect(names).to_have_text(["100% Orange Juice"])
    page.keyboard.press("Escape")
    settled(page)
    expect(page.locator(".gl-game").first).to_contain_text("21 Nov 2026")
    # Which hidden gem is on this platform?
    choose("Hidden gems")
    expect(names).to_have_text(["Super Mario 64"])
    # Did last night miss anything?
    go("Pipeline")
    expect(page.get_by_text("The games are late.")).to_be_visible()
    # How has the rank of this game moved?
    go("Game")
    box = page.get_by_label("Search")
    box.fill("zelda")
    box.press("Enter")
    page.get_by_role("link", name="The Legend of Zelda").click()
    expect(page.get_by_role("heading", name="Ranks it has held")).to_be_visible()
    # What does a rising score mean?
    go("Lists")
    choose("Rising stars")
    page.get_by_text("What does the figure mean?").click()
    expect(page.get_by_text("what chance alone explains")).to_be_visible()


def test_the_reason_opens_with_the_keyboard(page: Page, url: str) -> None:
    visit(page, f"{url}lists?list=rated")
    page.locator(".gl-game summary").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("Its weighted rating is 91.2 of 100").is_visible()


def test_korean_by_link_by_choice_and_by_browser(page: Page, url: str, browser: Browser) -> None:
    visit(page, url)
    page.get_by_role("link", name="한국어").click()
    page.get_by_text("오늘의 1위").wait_for()
    page.get_by_role("link", name="순위", exact=True).first.click()
    page.get_by_text("최고 평점").first.wait_for()
    assert "lang=ko" in page.url
    context = browser.new_context(locale="ko-KR")
    korean = context.new_page()
    visit(korean, f"{url}?covers=no")
    assert korean.get_by_text("오늘의 1위").is_visible()
    context.close()


def test_compare_by_adding_games(page: Page, url: str) -> None:
    visit(page, f"{url}compare?games=1")
    box = page.get_by_label("Add a game")
    box.fill("mario")
    box.press("Enter")
    page.get_by_role("link", name="Super Mario 64").click()
    page.wait_for_url(re.compile("games=1%2C2"))
    settled(page)
    assert page.locator(".gl-table thead .gl-name").count() == 2


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_serious_fault_of_accessibility(browser: Browser, url: str, name: str, dark: bool) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme="dark" if dark else "light", viewport=DESK)
    page = context.new_page()
    visit(page, f"{url}{name}{'&' if '?' in name else '?'}covers=no")
    page.wait_for_timeout(500)
    found = Axe().run(page).response["violations"]
    serious = [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]
    context.close()
    assert serious == []


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_shows_all_without_scrolling_sideways(browser: Browser, url: str, name: str) -> None:
    context = browser.new_context(viewport=PHONE, is_mobile=True, has_touch=True)
    page = context.new_page()
    visit(page, f"{url}{name}{'&' if '?' in name else '?'}covers=no")
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("each => each.scrollWidth - each.clientWidth") <= 1
    context.close()


def test_the_table_of_a_night_is_in_sight_with_whole_names(page: Page, url: str) -> None:
    visit(page, f"{url}pipeline?night={DAYS[-1]}")
    table = page.locator(".gl-scroll").first
    assert table.evaluate("each => each.scrollWidth - each.clientWidth") <= 0
    heights = table.locator("tbody th").evaluate_all("all => all.map(each => each.offsetHeight)")
    assert max(heights) < 50, "a name of a table is in one line"


@pytest.mark.parametrize("name", ["trends", "compare?games=1,2"])
def test_no_word_of_a_chart_is_cut_on_a_phone(page: Page, url: str, name: str) -> None:
    page.set_viewport_size(PHONE)
    visit(page, url + name)
    page.locator("[data-testid=stVegaLiteChart] svg text").first.wait_for()
    cut = page.locator("[data-testid=stVegaLiteChart] svg").evaluate_all(
        """all => all.flatMap(chart => [...chart.querySelectorAll("text")]
             .filter(text => text.getBoundingClientRect().right > chart.getBoundingClientRect().right + 1)
             .map(text => text.textContent))"""
    )
    assert cut == []


@pytest.mark.parametrize("game", ODD_NAMES)
def test_a_name_is_text_and_nothing_else(page: Page, url: str, game: int) -> None:
    for name in ("game?id={}", "compare?games=1,{}", "lists?list=played"):
        visit(page, url + name.format(game))
        assert page.title() != "broken"
        assert page.locator("img[src=x]").count() == page.locator(".katex").count() == 0
        assert page.locator("main a[href*='example.com']").count() == 0
    if game == 102:
        assert page.get_by_text(NAMES[102]).first.is_visible()


def test_a_page_that_showed_a_problem_draws_itself_again(page: Page, url: str, lake: MartsLake) -> None:
    current = pointer.current(lake.store)
    assert current is not None
    file = folder_of(lake.store) / next(each.key for each in current.marts if each.name == "dim_companies")
    away = file.with_suffix(".away")
    page.clock.install()
    file.rename(away)
    try:
        visit(page, f"{url}companies?q=asked+only+here")  # other answers may be kept
        page.get_by_text("The lake cannot be read").wait_for()
    finally:
        away.rename(file)
    page.clock.fast_forward("01:05")
    page.get_by_text("No company has a name like this.").wait_for()


def test_pages_while_generations_are_published(page: Page, url: str, lake: MartsLake) -> None:
    """A generation every 2 seconds, of which each has one number of users everywhere."""
    stop = threading.Event()
    published: list[str] = []
    before = pointer.current(lake.store)
    assert before is not None

    def publishing() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            fill(lake, DAYS[-1])
            for row in lake.rows["mart_most_played"]:
                row["playing_users"] = number
            lake.rows["fct_game_popularity"] = [{"game_id": n, "playing_users": number} for n in NAMES]
            published.append(lake.publish(DAYS[-1]).generation)
            stop.wait(2)

    thread = threading.Thread(target=publishing)
    thread.start()
    seen: set[str] = set()
    try:
        for load in range(LOADS):
            visit(page, f"{url}{('?covers=no', 'lists?list=played&covers=no')[load % 2]}")
            (generation,) = generations(page)
            seen.add(generation)
            if generation != before.generation:  # whose games have other numbers; the first publication takes a while
                _same_number(page)
    finally:
        stop.set()
        thread.join()
    assert len(published) > 10
    assert len(seen) > 10


def _same_number(page: Page) -> None:
    values: list[Any] = page.eval_on_selector_all(".gl-game .gl-value", "all => all.map(each => each.textContent)")
    assert len(set(values)) <= 1
