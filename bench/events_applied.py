"""From a sender to the table, with faults: the applied table equals the sender's rows, and every 200 is in the lake.

    .venv/bin/python -m bench.events_applied --folder /var/tmp/applied --events 100000
    .venv/bin/python -m bench.events_applied --folder /var/tmp/applied --events 100000  # goes on: 200,000 in all

Two collectors store into SeaweedFS through a proxy. Meanwhile, at random: a collector is killed (SIGKILL) and started
again on its files, `gamelake events apply` runs and is killed, and the store refuses everything for a tenth of the
time. The sender repeats a tenth of its events, mixes the order of 5,000, and keeps a hundredth back until the end. It
sends each event until it is answered with 200. At the end of a run everything is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.events import Peak, cpu_seconds
from gamelake.lake.factory import open_store
from gamelake.lake.table import Table
from gamelake.paths import REPOSITORY
from tests.support.collector import GAMES, running_collector
from tests.support.faulty_proxy import FaultyProxy
from tests.support.seaweed import KEY, SECRET, running_seaweed
from tests.support.truthful_sender import Changes, Sending, load_initial, mixed, shown_rows, stored_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.collector import RunningCollector
    from tests.support.truthful_sender import Event

SEED = 18
WINDOW = 5_000
REPEATED = 0.1


class Faults:
    """What happens while events are sent, each in a thread of its own."""

    def __init__(
        self, arguments: argparse.Namespace, uri: str, environment: dict[str, str], proxy: FaultyProxy
    ) -> None:
        self.kills = self.applies = self.killed_applies = self.failed_applies = self.outages = 0
        self.cpu = 0.0
        self.peak = 0.0
        self.running: dict[int, RunningCollector] = {}
        self._arguments = arguments
        self._uri = uri
        self._environment = environment
        self._proxy = proxy
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the collectors, the applying and the outages."""
        work: list[Callable[[], None]] = [lambda: self._collect(0), lambda: self._collect(1), self._apply, self._fail]
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]
        for each in self._threads:
            each.start()

    def addresses(self) -> list[str]:
        """Return the addresses of the collectors that run now."""
        return [each.address for each in list(self.running.values())]

    def end(self) -> None:
        """Let the store work, and the collectors upload what waits."""
        self._stop.set()
        for each in self._threads:
            each.join()

    def _collect(self, number: int) -> None:
        chance, spool = random.Random(), self._arguments.folder / f"spool-{number}"  # noqa: S311
        while True:
            with running_collector(self._uri, spool, "--batch-seconds=2", **self._environment) as collector:
                peak = Peak(collector.pid)
                with peak:
                    self.running[number] = collector
                    is_last = self._stop.wait(chance.uniform(0.5, 1.5) * self._arguments.kill_seconds)
                    del self.running[number]
                self.peak = max(self.peak, peak.mb)
                self.cpu += cpu_seconds(collector.pid)
                if is_last:
                    self._proxy.denied.clear()
                    assert collector.end(120) == 0
                    break
                collector.kill()
                self.kills += 1
        left = list(spool.glob("*/*"))
        assert not left, f"not uploaded: {left}"

    def _apply(self) -> None:
        chance = random.Random()  # noqa: S311
        while not self._stop.wait(self._arguments.apply_seconds):
            process = subprocess.Popen(
                [sys.executable, "-m", "gamelake.cli", "events", "apply", "igdb.games"],
                cwd=REPOSITORY, env=os.environ | self._environment | {"GAMELAKE_URI": self._uri},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            self.applies += 1
            if chance.random() < 0.4:
                try:
                    process.wait(timeout=chance.uniform(2, 8))
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    self.killed_applies += 1
            output, _ = process.communicate()
            if process.returncode not in {0, -signal.SIGKILL}:
                self.failed_applies += 1
                if "AccessDenied" not in output:
                    print(f"apply failed: {output[-2000:]}", flush=True)

    def _fail(self) -> None:
        while not self._stop.wait(self._arguments.outage_seconds * 9):
            self.outages += 1
            self._proxy.denied |= {"inbox", "raw"}
            self._stop.wait(self._arguments.outage_seconds)
            self._proxy.denied.clear()


def main() -> None:
    """Send events, and compare."""
    parser = argparse.ArgumentParser(description="applied events equal the sender's rows")
    parser.add_argument("--folder", type=Path, required=True, help="keeps the lake; a second run goes on there")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=20_000, help="rows that the table begins with")
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--kill-seconds", type=float, default=20.0)
    parser.add_argument("--apply-seconds", type=float, default=20.0)
    parser.add_argument("--outage-seconds", type=float, default=6.0)
    arguments = parser.parse_args()
    _folder(arguments.folder)
    state = arguments.folder / "sent.json"
    done = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else 0
    changes = Changes(SEED, arguments.rows)
    with ExitStack() as stack:
        seaweed = stack.enter_context(running_seaweed(_folder(arguments.folder / "seaweed")))
        client = seaweed.client()
        uri = "s3://lake/bench"
        proxy = FaultyProxy(seaweed.endpoint)
        threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
        stack.callback(proxy.shutdown)
        store = open_store(uri, s3=client)
        if not done:
            client.create_bucket(Bucket="lake")
            with tempfile.TemporaryDirectory() as scratch:
                load_initial(store, changes, Path(scratch))
        events = list(changes.make(done + arguments.events))
        environment = {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": proxy.endpoint,
        }
        faults = Faults(arguments, uri, environment, proxy)
        sent = mixed(iter(events[done:]), seed=SEED + done, window=WINDOW, repeated=REPEATED)
        sending = Sending(sent, faults.addresses, threads=arguments.threads)
        began = time.monotonic()
        faults.start()
        sending.start()
        while not sending.is_done:
            time.sleep(1)
        seconds = time.monotonic() - began
        faults.end()
        _report(arguments, faults, sending, seconds)
        began = time.monotonic()
        direct = environment | {"AWS_ENDPOINT_URL": seaweed.endpoint, "GAMELAKE_URI": uri}
        last = subprocess.run(
            [sys.executable, "-m", "gamelake.cli", "events", "apply", "igdb.games"],
            cwd=REPOSITORY, env=os.environ | direct, capture_output=True, text=True, check=True,
        )  # fmt: skip
        print(f"last apply, {time.monotonic() - began:.0f} s: {last.stdout.splitlines()[0]}", flush=True)
        _compare(store, changes, events)
        state.write_text(json.dumps(done + arguments.events), encoding="utf-8")


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _report(arguments: argparse.Namespace, faults: Faults, sending: Sending, seconds: float) -> None:
    waits = statistics.quantiles(sending.waits, n=100)
    print(
        f"{arguments.events:,} changes: {sending.accepted:,} answers 200 in {seconds:,.0f} s "
        f"({sending.accepted / seconds:,.0f} a second, {sending.accepted / faults.cpu:,.0f} for each CPU second of the "
        f"collectors, their starts included); other answers {_others(sending)}; p50 {waits[49]:.0f}, "
        f"p95 {waits[94]:.0f}, p99 {waits[98]:.0f} ms; {faults.peak:.0f} MB; {faults.kills} kills of collectors, "
        f"{faults.outages} outages of the store, {faults.applies} runs of apply, of which {faults.killed_applies} were "
        f"killed and {faults.failed_applies} failed; load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def _others(sending: Sending) -> dict[int, int]:
    return {status: count for status, count in sorted(sending.statuses.items()) if status != 200}


def _compare(store: Any, changes: Changes, events: list[Event]) -> None:
    """Compare the table with the sender's rows, and the inbox with its events."""
    stored = stored_events(store)
    expected = set(_names(events))
    missing = expected - stored.keys()
    shown = shown_rows(store)
    wrong = {each for each in shown.keys() | changes.rows.keys() if shown.get(each) != changes.rows.get(each)}
    newest = Table(store, GAMES).latest()
    assert newest
    print(
        f"{len(events):,} changes so far: {len(missing)} are not in the inbox, which has {sum(stored.values()):,} "
        f"events; the table has {len(shown):,} rows, and {len(wrong)} differ from the sender's; version "
        f"{newest.version}, {len(newest.files)} parts",
        flush=True,
    )
    assert not missing
    assert not wrong, sorted(wrong)[:10]
    assert stored.keys() == expected


def _names(events: list[Event]) -> Iterator[tuple[str, int]]:
    for number, operation, body in events:
        yield operation, int(json.loads(body)["id"]) if operation == "delete" else number


if __name__ == "__main__":
    main()
