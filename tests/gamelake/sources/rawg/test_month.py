"""A month of days with many changes at the quota of the free plan, with loads that are killed, against the sandbox."""

from __future__ import annotations

import asyncio
import random
import re
import tempfile
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from apiclient.retry import Backoff
from gamelake.lake.factory import open_store
from gamelake.lake.manifest import Proof
from gamelake.lake.table import Table
from gamelake.sources.rawg.ledger import entries
from gamelake.sources.rawg.lists import UNPROVEN_AGAIN
from gamelake.sources.rawg.plan import Plan
from gamelake.sources.rawg.replies import NAME
from rawg.client import RawgClient
from sandbox.rawg import KEY, Behaviour, RawgSandbox
from tests.support.kills import Steps, in_child
from tests.support.loads import table_rows
from tests.support.moving_sandbox import MovingSandbox
from tests.support.rawg_loads import ENTITIES, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gamelake.lake.store import Store

DAILY = ("games", "game_stores", "game_details")
WEEKLY = ("genres", "platforms", "stores")
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own within
LONG_AGO = "2020-02-02T02:02:02"


class Month:
    """A local RAWG whose games change every day, and the loads of each day.

    latest: `updated` of each game that changed, as RAWG has it. kills: how many loads were killed.
    """

    def __init__(self, folder: Path, plan: Plan, *, changes: int, games: int) -> None:
        self.igdb = MovingSandbox([])
        self.rawg = RawgSandbox(self.igdb, behaviour=Behaviour(monthly_requests=plan.requests_per_month), changed=0.0)
        self.store: Store = open_store((folder / "lake").as_uri())
        self.latest: dict[int, str] = {}
        self.kills = 0
        self._folder = folder
        self._plan = plan
        self._changes = changes
        self._games = games
        self._chance = random.Random(7)  # noqa: S311 - a test that is the same each time
        self._url = ""

    @property
    def clock(self) -> datetime:
        return self.igdb.clock()

    def client(self, **options: Any) -> RawgClient:
        backoff = Backoff(base=0.002, cap=0.01)
        return RawgClient(base_url=self._url, key=KEY, requests_per_second=2000, backoff=backoff, **options)

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.rawg.running() as self._url:
            yield

    def fill(self) -> None:
        """Games of long ago, the last one of which most users have."""
        stores = [{"id": 1, "store": {"id": 1, "name": "Steam", "slug": "steam"}}]
        ids = range(1, self._games + 1)
        rows = [{"id": i, "name": f"Game {i}", "added": i, "stores": stores, "updated": LONG_AGO} for i in ids]
        self.rawg.upsert("games", rows)

    def next_day(self, *, quiet: bool = False) -> None:
        """Turn to 04:00 of the next day; games changed since 04:00 of this one, some at the same second."""
        self.igdb.next_day()
        changed = self._chance.sample(range(1, self._games + 1), 0 if quiet else self._changes)
        for place, row_id in enumerate(changed):
            at = self.clock - timedelta(seconds=86_000 * (place // 3) // self._changes * 3 + 30)
            self.latest[row_id] = f"{at:%Y-%m-%dT%H:%M:%S}"
        rows = [{"id": row_id, "name": f"Game {row_id}", "updated": self.latest[row_id]} for row_id in changed]
        self.rawg.upsert("games", rows)

    def load(self, name: str, *, kill: bool) -> None:
        """One load of today, by tries that are killed at some step and one that is not."""
        before = self.rawg.requests_served
        killed = 0

        def one_try(kill_at: int | None) -> int:
            if kill_at:
                Steps(kill_at).watch_disk(self._folder / "lake")
            asyncio.run(load(self, self.store, name, run_id=f"day {self.clock:%d}", plan=self._plan, keep=True))
            return 0

        if kill:
            killed = in_child(partial(one_try, self._chance.randrange(2, 60))) is None
        one_try(None)
        kept = [info.key for info in self.store.list(f"raw/rawg/{name}/dt=") if NAME in info.key]
        sent = self.rawg.requests_served - before
        assert len(kept) <= sent <= len(kept) + killed, "a killed load costs at most the request that was under way"
        for key in kept:
            self.store.delete(key)
        self.kills += killed

    def proof(self, name: str) -> tuple[Proof, str]:
        commit = Table(self.store, ENTITIES[name].table).latest()
        assert commit is not None
        return commit.summary.proof, str(commit.summary.proof_reason)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory, where the machine has such a folder: 36,000 small files wait for a disk for half an hour."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as found:
        yield Path(found)


def run(month: Month, days: int, *, first: Proof) -> None:
    """Load some days, and check each. first: the proof of the first load."""
    with month.running():
        month.fill()
        month.load("games", kill=True)
        assert month.proof("games")[0] is first
        for day in range(days):
            month.next_day()
            for name in (*(WEEKLY if day % 7 == 0 else ()), *DAILY):
                month.load(name, kill=(day + len(name)) % 3 == 0)
            # Equal rows change places with each request: a reading may miss some, and the next night reads again.
            assert month.proof("games")[0] in {Proof.COUNTED, Proof.PAGED}
        # Rows that no reading of a night has are read again by the nights after it.
        for _ in range(UNPROVEN_AGAIN.days):
            month.next_day(quiet=True)
            month.load("games", kill=False)
            if month.proof("games")[0] is Proof.COUNTED:
                break
        games = table_rows(month.store, "games", "rawg")
        assert {row_id: games[row_id]["updated"] for row_id in month.latest} == month.latest
        _check_quota(month)


def _check_quota(month: Month) -> None:
    by_day: Counter[str] = Counter()
    moments = (month.clock - timedelta(days=back) for back in (31, 0))
    found = {entry.nonce: entry for moment in moments for entry in entries(month.store, moment)}.values()
    for entry in found:
        by_day[f"{entry.at:%Y-%m-%d}"] += 1
    assert max(by_day.values()) <= month._plan.day
    for used in month.rawg.used.values():
        assert used <= month._plan.month
    assert sum(month.rawg.used.values()) <= sum(by_day.values()) <= sum(month.rawg.used.values()) + month.kills
    assert month.kills


def test_a_few_days_keep_a_small_quota_and_lose_no_change(folder: Path) -> None:
    month = Month(folder, Plan(requests_per_month=31 * 140), changes=160, games=500)
    run(month, days=3, first=Proof.COUNTED)
    for name in ("game_stores", "game_details"):
        proof, reason = month.proof(name)
        assert proof is Proof.PARTIAL
        assert re.match(r"\d+ of the \d+ games that wait were read: ", reason), reason
        assert len(table_rows(month.store, name, "rawg")) > 30


@pytest.mark.e2e
@pytest.mark.long
def test_a_month_keeps_the_free_plan_and_loses_no_change(folder: Path) -> None:
    month = Month(folder, Plan(), changes=2_000, games=30_000)
    run(month, days=31, first=Proof.PARTIAL)
    for name in ("game_stores", "game_details"):
        proof, reason = month.proof(name)
        assert proof is Proof.PARTIAL
        assert re.match(r"\d+ of the [\d,]+ games that wait were read: ", reason), reason
        read = table_rows(month.store, name, "rawg")
        # Each has its share, and has read the games that most users have.
        assert len(read) > 2_500
        assert read.keys() >= set(range(30_000 - 2_000, 30_001))
