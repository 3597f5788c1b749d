"""A real Chromium, and Airflow's API server below a base path with a lake of known nights."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from gamelake.days import KST
from gamelake.lake.factory import open_store
from gamelake.lake.manifest import Proof
from tests.support.airflow import airflow_environment, ready_made, running_airflow
from tests.support.night_lake import ENTITIES, INJECTION, RUN, NightLake, days, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Dialog, Page

    from tests.support.airflow import Airflow


SALES = """
    select column0 as game_id, column1 as visit_share, column2 as played_at
    from (values (1, 7.29e-8, timestamp '2026-11-21 04:16:09'), (2, 0.25, timestamp '2026-11-21 23:00:00'),
                 (3, 0.5, timestamp '2026-11-21 09:30:00'))
    as sales(column0, column1, column2)
"""
RAWG = "select *, 'RAWG' as attribution, 'https://rawg.io' as attribution_url"
GAMES = f"""
    select
        range as game_id,
        case range
            when 0 then '{INJECTION}'
            when 1 then '서울 미스터리'
            when 2 then repeat('long ', 1000)
            when 3 then $$ **bold** $$
            else 'Game ' || range
        end as game_name,
        1990 + range % 30 as release_year,
        ['Puzzle', 'Indie'] as genre_names,
        range * 1000 as playing_users,
        null::double as rating,
        date '2026-11-21' as dt
    from range(400)"""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "there is no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        # Root has no sandbox of Chromium; the pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def night_days() -> list[str]:
    """The Korean days of the lake, the oldest first. The last one is the newest night."""
    now = datetime.now(KST)
    last = now.date() if now.hour >= 4 else now.date() - timedelta(days=1)
    return days((last - timedelta(days=4)).isoformat(), 5)


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory, night_days: list[str]) -> Iterator[Airflow]:
    """Airflow's API server. Its lake has a complete night, one with warnings, a missed one, and two incomplete ones."""
    folder = tmp_path_factory.mktemp("airflow")
    lake = NightLake(open_store((folder / "lake").as_uri()))
    complete, warned, _missed, held, last = night_days
    lake.night(complete, rows=345_120)
    lake.loads(warned, without={"games"})
    games = ENTITIES["games"]
    lake.load(
        games, warned, at=moment(warned, "04:10"), rows=10, source_count=12, rows_rejected=2, undeclared={INJECTION: 1}
    )
    reason = "240 of the 4,119 games that wait were read: one load reads 240, and the next one goes on"
    partial = {"source_count": None, "proof": Proof.PARTIAL, "proof_reason": reason}
    lake.load(ENTITIES["themes"], warned, at=moment(warned, "04:11"), **partial)
    lake.publish(lake.build(warned, at=moment(warned, "04:15")), at=moment(warned, "04:16"))
    lake.loads(held, without={"covers"})
    lake.loads(last, ranges_repaired=1, run_id=RUN)
    marts = (
        lake.mart(last, "dim_games", GAMES),
        lake.mart(last, "mart_top_rated", f"select 1 as rank, * from ({GAMES})"),
        lake.mart(last, "mart_trending_now", f"select 1 as rank, * from ({GAMES}) where false"),
        lake.mart(last, "mart_game_sales", SALES, folder_of_copy="restricted/"),
        lake.mart(last, "mart_market_overview", f"{RAWG} from ({SALES})", folder_of_copy="restricted/"),
    )
    lake.publish(lake.build(last, at=moment(last, "04:16"), marts=marts), at=moment(last, "04:17"))
    environment = airflow_environment(folder, lake=lake.store.uri, igdb=ready_made("http://127.0.0.1:9"))
    environment["AIRFLOW__API__BASE_URL"] = f"http://localhost:{environment['AIRFLOW__API__PORT']}/below"
    with running_airflow(folder, environment, command="api-server", parts=()) as running:
        yield running


@pytest.fixture
def open_page(chromium: Browser, airflow: Airflow) -> Iterator[Callable[..., Page]]:
    """Opens a path of Airflow as a person who is logged in. Errors of the page, and other hosts, fail the test."""
    contexts = []
    wrong: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def check(page: Page) -> None:
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", dismiss)
        page.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
        page.on(
            "request",
            lambda asked: None if urlsplit(asked.url).hostname in {"localhost", None, ""} else wrong.append(asked.url),
        )

    def open_path(path: str, *, login: bool = True, **options: Any) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1300, "height": 900}} | options)
        contexts.append(context)
        if login:
            host = urlsplit(airflow.address)
            context.add_cookies([{"name": "_token", "value": airflow.token, "url": f"{host.scheme}://{host.netloc}"}])
        page = context.new_page()
        check(page)
        page.goto(f"{airflow.address}/{path}")
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert not wrong
