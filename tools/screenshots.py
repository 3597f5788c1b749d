"""Write the pictures of the docs, from the lake of GAMELAKE_URI: `make screenshots`.

They are of the dashboard and of Airflow's web UI. The sandbox's covers do not exist at images.igdb.com, so the pictures
have placeholders, and no request leaves. A lake of eight days or more shows every list, and ranks that moved.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import Request, urlopen

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
DASHBOARD_PORT, AIRFLOW_PORT = "8599", "8598"
DASHBOARD, AIRFLOW = (f"http://127.0.0.1:{port}/" for port in (DASHBOARD_PORT, AIRFLOW_PORT))
LARGEST = 300_000
OF_THE_DASHBOARD = {
    "dashboard.png": ("?covers=no", False),
    "dashboard-lists.png": ("lists?list=hidden&covers=no", True),
    "dashboard-sources.png": ("lists?list=disagreed&covers=no", False),
}
"""Each picture, with the page and whether it is dark."""
OF_AIRFLOW = {
    "airflow.png": ("dags?tags=extract-load&sort=-dag_display_name", "text=rawg_games"),
    "last-night.png": ("plugin/last-night", "#page[aria-busy=false]"),
    "lineage.png": ("gamelake/lineage?mart=mart_market_overview", "#page[aria-busy=false]"),
}
"""Each picture, with the page and what it shows when it is complete."""
START_SECONDS = 120


def main() -> None:
    """Serve the dashboard and Airflow's web UI, and take the pictures."""
    with _chromium() as browser:
        with _serving([sys.executable, "-m", "apps.dashboard", "--port", DASHBOARD_PORT], f"{DASHBOARD}_stcore/health"):
            for name, (page, is_dark) in OF_THE_DASHBOARD.items():
                tab = _open(browser, DASHBOARD + page, is_dark=is_dark)
                tab.wait_for_selector(".gl-foot")
                if tab.locator(".gl-game summary").count():
                    tab.locator(".gl-game summary").first.click()
                _take(tab, name)
        program = [str(REPOSITORY / ".venv/bin/airflow"), "api-server", "--port", AIRFLOW_PORT]
        with _serving(program, f"{AIRFLOW}api/v2/version"):
            token = _token()
            for name, (page, complete) in OF_AIRFLOW.items():
                tab = _open(browser, AIRFLOW + page, token=token)
                frame = tab.frame_locator("iframe") if page.startswith("plugin/") else tab
                frame.locator(complete).first.wait_for(timeout=120_000)
                _take(tab, name)


@contextmanager
def _serving(program: list[str], health: str) -> Iterator[None]:
    """Run a server for as long as the block lasts, from the time when it answers."""
    environment = {**os.environ, "STREAMLIT_SERVER_HEADLESS": "true"}
    process = subprocess.Popen(program, env=environment, cwd=REPOSITORY, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                with urlopen(health, timeout=2):  # noqa: S310 - loopback
                    break
            except (URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        else:
            sys.exit(f"{' '.join(program)} does not answer at {health}; is its port free?")
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _chromium() -> Iterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium: install it (apt-get install chromium), or name it by CHROMIUM")
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


def _token() -> str:
    """Return a token of the user of the local web UI."""
    # In Airflow's environment: that of the dashboard lacks what these settings import.
    code = "import json; from gamelake.local.environment import USER, password; "
    code += "print(json.dumps({'username': USER, 'password': password()}))"
    login = subprocess.run([REPOSITORY / ".venv/bin/python", "-c", code], check=True, capture_output=True).stdout  # noqa: S603
    request = Request(f"{AIRFLOW}auth/token", login, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return str(json.load(answer)["access_token"])


def _open(browser: Browser, url: str, *, is_dark: bool = False, token: str = "") -> Page:
    scheme = "dark" if is_dark else "light"
    context = browser.new_context(viewport={"width": 1280, "height": 860}, color_scheme=scheme, locale="en-US")
    if token:
        context.add_cookies([{"name": "_token", "value": token, "url": AIRFLOW}])
    tab = context.new_page()
    tab.goto(url)
    return tab


def _take(tab: Page, name: str) -> None:
    tab.wait_for_timeout(500)
    file = DOCS / name
    tab.screenshot(path=file)
    if file.stat().st_size > LARGEST:
        sys.exit(f"{file}: found {file.stat().st_size} bytes, expected at most {LARGEST}")


if __name__ == "__main__":
    main()
