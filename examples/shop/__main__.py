"""Shows the capture of changes, from a shop's database to the lake: `make capture-example`.

It starts a PostgreSQL of this machine, makes sales, captures them, and applies them to the tables of GAMELAKE_URI. Each
run makes more sales in the same shop. Needs PostgreSQL's server (apt-get install postgresql) and Java 17.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import psycopg2

from examples.shop.local_postgres import LocalPostgres, PostgresMissingError, PostgresStartError, free_port
from examples.shop.writer import prepare, sell
from gamelake.lake.factory import lake_location
from gamelake.paths import REPOSITORY
from gamelake.settings import read_settings

PREPARE = Path(__file__).with_name("prepare.sql")
CAPTURE = REPOSITORY / ".venv-capture" / "bin" / "python"
_SECONDS = 120


def main() -> int:
    """Run the example. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.shop", description="From a shop's database to the lake.")
    parser.add_argument("--sales", type=int, default=300, help="how many orders, half of them while it is captured")
    parser.add_argument(
        "--folder", type=Path, default=shop_folder(REPOSITORY), help="where the shop is kept (default: %(default)s)"
    )
    arguments = parser.parse_args()
    server = LocalPostgres(arguments.folder)
    try:
        server.start()
        try:
            return _run(server, arguments.sales)
        finally:
            server.stop()
    except (PostgresMissingError, PostgresStartError) as error:
        print(error, file=sys.stderr)
        return 1


def _run(server: LocalPostgres, sales: int) -> int:
    password, rng = _shop(server), random.Random()
    shop = psycopg2.connect(server.uri("shop"), password=server.password)
    for _ in range(sales // 2):
        sell(shop, rng)
    print(f"The shop has {_count(shop)} orders: {server.uri('shop')}", flush=True)
    environment = os.environ | {
        "GAMELAKE_CAPTURE_URI": server.uri("shop", "capture"),
        "PGPASSWORD": password,
        "GAMELAKE_CAPTURE_FOLDER": str(server.folder.with_name(f"{server.folder.name}-capture")),
        "GAMELAKE_METRICS_TOKEN": (token := secrets.token_hex(16)),
    }
    port = free_port()
    capture = subprocess.Popen([CAPTURE, "-m", "apps.change_capture", f"--port={port}"], env=environment)
    try:
        _wait(capture, port, token, "engine_works 1.0")
        for _ in range(sales - sales // 2):
            sell(shop, rng)
        _wait_until_captured(capture, shop)
    finally:
        capture.terminate()
        status = capture.wait(timeout=30)
    if status:
        return status
    print(f"The shop has {_count(shop)} orders now.", flush=True)
    shop.close()
    print(f"All changes are in the inbox of {lake_location()}. Applying them:", flush=True)
    on = ",".join(sorted(read_settings().optional_sources | {"shop"}))
    gamelake = Path(sys.executable).with_name("gamelake")
    applied = subprocess.run(
        [gamelake, "events", "apply"], env=os.environ | {"GAMELAKE_OPTIONAL_SOURCES": on}, check=False
    )
    if applied.returncode:  # its messages are above
        return applied.returncode
    print(
        f"Build the marts, with the shop switched on: GAMELAKE_OPTIONAL_SOURCES={on} make run\n"
        f"The sales of each game are then in {lake_location()}/marts/restricted/mart_game_sales.parquet"
    )
    return 0


def shop_folder(clone: Path) -> Path:
    """Return where the server of a clone of this repository is kept.

    PostgreSQL refuses to run as root, and no other user reaches root's folders.
    """
    if os.geteuid():
        return read_settings().gamelake_local / "shop"
    name = hashlib.sha256(str(clone).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir(), f"gamelake-shop-{name}")


def _shop(server: LocalPostgres) -> str:
    """Make the database and the role of the capture, if they are missing. Returns: a new password of the role."""
    password = secrets.token_hex(16)
    admin = psycopg2.connect(server.uri(), password=server.password)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("select 1 from pg_database where datname = 'shop'")
        missing = cursor.fetchone() is None
        if missing:
            cursor.execute("create database shop")
    admin.close()
    shop = psycopg2.connect(server.uri("shop"), password=server.password)
    prepare(shop)
    with shop, shop.cursor() as cursor:
        if missing:
            cursor.execute(PREPARE.read_text(encoding="utf-8"))
        cursor.execute("alter role capture password %s", (password,))
    shop.close()
    return password


def _wait_until_captured(capture: subprocess.Popen[bytes], shop: psycopg2.extensions.connection) -> None:
    """Wait until the slot has reached what is in the log now."""
    with shop, shop.cursor() as cursor:
        cursor.execute("select pg_current_wal_lsn()")
        (position,) = cursor.fetchone() or (None,)
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and capture.poll() is None:
        with shop, shop.cursor() as cursor:
            cursor.execute("select bool_and(confirmed_flush_lsn >= %s) from pg_replication_slots", (position,))
            if cursor.fetchone() == (True,):
                return
        time.sleep(0.5)
    raise SystemExit("the changes were not captured in time: its log above has the reason")


def _wait(capture: subprocess.Popen[bytes], port: int, token: str, text: str) -> None:
    """Wait until the figures of the capture have a line."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and capture.poll() is None:
        with suppress(OSError), direct.open(request, timeout=5) as reply:
            if text in reply.read().decode():
                return
        time.sleep(0.5)
    raise SystemExit("the capture did not start: its log above has the reason")


def _count(shop: psycopg2.extensions.connection) -> int:
    with shop, shop.cursor() as cursor:
        cursor.execute("select count(*) from orders")
        (count,) = cursor.fetchone() or (0,)
    return int(count)


if __name__ == "__main__":
    sys.exit(main())
