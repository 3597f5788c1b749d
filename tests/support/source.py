"""A lake that the product's own loads fill from a sandbox, day by day."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from apiclient.retry import Backoff
from gamelake.lake.factory import open_store
from gamelake.registry import load_sources
from rawg.client import RawgClient
from sandbox.igdb import Sandbox, World
from sandbox.rawg import KEY, Behaviour, RawgSandbox
from tests.support import rawg_loads
from tests.support.loads import load_once, new_client, token_of

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from gamelake.lake.store import Store


class Source:
    """A sandbox that is loaded day by day into a lake.

    rawg: the local RAWG over the same games; only `load_rawg` asks it.
    """

    def __init__(self, folder: Path, first_day: date, *, recorded: Path | None = None) -> None:
        self.folder = folder
        self.store: Store = open_store(folder.as_uri())
        if recorded:
            world = World.recorded(recorded, first_day=first_day, today=first_day)
        else:
            world = World.generate(seed=5, games=300, first_day=first_day, today=first_day)
        self.sandbox = Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0)
        self.rawg = RawgSandbox(self.sandbox, behaviour=Behaviour(monthly_requests=None))
        self._url = ""

    def load(self, day: date) -> None:
        """Every entity, as its DAG would."""
        self.sandbox.advance(day)
        with self.sandbox.running() as url:
            for name in load_sources()["igdb"].entities:
                client = new_client(url, token_of(self.sandbox))
                load_once(client, self.store, name, day=day, run_id=f"load-{day}", part_bytes=1_000_000)

    def load_rawg(self, day: date, *names: str) -> None:
        """Every entity of RAWG, or some of them, with the page of each game, after `load` of the same day."""
        with self.rawg.running() as url:
            self._url = url
            entities = load_sources()["rawg"].entities
            for name in names or entities:
                entity = entities[name]
                more: dict[str, Any] = {"games_per_load": 100_000} if "games_per_load" in entity.options else {}
                asyncio.run(rawg_loads.load(self, self.store, name, run_id=f"load-{day}", **more))

    @property
    def clock(self) -> datetime:
        """The time of both sandboxes."""
        return self.sandbox.clock()

    def client(self, **options: Any) -> RawgClient:
        """A client of the local RAWG, with short waits."""
        backoff = Backoff(base=0.002, cap=0.01)
        return RawgClient(base_url=self._url, key=KEY, requests_per_second=2000, backoff=backoff, **options)

    def generations(self, day: date) -> list[str]:
        """Of a day, in the order of their names."""
        return sorted({"/".join(info.key.split("/")[:3]) for info in self.store.list(f"marts/dt={day}/")})

    def hashes(self, generation: str) -> dict[str, str]:
        """Of the marts of a generation, by the names of their files."""
        keys = [info.key for info in self.store.list(f"{generation}/")]
        files = [key for key in keys if key.endswith(".parquet") and "/_day=" not in key]
        return {key.rpartition("/")[2]: hashlib.sha256(self.store.get(key)).hexdigest() for key in files}

    def history(self) -> dict[str, str]:
        """Hashes of the days of the history, by key."""
        files = [info.key for info in self.store.list("marts/history/") if info.key.endswith(".parquet")]
        return {key: hashlib.sha256(self.store.get(key)).hexdigest() for key in files}
