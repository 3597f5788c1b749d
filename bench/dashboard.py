"""What the dashboard costs on 345,000 games: seconds from a click to the drawn page, and memory of the server.

    .venv-dashboard/bin/python bench/dashboard.py [--games 345000] [--days 365] [--folder /var/tmp/gamelake-bench]

The lake has made-up rows in files as dbt writes them: sorted, in row groups of 32,768 rows. It is made once and kept.

A page is opened in a headless Chromium, each time with another game, list or category, so that no answer is known. The
seconds include the start of Streamlit in the browser. Then the pages are opened by the links of the menu, as a person
goes from page to page: without that start. On a busy machine the CPU seconds of the server count.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from playwright.sync_api import sync_playwright

from gamelake.lake.factory import open_store
from tests.support.published_marts import MartsLake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

REPOSITORY = Path(__file__).parents[1]
DAY = date(2026, 11, 21)
POPULAR = 100_000
"""Games with a popularity value: what IGDB has of 345,000."""
VISITS = {
    "overview": ["", "", ""],
    "lists": ["lists?list=played", "lists?list=rated", "lists?list=hidden"],
    "search": ["game?q=legend+1234", "game?q=quest+of+777", "game?q=zzz+999"],
    "typing error": ["game?q=legnd+4321", "game?q=drgon+111", "game?q=irron+5"],
    "game": ["game?id=77777", "game?id=200001", "game?id=5"],
    "a year": ["game?id=88888&span=365", "game?id=1&span=365", "game?id=99999&span=365"],
    "trends": ["trends", "trends?category=theme", "trends?category=platform"],
    "companies": ["companies", "companies?id=1000", "companies?q=studio+12"],
    "compare": ["compare?games=1,70000", "compare?games=2,3,4", "compare?games=5,6,7,8,9"],
    "pipeline": ["pipeline", "pipeline?night=2026-11-20", "pipeline?night=2026-11-19"],
}


def main() -> None:
    """Make the lake, and measure."""
    parser = argparse.ArgumentParser(description="what the dashboard costs")
    parser.add_argument("--games", type=int, default=345_000)
    parser.add_argument("--days", type=int, default=365, help="days of the popularity history")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / ".local" / "bench")
    arguments = parser.parse_args()
    lake = arguments.folder.resolve() / f"dashboard-{arguments.games}-{arguments.days}"
    if not (lake / "marts" / "_current.json").exists():
        shutil.rmtree(lake, ignore_errors=True)
        make(MartsLake(open_store(lake.as_uri())), arguments.games, arguments.days)
    with served(lake) as (process, url, start):
        print(f"start {start:.1f} s, {cpu(process):.1f} CPU s, memory {memory(process)} MB")
        visit_all(process, url)
        print(f"memory after {sum(map(len, VISITS.values()))} pages: {memory(process)} MB")


def make(lake: MartsLake, games: int, days: int) -> None:
    """Write the lake."""
    words = "['Legend', 'Quest', 'Adventure', 'Star', 'Iron', 'Shadow', 'Dragon', 'City']"
    name = f"{words}[1 + n % 8] || ' of ' || {words}[1 + (n // 8) % 8] || ' ' || n"
    lake.selects["dim_games"] = f"""
        select n as game_id, {name} as game_name, {name} as display_name, repeat('A summary of some length. ', 12) as
            game_summary, 'Main Game' as game_type_name, true as is_main_game, 1980 + n % 46 as release_year,
            ['PC', 'PS' || n % 5] as platform_names, ['PC', 'PS' || n % 5] as platform_abbreviations,
            ['Genre ' || n % 23, 'Genre ' || n % 7] as genre_names, [n % 23, n % 7] as genre_ids,
            ['Theme ' || n % 22] as theme_names, [n % 22] as theme_ids, ['Studio ' || n % 60000] as developer_names,
            [n % 9000] as collection_ids, 'https://www.igdb.com/games/' || n as url
        from range(1, {games + 1}) as t(n)
    """
    users = "(n * 7919) % 1000 as playing_users, (n * 104729) % 5000 as played_users, n % 300 as want_to_play_users"
    popular = f"from range(1, {games + 1}) as t(n) where n % {max(1, games // POPULAR)} = 0 or n < 10"
    lake.selects["fct_game_popularity"] = f"select n as game_id, {users}, 0.9 as positive_share {popular}"
    lake.selects["dim_companies"] = """
        select n as company_id, 'Studio ' || n as company_name, n % 40 as developed_games, 0 as published_games
        from range(1, 60001) as t(n)
    """
    lake.selects["bridge_game_company"] = f"""
        select n as game_id, n % 60000 as company_id, 'developer' as role from range(1, {games + 1}) as t(n)
    """
    for mart, column in (("mart_most_played", "playing_users"), ("mart_top_rated", "weighted_rating"),
                         ("mart_hidden_gems", "hidden_score")):  # fmt: skip
        others = ", 90 as quality_score, 1 as positive_share, 9 as steam_positive_count, 1 as steam_negative_count"
        lake.selects[mart] = f"""
            select n * 997 as game_id, 'Game ' || n as display_name, n as rank, n + 1 as previous_rank,
                1 as rank_change, 100 - n as {column}, ['PC'] as platform_names, ['PC'] as platform_abbreviations
                {others if mart == "mart_hidden_gems" else ""}
            from range(1, 101) as t(n)
        """
    lake.selects["mart_theme_trends"] = """
        select category, names[1 + n] as name, 15000 as games, 1000 - n as playing_users, n + 1 as rank
        from (values ('genre', list_transform(range(23), lambda i: 'Genre ' || i)),
            ('theme', list_transform(range(22), lambda i: 'Theme ' || i)),
            ('platform', ['PC', 'PS0', 'PS1', 'PS2'])) as t(category, names), range(len(names)) as r(n)
    """
    lake.selects["fct_loads"] = f"""
        select 'igdb' as source, 'table_' || n as entity, d as version, date '{DAY}' - d::int as day, 'full' as mode,
            'counted' as proof, 100 as row_count, 100 as rows_read, 1 as requests, 0.5 as seconds
        from range(16) as t(n), range({days}) as s(d)
    """
    lake.selects["mart_companies"] = (
        "select n as company_id, 'Studio ' || n as company_name, n as rank from range(1, 501) t(n)"
    )
    for ago in reversed(range(days)):
        day = DAY - timedelta(days=ago)
        lake.add_history(
            day.isoformat(), select=f"select n as game_id, {users.replace('n *', f'(n + {ago}) *')} {popular}"
        )
    for ago in reversed(range(8)):
        lake.publish((DAY - timedelta(days=ago)).isoformat())
        print(f"made {DAY - timedelta(days=ago)}")


@contextmanager
def served(lake: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, float]]:
    """Run a dashboard. Yields the process, its address, and the seconds until it answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "GAMELAKE_URI": lake.as_uri(), "STREAMLIT_SERVER_HEADLESS": "true"}
    began = time.monotonic()
    program = [sys.executable, "-m", "apps.dashboard", "--port", str(port)]
    process = subprocess.Popen(program, env=environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                    break
            except (URLError, ConnectionError):
                time.sleep(0.05)
        yield process, f"http://127.0.0.1:{port}/", time.monotonic() - began
    finally:
        process.terminate()
        process.wait()


def memory(process: subprocess.Popen[bytes]) -> int:
    """Return the resident memory of the server in MB."""
    return int(psutil.Process(process.pid).memory_info().rss / 1e6)


def cpu(process: subprocess.Popen[bytes]) -> float:
    """Return the CPU seconds that the server has used."""
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def visit_all(process: subprocess.Popen[bytes], url: str) -> None:
    """Open each page and print the seconds."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.route(lambda address: "//127.0.0.1" not in address, lambda route: route.abort())
        seconds(page, f"{url}pipeline")  # the files of Streamlit itself, which a browser keeps
        for name, addresses in VISITS.items():
            before = cpu(process)
            found = [seconds(page, url + address) for address in addresses]
            used = (cpu(process) - before) / len(addresses)
            print(f"{name:14} median {statistics.median(found):.2f} s, server {used:.2f} CPU s")
        for name, found in clicks(page, url).items():
            print(f"{name:14} by the menu: median {statistics.median(found):.2f} s")
        browser.close()


def seconds(page: Page, address: str) -> float:
    """From the request to the drawn page, with the start of Streamlit in the browser."""
    page.goto("about:blank")
    began = time.monotonic()
    page.goto(address, wait_until="commit")
    page.wait_for_selector(".gl-foot", timeout=60_000)
    return time.monotonic() - began


def clicks(page: Page, url: str, rounds: int = 3) -> dict[str, list[float]]:
    """Return the seconds from a click in the menu to the drawn page, by page."""
    seconds(page, url)
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name in ("lists", "game", "trends", "companies", "compare", "pipeline", ""):
            link = page.locator(f"[data-testid=stTopNavLink][href$='/{name}']").first
            title = link.inner_text().splitlines()[-1]
            began = time.monotonic()
            link.click()
            page.locator("h1", has_text=title).wait_for()
            page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
            found.setdefault(name or "overview", []).append(time.monotonic() - began)
    return found


if __name__ == "__main__":
    main()
