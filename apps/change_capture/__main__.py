"""Starts the capture of changes: `python -m apps.change_capture`. Imports no Airflow; needs Java."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys

import uvicorn

from apps.arguments import seconds
from apps.change_capture.address import AddressError, parse_address
from apps.change_capture.app import make_app
from apps.change_capture.capture import Capture
from apps.change_capture.checks import DatabaseError
from apps.change_capture.database import Database
from apps.change_capture.engine import LONGEST_BATCH_SECONDS
from apps.change_capture.jvm import JavaError, start_java
from apps.change_capture.metrics import Metrics
from apps.change_capture.state import Folder, StateError
from apps.change_capture.tables import captured_source, captured_tables
from apps.serving import ListenError, listen, serve
from gamelake.fields import RegistryError
from gamelake.lake.factory import lake_location, open_store, place_of
from gamelake.lake.store import StoreError
from gamelake.registry import load_sources
from gamelake.settings import SettingsError, read_settings

log = logging.getLogger("apps.change_capture")


def main() -> int:
    """Capture until SIGTERM or SIGINT. Returns: the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m apps.change_capture", description="Capture the changes of PostgreSQL's tables into the lake."
    )
    parser.add_argument("--source", help="the source of the registry (default: the only one of the kind debezium)")
    parser.add_argument(
        "--slot", type=_slot, help="the name of the slot and of the publication (default: gamelake_<source>)"
    )
    parser.add_argument("--address", default="127.0.0.1", help="where it listens (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8710, help="the port, 0 for any free one (default: 8710)")
    parser.add_argument(
        "--batch-seconds",
        type=seconds(LONGEST_BATCH_SECONDS),
        default=LONGEST_BATCH_SECONDS,
        help="how long changes wait for others of their part, at most %(default)s (default: %(default)s)",
    )
    parser.add_argument(
        "--drop",
        action="store_true",
        help="drop the slot and the publication, forget the position, and end",
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        return _capture(arguments)
    except (
        SettingsError,
        AddressError,
        RegistryError,
        StateError,
        JavaError,
        DatabaseError,
        ListenError,
        StoreError,
        OSError,
    ) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command for people
        return 1


def _capture(arguments: argparse.Namespace) -> int:
    settings = read_settings()
    source = captured_source(load_sources(), arguments.source)
    tables = captured_tables(source)
    address = parse_address(settings.gamelake_capture_uri, os.environ.get("PGPASSWORD"))
    database = Database(address, tables, arguments.slot or f"gamelake_{source.name}")
    start_java()
    folder = Folder(settings.gamelake_capture_folder / source.name)
    if arguments.drop:
        database.slot()
        folder.forget()  # before the publication, which the role may not be allowed to drop
        database.drop_slot()
        database.drop_publication()
        log.info("the slot and the publication %s are dropped; the next start reads all tables", database.name)
        return 0
    store = open_store(lake_location().uri)
    metrics = Metrics()
    capture = Capture(tables, address, database, folder, store, metrics, batch_seconds=arguments.batch_seconds)
    listener = listen(arguments.address, arguments.port, example="make capture PORT=8711")
    log.info(
        "change capture on http://%s:%d; %s of %s to the lake %s",
        *listener.getsockname()[:2],
        ", ".join(map(str, tables)),
        address,
        place_of(store),
    )
    capture.prepare()
    config = uvicorn.Config(
        make_app(capture, metrics, settings.gamelake_metrics_token),
        access_log=False,
        log_config=None,
        server_header=False,
        http="h11",
        timeout_graceful_shutdown=1,
    )
    serve(config, listener)
    return 1 if capture.is_refused else 0


def _slot(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]{1,63}", text):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected 1 to 63 lower-case letters, digits and underscores")
    return text


def _end(status: int) -> None:
    """End the process at once: a thread of Java that calls Python while Python ends would crash it."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _end(main())
