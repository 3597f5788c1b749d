"""A lake that the product's own loads fill from a sandbox, day by day."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gamelake.lake.factory import open_store
from gamelake.registry import load_sources
from sandbox.igdb import Sandbox, World
from tests.support.loads import load_once, new_client, token_of

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from gamelake.lake.store import Store


class Source:
    """A sandbox that is loaded day by day into a lake."""

    def __init__(self, folder: Path, first_day: date, *, recorded: Path | None = None) -> None:
        self.folder = folder
        self.store: Store = open_store(folder.as_uri())
        if recorded:
            world = World.recorded(recorded, first_day=first_day, today=first_day)
        else:
            world = World.generate(seed=5, games=300, first_day=first_day, today=first_day)
        self.sandbox = Sandbox(world, requests_per_second=None, max_open_requests=None, latency=0.0)

    def load(self, day: date) -> None:
        """Every entity, as its DAG would."""
        self.sandbox.advance(day)
        with self.sandbox.running() as url:
            for name in load_sources()["igdb"].entities:
                client = new_client(url, token_of(self.sandbox))
                load_once(client, self.store, name, day=day, run_id=f"load-{day}", part_bytes=1_000_000)

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
