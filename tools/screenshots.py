"""Write the pictures of the dashboard in the docs, from the lake of GAMELAKE_URI: `make screenshots`.

The sandbox's covers do not exist at images.igdb.com, so the pictures have placeholders, and no request leaves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parents[1] / "docs"
PORT = 8599
URL = f"http://127.0.0.1:{PORT}/"
LARGEST = 300_000
PICTURES = {"dashboard.png": ("?covers=no", False), "dashboard-lists.png": ("lists?list=hidden&covers=no", True)}
"""Each picture, with the page and whether it is dark."""


def main() -> None:
    """Serve the dashboard, and take the pictures."""
    environment = {**os.environ, "STREAMLIT_SERVER_HEADLESS": "true"}
    program = [sys.executable, "-m", "apps.dashboard", "--port", str(PORT)]
    process = subprocess.Popen(program, env=environment, cwd=DOCS.parent, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait(process)
        for name, (page, is_dark) in PICTURES.items():
            _take(DOCS / name, page, is_dark=is_dark)
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urlopen(f"{URL}_stcore/health", timeout=2):  # noqa: S310 - loopback
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)
    sys.exit(f"the dashboard ended with status {process.returncode}; is port {PORT} free?")


def _take(file: Path, page: str, *, is_dark: bool) -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium: install it (apt-get install chromium), or name it by CHROMIUM")
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        scheme = "dark" if is_dark else "light"
        tab = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme=scheme, locale="en-US")
        tab.goto(URL + page)
        tab.wait_for_selector(".gl-foot")
        if tab.locator(".gl-why summary").count():
            tab.locator(".gl-why summary").first.click()
        tab.wait_for_timeout(500)
        tab.screenshot(path=file)
        browser.close()
    if file.stat().st_size > LARGEST:
        sys.exit(f"{file}: found {file.stat().st_size} bytes, expected at most {LARGEST}")


if __name__ == "__main__":
    main()
