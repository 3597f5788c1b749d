"""What the event collector takes: events a second and for each second of its CPU, waits, bursts, faults.

    .venv/bin/python -m bench.events [--events 100000] [--at-once 64] [--only sustained,burst]

It needs hey (`apt-get install hey`), and `users` needs uv, which installs locust for the run.

Each scenario starts real collectors on a lake on disk, sends rows of 1.3 kB (as IGDB's games have), and counts what is
in the inbox afterwards: every answer 200 has to be there. On a busy machine the CPU seconds of the collector count.

    sustained     hey, events one after another on a few connections
    burst         hey, all events at once on many connections
    one_by_one    hey, one connection: what a sender without parallel requests sees
    slow_store    moto's S3 behind a proxy that takes two seconds for each request
    failing       moto's S3 that refuses for one second in three
    killed        kill -9 every two seconds, and another start
    two           two collectors, one inbox
    applying      `gamelake events apply` on a table of 345,000 rows: a day's changes, another day's, and a burst
    users         locust: many users with updates, deletes, batches, and wrong requests in between
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from moto.server import ThreadedMotoServer

from gamelake.lake.factory import open_store
from gamelake.lake.id_ranges import IdRange
from gamelake.lake.inbox import Inbox
from gamelake.lake.keys import LoadRun, TableName
from gamelake.lake.manifest import Draft, Mode
from gamelake.lake.parts import PartStage, Rows
from gamelake.lake.table import Table
from tests.support.collector import (
    GAMES,
    SCHEMAS,
    SECRET,
    SHOP_SECRET,
    Stream,
    inbox_events,
    running_collector,
    wait_for_inbox,
)
from tests.support.faulty_proxy import FaultyProxy
from tests.support.inbox_events import event, put
from tests.support.stores import new_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store
    from tests.support.collector import RunningCollector

ROW = {"id": 1942, "name": "A game", "summary": "x" * 1200, "genres": [5, 12, 31], "updated_at": 1764468000}
S3 = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
LOCUST = Path(__file__).with_name("events_users.py")


def main() -> None:
    """Run the scenarios, and print a line for each."""
    parser = argparse.ArgumentParser(description="what the event collector takes")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the scenarios with faults")
    parser.add_argument("--only", help="scenarios, separated by commas")
    arguments = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's server logs each request
    chosen = arguments.only.split(",") if arguments.only else list(SCENARIOS)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {arguments.events:,} events")
    for name in chosen:
        with tempfile.TemporaryDirectory(prefix="gamelake-bench-", dir="/var/tmp") as folder:
            print(f"{name:11} {SCENARIOS[name](Path(folder), arguments)}", flush=True)


def sustained(folder: Path, arguments: argparse.Namespace) -> str:
    """Events on a few connections."""
    return _hey(folder, arguments.events, 16)


def burst(folder: Path, arguments: argparse.Namespace) -> str:
    """All at once."""
    return _hey(folder, arguments.events, 500)


def one_by_one(folder: Path, arguments: argparse.Namespace) -> str:
    """One connection."""
    return _hey(folder, max(arguments.events // 20, 1), 1)


def _hey(folder: Path, events: int, connections: int) -> str:
    """Send with hey, and compare the answers with the inbox."""
    store = open_store((folder / "lake").as_uri())
    body = folder / "row.json"
    body.write_text(json.dumps(ROW), encoding="utf-8")
    with running_collector(store.uri, folder / "spool") as collector:
        before, peak = cpu_seconds(collector.pid), Peak(collector.pid)
        with peak:
            result = subprocess.run(
                ["hey", "-n", str(events), "-c", str(connections), "-m", "POST", "-T", "application/json",
                 "-H", f"X-Secret: {SECRET}", "-D", str(body), f"http://{collector.address}/igdb/games/update"],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
        spent = cpu_seconds(collector.pid) - before
        assert collector.end(60) == 0
    statuses = {
        int(status): int(count) for status, count in re.findall(r"\[(\d{3})\]\s+(\d+) responses", result.stdout)
    }
    stored = sum(1 for _ in inbox_events(store))
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", result.stdout)[0])
    waits = {share: float(seconds) * 1000 for share, seconds in re.findall(r"(\d\d)% in ([\d.]+) secs", result.stdout)}
    slowest = float(re.findall(r"Slowest:\s+([\d.]+)", result.stdout)[0]) * 1000
    assert stored == statuses.get(200, 0), f"{stored} stored, {statuses}"
    return (
        f"{sum(statuses.values()):,} of {events:,} answered {statuses}, {stored:,} stored; {rate:,.0f}/s, "
        f"{statuses.get(200, 0) / spent:,.0f} for each CPU second; p50 {waits.get('50', 0):.1f}, "
        f"p95 {waits.get('95', 0):.1f}, "
        f"p99 {waits.get('99', 0):.1f}, slowest {slowest:.0f} ms; {peak.mb:.0f} MB; {parts(store)} parts"
    )


def slow_store(folder: Path, arguments: argparse.Namespace) -> str:
    """Each request to the store takes two seconds."""
    with _moto(folder) as (store, proxy, environment):
        proxy.delay = 2.0
        return _stream(folder, store, arguments, environment, lambda _: time.sleep(arguments.seconds))


def failing(folder: Path, arguments: argparse.Namespace) -> str:
    """Let the store refuse for one second in three."""
    with _moto(folder) as (store, proxy, environment):

        def refuse(_: RunningCollector) -> None:
            for _ in range(int(arguments.seconds / 3)):
                proxy.denied.add("inbox")
                time.sleep(1)
                proxy.denied.clear()
                time.sleep(2)

        return _stream(folder, store, arguments, environment, refuse)


def _stream(folder: Path, store: Store, arguments: argparse.Namespace, environment: dict, during) -> str:  # type: ignore[no-untyped-def, type-arg]
    with running_collector(store.uri, folder / "spool", "--batch-seconds=1", **environment) as collector:
        peak = Peak(collector.pid)
        with peak, Stream(collector.address, threads=arguments.at_once // 8) as stream:
            during(collector)
        wait_for_inbox(store, stream.accepted, 120)
    return f"{stream.statuses}, all {len(stream.accepted):,} in the inbox; {peak.mb:.0f} MB; {parts(store)} parts"


def killed(folder: Path, arguments: argparse.Namespace) -> str:
    """Kill -9 every two seconds."""
    store = open_store((folder / "lake").as_uri())
    accepted: set[int] = set()
    kills, first, deadline = 0, 1, time.monotonic() + arguments.seconds
    while time.monotonic() < deadline:
        with (
            running_collector(store.uri, folder / "spool", "--batch-seconds=0.2") as collector,
            Stream(collector.address, first_id=first) as stream,
        ):
            time.sleep(2)
            collector.kill()
        kills, first = kills + 1, stream.next_id
        accepted |= stream.accepted
    with running_collector(store.uri, folder / "spool"):
        wait_for_inbox(store, accepted, 120)
    found = [event["id"] for event in inbox_events(store)]
    return f"{kills} kills; {len(accepted):,} answered with 200, all in the inbox; {len(found) - len(set(found))} twice"


def two(folder: Path, arguments: argparse.Namespace) -> str:
    """Two collectors, one inbox."""
    store = open_store((folder / "lake").as_uri())
    with ExitStack() as stack:
        both = [
            stack.enter_context(running_collector(store.uri, folder / name, "--batch-seconds=0.2"))
            for name in ("one", "two")
        ]
        streams = [Stream(each.address, first_id=1 + place * 10_000_000) for place, each in enumerate(both)]
        with streams[0], streams[1]:
            time.sleep(arguments.seconds)
        accepted = streams[0].accepted | streams[1].accepted
        wait_for_inbox(store, accepted, 120)
    found = [event["id"] for event in inbox_events(store)]
    twice = len(found) - len(set(found))
    return f"{len(accepted):,} answered with 200, all in the inbox; {twice} twice; {parts(store)} parts"


def users(folder: Path, arguments: argparse.Namespace) -> str:
    """Locust's users, in a process of their own."""
    store = open_store((folder / "lake").as_uri())
    senders = {"GAMELAKE_EVENT_SENDERS": f"shop={SHOP_SECRET}", "GAMELAKE_EVENT_SCHEMAS": str(SCHEMAS)}
    with running_collector(store.uri, folder / "spool", **senders) as collector:
        before = cpu_seconds(collector.pid)
        subprocess.run(
            ["uv", "tool", "run", "locust", "--headless", "-f", str(LOCUST), "-H", f"http://{collector.address}",
             "-u", str(arguments.at_once), "-r", "50", "-t", f"{arguments.seconds:.0f}s",
             "--csv", str(folder / "users")],
            env=os.environ | {"SECRET": SECRET, "SHOP_SECRET": SHOP_SECRET,
                              "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        spent = cpu_seconds(collector.pid) - before
        accepted = int(collector.metric("accepted_total"))
        assert collector.end(60) == 0
    total = (folder / "users_stats.csv").read_text(encoding="utf-8").splitlines()[-1].split(",")
    stored = sum(len(inbox_events(store, table)) for table in (GAMES, TableName("shop", "order_placed")))
    assert stored == accepted, f"{stored} stored, {accepted} accepted"
    rate, p50, p95, p99 = float(total[9]), total[11], total[16], total[18]
    return (
        f"{total[2]} requests, {total[3]} with an unexpected answer, {rate:,.0f}/s; {accepted:,} events stored, "
        f"{accepted / spent:,.0f} for each CPU second; p50 {p50}, p95 {p95}, p99 {p99} ms"
    )


def applying(folder: Path, arguments: argparse.Namespace) -> str:
    """Apply events to a table as large as IGDB's games, with rows that compress as little as its rows do."""
    store = open_store((folder / "lake").as_uri())
    began, rows = 1_790_000_000, 345_000
    with PartStage(store, LoadRun(GAMES, "2026-09-20", "first"), scratch=folder / "scratch") as stage:
        for low in range(0, rows, 500):
            page = [_game(row_id, began) for row_id in range(low, low + 500)]
            lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in page)
            stage.add(Rows(lines, [row["id"] for row in page], began), IdRange(low, low + 500))
        files = stage.finish()
    counts = {"source_count": rows, "row_count": rows}
    Table(store, GAMES).commit(
        lambda _: Draft(
            run_id="first", partition="2026-09-20", mode=Mode.FULL, cursor=str(began), files=files, **counts
        )
    )
    chance, found = random.Random(18), []  # noqa: S311
    for number, events in enumerate((2_400, 2_400, arguments.events)):
        for start in range(0, events, 5_000):
            ids = [chance.randrange(rows) for _ in range(min(5_000, events - start))]
            rows_of = (_game(each, began + number + 1) for each in ids)
            put(store, GAMES, *(event("update", row, began + 9) for row in rows_of))
        process = subprocess.Popen(
            [sys.executable, "-m", "gamelake.cli", "events", "apply", "igdb.games"],
            env=os.environ | {"GAMELAKE_URI": store.uri}, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with (peak := Peak(process.pid)):
            _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        found.append(f"{events:,} events {usage.ru_utime + usage.ru_stime:.1f} CPU s, {peak.mb:.0f} MB")
    return "; ".join(found)


def _game(row_id: int, updated_at: int) -> dict[str, Any]:
    """Return a row of 1.3 kB; its text is a third of random letters."""
    text = "".join(hashlib.sha256(b"%d %d" % (row_id, part)).hexdigest() for part in range(7))
    return ROW | {"id": row_id, "summary": text + "x" * 750, "updated_at": updated_at}


class Peak:
    """The most memory of a process while the block lasts, in MB."""

    def __init__(self, pid: int) -> None:
        self.mb = 0.0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                pages = Path(f"/proc/{self._pid}/statm").read_text(encoding="ascii").split()[1]
            self.mb = max(self.mb, int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6)


class SlowProxy(FaultyProxy):
    """A proxy that waits before it passes a request on."""

    delay = 0.0

    def process_request_thread(self, request, client_address) -> None:  # type: ignore[no-untyped-def]
        """Wait, then serve."""
        time.sleep(self.delay)
        super().process_request_thread(request, client_address)


@contextmanager
def _moto(folder: Path) -> Iterator[tuple[Store, SlowProxy, dict[str, str]]]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = new_client(f"http://{host}:{port}")
    client.create_bucket(Bucket="lake")
    proxy = SlowProxy(f"http://{host}:{port}")
    threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield open_store(f"s3://lake/{folder.name}", s3=client), proxy, S3 | {"AWS_ENDPOINT_URL": proxy.endpoint}
    finally:
        proxy.shutdown()
        server.stop()


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def parts(store: Store) -> int:
    """Return the number of parts of the inbox of games."""
    return len(list(Inbox(store, GAMES).parts()))


SCENARIOS = {
    each.__name__: each for each in (sustained, burst, one_by_one, slow_store, failing, killed, two, applying, users)
}

if __name__ == "__main__":
    if not shutil.which("hey"):
        sys.exit("hey is missing: apt-get install hey")
    main()
