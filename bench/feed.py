"""What the change feed costs, beside the loads that it is made from.

    .venv/bin/python bench/feed.py                  # 345,000 games, about 5 minutes

A sandbox runs in its own process, at the API's limits. Each load and each feed runs in a child that has what a task
process has (Airflow, Cosmos and DuckDB imported). Four nights: a full load, a night of changes and deletions, a night
without any, and a full refresh of which 1 % changed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from extract import GAMES, load, sandbox, say, turn  # beside this script

from gamelake.days import day_of
from gamelake.registry import load_sources


def main() -> None:
    """Run the nights, or be the child that makes a feed."""
    parser = argparse.ArgumentParser(description="what the change feed costs")
    parser.add_argument("--games", type=int, default=GAMES)
    parser.add_argument("--child", metavar="LAKE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    day = day_of(datetime.now(UTC))
    with sandbox(arguments.games, day) as url, tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        nights = (
            ("a full load", 0, True),
            ("a night of changes", 1, False),
            ("a quiet night", 1, False),
            ("a full refresh", 2, True),
        )
        for what, age, full_refresh in nights:
            if age:
                turn(url, day + timedelta(days=age))
            loaded = load(url, lake, "games", day + timedelta(days=age), full_refresh=full_refresh)
            fed = feed(lake)
            say(
                f"{what}: load {loaded['seconds']:.1f} s, {loaded['cpu']:.2f} CPU s, {loaded['bytes'] / 1e6:.2f} MB; "
                f"feed {fed['seconds']:.2f} s, {fed['cpu']:.2f} CPU s, {fed['peak'] / 2**20:.0f} MiB above idle, "
                f"{fed['rows']:,} changed rows, {fed['bytes'] / 1e6:.2f} MB: "
                f"{fed['seconds'] / loaded['seconds']:.0%} of the load's seconds, "
                f"{fed['bytes'] / max(loaded['bytes'], 1):.0%} of its bytes"
            )


def feed(lake: Path) -> dict[str, Any]:
    """Make a feed in a child process, and return its figures."""
    command = [sys.executable, __file__, "--child", lake.as_uri()]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def child(uri: str) -> None:
    """Make what the feed of games lacks, and print the figures as JSON."""
    import airflow.sdk  # noqa: F401
    import cosmos  # noqa: F401
    import duckdb  # noqa: F401

    from gamelake.feeds.feed import make_missing
    from gamelake.lake.factory import open_store

    store, entity = open_store(uri), load_sources()["igdb"].entities["games"]
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.monotonic(), time.process_time()
    made = make_missing(store, entity)
    figures = {
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
        "peak": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) * 1024,
        "rows": sum(step.rows for step in made),
        "bytes": sum(part.bytes for step in made for part in step.files),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
