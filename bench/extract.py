"""What extraction costs: requests, seconds, CPU, memory and bytes, beside the least that the API's limits allow.

    .venv/bin/python bench/extract.py                    # all, about 6 minutes; writes docs/reference/extract.svg
    .venv/bin/python bench/extract.py limits night       # these parts only

A sandbox runs in its own process; every load runs in a child that has what a task process has (Airflow, Cosmos and
DuckDB imported). After each load every row of the lake is compared with the sandbox.

limits    all entities of a day, one after another, at the API's limits and 40 ms a request
night     the day after, and a quiet night after that: changes, deletions, new objects
ceiling   games without limits: rows per CPU second of the whole load, and from reply to part
memory    the peak above an idle task process, for 345,000 and 1,000,000 games
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
import threading
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plot import progress_svg  # beside this script

from gamelake.days import day_of, format_day
from gamelake.lake.keys import LoadRun, TableName
from gamelake.registry import load_sources
from gamelake.sources.igdb.options import IgdbOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from gamelake.sources.base import Page

GAMES = 345_000
MANY_GAMES = 1_000_000
REQUESTS_PER_SECOND = 4
PACK_ROWS = 10 * 500
REPLY_BYTES = 10_000_000
PLOT = Path(__file__).parents[1] / "docs" / "reference" / "extract.svg"
PARTS = ("limits", "night", "ceiling", "memory")


def main() -> None:
    """Run the parts that are asked for, or be their child."""
    parser = argparse.ArgumentParser(description="what extraction costs")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--games", type=int, default=GAMES)
    parser.add_argument("--child", nargs=4, metavar=("URL", "LAKE", "ENTITY", "DAY"), help=argparse.SUPPRESS)
    parser.add_argument("--full-refresh", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, default=float(REQUESTS_PER_SECOND), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        asyncio.run(child(*arguments.child, rate=arguments.rate, full_refresh=arguments.full_refresh))
        return
    parts = arguments.parts or PARTS
    if not {*parts} <= {*PARTS}:
        parser.error(f"parts: found {' '.join(parts)}, expected some of {', '.join(PARTS)}")
    if {"limits", "night"} & {*parts}:
        at_the_limits(arguments.games, whole_day="limits" in parts, nights="night" in parts)
    if "ceiling" in parts:
        ceiling(arguments.games)
    if "memory" in parts:
        memory([arguments.games, MANY_GAMES])


def at_the_limits(games: int, *, whole_day: bool, nights: bool) -> None:
    """Measure a full day at real limits, and the two nights after it."""
    day = day_of(datetime.now(UTC))
    with sandbox(games, day) as url, tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        say(f"a full day, {games:,} games, {REQUESTS_PER_SECOND} requests a second, 40 ms a request")
        total = 0.0
        for name in load_sources()["igdb"].entities if whole_day else ("games",):
            figures = load(url, lake, name, day)
            total += figures["seconds"]
            floor, why = floor_of(figures["rows"], figures["reply_bytes"])
            say(
                f"  {name:20} {figures['rows']:>9,} rows {figures['requests']:>4} requests {figures['seconds']:6.1f} s "
                f"(floor {floor:5.2f} s by {why}: {figures['seconds'] / floor:4.2f} x) {figures['cpu']:5.2f} CPU s "
                f"{figures['peak'] / 2**20:4.0f} MiB above idle  {figures['reply_bytes'] / 1e6:6.1f} MB of replies "
                f"{figures['bytes'] / 1e6:6.1f} MB of parts"
            )
            if name == "games":
                text = progress_svg(
                    figures["progress"], floor, f"{games:,} games, {REQUESTS_PER_SECOND} requests a second"
                )
                PLOT.write_text(text, encoding="utf-8")
            compare(url, lake, name)
        say(f"  one after another: {total:.1f} s")
        check_starts(url)
        if not nights:
            return
        after = day + timedelta(days=1)
        turn(url, after)
        for what in ("a night of changes", "a quiet night"):
            before = bytes_of(lake)
            figures = load(url, lake, "games", after)
            say(
                f"{what}: {figures['rows']:,} rows read, {figures['deleted']:,} deleted, "
                f"in {figures['requests']} requests and {figures['seconds']:.1f} s; "
                f"{(bytes_of(lake) - before) / 1e6:.2f} MB of new objects"
            )
            compare(url, lake, "games")
        check_starts(url)


def ceiling(games: int) -> None:
    """Measure games as fast as the CPU allows."""
    day = day_of(datetime.now(UTC))
    with sandbox(games, day, "--no-limits", "--latency", "0") as url, tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        figures = load(url, lake, "games", day, rate=10_000)
        say(
            f"games without limits: {figures['rows']:,} rows, {figures['seconds']:.1f} s, {figures['cpu']:.2f} CPU s: "
            f"{figures['rows'] / figures['cpu']:,.0f} rows a CPU second, HTTP and commit included"
        )
        compare(url, lake, "games")
        say(f"from reply to part: {reply_to_part(url):,.0f} rows a CPU second")


def memory(sizes: Sequence[int]) -> None:
    """Measure the peak of one load of games above an idle process, by the size of the table."""
    day = day_of(datetime.now(UTC))
    for games in sizes:
        with sandbox(games, day, "--no-limits", "--latency", "0") as url, tempfile.TemporaryDirectory() as folder:
            figures = load(url, Path(folder) / "lake", "games", day, rate=10_000)
            say(f"memory: {games:>9,} games: {figures['peak'] / 2**20:.0f} MiB above the idle process")


def reply_to_part(url: str) -> float:
    """Return rows per CPU second from replies to a part on disk: parsed, checked, compressed; the best of 5."""
    from gamelake.lake.factory import open_store
    from gamelake.lake.id_ranges import IdRange
    from gamelake.lake.parts import PartStage
    from gamelake.sources.contract import RowContract
    from igdb.apicalypse import Query, SubQuery, at_least, below
    from igdb.replies import Answer

    token = token_of(url)
    bodies = []
    for first in range(0, 45_000, 4_500):
        parts = [
            SubQuery(str(low), "games", Query(where=(at_least("id", low), below("id", low + 500))))
            for low in range(first, first + 4_500, 500)
        ]
        bodies.append((parts, *fetch(url, token, "multiquery", "\n".join(part.text() for part in parts))))
    contract = RowContract(load_sources()["igdb"].entities["games"])
    best = 0.0
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            store = open_store((Path(folder) / "lake").as_uri())
            scratch = Path(folder) / "scratch"
            run = LoadRun(TableName("igdb", "games"), "2026-11-21", "bench")
            with PartStage(store, run, scratch=scratch) as stage:
                began = time.process_time()
                rows = 0
                for parts, body, headers in bodies:
                    answer = Answer("multiquery", "", body, headers).parts(parts, contract.check)
                    for part in parts:
                        stage.add(answer.rows[part.name].rows, IdRange(int(part.name), int(part.name) + 500))
                        rows += len(answer.rows[part.name])
                best = max(best, rows / (time.process_time() - began))
    return best


async def child(url: str, lake: str, name: str, day: str, *, rate: float, full_refresh: bool) -> None:
    """Load once, in a process like a task's, and print the figures as JSON."""
    import airflow.sdk  # noqa: F401
    import cosmos  # noqa: F401
    import duckdb  # noqa: F401

    from gamelake.lake.factory import open_store
    from gamelake.lake.keys import LoadRun
    from gamelake.load.load import Load
    from gamelake.sources.igdb.reader import IgdbReader
    from igdb.client import IgdbClient
    from igdb.tokens import ClientCredentials

    class CountingReader(IgdbReader):
        rows = 0

        async def read_all(self) -> AsyncIterator[Page]:
            async for page in super().read_all():
                self.rows += len(page.checked)
                yield page

    tokens = ClientCredentials(
        token_url=f"{url}/oauth2/token",
        client_id="sandbox",
        client_secret="sandbox-secret",  # noqa: S106 - the sandbox keeps no secrets
        cache_folder=Path(tempfile.mkdtemp()),
    )
    store = open_store(lake)
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    progress: list[tuple[float, int]] = [(0.0, 0)]
    client = IgdbClient(base_url=f"{url}/v4", client_id="sandbox", tokens=tokens, requests_per_second=rate)
    async with client:
        entity = load_sources()["igdb"].entities[name]
        run = LoadRun(entity.table, day, f"bench-{time.time_ns()}")
        reader = CountingReader(client, entity)
        load = Load(reader, store, entity, run, full_refresh=full_refresh)
        began, cpu = time.monotonic(), time.process_time()
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.25):
                progress.append((time.monotonic() - began, reader.rows))

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            report = await load.run()
        finally:
            done.set()
            watching.join()
    progress.append((report.seconds, report.rows))
    figures = {
        **report.as_dict(),
        "cpu": time.process_time() - cpu,
        "peak": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) * 1024,
        "reply_bytes": client.stats.bytes,
        "progress": progress,
    }
    print(json.dumps(figures))


def load(
    url: str, lake: Path, name: str, day: date, *, rate: float = REQUESTS_PER_SECOND, full_refresh: bool = False
) -> dict[str, Any]:
    """Load once in a child process, and return its figures."""
    command = [sys.executable, __file__, "--child", url, lake.as_uri(), name, format_day(day), "--rate", str(rate)]
    command += ["--full-refresh"] if full_refresh else []
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def floor_of(rows: int, reply_bytes: int) -> tuple[float, str]:
    """Return the fewest seconds that the API's limits allow, and which limit that is."""
    requests, why = max((rows / PACK_ROWS, "rows"), (reply_bytes / REPLY_BYTES, "bytes"), (1.0, "one request"))
    return requests / REQUESTS_PER_SECOND, why


@contextmanager
def sandbox(games: int, day: date, *options: str) -> Iterator[str]:
    """Start a sandbox in its own process, and yield its URL."""
    command = [sys.executable, "-m", "gamelake.cli", "sandbox", "--port", "0", "--games", str(games), *options]
    command += ["--first-day", format_day(day), "--today", format_day(day)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert server.stdout is not None  # noqa: S101
        yield next(word.rstrip(";") for word in server.stdout.readline().split() if word.startswith("http"))
    finally:
        server.terminate()
        server.wait()


def turn(url: str, day: date) -> None:
    """Let the sandbox go on to a day."""
    data = json.dumps({"today": format_day(day)}).encode()
    headers = {"Content-Type": "application/json"}
    address = f"{url}/sandbox/today"
    request = urllib.request.Request(address, data=data, headers=headers, method="PUT")  # noqa: S310 - our own sandbox
    with urllib.request.urlopen(request):  # noqa: S310
        pass


def check_starts(url: str) -> None:
    """Print the most requests that the server saw start within any one second, and how many it refused."""
    with urllib.request.urlopen(f"{url}/sandbox/requests?last=10000") as reply:  # noqa: S310 - our own sandbox
        records = [record for record in json.load(reply) if record["endpoint"] != "oauth2/token"]
    starts = sorted(record["started"] for record in records)
    most = max(sum(other < start + 1.0 for other in starts[i : i + 50]) for i, start in enumerate(starts))
    refused = sum(record["status"] == 429 for record in records)
    say(f"  {len(starts)} requests: at most {most} started in any one second, {refused} were refused with 429")


def compare(url: str, lake: Path, name: str) -> None:
    """Compare every row of the lake with the sandbox: ids, and updated_at or value."""
    from gamelake.lake.factory import open_store
    from gamelake.lake.id_ranges import merge_ranges
    from gamelake.lake.rows import read_lines
    from gamelake.lake.table import Table

    def facts(line: bytes) -> tuple[int, tuple[Any, Any]]:
        row = json.loads(line)
        return row["id"], (row.get("updated_at"), row.get("value"))

    endpoint = IgdbOptions.of(load_sources()["igdb"].entities[name]).endpoint
    with urllib.request.urlopen(f"{url}/sandbox/rows/{endpoint}") as reply:  # noqa: S310
        source = dict(map(facts, reply))
    store = open_store(lake.as_uri())
    manifest = Table(store, TableName("igdb", name)).latest()
    shown: dict[int, Any] = {}
    for file in manifest.files if manifest else ():
        for claim in merge_ranges(file.claims):
            for row_id in [row_id for row_id in shown if row_id in claim] if claim.end > 2 + claim.low else [claim.low]:
                shown.pop(row_id, None)
        shown |= dict(map(facts, read_lines(store, file)))
    if shown != source:
        say(f"  {name}: DIFFERENT from the sandbox: {len(shown):,} rows, expected {len(source):,}")
        sys.exit(1)
    say(f"  {name}: all {len(source):,} rows equal those of the sandbox")


def bytes_of(lake: Path) -> int:
    """Return the bytes of all objects of a lake on disk."""
    return sum(path.stat().st_size for path in lake.rglob("*") if path.is_file() and not path.name.startswith("."))


def token_of(url: str) -> str:
    """Return a token of the sandbox."""
    form = b"client_id=sandbox&client_secret=sandbox-secret&grant_type=client_credentials"
    with urllib.request.urlopen(f"{url}/oauth2/token", data=form) as reply:  # noqa: S310 - our own sandbox
        token: str = json.load(reply)["access_token"]
    return token


def fetch(url: str, token: str, endpoint: str, query: str) -> tuple[bytes, dict[str, str]]:
    """Return one reply of the API, as bytes."""
    headers = {"Client-ID": "sandbox", "Authorization": f"Bearer {token}", "User-Agent": "gamelake-bench/1"}
    request = urllib.request.Request(f"{url}/v4/{endpoint}", data=query.encode(), headers=headers)  # noqa: S310
    with urllib.request.urlopen(request) as reply:  # noqa: S310
        return reply.read(), dict(reply.headers)


def say(text: str) -> None:
    """Print at once: a part takes a minute."""
    print(text, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp())
    main()
