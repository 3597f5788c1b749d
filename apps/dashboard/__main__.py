"""Starts the dashboard: `python -m apps.dashboard`.

What takes long is done before the port answers: imports, the first look at the lake, the table of names for the search.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from apps.serving import ListenError, listen
from gamelake.errors import INTERRUPTED

APP = Path(__file__).with_name("app.py")
SILENCE = 8.0
"""Seconds after which a start that still runs prints a line."""


def main() -> None:
    """Read the lake once, and serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m apps.dashboard", description="Serve the dashboard.")
    parser.add_argument("--address", default="127.0.0.1", help="where it listens (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="the port (default: 8501, or the next free one)")
    arguments = parser.parse_args()
    try:  # Streamlit would end with a traceback
        listen(arguments.address, arguments.port or 0, example="make dashboard PORT=8502").close()
    except ListenError as error:
        sys.exit(str(error))
    ready = threading.Event()
    threading.Thread(target=_tell, args=(ready,), daemon=True).start()
    # Slow on a busy machine: half a minute.
    from streamlit.web.cli import main as streamlit

    import apps.dashboard.views  # noqa: F401 - Altair and the rest take a second
    from apps.dashboard.data import overview, search
    from apps.dashboard.data.snapshot import lake_at
    from gamelake.lake.documents import DocumentError
    from gamelake.lake.factory import lake_uri
    from gamelake.lake.store import StoreError
    from gamelake.marts.errors import TransformError
    from gamelake.settings import SettingsError

    # What is wrong is shown by the page, with what to do.
    with suppress(StoreError, DocumentError, TransformError, SettingsError, OSError):
        snapshot = lake_at(lake_uri()).current()
        overview.headlines(snapshot)
        search.prepare(snapshot)
    options = ["--server.address", arguments.address]
    if arguments.port:
        options += ["--server.port", str(arguments.port)]
    sys.argv = ["streamlit", "run", str(APP), *options]
    ready.set()
    streamlit()


def _tell(ready: threading.Event) -> None:
    """Print a line after each long silence, until the dashboard is ready."""
    began = time.monotonic()
    while not ready.wait(SILENCE):
        sys.stderr.write(f"  ... starting the dashboard, {time.monotonic() - began:.0f} s so far\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
