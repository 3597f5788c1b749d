"""Memory and completeness of one full load of games.

    .venv/bin/python bench/load_games.py --games 345000

A sandbox without limits runs in a process of its own; the load runs in a child that has what a task process has
(Airflow, Cosmos and DuckDB imported). Prints rows, seconds, requests, CPU seconds and the peak of resident memory above
the idle child, and compares ids and updated_at of every row with the sandbox.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from include.partitions import day_of, format_day
from include.registry import load_registry


def main() -> None:
    """Run the measurement, or be its child."""
    parser = argparse.ArgumentParser(description="memory and completeness of a full load of games")
    parser.add_argument("--games", type=int, default=345_000)
    parser.add_argument("--child", nargs=2, metavar=("URL", "LAKE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        asyncio.run(child(*arguments.child))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(arguments.games, Path(folder))


def measure(games: int, folder: Path) -> None:
    """Start the sandbox, run the child, compare."""
    today = format_day(day_of(datetime.now(UTC)))
    command = [sys.executable, "-m", "include.sandbox", "--port", "0", "--games", str(games), "--first-day", today]
    server = subprocess.Popen([*command, "--no-limits", "--latency", "0"], stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert server.stdout is not None  # noqa: S101
        url = next(word.rstrip(";") for word in server.stdout.readline().split() if word.startswith("http"))
        lake = (folder / "lake").as_uri()
        subprocess.run([sys.executable, __file__, "--child", url, lake], check=True)  # noqa: S603
        compare(url, lake)
    finally:
        server.terminate()


async def child(url: str, lake: str) -> None:
    """The load, in a process like a task's."""
    import airflow.sdk  # noqa: F401
    import cosmos  # noqa: F401
    import duckdb  # noqa: F401

    from igdb.client import IgdbClient
    from igdb.tokens import ClientCredentials
    from include.extract.load import Load
    from include.lake.store import open_store

    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tokens = ClientCredentials(
        token_url=f"{url}/oauth2/token",
        client_id="sandbox",
        client_secret="sandbox-secret",  # noqa: S106 - the sandbox keeps no secrets
        cache_folder=Path(tempfile.mkdtemp()),
    )
    began = time.monotonic()
    cpu = time.process_time()
    async with IgdbClient(base_url=f"{url}/v4", client_id="sandbox", tokens=tokens, requests_per_second=1e4) as client:
        entity = load_registry()["games"]
        report = await Load(client, open_store(lake), entity, day=day_of(datetime.now(UTC)), run_id="bench").run()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{report.rows:,} rows, {report.requests} requests, {time.monotonic() - began:.1f} s, "
        f"{time.process_time() - cpu:.1f} CPU s, {report.bytes / 1e6:.0f} MB of parts in {report.files} files; "
        f"memory {idle / 1024:.0f} MB idle, {(peak - idle) / 1024:.0f} MB above it at the peak"
    )


def compare(url: str, lake: str) -> None:
    """Every id and updated_at of the lake against those of the sandbox."""
    from include.lake.manifest import Table
    from include.lake.rows import read_lines
    from include.lake.store import open_store

    with urllib.request.urlopen(f"{url}/sandbox/rows/games") as reply:  # noqa: S310 - our own sandbox
        source = {row["id"]: row.get("updated_at") for row in map(json.loads, reply)}
    store = open_store(lake)
    manifest = Table(store, "games").latest()
    assert manifest is not None  # noqa: S101
    loaded = [json.loads(line) for file in manifest.files for line in read_lines(store, file)]
    same = {row["id"]: row.get("updated_at") for row in loaded} == source and len(loaded) == len(source)
    print(f"compared with the sandbox: {len(source):,} rows, {'all equal' if same else 'DIFFERENT'}")
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp())
    main()
