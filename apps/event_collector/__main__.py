"""Starts the event collector: `python -m apps.event_collector`. Imports no Airflow."""

from __future__ import annotations

import argparse
import logging
import socket
import sys

import uvicorn

from apps.arguments import seconds
from apps.event_collector.app import Routes, make_app
from apps.event_collector.collector import Collector
from apps.event_collector.metrics import Metrics
from apps.event_collector.senders import IGDB, Senders, SendersError
from apps.event_collector.spool import Batching, Spool, SpoolError
from apps.serving import ListenError, listen, serve
from gamelake.fields import RegistryError
from gamelake.lake.factory import lake_location, open_store, place_of
from gamelake.lake.location import BucketLocation
from gamelake.lake.store import Store, StoreError
from gamelake.registry import load_sources
from gamelake.settings import SettingsError, read_settings

log = logging.getLogger("apps.event_collector")

MOST_REQUESTS = 1_000
"""Requests at once; one more gets 503 at once."""
LONGEST_BATCH_SECONDS = 3_600
"""More is no batch, but a lake without news."""
MAX_HEADERS = 16 * 1024
"""Bytes of a request's headers."""
_CONNECT_SECONDS, _REPLY_SECONDS = 3, 5
END_SECONDS = 10
"""Seconds for the requests under way after SIGTERM. Then what waits is uploaded, for UPLOAD_AT_END at most."""


def main() -> int:
    """Serve until SIGTERM or SIGINT. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="python -m apps.event_collector", description="Collect events into the lake.")
    parser.add_argument("--address", default="127.0.0.1", help="where it listens (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8700, help="the port, 0 for any free one (default: 8700)")
    parser.add_argument(
        "--batch-seconds",
        type=seconds(LONGEST_BATCH_SECONDS),
        default=Batching().seconds,
        help=f"how long events wait for others of their part, at most {LONGEST_BATCH_SECONDS} (default: %(default)s)",
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        with listen(arguments.address, arguments.port, example="make collector PORT=8701") as listener:
            return _serve(listener, Batching(seconds=arguments.batch_seconds))
    except (SettingsError, SendersError, SpoolError, StoreError, RegistryError, ListenError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command for people
        return 1


def _serve(listener: socket.socket, batching: Batching) -> int:
    settings = read_settings()
    senders = Senders(
        settings.gamelake_webhook_secret, settings.gamelake_event_senders, settings.gamelake_event_schemas
    )
    store = _store()
    metrics = Metrics()
    collector = Collector(store, Spool(settings.gamelake_event_spool, batching), metrics)
    entities = list(load_sources()[IGDB].entities)
    routes = Routes(collector, senders, metrics, entities=entities, metrics_token=settings.gamelake_metrics_token)
    config = uvicorn.Config(
        make_app(routes, collector),
        access_log=False,
        log_config=None,
        server_header=False,
        limit_concurrency=MOST_REQUESTS,
        timeout_graceful_shutdown=END_SECONDS,
        http="h11",  # the faster parser, httptools, limits no headers: anyone could fill the memory
        h11_max_incomplete_event_size=MAX_HEADERS,
    )
    log.info("event collector on http://%s:%d; lake %s", *listener.getsockname()[:2], place_of(store))
    serve(config, listener)
    return 0


def _store() -> Store:
    """Return the lake. A store that does not answer fails soon: while the disk is full, requests wait for it."""
    place = lake_location()
    if not isinstance(place, BucketLocation):
        return open_store(place.uri)
    from botocore.config import Config

    retries = {"mode": "standard", "max_attempts": 2}
    config = Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_REPLY_SECONDS, retries=retries)  # type: ignore[arg-type]
    return open_store(place.uri, config=config)


if __name__ == "__main__":
    sys.exit(main())
